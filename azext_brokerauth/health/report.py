"""All checks, run at once under one deadline, and the report that comes of them."""

from __future__ import annotations

import json
import platform
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from typing import Any

from azext_brokerauth import settings
from azext_brokerauth.health.checks import (
    CHECKS,
    RESTART,
    CachedSignIn,
    Check,
    Finding,
    Look,
    Remedy,
    Severity,
    UnreadableCacheError,
)
from azext_brokerauth.health.probe import Probe

SCHEMA_VERSION = 1
"""Raised when a field of the report goes or changes its meaning; a new field leaves it as it is."""
DEADLINE = 12.0
"""Seconds for all checks together, whatever hangs."""
_MARKS = {"pass": ("ok", 32), "warn": ("warn", 33), "fail": ("FAIL", 31), "skip": ("-", 90)}
"""Severity -> what the table shows, and the colour (https://en.wikipedia.org/wiki/ANSI_escape_code#Colors)."""
_SHELLS = {"bash": "In this Linux", "powershell": "In PowerShell on Windows", "person": "By hand"}


def check_all(look: Look, checks: Sequence[Check] = tuple(CHECKS), deadline: float = DEADLINE) -> list[Finding]:
    """What each check found, in their order. One that has no answer by the deadline is left behind and fails.

    :param deadline: seconds.
    """
    until = time.monotonic() + deadline
    futures = [_start(check, look) for check in checks]
    return [_finding(future, until, deadline) for future in futures]


def _start(check: Check, look: Look) -> Future[Finding]:
    future: Future[Finding] = Future()

    def run() -> None:
        try:
            future.set_result(check.run(look))
        except BaseException as error:  # noqa: BLE001  (raised where the finding is awaited)
            future.set_exception(error)

    # Daemons: a check that hangs in the kernel must not keep the program from ending.
    threading.Thread(target=run, daemon=True, name=f"check-{check.id}").start()
    return future


def _finding(future: Future[Finding], until: float, deadline: float) -> Finding:
    try:
        return future.result(max(0.0, until - time.monotonic()))
    except (TimeoutError, FutureTimeoutError):
        return Finding(Severity.FAIL, f"It did not answer within {deadline:g} s", RESTART)


def make(look: Look, program: str, online: bool = False) -> dict[str, Any]:
    """Look at everything.

    :param program: how our own commands start in remedies.
    :param online: try the broker too.
    """
    checks = tuple(CHECKS)
    if not online:
        return to_json(checks, check_all(look, checks), look, program)
    from azext_brokerauth.health.online import attempt

    tried = Attempt(attempt)
    checks += (
        Check("broker", "Online", lambda look: tried(look)[0]),
        Check("token", "Online", lambda look: tried(look)[1]),
    )
    return to_json(checks, check_all(look, checks), look, program)


class Attempt:
    """One try for all who ask."""

    def __init__(self, attempt: Callable[[Look], tuple[Finding, Finding]]) -> None:
        self._attempt = attempt
        self._lock = threading.Lock()
        self._found: tuple[Finding, Finding] | None = None

    def __call__(self, look: Look) -> tuple[Finding, Finding]:
        with self._lock:
            if self._found is None:
                self._found = self._attempt(look)
            return self._found


def to_json(checks: Sequence[Check], findings: Sequence[Finding], look: Look, program: str) -> dict[str, Any]:
    """The report, as docs/check-health.md describes it."""
    found = list(zip(checks, findings, strict=True))
    counts = {severity.value: sum(f.severity is severity for f in findings) for severity in Severity}
    return {
        "schemaVersion": SCHEMA_VERSION,
        "version": look.probe.version("brokerauth"),
        "machine": look.machine.kind.value,
        "distribution": look.distribution.name,
        "healthy": counts["fail"] == 0,
        "counts": counts,
        "checks": [
            {
                "id": check.id,
                "group": check.group,
                "severity": finding.severity.value,
                "finding": finding.text,
                "remedies": [_remedy(remedy, program) for remedy in finding.remedies],
            }
            for check, finding in found
        ],
        "remedies": [_remedy(remedy, program) for remedy in in_order(findings)],
    }


def _remedy(remedy: Remedy, program: str) -> dict[str, str]:
    return {"shell": remedy.shell, "command": remedy.command.replace("az brokerauth", program)}


def in_order(findings: Sequence[Finding]) -> list[Remedy]:
    """What mends everything, each step once, failures before warnings. A step that several need comes where the first
    needs it, but a restart of WSL is put off to where the last before a step in the keyring needs it."""
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
        rows.append({"Group": group, "Result": mark, "Check": check["id"], "Finding": check["finding"]})
    return rows


def to_block(report: Mapping[str, Any]) -> str:
    """What mends everything, ready to paste: whatever is not for this shell is a comment."""
    if not report["remedies"]:
        return "\nNothing to mend.\n"
    lines, last = ["", "# To mend it, in this order:"], ""
    for remedy in report["remedies"]:
        shell = remedy["shell"]
        if shell != last:
            lines.append(f"# {_SHELLS[shell]}:")
            last = shell
        lines.append(remedy["command"] if shell == "bash" else f"#   {remedy['command']}")
    return "\n".join(lines) + "\n"


def read_cache_file(environ: Mapping[str, str] | None = None) -> list[CachedSignIn]:
    """What az's token cache holds, read as the JSON that it is; nothing secret is kept.

    :raises UnreadableCacheError: it is encrypted, or no JSON.
    """
    directory = settings.config_directory(environ)
    path = directory / "msal_token_cache.json"
    if (directory / "msal_token_cache.bin").exists() and not path.exists():
        raise UnreadableCacheError("az's token cache is encrypted; run this in az: az brokerauth check-health")
    try:
        text = path.read_text(encoding="utf-8")
        return cached_sign_ins(json.loads(text)) if text.strip() else []
    except FileNotFoundError:
        return []
    except (OSError, ValueError) as error:
        raise UnreadableCacheError(f"az's token cache {path} cannot be read: {type(error).__name__}") from None


def cached_sign_ins(cache: Any) -> list[CachedSignIn]:
    """The sign-ins in a token cache of MSAL's format."""
    if not isinstance(cache, dict):
        raise UnreadableCacheError("az's token cache is no JSON object")
    return [
        CachedSignIn(str(entry.get("home_account_id") or ""), kind, str(entry.get("account_source") or ""))
        for section, kind in (("RefreshToken", "refresh token"), ("Account", "account"))
        if isinstance(cache.get(section), dict)
        for entry in cache[section].values()
        if isinstance(entry, dict)
    ]


def versions(probe: Probe) -> dict[str, str]:
    """Of everything that takes part, for support."""
    packages = ("brokerauth", "msal", "pymsalruntime", "azure-cli", "knack", "azure-core", "azure-identity", "jeepney")
    return {
        **{package: found for package in packages if (found := probe.version(package))},
        "python": platform.python_version(),
        "kernel": probe.view.release,
        "libc": probe.python.libc,
    }


def new_look(read_cache: Callable[[], Sequence[CachedSignIn]] | None = None, probe: Probe | None = None) -> Look:
    """This machine."""
    probe = probe or Probe()
    return Look(probe, read_cache or (lambda: read_cache_file(probe.environ)))
