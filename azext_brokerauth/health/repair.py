"""``repair``: the remedies of what fails, carried out one check at a time until nothing more can be done here.

All that it knows is what the checks find. So it can be interrupted anywhere, and goes on where it was when it is run
again.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from azext_brokerauth.errors import RepairError
from azext_brokerauth.errors.rendering import Host, command_line
from azext_brokerauth.health.az_cache import CachedSignIn
from azext_brokerauth.health.checks import CHECKS
from azext_brokerauth.health.facts import Facts
from azext_brokerauth.health.finding import Check, Finding, Severity
from azext_brokerauth.health.probe import Probe
from azext_brokerauth.health.remedies import RESTART
from azext_brokerauth.health.report import check_all, in_order, step
from azext_brokerauth.health.runner import run
from azext_brokerauth.models import CONFIG, OWN, By, Remedy, own, person
from azext_brokerauth.printable import printable
from azext_brokerauth.terminal.streams import say

AGAIN = own("repair")
_OF_THE_SHELL = ("export", "unset", "ulimit", "read")
"""What changes the shell that it is typed in: no program can do it for a person."""
_MOST_ATTEMPTS = 3
"""Times that one check's remedies are carried out: a check that finds something new each time is not fixed by them."""
_WHERE = {
    "bash": "In this shell",
    "powershell": "In PowerShell on Windows",
    "person": "By hand",
}

Look = Callable[[], Sequence[tuple[Check, Finding]]]
"""What each check finds now."""


@dataclass
class Progress:
    """What one run of ``repair`` has done so far.

    :param done: the commands that were run and went well, with the check that each was for.
    :param attempts: how often each check's commands were run.
    :param declined: the checks whose commands the person did not want to be run.
    """

    done: list[tuple[str, Remedy]] = field(default_factory=list)
    attempts: Counter[str] = field(default_factory=Counter)
    declined: set[str] = field(default_factory=set)

    def remaining(self, finding: Finding) -> Finding:
        """The finding with the steps that were not carried out yet."""
        done = {remedy for _, remedy in self.done}
        return replace(finding, remedies=tuple(each for each in finding.remedies if each not in done))


def runs_here(remedy: Remedy) -> bool:
    """Can it be run for the person? Windows, the person's own shell and a sign-in are theirs."""
    if remedy.by is not By.LINUX or remedy.text or not remedy.words:
        return False
    words = remedy.words[2].split() if remedy.words[:2] == ("bash", "-c") else remedy.words
    return words[0] not in (*_OF_THE_SHELL, OWN)


def next_commands(found: Sequence[tuple[Check, Finding]], progress: Progress) -> tuple[Check, Finding] | None:
    """The first check that fails and whose remedies begin with commands to run here, and a finding with just these;
    None where there is none."""
    for check, finding in found:
        if finding.severity is not Severity.FAIL or check.id in progress.declined:
            continue
        steps = progress.remaining(finding).remedies
        here = tuple(steps[: next((n for n, each in enumerate(steps) if not runs_here(each)), len(steps))])
        if here and progress.attempts[check.id] < _MOST_ATTEMPTS:
            return check, replace(finding, remedies=here)
    return None


def left(
    found: Sequence[tuple[Check, Finding]], progress: Progress, severity: Severity = Severity.FAIL
) -> list[tuple[str, Remedy]]:
    """What is left to do, in its order, each step once and with the check that it is for first."""
    remaining = [(check.id, progress.remaining(finding)) for check, finding in found if finding.severity is severity]
    of = {remedy: id for id, finding in reversed(remaining) for remedy in finding.remedies}
    return [(of[remedy], remedy) for remedy in in_order([finding for _, finding in remaining])]


def for_command(
    host: Host,
    ask: Callable[[str], bool],
    dry_run: bool,
    read_cache: Callable[[], Sequence[CachedSignIn]] | None = None,
) -> dict[str, Any]:
    """What ``repair`` did on this machine, and what is left.

    :param host: where the remedies are read.
    :param ask: asks the person a question.
    :param dry_run: run nothing.
    :param read_cache: lists what az's token cache holds; None: it is read as a file.
    :raises RepairError: a command failed.
    """

    def look() -> Sequence[tuple[Check, Finding]]:
        importlib.invalidate_caches()  # pip may have installed something meanwhile
        return tuple(zip(CHECKS, check_all(Facts(Probe(), read_cache)), strict=True))

    return repair(look, host, ask, dry_run)


