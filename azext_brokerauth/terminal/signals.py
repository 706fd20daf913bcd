"""Ctrl-C and SIGTERM, for the commands of both hosts: they end at once, tidily, with the shell's exit code.

Only commands have this. A program that uses the credential keeps its own signal handlers.
"""

from __future__ import annotations

import _thread
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_PATIENCE = 0.7
"""Seconds for tidying up. Python drops an exception that a signal handler raises inside a finaliser, and a disk can
hang: after these seconds the process leaves as it is, and the broker's process notices that and ends too."""


class Ended(SystemExit):
    """A signal ends this process.

    :param code: the exit code, as shells count.
    """

    code: int


def end_on_signals() -> dict[signal.Signals, Any]:
    """From now on, Ctrl-C and SIGTERM raise :class:`Ended` with 130 and 143
    (https://www.gnu.org/software/bash/manual/html_node/Exit-Status.html). A signal that the process ignores, or handles
    in a way of its own, is left alone.

    :returns: what those that were taken over did before.
    """
    if threading.current_thread() is not threading.main_thread():  # which alone can set handlers
        return {}
    usual = (signal.SIG_DFL, signal.default_int_handler)
    before = {number: signal.getsignal(number) for number in _SIGNALS if signal.getsignal(number) in usual}
    for number in before:
        signal.signal(number, _end)
    return before


@contextmanager
def ends_on_signals(afterwards: Any = None) -> Iterator[None]:
    """:func:`end_on_signals`, in this context only.

    :param afterwards: what the signals do then, as for :func:`signal.signal`; None: what they did before.
    """
    before = end_on_signals()
    try:
        yield
    finally:
        for number, handler in before.items():
            if signal.getsignal(number) is _end:  # else one has come, and nothing is to disturb the tidying
                signal.signal(number, handler if afterwards is None else afterwards)


def _end(number: int, _: FrameType | None) -> None:
    for other in _SIGNALS:
        signal.signal(other, signal.SIG_IGN)
    sys.unraisablehook = lambda _: None  # what a finaliser drops is nothing that a person should read
    # Not threading.Thread, whose locks the interrupted code may hold.
    _thread.start_new_thread(_leave_anyway, (128 + number,))
    raise Ended(128 + number)


def _leave_anyway(code: int) -> None:
    time.sleep(_PATIENCE)
    os._exit(code)
