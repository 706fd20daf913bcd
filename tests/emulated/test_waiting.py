"""What a person is told while `brokerauth` works: by the line at the bottom, and with --verbose."""

from __future__ import annotations

import os
import pty
import re
import signal
import subprocess

import pytest

from testbed.directory import ADA
from tests.emulated.session import BROKERAUTH, Session, read_all, send


def at_terminal(there: Session, *words: str, until: bytes) -> str:
    """What stands on the terminal when the command has said this, and then Ctrl-C has ended it."""
    ours, theirs = pty.openpty()
    process = there.machine.popen(
        [BROKERAUTH, *words],
        there.env | {"TERM": "xterm"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=theirs,
    )
    os.close(theirs)
    shown = b""
    while until not in shown:
        shown += os.read(ours, 4096)
    send(process, signal.SIGINT)
    process.communicate()
    assert process.returncode == 130
    return shown.decode() + read_all(ours)


@pytest.mark.any_runtime
def test_windows_that_does_not_answer_is_named_at_once_and_not_after_the_deadline(default: Session) -> None:
    default.machine.set_scenario("hang-on-start")
    shown = at_terminal(default, "login", until=b"left")
    assert re.search(r"\rAsking Windows for a token \(0:2\d left; Ctrl-C gives up\)", shown)


@pytest.mark.any_runtime
def test_a_person_is_told_where_the_window_is(default: Session) -> None:
    default.machine.set_scenario("hang-on-prompt")
    shown = at_terminal(default, "login", until=b"window")
    assert re.search(r"\rAnswer the sign-in window in Windows; it may be behind this one \(4:5\d left\)", shown)


def test_verbose_tells_the_steps_and_names_nobody(default: Session) -> None:
    default.machine.set_scenario("interaction-required")
    done = default.brokerauth("login", "--verbose", "--username", ADA.username)
    assert done.returncode == 0, done.stderr
    steps = ("without a window (30 s at most)", "A window is needed: ", "show its sign-in window (300 s at most)")
    places = [done.stderr.find(step) for step in steps]
    assert -1 not in places
    assert places == sorted(places)
    assert re.search(r"INFO: The prompt step for \S+ answered \w+ after \d+ ms", done.stderr)
    assert "DEBUG" not in done.stderr
    assert ADA.username not in done.stderr
    assert default.brokerauth("show").stderr == ""
