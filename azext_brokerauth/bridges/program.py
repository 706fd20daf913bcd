"""A program of ours while another tool runs it: its answer on standard output, or a line that says why not."""

from __future__ import annotations

import contextlib
import io
import os
import sys
from collections.abc import Callable

from azext_brokerauth.errors import BrokerAuthError
from azext_brokerauth.terminal.program import until_ended
from azext_brokerauth.terminal.streams import is_lost, say


def run(name: str, work: Callable[[], int], refused: Callable[[str], object] = lambda _: None) -> int:
    """Do what the tool asks, until that or a signal ends it.

    :param name: the program's, which the line begins with.
    :param work: writes the answer on standard output, and gives the exit code.
    :param refused: is given the words of a failure too, for a tool that reads them on standard output.
    :returns: the exit code.
    """

    def answer() -> int:
        if isinstance(sys.stdin, io.TextIOWrapper):
            sys.stdin.reconfigure(encoding="utf-8", errors="replace")  # what is no text is no host of ours
        try:
            return work()
        except Exception as error:  # noqa: BLE001  (a tool that cannot read the answer asks others, or the person)
            if is_lost():
                return 1
            told = in_a_line(error)
        say(f"{name}: {told}\n")
        with contextlib.suppress(OSError):  # which is told when all has been said
            refused(f"{told}\n")
        return 1

    return until_ended(answer)


def in_a_line(error: Exception) -> str:
    """What went wrong and what to type next, for a tool that shows one line of ours.

    :param error: one of ours, or a fault.
    """
    # What goes well needs none of these.
    from azext_brokerauth.errors.rendering import AZ, PLAIN, in_words
    from azext_brokerauth.printable import printable
    from azext_brokerauth.redaction import redact

    if isinstance(error, BrokerAuthError):
        told = f"{error} {in_words(error.remedies, PLAIN if console_script('brokerauth') else AZ)}"
    elif isinstance(error, ImportError):
        told = f"{error.name} is not installed. Run: pip install 'brokerauth[cli]'"
    else:
        told = redact(" ".join(str(error).split()) or type(error).__name__, personal=False)
    return printable(" ".join(told.split()))


def console_script(name: str) -> str:
    """The path of a console script of this install; empty where pip made none."""
    import sysconfig

    # Where the running one was found may last longer than where pip put it: a link of pipx, or a user's own directory.
    # What is not absolute is no script that PATH led to, and the current directory is anybody's.
    beside = os.path.dirname(sys.argv[0]) if os.path.isabs(sys.argv[0]) else ""
    for directory in filter(None, (beside, sysconfig.get_path("scripts"))):
        path = os.path.join(directory, name)
        if os.access(path, os.X_OK):
            return path
    return ""
