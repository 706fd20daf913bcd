"""A credential that has given tokens can be copied, pickled and passed to another process, without them."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from testbed.machine import Machine

# The real runtime too in make test-full.
pytestmark = pytest.mark.any_runtime

REPOSITORY = Path(__file__).parents[2]


def run(machine: Machine, how: str) -> Any:
    done = machine.run([sys.executable, "-m", "tests.sdk.copying", how], cwd=REPOSITORY)
    assert (done.returncode, done.stderr) == (0, "")
    return json.loads(done.stdout)


@pytest.mark.parametrize("how", ["copied", "copied_deeply", "pickled", "spawned", "of_a_fork_server", "forked"])
def test_a_copy_has_the_settings_and_the_account_and_a_life_of_its_own(machine: Machine, how: str) -> None:
    assert run(machine, how) == [["Mine", "reports", "ada@contoso.com"], ["Slotted", "blobs", "ada@contoso.com"]]


def test_a_pickle_holds_no_token(machine: Machine) -> None:
    assert run(machine, "what_a_pickle_holds") is False
