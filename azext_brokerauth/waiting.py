"""Tells the person at a terminal that a sign-in waits for them, and for how long it still does."""

from __future__ import annotations

import logging
import sys

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