def repair(
    look: Look,
    host: Host,
    ask: Callable[[str], bool],
    dry_run: bool = False,
    run: Callable[[Sequence[str], Mapping[str, str]], int] = run,
    tell: Callable[[str], None] = say,
) -> dict[str, Any]:
    """Carry the remedies out, and look again after each check's.

    :param run: runs a command and gives its exit code.
    :param tell: tells the person something.
    """
    progress, found = Progress(), look()
    while not dry_run and (chosen := next_commands(found, progress)):
        check, finding = chosen
        lines = "".join(f"  {command_line(each, host)}\n" for each in finding.remedies)
        tell(f"\n{check.id}: {printable(finding.text)}\n{lines}")
        if not ask("Run this?"):
            progress.declined.add(check.id)
            continue
        progress.attempts[check.id] += 1
        for remedy in finding.remedies:
            _carry_out(check, remedy, host, run, tell)
            progress.done.append((check.id, remedy))
        found = look()
        now = next(each for known, each in found if known.id == check.id)
        tell(f"{check.id}: {'still fails' if now.severity is Severity.FAIL else 'fixed'}: {printable(now.text)}\n")
    return _told(found, progress, host, tell)


def _carry_out(
    check: Check,
    remedy: Remedy,
    host: Host,
    run: Callable[[Sequence[str], Mapping[str, str]], int],
    tell: Callable[[str], None],
) -> None:
    shown = command_line(remedy, host)
    tell(f"$ {shown}\n")
    try:
        status = run(_words(remedy, host), os.environ)
    except OSError as error:
        why = f"cannot be started: {remedy.words[0]}: {error.strerror}"
    else:
        if status == 0:
            return
        why = f"ended with exit code {status}" if status > 0 else f"was ended by signal {-status}"
    raise RepairError(
        f"{shown} {why}. It was meant to fix {check.id}. What was done before stays done.",
        remedies=person("Read what it said above, and fix that.") + own("repair", text="To go on from here,"),
    )


def _words(remedy: Remedy, host: Host) -> tuple[str, ...]:
    """The command as it is run: without az, our own is not always in PATH."""
    if remedy.words[0] != CONFIG:
        return remedy.words
    own_config = (sys.executable, "-m", "azext_brokerauth", "config")
    return (host.config if host.config[0] == "az" else own_config) + remedy.words[1:]


def _told(
    found: Sequence[tuple[Check, Finding]], progress: Progress, host: Host, tell: Callable[[str], None]
) -> dict[str, Any]:
    failing = [check.id for check, finding in found if finding.severity is Severity.FAIL]
    to_do, advice = left(found, progress), left(found, progress, Severity.WARN)
    if failing:
        tell(f"\nStill failing: {', '.join(failing)}. {_steps(to_do, host)}")
        tell(f"Then run: {command_line(AGAIN[0], host)}\n")
    else:
        tell(f"\nNothing fails. Next: {command_line(own('login')[0], host)}\n")
    if advice:
        tell(f"Not necessary, but useful. {_steps(advice, host)}")
    return {
        "ready": not failing,
        "failing": failing,
        "done": [_shown(id, remedy, host) for id, remedy in progress.done],
        "left": [_shown(id, remedy, host) for id, remedy in to_do],
        "advised": [_shown(id, remedy, host) for id, remedy in advice],
    }


def _shown(id: str, remedy: Remedy, host: Host) -> dict[str, str]:
    return {"check": id, **step(remedy, host)}


def _steps(steps: Sequence[tuple[str, Remedy]], host: Host) -> str:
    """What is left for a person, by where they do it."""
    text, last = "In this order:\n" if steps else "No command here can fix that.\n", ""
    for id, remedy in steps:
        shown = step(remedy, host)
        if shown["shell"] != last:
            text, last = f"{text}{_WHERE[shown['shell']]}:\n", shown["shell"]
        ends_all = remedy in RESTART
        note = "   (ends every distribution and all that runs in them: save your work first)" if ends_all else ""
        text += f"  {printable(shown['command'])}{note}   [{id}]\n"
    return text
