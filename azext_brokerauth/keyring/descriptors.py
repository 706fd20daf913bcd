"""The descriptors that a forked process has inherited."""

from __future__ import annotations

import contextlib
import os


def close_all_but(keep: set[int]) -> None:
    """Close every descriptor but 0, 1, 2 and some.

    :param keep: those to leave open.
    """
    for descriptor in map(int, os.listdir("/proc/self/fd")):
        if descriptor > 2 and descriptor not in keep:
            with contextlib.suppress(OSError):  # the one of this listing
                os.close(descriptor)
