"""A token that no cache has, on Microsoft's runtime: what each choice of the keyring costs beside the session's own.

Run it with the project's Python: `.venv/bin/python -m benchmarks.keyring [ROUNDS]`.
"""

from __future__ import annotations

import os
import signal
import statistics
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from testbed.scenarios import SCENARIOS
from tests.emulated.session import Session, session
from tests.waiting import wait_until

LIMIT = 60
"""Milliseconds that a private keyring may cost more than the session's."""
SESSION, AUTO, COLD, WARM = "session", "auto", "private, nothing runs yet", "private, it runs"


def main(rounds: int) -> int:
    """:returns: 1 when one costs more than it may."""
    scenario = replace(SCENARIOS["default"], token_lifetime=240)  # which no cache keeps
    times: dict[str, list[float]] = {choice: [] for choice in (SESSION, AUTO, COLD, WARM)}
    with tempfile.TemporaryDirectory() as directory, session(scenario, "real", Path(directory)) as there:
        there.tell("login")
        for _ in range(rounds):
            for choice, taken in times.items():
                taken.append(milliseconds(there, choice.partition(",")[0]))
            end_private(there)
    worst = 0.0
    for choice, taken in times.items():
        more = statistics.median(one - other for one, other in zip(taken, times[SESSION], strict=True))
        worst = max(worst, more)
        sys.stdout.write(f"{choice}: {statistics.median(taken):.0f} ms, {more:+.0f} ms in pairs\n")
    return int(worst > LIMIT)


def milliseconds(there: Session, keyring: str) -> float:
    """How long one command takes, as whoever starts it sees it."""
    started = time.perf_counter()
    assert there.brokerauth("get-access-token", AZURE_BROKERAUTH_KEYRING=keyring).returncode == 0
    return 1000 * (time.perf_counter() - started)


def end_private(there: Session) -> None:
    for pid, argv in there.machine.processes():
        if argv[0].endswith("gnome-keyring-daemon"):
            os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not there.machine.processes())


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 20))
