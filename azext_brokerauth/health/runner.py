"""Runs one command of a remedy, as a person would at a prompt: its arguments as they are, its output on standard error,
and its end awaited, whatever signal comes meanwhile."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import FrameType

from azext_brokerauth.terminal.signals import Ended
from azext_brokerauth.terminal.streams import say

_STANDARD_ERROR = 2
_PREFIXES = ("LD_", "PYTHON", "BASH", "PERL", "GLIBC_", "GCONV_")
_NAMES = ("ENV", "IFS", "PS4", "SHELLOPTS", "CDPATH", "LOCPATH")
"""Variables that have a program load or run something else than it would by itself."""


def run(words: Sequence[str], environ: Mapping[str, str]) -> int:
    """Run a command and wait for its end.

    It starts in ``/``, since some programs, Python among them, load what they find where they start.

    :param environ: the environment of this process, of which it gets what :func:`cleaned` leaves.
    :returns: its exit code, which for a signal is negative.
    :raises OSError: it does not start.
    :raises Ended: a signal came for this process; the command has ended all the same, unless a second one came.
    """
    with _signals_noted(words[0]) as noted:
        process = subprocess.Popen(words, stdout=_STANDARD_ERROR, cwd="/", env=cleaned(environ))
        status = process.wait()
    if noted:
        raise Ended(128 + noted[0])
    return status


def cleaned(environ: Mapping[str, str]) -> dict[str, str]:
    """The variables without those that change what a program is, and a PATH that names no current directory."""
    kept = {name: value for name, value in environ.items() if not name.startswith(_PREFIXES) and name not in _NAMES}
    if "PATH" in kept:
        kept["PATH"] = os.pathsep.join(each for each in kept["PATH"].split(os.pathsep) if os.path.isabs(each))
    return kept


@contextmanager
def _signals_noted(name: str) -> Iterator[list[int]]:
    """Ctrl-C reaches the command too, which knows how to end without leaving half of its work. This process waits for
    it, until a second signal comes; it kills nothing."""
    noted: list[int] = []

    def note(number: int, _: FrameType | None) -> None:
        if noted:
            raise Ended(128 + number)
        noted.append(number)
        say(f"\nWaiting for {name} to end; press Ctrl-C again to leave it running.\n")

    before = {}
    if threading.current_thread() is threading.main_thread():
        before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield noted
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
