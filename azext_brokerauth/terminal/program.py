"""A program of ours from its first step to its last, whatever its streams are and whatever signal comes."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable

from azext_brokerauth.terminal.signals import Ended, ends_on_signals
from azext_brokerauth.terminal.streams import settle, watch_output, written


def until_ended(work: Callable[[], int]) -> int:
    """Do what a program is for, until that or a signal ends it.

    :param work: writes on standard output, and gives the exit code or raises ``SystemExit`` with it.
    :returns: the exit code.
    """
    settle()
    watch_output()
    try:
        with ends_on_signals(afterwards=signal.SIG_DFL):
            try:
                return written(work())
            except Ended:
                raise
            except SystemExit as end:
                return written(end.code if isinstance(end.code, int) else int(bool(end.code)))
    except Ended as ended:
        # All is tidied, and Python's own end may take long.
        os._exit(ended.code)
