"""What the tests with the real Azure CLI share."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from testbed.scenarios import Scenario
from tests.az.session import CLI, Cli, Terminal, machine_for

Start = Callable[..., Terminal]


@pytest.fixture
def new_terminal(runtime: str, tmp_path: Path) -> Iterator[Start]:
    """Starts a machine in a scenario."""
    with contextlib.ExitStack() as stack:

        def terminal(scenario: Scenario | str = "default", cli: Cli = CLI) -> Terminal:
            return Terminal(stack.enter_context(machine_for(scenario, runtime, cli)), tmp_path, cli)

        yield terminal


@pytest.fixture
def signed_in(new_terminal: Start) -> Terminal:
    """A healthy machine where `az brokerauth login` was run, with an empty journal."""
    there = new_terminal("default")
    there.tell("brokerauth", "login")
    there.machine.clear_journal()
    return there
