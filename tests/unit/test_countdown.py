"""What a person at a terminal is told while a command waits: on one line, however wide the terminal is by then."""

from __future__ import annotations

import fcntl
import logging
import os
import pty
import select
import struct
import termios
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TextIO

import pytest

from azext_brokerauth.terminal.countdown import WaitFor, counting_down, for_terminal


@dataclass
class Terminal:
    """A person's terminal.

    :param end: where they read what is written.
    :param stream: where commands write.
    """

    end: int
    stream: TextIO

    def resize(self, columns: int) -> None:
        fcntl.ioctl(self.end, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))

    def shown(self) -> str:
        """What was written since, once there is something: a terminal may hand it on in pieces."""
        said = os.read(self.end, 65536)
        while select.select([self.end], [], [], 0.05)[0]:
            said += os.read(self.end, 65536)
        return said.decode()


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[Terminal]:
    """A terminal on which commands show warnings."""
    ours, theirs = pty.openpty()
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(logging.getLogger("cli"), "handlers", [logging.NullHandler(logging.WARNING)])
    with os.fdopen(theirs, "w") as stream:
        yield Terminal(ours, stream)
    os.close(ours)


@pytest.mark.parametrize("columns", [1, 10, 20, 44, 60, 80, 100, 200])
@pytest.mark.parametrize("waited", WaitFor)
def test_it_never_reaches_the_end_of_the_line(terminal: Terminal, waited: WaitFor, columns: int) -> None:
    """In the last column, terminals go on to the next line, and each second would scroll."""
    tell = for_terminal(terminal.stream)
    assert tell
    terminal.resize(columns)
    tell(waited, 299)
    tell(None, 0)
    for line in terminal.shown().split("\r"):
        assert len(line) < max(columns, 2)


def test_a_terminal_that_was_made_narrower_gets_a_shorter_line_from_then_on(terminal: Terminal) -> None:
    tell = for_terminal(terminal.stream)
    assert tell
    terminal.resize(120)
    tell(WaitFor.WINDOW_IN_WINDOWS, 299)
    where = "Answer the sign-in window in Windows; it may be behind this one"
    assert terminal.shown().strip() == f"{where} (4:59 left; Ctrl-C gives up)"
    terminal.resize(80)
    tell(WaitFor.WINDOW_IN_WINDOWS, 298)
    assert terminal.shown().strip() == f"{where} (4:58 left)"
    terminal.resize(44)
    tell(WaitFor.WINDOW_IN_WINDOWS, 297)
    assert terminal.shown().strip() == "Answer the sign-in window in Windows (4:57)"


def test_a_quick_answer_leaves_no_trace_on_the_terminal(terminal: Terminal) -> None:
    with counting_down(for_terminal(terminal.stream), WaitFor.WINDOWS, 30):
        pass
    os.write(terminal.stream.fileno(), b"next")
    assert terminal.shown() == "next"


def test_what_does_not_answer_at_once_is_named_and_erased_afterwards(terminal: Terminal) -> None:
    terminal.resize(80)
    with counting_down(for_terminal(terminal.stream), WaitFor.WINDOWS, 30):
        said = terminal.shown()  # waits for the first line
    assert said.strip() == "Asking Windows for a token (0:29 left; Ctrl-C gives up)"
    assert terminal.shown().endswith("\r" + " " * 79 + "\r")


def test_on_a_dumb_terminal_each_thing_is_a_line_and_nothing_is_written_over(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "dumb")
    tell = for_terminal(terminal.stream)
    assert tell
    for seconds in (300, 299, 298):
        tell(WaitFor.WINDOWS, seconds)
    tell(None, 0)
    tell(WaitFor.WINDOW_IN_WINDOWS, 300)
    lines = terminal.shown().split("\r\n")  # a terminal's own line ends
    assert [line.split(" (")[0] for line in lines] == [
        "Asking Windows for a token",
        "Answer the sign-in window in Windows; it may be behind this one",
        "",
    ]


@pytest.mark.parametrize("level", [logging.ERROR, logging.INFO, logging.DEBUG])
def test_who_is_told_everything_or_errors_alone_gets_no_countdown(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch, level: int
) -> None:
    monkeypatch.setattr(logging.getLogger("cli"), "handlers", [logging.NullHandler(level)])
    assert for_terminal(terminal.stream) is None


@pytest.mark.usefixtures("terminal")
def test_nobody_is_told_where_there_is_no_terminal() -> None:
    with open(os.devnull, "w") as nowhere:
        assert for_terminal(nowhere) is None
