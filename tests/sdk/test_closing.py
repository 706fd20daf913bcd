"""Closing works at any moment of a program's life, silently, and a credential that is dropped keeps no process."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from testbed.machine import Machine
from tests.waiting import wait_until

PROGRAM = Path(__file__).with_name("closing.py")
MOMENTS = (
    "after_the_loop",
    "twice_and_at_once",
    "at_exit",
    "at_exit_on_a_loop_in_a_thread",
    "at_exit_of_a_finalizer",
    "in_a_destructor",
    "in_a_destructor_of_the_dying_interpreter",
    "in_another_thread",
    "after_a_fork",
    "in_a_signal_handler",
    "on_a_loop_that_ends_meanwhile",
    "of_one_that_was_never_made",
    "never",
)


DROPS = (
    "dropped",
    "dropped_async",
    "dropped_in_a_cycle",
    "dropped_after_a_failure",
    "dropped_beside_a_copy",
    "dropped_in_a_fork",
)


def brokers(machine: Machine) -> list[list[str]]:
    """The broker's processes on the machine."""
    return [argv for _, argv in machine.processes() if any(word.endswith("broker/host.py") for word in argv)]


@pytest.mark.parametrize("moment", MOMENTS)
def test_closing_works_silently(machine: Machine, moment: str) -> None:
    done = machine.run([sys.executable, str(PROGRAM), moment])
    assert (done.returncode, done.stderr) == (0, "")
    wait_until(lambda: not brokers(machine), 30)


def test_a_request_that_fails_while_the_interpreter_ends_says_why(machine: Machine) -> None:
    done = machine.run([sys.executable, str(PROGRAM), "a_request_that_fails_at_exit"])
    assert (done.returncode, done.stdout, done.stderr) == (0, "AuthenticationRequiredError", "")


@pytest.mark.parametrize("how", DROPS)
def test_a_credential_that_is_dropped_keeps_no_process(machine: Machine, how: str) -> None:
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with machine.popen([sys.executable, str(PROGRAM), how], **pipes) as program:
        assert program.stdout is not None
        assert program.stdout.readline() == "living\n"
        wait_until(lambda: not brokers(machine), 30)
        assert program.poll() is None
        _, complaint = program.communicate(timeout=60)
    assert (program.returncode, complaint) == (0, "")
