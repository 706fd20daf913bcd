"""All checks, run at once under one deadline, and the report that comes of them."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from pathlib import Path
from typing import Any

from azext_brokerauth.errors import InvalidInputError
from azext_brokerauth.errors.rendering import Host, command_line, in_words
from azext_brokerauth.health import bundle as archive
from azext_brokerauth.health.az_cache import CachedSignIn
from azext_brokerauth.health.checks import CHECKS, ONLINE
from azext_brokerauth.health.facts import Facts
from azext_brokerauth.health.finding import Check, Finding, Severity, skipped
from azext_brokerauth.health.probe import Probe
from azext_brokerauth.health.remedies import RESTART
from azext_brokerauth.models import By, Remedy, own, person
from azext_brokerauth.printable import printable

ASK = own("check-health", "--online")
REPAIR = own("repair")
_NOT_ASKED = "the broker was not asked"
SCHEMA_VERSION = 1
"""Raised when a field of the report goes or changes its meaning; a new field leaves it as it is."""
DEADLINE = 12.0
"""Seconds for all checks together, whatever hangs."""
_MARKS = {"pass": ("ok", 32), "warn": ("warn", 33), "fail": ("FAIL", 31), "skip": ("-", 90)}
"""Severity -> what the table shows, and the colour (https://en.wikipedia.org/wiki/ANSI_escape_code#Colors)."""
_SHELLS = {"bash": "In this Linux", "powershell": "In PowerShell on Windows", "person": "By hand"}


def for_command(
    online: bool,
    bundle: str | None,
    with_names: bool,
    host: Host,
    read_cache: Callable[[], Sequence[CachedSignIn]] | None = None,
) -> dict[str, Any]:
    """The report of ``check-health``, and the archive where one is wanted.

    :param online: try the broker too.
    :param bundle: the archive to write; None for none. It implies ``online``.
    :param with_names: leave names of people in the archive.
    :param host: where the remedies are read.
    :param read_cache: lists what az's token cache holds; None: it is read as a file.
    :raises InvalidInputError: the archive cannot be written, or is not what ``with_names`` is for.
    """
    if with_names and not bundle:
        raise InvalidInputError(
            "--with-names is only for the archive that --bundle writes.",
            remedies=person("Add --bundle FILE, or leave it out."),
        )
    facts = Facts(Probe(), read_cache)
    if not bundle:
        return make(facts, host, online)
    path = Path(bundle).expanduser()
    archive.check(path)
    with archive.logged() as lines:
        report = make(facts, host, online=True)
    archive.write(path, report, "\n".join(lines), facts, with_names)
    return report


def make(facts: Facts, host: Host, online: bool = False) -> dict[str, Any]:
    """Run every check.

    :param host: where the remedies are read.
    :param online: try the broker too.
    """
    if online:
        return to_json(CHECKS + ONLINE, check_all(facts, CHECKS + ONLINE), facts, host)
    ask = command_line(ASK[0], host)
    not_asked = [skipped(f"{_NOT_ASKED}; to ask it, run: {ask}")] * len(ONLINE)
    return to_json(CHECKS + ONLINE, check_all(facts, CHECKS) + not_asked, facts, host)


def check_all(facts: Facts, checks: Sequence[Check] = CHECKS, deadline: float = DEADLINE) -> list[Finding]:
    """What each check found, in their order. One that has no answer by the deadline is left behind and fails.

    :param deadline: seconds.
    """
    until = time.monotonic() + deadline
    futures = [_start(check, facts) for check in checks]
    return [_finding(check, future, until, deadline) for check, future in zip(checks, futures, strict=True)]


def _start(check: Check, facts: Facts) -> Future[Finding]:
    future: Future[Finding] = Future()

    def run() -> None:
        try:
            future.set_result(check.find(facts))
        except BaseException as error:  # noqa: BLE001  (raised where the finding is awaited)
            future.set_exception(error)

    # Daemons: a check that hangs in the kernel must not keep the program from ending.
    threading.Thread(target=run, daemon=True, name=f"check-{check.id}").start()
    return future


def _finding(check: Check, future: Future[Finding], until: float, deadline: float) -> Finding:
    try:
        return future.result(max(0.0, until - time.monotonic()))
    except (TimeoutError, FutureTimeoutError):
        # Only what is asked of WSL and Windows can be helped by a restart.
        again = RESTART if check.group in ("Machine", "Windows") else person("Try again when this machine is less busy")
        return Finding(Severity.FAIL, f"It did not answer within {deadline:g} s", again)


def to_json(checks: Sequence[Check], findings: Sequence[Finding], facts: Facts, host: Host) -> dict[str, Any]:
    """The report, as docs/check-health.md describes it."""
    counts = {severity.value: sum(f.severity is severity for f in findings) for severity in Severity}
    return {
        "schemaVersion": SCHEMA_VERSION,
        "version": facts.probe.version("brokerauth"),
        "machine": facts.linux.machine.kind.value,
        "distribution": facts.linux.distribution.name,
        "healthy": counts["fail"] == 0,
        "brokerAsked": facts.tried is not None,
        "counts": counts,
        "checks": [
            {
                "id": check.id,
                "group": check.group,
                "severity": finding.severity.value,
                "finding": finding.text,
                "remedies": [step(remedy, host) for remedy in finding.remedies],
            }
            for check, finding in zip(checks, findings, strict=True)
        ],
        "remedies": [step(remedy, host) for remedy in in_order(findings)],
    }


def step(remedy: Remedy, host: Host) -> dict[str, str]:
    """A remedy as the report has it."""
    # A command that a sentence leads to ("If this keeps happening, run: ...") is a person's to choose, not to paste.
    if remedy.words and not remedy.text:
        return {"shell": remedy.by.value, "command": command_line(remedy, host)}
    return {"shell": By.PERSON.value, "command": in_words([remedy], host)}


def in_order(findings: Sequence[Finding]) -> list[Remedy]:
    """What fixes everything, each step once, failures before warnings. A step that several need comes where the first
    needs it; only a restart of WSL waits until the last that needs it."""
    steps: list[Remedy] = []
    for severity in (Severity.FAIL, Severity.WARN):
        for finding in findings:
            if finding.severity is severity:
                for remedy in finding.remedies:
                    if remedy in RESTART and remedy in steps:
                        steps.remove(remedy)
                    if remedy not in steps:
                        steps.append(remedy)
    return steps


def to_rows(report: Mapping[str, Any], coloured: bool) -> list[dict[str, str]]:
    """The report as a table. A group is named once, in its first row."""
    rows, last = [], ""
    for check in report["checks"]:
        mark, colour = _MARKS[check["severity"]]
        if coloured:
            mark = f"\x1b[{colour}m{mark}\x1b[0m"
        group, last = ("" if check["group"] == last else check["group"]), check["group"]
        rows.append({"Group": group, "Result": mark, "Check": check["id"], "Finding": printable(check["finding"])})
    return rows


def to_block(report: Mapping[str, Any], host: Host) -> str:
    """What fixes everything, ready to paste: whatever is not for this shell is a comment.

    :param host: where it is read.
    """
    ask = f"The broker itself was not asked. To ask it, run: {command_line(ASK[0], host)}"
    if not report["remedies"]:
        return "\nNothing to fix.\n" if _may_have_been_asked(report) else f"\nNothing to fix so far. {ask}\n"
    lines, last = ["", f"# To fix it, run: {command_line(REPAIR[0], host)}", "# Or do it yourself, in this order:"], ""
    for remedy in report["remedies"]:
        shell = remedy["shell"]
        if shell != last:
            lines.append(f"# {_SHELLS[shell]}:")
            last = shell
        # A command has spelt such characters already; a sentence must not become two lines.
        command = printable(remedy["command"])
        lines.append(command if shell == "bash" else f"#   {command}")
    if not _may_have_been_asked(report):
        lines.append(f"# {ask}")
    return "\n".join(lines) + "\n"


def _may_have_been_asked(report: Mapping[str, Any]) -> bool:
    """Was asking the broker wanted? Then its checks say what came of it."""
    return not any(check["finding"].startswith(_NOT_ASKED) for check in report["checks"])
