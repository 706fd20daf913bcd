"""The directory that keeps what belongs to this user's keyrings."""

from __future__ import annotations

from azext_brokerauth import files


def opened(*, make: bool = False) -> files.Directory:
    """The directory, open: one for all processes of this user, whichever variables those of cron or ssh lack.

    :keyword make: make it where there is none.
    :raises OSError: there is none, or it is not this user's alone.
    """
    return files.ours("~/.local/state", make=make)
