"""The native runtime's named semaphores. Killed while it holds one, it leaves it locked, and every later call of the
same user hangs until WSL is shut down."""

from __future__ import annotations

import os
import stat

PREFIX = "sem.e165a065-"
"""How the names begin (seen with pymsalruntime 0.20.7)."""
DIRECTORY = "/dev/shm"  # noqa: S108
"""Where glibc keeps named semaphores."""
_LOCKED = bytes(4)
"""The beginning of the file of a locked one: the value, glibc's first 32 bits of a ``sem_t``, is 0."""

GRACE = 0.3
"""Seconds that a process whose requests have ended has for leaving by itself before it is killed."""
PATIENCE = 2.0
"""Seconds more that are waited where a semaphore is locked. It is held for milliseconds, or by a process long gone."""


def held(directory: str = DIRECTORY) -> list[str]:
    """The paths of this user's semaphores that are locked, by whatever program.

    Everybody can write to the directory. What is not a regular file of this user is somebody else's, and does not
    count: it is neither waited for nor read.
    """
    try:
        names = [name for name in os.listdir(directory) if name.startswith(PREFIX)]
    except OSError:
        return []
    return [path for path in (f"{directory}/{name}" for name in sorted(names)) if _is_locked(path)]


def _is_locked(path: str) -> bool:
    try:
        # A pipe of that name must not make us wait, nor a link lead us elsewhere.
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        found = os.fstat(descriptor)
        ours = stat.S_ISREG(found.st_mode) and found.st_uid == os.geteuid()
        return ours and os.read(descriptor, len(_LOCKED)) == _LOCKED
    except OSError:
        return False
    finally:
        os.close(descriptor)
