"""Many who want the same token at once, and none has it."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator

from benchmarks.place import OURS, PEERS, PROGRAMS, Place, Run, Work, place, seconds_of
from benchmarks.results import Curves, Result, Row, Spread, ratio
from tests.az.session import CLI

_THREADS, _PROCESSES, _AZ = (1, 2, 4, 8, 16, 32), (1, 2, 5, 10, 20), 16
_PEER = "azure-identity-broker"
_SIDES = {"BrokerCredential": ("ours", OURS), _PEER: ("peer", PEERS)}


def threads(rounds: int) -> Result:
    def work(kind: str, python: str, scope: str, count: int) -> Work:
        return Work((python, PROGRAMS, "threads", kind, scope, str(count)))

    return _crowd("threads", _THREADS, 16, "acquireToken", _few(rounds), work, lambda run: float(run.told))


def processes(rounds: int) -> Result:
    def work(kind: str, python: str, scope: str, count: int) -> Work:
        return Work((python, PROGRAMS, "token", kind, scope), times=count)

    # A process that asks the broker loads the runtime, which then looks for the broker once.
    return _crowd("processes", _PROCESSES, 20, "ping", _few(rounds), work, lambda run: run.whole)


def _crowd(
    goal: str,
    counts: tuple[int, ...],
    held: int,
    asking: str,
    rounds: int,
    work: Callable[[str, str, str, int], Work],
    seconds: Callable[[Run], float],
) -> Result:
    """Both sides, in turn, in each size of a crowd.

    :param held: the size that the goal is about.
    :param asking: the call that the broker gets from each who asks it.
    """
    curves: dict[str, dict[int, list[float]]] = {side: {count: [] for count in counts} for side in _SIDES}
    asked: dict[str, list[int]] = {side: [] for side in _SIDES}
    with place() as there:
        there.sign_in()
        scopes = _new_scopes()
        for count in [1, *list(counts) * rounds]:
            for side, (kind, python) in _SIDES.items():
                there.machine.clear_journal()
                run = there.run(work(kind, python, next(scopes), count))
                curves[side][count].append(seconds(run))
                if count == held:
                    asked[side].append(there.calls("broker", asking))
    for curve in curves.values():
        del curve[1][0]  # which found nothing compiled
    ours, peer = (max(asked[side]) for side in _SIDES)
    row = Row(goal, ours, str(ours), str(peer), ours / peer)
    return Result((row,), plots=(Curves(f"{goal}.svg", f"One token for many {goal}, cold", goal, curves),))


def az_at_once(rounds: int) -> Result:
    command = (CLI.program, "account", "get-access-token", "--resource")
    runs: dict[str, list[Run]] = {"az account": [], "stock az account": []}
    with place() as there:
        there.sign_in_to_az()
        stock = _signed_in_without_us(there)
        resources = (scope.removesuffix("/.default") for scope in _new_scopes())
        for name, env in (("az account", {}), ("stock az account", stock)) * (1 + _few(rounds)):
            # Of stock az some find a token cache that another one is just writing.
            work = Work((*command, next(resources)), env, times=_AZ, may_fail=bool(env))
            runs[name].append(there.run(work))
    taken = {name: seconds_of(those[1:]) for name, those in runs.items()}
    ours, peer = taken.values()
    failed = sum(run.failed for run in runs["stock az account"][1:])
    peers = f"{max(peer):.1f} s" + (f"; {failed} of {_AZ * len(peer)} failed" if failed else "")
    row = Row("az-at-once", max(ours), f"{max(ours):.1f} s", peers, ratio(ours, peer))
    return Result((row,), plots=(Spread("az-at-once.svg", f"{_AZ} at once, cold: until the slowest ended", taken),))


def _signed_in_without_us(there: Place) -> dict[str, str]:
    """Variables of an az that was signed in by a device code, and has a refresh token."""
    env = there.alone(there.machine.home / ".azure-by-code")
    there.terminal.sign_in_by_device_code(timeout=300, **env)
    return env


def _new_scopes() -> Iterator[str]:
    """Of resources for which nobody has had a token yet, so that neither we nor the runtime has one."""
    return (f"https://service{number}.example/.default" for number in itertools.count())


def _few(rounds: int) -> int:
    """Of what takes long, a quarter is enough."""
    return max(1, rounds // 4)


def scopes(rounds: int) -> Result:
    """One program that wants tokens for one resource after the other."""
    counts = (1, 2, 4, 8, 16)
    curves: dict[str, dict[int, list[float]]] = {side: {count: [] for count in counts} for side in _SIDES}
    with place() as there:
        there.sign_in()
        new = _new_scopes()
        for count in counts * _few(rounds):
            for side, (kind, python) in _SIDES.items():
                run = there.run(Work((python, PROGRAMS, "scopes", kind, next(new), str(count))))
                curves[side][count].append(float(run.told))
    title = "Tokens for many resources, one after the other, cold"
    return Result(plots=(Curves("scopes.svg", title, "scopes", curves),))
