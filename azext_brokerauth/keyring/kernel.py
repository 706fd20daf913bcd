"""Keys that only the kernel keeps: in the user's keyring, until Linux is shut down, and in no file (keyrings(7))."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import sys

LENGTH = 32
"""Bytes of a key."""
_ADD_KEY, _KEYCTL = {"x86_64": (248, 250), "aarch64": (217, 219)}.get(
    os.uname().machine if sys.platform == "linux" else "", (0, 0)
)
_PROCESS, _USER = -2, -4
"""This process's keyring, and the user's (keyctl(2))."""
_SETPERM, _LINK, _UNLINK, _SEARCH, _READ, _MOVE = 5, 8, 9, 10, 11, 30
_EXCLUSIVE = 1
_POSSESSOR_ALL_USER_VIEW = 0x3F010000


class _RefusedError(OSError):
    """The kernel does not do it: a sandbox, a quota, or a kernel without it."""


def key(name: str) -> bytes | None:
    """The user's key of this name: random, made at the first use, the same one for all processes of the user.

    :param name: such as ``brokerauth:keyring``.
    :returns: :data:`LENGTH` bytes; None where the kernel refuses. One that is there and cannot be read is never
        replaced: others use it.
    """
    if not _KEYCTL:
        return None
    try:
        found = _find(name)
        if found is None:
            _make(name)
            found = _find(name)
        return None if found is None else _read(found)
    except _RefusedError:
        return None


def remove(name: str) -> None:
    """Take the user's key of this name away, for all processes. Where there is none, or the kernel refuses, nothing."""
    if not _KEYCTL:
        return
    with contextlib.suppress(_RefusedError):
        number = _find(name)
        if number is not None:
            _call(_KEYCTL, _UNLINK, number, _USER)


def _find(name: str) -> int | None:
    try:
        return _call(_KEYCTL, _SEARCH, _USER, b"user", name.encode(), 0)
    except _RefusedError as error:
        if error.errno != errno.ENOKEY:
            raise
        return None


def _read(number: int) -> bytes | None:
    content = ctypes.create_string_buffer(LENGTH)
    try:
        length = _call(_KEYCTL, _READ, number, content, LENGTH)
    except _RefusedError as error:
        if error.errno != errno.EACCES:
            raise
        # Possession is what lets a key be read, and a process of a service or of ssh does not possess the user's. Not
        # at once: a keyring of this process's own counts among the 200 keys of a user.
        _call(_KEYCTL, _LINK, _USER, _PROCESS)
        length = _call(_KEYCTL, _READ, number, content, LENGTH)
    return content.raw if length == LENGTH else None


def _make(name: str) -> None:
    """Make it here and move it, which the kernel refuses where another process was first: two never overwrite."""
    made = _call(_ADD_KEY, b"user", name.encode(), os.urandom(LENGTH), LENGTH, _PROCESS)
    try:
        _call(_KEYCTL, _SETPERM, made, _POSSESSOR_ALL_USER_VIEW)
        _call(_KEYCTL, _MOVE, made, _PROCESS, _USER, _EXCLUSIVE)
    except _RefusedError as error:
        _call(_KEYCTL, _UNLINK, made, _PROCESS)
        if error.errno != errno.EEXIST:
            raise


def _call(number: int, *arguments: int | bytes | ctypes.Array[ctypes.c_char]) -> int:
    """:raises _RefusedError: with the kernel's number."""
    words = [ctypes.c_long(each) if isinstance(each, int) else each for each in arguments]
    libc = ctypes.CDLL(None, use_errno=True)
    result = int(libc.syscall(ctypes.c_long(number), *words))
    if result < 0:
        raise _RefusedError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result
