"""Tells the person at a terminal that a sign-in waits for them, and for how much longer."""

from __future__ import annotations

import logging
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Tell = Callable[[float | None], None]
"""Is given the seconds left; None when nothing waits any more."""
_WIDTH = 79


def on_terminal() -> bool:
    """Is there somebody to tell, and are they not being told everything (``--debug``) or errors alone?"""
    shown = {handler.level for handler in logging.getLogger("cli").handlers}
    return sys.stderr.isatty() and shown == {logging.WARNING}


def tell(seconds: float | None) -> None:
    """Show how long the sign-in waits, in place of the line before; None: erase it."""
    line = ""
    if seconds is not None:
        minutes, rest = divmod(int(seconds), 60)
        line = f"Waiting for you to sign in ({minutes}:{rest:02} left; Ctrl-C gives up)"
    sys.stderr.write(f"\r{line:{_WIDTH}}" if line else f"\r{'':{_WIDTH}}\r")
    sys.stderr.flush()


@contextmanager
def counting_down(tell: Tell | None, seconds: float) -> Iterator[None]:
    """Tell the seconds left about once a second, in a thread of its own, until this context ends.

    :param tell: None: nobody is told.
    """
    if tell is None:
        yield
        return
    over = threading.Event()

    def count() -> None:
        deadline = time.monotonic() + seconds
        while not over.wait(1):
            tell(max(0.0, deadline - time.monotonic()))
        tell(None)

    counting = threading.Thread(target=count, daemon=True, name="brokerauth-countdown")
    counting.start()
    try:
        yield
    finally:
        over.set()
        counting.join()
