"""Standard input, output and error: there whatever the caller closed, and ended so that what was lost is told once."""

from __future__ import annotations

import contextlib
import io
import os
import signal
import sys
from typing import Any

_CLOSED_PIPE = 128 + getattr(signal, "SIGPIPE", 13)
"""The exit code of a program whose reader has gone, as shells count."""


class _Output(io.FileIO):
    """Standard output, which remembers why it could not be written: what a failed write held is not kept for another
    by every layer above it."""

    error: OSError | None = None

    def write(self, data: Any) -> Any:
        """Write, and remember if that fails."""
        try:
            return super().write(data)
        except OSError as error:
            _Output.error = error
            raise


def settle() -> None:
    """Put something in the place of standard streams that are closed, so that no file that is opened later gets their
    number, and with it what is printed. What is written to such an output fails, and a message is lost."""
    for number, flags in enumerate((os.O_RDONLY, os.O_RDONLY, os.O_WRONLY)):
        try:
            os.fstat(number)
        except OSError:
            _put_in_place(number, flags)
    # Python's streams are None then. These leave the descriptors open, as Python's own do.
    if sys.stdin is None:
        sys.stdin = _text(io.BufferedReader(io.FileIO(0, closefd=False)), None)
    if sys.stderr is None:
        sys.stderr = _text(io.BufferedWriter(io.FileIO(2, "w", closefd=False)), None)
    if sys.stdout is None:
        sys.stdout = _text(io.BufferedWriter(io.FileIO(1, "w", closefd=False)), None)


def watch_output() -> None:
    """From now on, remember whether standard output could be written (:func:`is_lost`, :func:`written`)."""
    _Output.error = None
    if sys.__stdout__ in (sys.stdout, None):  # else somebody has replaced it, as tests do
        sys.stdout = _text(io.BufferedWriter(_Output(1, "w", closefd=False)), sys.stdout)


def _text(stream: Any, like: Any) -> io.TextIOWrapper:
    """:param like: the stream that it stands for; None: there was none."""
    if like is None:
        return io.TextIOWrapper(stream, "utf-8", "replace")
    return io.TextIOWrapper(stream, like.encoding, like.errors, line_buffering=like.line_buffering)


def is_lost() -> bool:
    """Could some of the output not be written?"""
    return _Output.error is not None


def written(code: int) -> int:
    """Write what is still to be written, and tell once if that fails.

    :param code: the exit code if nothing fails.
    :returns: the exit code: that of a failed command stays; else 141 where the reader has gone, and 1 for the rest.
    """
    error = _Output.error
    try:
        sys.stdout.flush()
    except OSError as problem:
        error = error or problem
    except ValueError:  # somebody has closed it
        pass
    if error:
        _put_in_place(1, os.O_WRONLY)  # Python tries again when it ends
        gone = isinstance(error, BrokenPipeError)
        if not gone:
            say(f"ERROR: The output cannot be written: {error.strerror}.\n")
        code = code or (_CLOSED_PIPE if gone else 1)
    try:
        sys.stderr.flush()
    except (OSError, ValueError):
        _put_in_place(2, os.O_WRONLY)
    return code


def shows_colours() -> bool:
    """Is this a terminal whose person wants colours (https://no-color.org)?"""
    wanted = not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    return wanted and sys.stdout.isatty() and sys.stderr.isatty()


def say(text: str) -> None:
    """Write to standard error, where that is possible."""
    with contextlib.suppress(OSError, ValueError):
        sys.stderr.write(text)
        sys.stderr.flush()


def _put_in_place(number: int, flags: int) -> None:
    opened = os.open(os.devnull, flags)
    if opened != number:
        os.dup2(opened, number)
        os.close(opened)
    else:
        os.set_inheritable(number, True)
