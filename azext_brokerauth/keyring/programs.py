"""The two programs that a private keyring needs."""

from __future__ import annotations

import shutil
from collections.abc import Mapping

BUS, KEYRING = "dbus-daemon", "gnome-keyring-daemon"
PATH = "/usr/local/bin:/usr/bin:/bin"
"""Where programs are looked for when nothing says where."""


def find(name: str, environ: Mapping[str, str]) -> str:
    """The path of a program; empty where it is not installed.

    :param environ: the session's variables.
    """
    return shutil.which(name, path=environ.get("PATH") or PATH) or ""


def missing(environ: Mapping[str, str]) -> tuple[str, ...]:
    """Which of the two are not installed.

    :param environ: the session's variables.
    """
    return tuple(name for name in (BUS, KEYRING) if not find(name, environ))
