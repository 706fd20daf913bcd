"""Many requests through one credential, while the broker crashes every now and then: all end, and nothing is left."""

from __future__ import annotations

import json
import random
import sys
from pathlib import Path

import pytest

from testbed.machine import Machine
from testbed.scenarios import Scenario
from tests.conftest import RUNTIMES
from tests.faults import leaks

SOAK = Path(__file__).with_name("soak.py")
CRASHES = 0.05
DEADLINES = {"double": 30, "real": 120}
"""Seconds a request may take. The real runtime takes them one by one, each some 0.1 s: it writes the whole keyring."""
LIFETIME = 240
"""Seconds. A token of less than 300 is not given again by the runtime, so that every request reaches the broker."""
ENDING = 30
"""Seconds more that a loaded machine may need to notice and to end the broker's process."""


@pytest.mark.parametrize(
    ("runtime", "sequential", "concurrent"),
    [pytest.param(runtime, 1000, 200, marks=[] if runtime == "double" else [pytest.mark.full]) for runtime in RUNTIMES],
)
def test_every_caller_gets_a_token_or_a_clear_error(runtime: str, sequential: int, concurrent: int) -> None:
    total = sequential + concurrent
    chance = random.Random(20)  # noqa: S311  (the same crashes every time)
    planned = ["crash" if chance.random() < CRASHES else "answer" for _ in range(total)]
    crashes = planned.count("crash")
    deadline = DEADLINES[runtime]
    calls: dict[str, str | list[str]] = {"acquireTokenSilently": ["answer", *planned, "answer"]}
    with Machine(Scenario(calls=calls, token_lifetime=LIFETIME), runtime) as machine:
        with leaks.Sampler(machine) as sampler:
            command = [sys.executable, str(SOAK), str(sequential), str(concurrent), str(deadline)]
            done = machine.run(command, timeout=900)
        assert done.returncode == 0, done.stderr[-2000:]
        told = json.loads(done.stdout)
        # One who crashes may not be the last: the requests' own order among 200 at once is nobody's.
        assert told["ended"] == {"token": total - crashes, "clear error": crashes}
        assert told["longest"] < deadline + ENDING
        assert told["at_work"][0] == told["at_work"][1]
        assert told["at_work"][0]["children"] == ["a process"]
        assert told["held"][0] == told["held"][1]
        assert machine.processes() == []
        assert len(leaks.secrets(machine)) >= total - crashes
        assert sampler.seen
        assert leaks.found(machine, done.stdout, done.stderr, sampler=sampler) == []
