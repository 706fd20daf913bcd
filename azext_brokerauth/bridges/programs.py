"""How other tools start our programs: as pip installed them, else with this Python from az's extension folder."""

from __future__ import annotations

import os
import sys
import sysconfig
from pathlib import Path

from azext_brokerauth.errors import BrokerAuthError
from azext_brokerauth.errors.rendering import AZ, PLAIN, in_words
from azext_brokerauth.printable import printable
from azext_brokerauth.redaction import redact

_START = Path(__file__).with_name("start.py")


def command(program: str, tool: str) -> list[str]:
    """The words that start a program of ours, from wherever and with whatever PATH.

    :param program: its name as a console script, such as ``git-credential-brokerauth``.
    :param tool: the module of :mod:`azext_brokerauth.bridges` that has its ``main``.
    """
    found = _script(program)
    return [found] if found else [sys.executable, "-I", str(_START), tool]


def in_a_line(error: Exception) -> str:
    """What went wrong and what to type next, for a tool that shows one line of ours.

    :param error: one of ours, or a fault.
    """
    if isinstance(error, ImportError):
        return f"{error.name} is not installed. Run: pip install 'brokerauth[cli]'"
    if not isinstance(error, BrokerAuthError):
        return printable(redact(" ".join(str(error).split()) or type(error).__name__, personal=False))
    host = PLAIN if _script("brokerauth") else AZ
    return printable(" ".join(f"{error} {in_words(error.remedies, host)}".split()))


def _script(name: str) -> str:
    """The path of a console script of this install; empty where it has none."""
    # Where the running one was found may last longer than where pip put it: a link of pipx, or a user's own directory.
    # What is not absolute is no script that PATH led to, and the current directory is anybody's.
    beside = os.path.dirname(sys.argv[0]) if os.path.isabs(sys.argv[0]) else ""
    for directory in filter(None, (beside, sysconfig.get_path("scripts"))):
        path = os.path.join(directory, name)
        if os.access(path, os.X_OK):
            return path
    return ""
