"""Tells the person at a terminal what a command waits for, and for how much longer."""

from __future__ import annotations

import logging
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import Enum
from typing import TextIO


class WaitFor(Enum):
    """What is waited for: the line that says so, the longest first, with ``{left}`` for minutes and seconds."""

    WINDOWS = (
        "Asking Windows for a token ({left} left; Ctrl-C gives up)",
        "Asking Windows ({left} left)",
    )
    BROKER = (
        "Asking the account broker for a token ({left} left; Ctrl-C gives up)",
        "Asking the broker ({left} left)",
    )
    WINDOW_IN_WINDOWS = (
        "Answer the sign-in window in Windows; it may be behind this one ({left} left; Ctrl-C gives up)",
        "Answer the sign-in window in Windows; it may be behind this one ({left} left)",
        "Answer the sign-in window in Windows ({left})",
        "Answer the window ({left})",
    )
    WINDOW = (
        "Answer the sign-in window; it may be behind this one ({left} left; Ctrl-C gives up)",
        "Answer the sign-in window ({left} left)",
        "Answer the window ({left})",
    )
    BROWSER = (
        "Sign in with your browser ({left} left; Ctrl-C gives up)",
        "Sign in with your browser ({left})",
    )
    DEVICE_CODE = (
        "Enter the code in a browser ({left} left; Ctrl-C gives up)",
        "Enter the code ({left})",
    )


Tell = Callable[[WaitFor | None, float], None]
"""Is given what is waited for, and the seconds left; None when nothing waits any more."""
_AT_ONCE, _EACH = 0.5, 1.0
"""Seconds before the first line, which a quick answer spares a person, and between two."""


def for_terminal(stream: TextIO | None = None) -> Tell | None:
    """What tells the person at a terminal; None where nobody is there, or where they are told everything
    (``--verbose``, ``--debug``) or errors alone.

    :param stream: the terminal; None: standard error.
    """
    stream = stream or sys.stderr
    shown = {handler.level for handler in logging.getLogger("cli").handlers}
    if not stream.isatty() or shown != {logging.WARNING}:
        return None
    return _Lines(stream) if os.environ.get("TERM") == "dumb" else _Line(stream)


class _Line:
    """One line that is written over and over, and never longer than the terminal is wide by now."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._is_shown = False

    def __call__(self, waited: WaitFor | None, seconds: float) -> None:
        if waited is None and not self._is_shown:
            return
        width = _width(self._stream)
        self._is_shown = waited is not None
        text = f"\r{_fitting(waited, seconds, width):{width}}" if waited else f"\r{'':{width}}\r"
        self._stream.write(text)
        self._stream.flush()


class _Lines:
    """A line for each thing that is waited for: on a terminal that cannot write over what is there."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._last: WaitFor | None = None

    def __call__(self, waited: WaitFor | None, seconds: float) -> None:
        if waited and waited is not self._last:
            self._last = waited
            self._stream.write(f"{_fitting(waited, seconds, 1000)}\n")
            self._stream.flush()


def _width(stream: TextIO) -> int:
    """How many characters fit: the last column is left free, from which some terminals go on to the next line."""
    try:
        return max(1, (os.get_terminal_size(stream.fileno()).columns or 80) - 1)
    except (OSError, ValueError):
        return 79


def _fitting(waited: WaitFor, seconds: float, width: int) -> str:
    minutes, rest = divmod(int(seconds), 60)
    forms: list[str] = [form.format(left=f"{minutes}:{rest:02}") for form in waited.value]
    return next((form for form in forms if len(form) <= width), forms[-1][:width])


@contextmanager
def counting_down(tell: Tell | None, waited: WaitFor, seconds: float) -> Iterator[None]:
    """Tell the seconds left about once a second, in a thread of its own, until this context ends.

    :param tell: None: nobody is told.
    """
    if tell is None:
        yield
        return
    over = threading.Event()

    def count() -> None:
        deadline, pause = time.monotonic() + seconds, _AT_ONCE
        while not over.wait(pause):
            tell(waited, max(0.0, deadline - time.monotonic()))
            pause = _EACH
        tell(None, 0)

    counting = threading.Thread(target=count, daemon=True, name="brokerauth-countdown")
    counting.start()
    try:
        yield
    finally:
        over.set()
        counting.join()
