"""A program that another tool starts: its answer on standard output, or a line on standard error."""

from __future__ import annotations

import contextlib
import io
import os
import signal
import sys
from collections.abc import Callable

from azext_brokerauth.terminal.signals import Ended, ends_on_signals
from azext_brokerauth.terminal.streams import is_lost, say, settle, watch_output, written


def run(name: str, work: Callable[[], int], refused: Callable[[str], object] = lambda _: None) -> int:
    """Do what the tool asks, until that or a signal ends it.

    :param name: the program's, which the line begins with.
    :param work: writes the answer on standard output, and gives the exit code.
    :param refused: is given the words of a failure too, for a tool that reads them on standard output.
    :returns: the exit code.
    """
    settle()
    if isinstance(sys.stdin, io.TextIOWrapper):
        sys.stdin.reconfigure(encoding="utf-8", errors="replace")  # what is no text is no host of ours
    watch_output()
    try:
        with ends_on_signals(afterwards=signal.SIG_DFL):
            try:
                return written(work())
            except Exception as error:  # noqa: BLE001  (a tool that cannot read the answer asks others, or the person)
                if is_lost():
                    return written(1)
                from azext_brokerauth.bridges.programs import in_a_line

                told = in_a_line(error)
            say(f"{name}: {told}\n")
            with contextlib.suppress(OSError):  # which is told below
                refused(f"{told}\n")
            return written(1)
    except Ended as ended:
        # All is tidied, and Python's own end may take long.
        os._exit(ended.code)
