"""The native runtime's named semaphores. Killed while it holds one, it leaves it locked, and every later call of the
same user hangs until WSL is shut down."""

from __future__ import annotations

import os

PREFIX = "sem.e165a065-"
"""How the names begin (seen with pymsalruntime 0.20.7)."""
DIRECTORY = "/dev/shm"  # noqa: S108
"""Where glibc keeps named semaphores."""
LOCKED = bytes(4)
"""The beginning of the file of a locked one: the value, glibc's first 32 bits of a ``sem_t``, is 0."""

GRACE = 0.3
"""Seconds that a process whose requests have ended has for leaving by itself before it is killed."""
PATIENCE = 2.0
"""Seconds more that are waited where a semaphore is locked. It is held for milliseconds, or by a process long gone."""


def any_held() -> bool:
    """Is one locked, by whatever program? Those of other users cannot be read, and do not count."""
    try:
        names = [name for name in os.listdir(DIRECTORY) if name.startswith(PREFIX)]
    except OSError:
        return False
    return any(_is_locked(f"{DIRECTORY}/{name}") for name in names)


def _is_locked(path: str) -> bool:
    try:
        with open(path, "rb") as stream:
            return stream.read(len(LOCKED)) == LOCKED
    except OSError:
        return False
