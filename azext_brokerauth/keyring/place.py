"""The directory that keeps what belongs to this user's keyrings."""

from __future__ import annotations

from pathlib import Path

from azext_brokerauth.files import Directory, this_user


def opened(*, make: bool = False) -> Directory:
    """The directory, open. Nothing is made or read in the home directory of another user, which sudo may leave to root.

    :keyword make: make it where there is none.
    :raises OSError: there is none, or it is not this user's alone.
    """
    try:
        home = Path("~").expanduser()
    except RuntimeError as error:
        raise FileNotFoundError(str(error)) from None
    Directory(home, owner=this_user()).close()
    return Directory(home / ".local/state", owner=this_user(), make=make, beneath="brokerauth", alone=True)
