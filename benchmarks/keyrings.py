"""A token that no cache has, on Microsoft's runtime: what each choice of the keyring costs beside the session's own."""

from __future__ import annotations

import os
import signal
import statistics
from dataclasses import replace

from benchmarks.place import BROKERAUTH, Place, Work, place
from benchmarks.results import Result, Row, Table, middle
from testbed.scenarios import SCENARIOS
from tests.waiting import wait_until

_SESSION, _COLD = "`session`", "`private`, nothing runs yet"
_CHOICES = {
    _SESSION: "session",
    "`auto`, with a good session keyring": "auto",
    _COLD: "private",
    "`private`, its keeper runs": "private",
}


def run(rounds: int) -> Result:
    times: dict[str, list[float]] = {choice: [] for choice in _CHOICES}
    with place(replace(SCENARIOS["default"], token_lifetime=240)) as there:  # which no cache keeps
        there.sign_in()
        for _ in range(rounds):
            for choice, setting in _CHOICES.items():
                work = Work((BROKERAUTH, "get-access-token"), {"AZURE_BROKERAUTH_KEYRING": setting})
                times[choice].append(there.run(work).whole)
            _end_private(there)
    more = {
        choice: statistics.median(one - other for one, other in zip(taken, times[_SESSION], strict=True))
        for choice, taken in times.items()
    }
    lines = [(choice, middle(taken), f"{1000 * more[choice]:+.0f} ms") for choice, taken in times.items()]
    note = "Whatever is looked for and started runs beside the loading of the runtime."
    table = Table("The keyring", ("`keyring`", "time", "more, in pairs"), lines, note)
    row = Row("keyring", more[_COLD], middle(times[_COLD]), middle(times[_SESSION]))
    return Result((row,), (table,))


def _end_private(there: Place) -> None:
    """So that the next one finds none."""
    for pid, argv in there.machine.processes():
        if argv[0].endswith("gnome-keyring-daemon"):
            os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not there.machine.processes(), 60)
