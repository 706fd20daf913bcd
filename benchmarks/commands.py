"""Commands that find their token in a cache, as whole processes."""

from __future__ import annotations

from benchmarks.place import BROKERAUTH, OURS, Place, Work, place, seconds_of
from benchmarks.results import Result, Spread, compared
from tests.az.session import CLI

_KNACK = "import json, knack, sys; json.load(open(sys.argv[1]))"
_AZ = (CLI.program, "account", "get-access-token")


def least(there: Place) -> Work:
    """What no command of ours can be without."""
    return Work((OURS, "-c", _KNACK, str(there.terminal.config / "brokerauth/accounts.json")))


def run(rounds: int) -> Result:
    with place() as there:
        there.sign_in_to_az()
        works = {
            "python": Work((OURS, "-c", "pass")),
            "python, knack, one JSON file": least(there),
            "brokerauth": Work((BROKERAUTH, "get-access-token")),
            "az brokerauth": Work((CLI.program, "brokerauth", "get-access-token")),
            "az account": Work(_AZ),
        }
        there.race(works, 1)
        works["stock az account"] = Work(_AZ, there.stock())
        there.race(works, 2)  # az makes an index of its commands first
        there.machine.clear_journal()
        taken = {name: seconds_of(runs) for name, runs in there.race(works, rounds).items()}
        assert not there.calls("broker"), "not all was warm"
    stock = taken["stock az account"]
    return Result(
        (
            compared("command", taken["brokerauth"], stock),
            compared("command-floor", taken["brokerauth"], taken["python, knack, one JSON file"]),
            compared("az-command", taken["az brokerauth"], stock),
            compared("az-hook", taken["az account"], stock),
        ),
        plots=(Spread("commands.svg", "get-access-token, warm", taken),),
    )
