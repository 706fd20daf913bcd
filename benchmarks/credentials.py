"""The credential in programs: a fresh process, warm and cold; one that runs on; the import; memory."""

from __future__ import annotations

from dataclasses import replace
from statistics import median

from benchmarks.place import ARM, OURS, PEERS, PROGRAMS, Work, place, seconds_of
from benchmarks.results import Result, Row, Spread, compared, megabytes, middle, ratio
from testbed.scenarios import SCENARIOS

_OURS = f"from azext_brokerauth import BrokerCredential; BrokerCredential().get_token({ARM!r})"
_AZURE_CLI = f"from azure.identity import AzureCliCredential; AzureCliCredential().get_token({ARM!r})"
PEER = f"""
import msal
from azure.identity.broker import InteractiveBrowserBrokerCredential
window = msal.PublicClientApplication.CONSOLE_WINDOW_HANDLE
InteractiveBrowserBrokerCredential(
    parent_window_handle=window, use_default_broker_account=True, disable_interactive_fallback=True
).get_token({ARM!r})
"""
_CALLS = "10000"


def warm(rounds: int) -> Result:
    with place() as there:
        there.sign_in_to_az()
        works = {"BrokerCredential": Work((OURS, "-c", _OURS))}
        there.race({**works, "az": Work((PEERS, "-c", _AZURE_CLI))}, 1)
        works["AzureCliCredential"] = Work((PEERS, "-c", _AZURE_CLI), there.stock())
        there.race(works, 1)
        there.machine.clear_journal()
        taken = {name: seconds_of(runs) for name, runs in there.race(works, rounds).items()}
        assert not there.calls("broker"), "not all was warm"
    return Result(
        (compared("warm", *taken.values()),),
        plots=(Spread("credential-warm.svg", "get_token in a fresh process, warm", taken),),
    )


def cold(rounds: int) -> Result:
    """Tokens that are too short for any cache, so that each one comes from Windows."""
    with place(replace(SCENARIOS["default"], token_lifetime=240)) as there:
        there.sign_in()
        works = {
            "BrokerCredential": Work((OURS, "-c", _OURS), remove=there.kept),
            "azure-identity-broker": Work((PEERS, "-c", PEER)),
        }
        there.race(works, 1)
        there.machine.clear_journal()
        taken = {name: seconds_of(runs) for name, runs in there.race(works, rounds, pause=0.5).items()}
        assert there.calls("broker", "acquireToken") >= 2 * rounds, "not all was cold"
    return Result(
        (compared("cold", *taken.values()),),
        plots=(Spread("credential-cold.svg", "get_token in a fresh process, cold", taken),),
    )


def loop(rounds: int) -> Result:
    ours, peer = _told("loop", rounds, ("ours", _CALLS), ("peer", _CALLS))
    return Result((Row("loop", median(ours), middle(ours), middle(peer), ratio(ours, peer)),))


def imports(rounds: int) -> Result:
    ours, peer = _told(
        "imports", rounds, ("from azext_brokerauth import BrokerCredential",), ("import azure.identity.broker",)
    )
    return Result((Row("import", median(ours), middle(ours), middle(peer), ratio(ours, peer)),))


def memory(rounds: int) -> Result:
    ours, peer = _told("memory", rounds, ("ours",), ("peer",), cold=True)
    more = median(ours)
    return Result((Row("memory", more, megabytes(more), megabytes(median(peer)), ratio(ours, peer)),))


def _told(
    function: str, rounds: int, ours: tuple[str, ...], peer: tuple[str, ...], cold: bool = False
) -> list[list[float]]:
    """What a function of `programs` says with each side's arguments."""
    with place() as there:
        there.sign_in()
        works = {
            "ours": Work((OURS, PROGRAMS, function, *ours), remove=there.kept if cold else ()),
            "peer": Work((PEERS, PROGRAMS, function, *peer)),
        }
        there.race(works, 1)
        return [[run.told for run in runs] for runs in there.race(works, rounds).values()]
