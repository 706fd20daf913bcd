"""What it costs that there are many: tokens that processes share, and people who have signed in."""

from __future__ import annotations

from benchmarks.place import BROKERAUTH, OURS, PROGRAMS, Work, place, seconds_of
from benchmarks.results import Curves, Result, compared

_ENTRIES, _ACCOUNTS = (1, 10, 100, 1000, 10000), (1, 10, 100, 1000)


def entries(rounds: int) -> Result:
    with place() as there:
        directories = {str(there.machine.home / f"cache{count}"): count for count in _ENTRIES}
        for directory, count in directories.items():
            there.run(Work((OURS, PROGRAMS, "fill", directory, str(count))))
        told = there.run(Work((OURS, PROGRAMS, "lookups", str(20 * rounds), *directories))).told
    taken = {count: told[directory] for directory, count in directories.items()}
    return Result(
        (compared("entries", taken[10000], taken[10]),),
        plots=(Curves("entries.svg", "One look-up among many cached tokens", "entries", {"ours": taken}),),
    )


def accounts(rounds: int) -> Result:
    taken: dict[int, list[float]] = {}
    with place() as there:
        there.sign_in()
        for count in _ACCOUNTS:
            there.run(Work((OURS, PROGRAMS, "sign_in_others", str(count - 1))))
            work = {"": Work((BROKERAUTH, "get-access-token"))}
            there.race(work, 1)
            taken[count] = seconds_of(there.race(work, rounds)[""])
    curves = {"brokerauth get-access-token, warm": taken}
    return Result(plots=(Curves("accounts.svg", "Many people have signed in", "accounts", curves),))
