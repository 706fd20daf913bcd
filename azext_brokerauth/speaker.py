"""Log records and notices, said in a thread of its own.

A log handler is other people's code. It may block, and one that ships logs to Azure asks us for a token. If a thread
that holds a lock, or that others wait for, called it, both would wait for ever. So whatever is said while a token is
got goes through here, in order; and what a handler makes us say in its turn is not said, or it would never end.
"""

from __future__ import annotations

import _thread
import atexit
import contextlib
import logging
import os
import queue
import threading
import time
from collections.abc import Callable
from functools import partial

_PATIENCE = 1.0
"""Seconds that the end of the program waits for what is not said yet."""


class Speaker:
    """Calls functions in order, one at a time, in a thread that starts with the first."""

    def __init__(self) -> None:
        self.start_afresh()

    def start_afresh(self) -> None:
        """After a fork: the thread, and what it had left to say, are the parent's."""
        # Safe in a signal handler, unlike queue.Queue.
        self._queue: queue.SimpleQueue[Callable[[], object]] = queue.SimpleQueue()
        self._started = False
        self._ident = 0

    def say(self, call: Callable[[], object]) -> None:
        """Call a function soon. Nothing, if this is said by what the speaker itself has called."""
        if self.is_speaking_here():
            return
        self._queue.put(call)
        if not self._started:
            self._started = True
            try:
                # Not threading.Thread, whose start() waits: this may be a signal handler.
                _thread.start_new_thread(self._speak, (self._queue,))
            except RuntimeError:  # the system gives no more threads: better left unsaid than waited for
                self._started = False

    def is_speaking_here(self) -> bool:
        """Is this the speaker's own thread?"""
        return self._ident == threading.get_ident()

    def flush(self, seconds: float) -> None:
        """Wait until all is said, but not for longer than this.

        :param seconds: how long.
        """
        said = threading.Event()
        if not self._started or self.is_speaking_here():
            return
        self._queue.put(said.set)
        deadline = time.monotonic() + seconds
        while not said.wait(0.05) and time.monotonic() < deadline:
            pass

    def _speak(self, calls: queue.SimpleQueue[Callable[[], object]]) -> None:
        self._ident = threading.get_ident()
        while True:
            call = calls.get()
            with contextlib.suppress(Exception):  # it is other people's, and nobody is there to hear of it
                call()


SPEAKER = Speaker()


def show_steps() -> None:
    """Have the steps of getting a token shown with ``--verbose``: knack and az show of it only what commands say."""
    ours = logging.getLogger(__name__.partition(".")[0])
    for handler in logging.getLogger("cli").handlers:
        if handler.level == logging.INFO and handler not in ours.handlers:
            ours.addHandler(handler)


class Logger:
    """Logs as :class:`logging.Logger` does, but lets the handlers be called by the speaker.

    :param name: the logger's name.
    """

    def __init__(self, name: str) -> None:
        self._logger = logging.getLogger(name)

    def isEnabledFor(self, level: int) -> bool:  # noqa: N802  (as logging names it)
        """Would a record of this level be logged?"""
        return self._logger.isEnabledFor(level)

    def debug(self, message: str, *arguments: object) -> None:
        """Log at level DEBUG."""
        self.log(logging.DEBUG, message, *arguments)

    def info(self, message: str, *arguments: object) -> None:
        """Log at level INFO."""
        self.log(logging.INFO, message, *arguments)

    def warning(self, message: str, *arguments: object) -> None:
        """Log at level WARNING."""
        self.log(logging.WARNING, message, *arguments)

    def log(self, level: int, message: str, *arguments: object) -> None:
        """Log at a level of :mod:`logging`."""
        if self._logger.isEnabledFor(level):
            SPEAKER.say(partial(self._handle, time.time(), level, message, arguments))

    def _handle(self, created: float, level: int, message: str, arguments: tuple[object, ...]) -> None:
        # Made here: it would leave a trace of each thread that is not threading's (threading._DummyThread).
        record = self._logger.makeRecord(self._logger.name, level, "", 0, message, arguments, None)
        record.created, record.msecs = created, int(created % 1 * 1000)
        self._logger.handle(record)


class GuardedLogger(Logger):
    """Logs at once, in this thread: for those who hold nothing that a handler could wait for. What a handler makes it
    say in its turn is not said."""

    _saying = threading.local()

    def log(self, level: int, message: str, *arguments: object) -> None:
        """Log at a level of :mod:`logging`."""
        if getattr(self._saying, "now", False) or SPEAKER.is_speaking_here():
            return
        self._saying.now = True
        try:
            self._logger.log(level, message, *arguments)
        finally:
            self._saying.now = False


@atexit.register
def _finish() -> None:
    SPEAKER.flush(_PATIENCE)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=SPEAKER.start_afresh)
