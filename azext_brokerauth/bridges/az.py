"""az itself: an ``az`` that is found first in PATH, and with which every command gets its tokens from us."""

from __future__ import annotations

import importlib.util
import os
import shlex
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from azext_brokerauth import errors, files
from azext_brokerauth.bridges import Bridge, Home, launcher, shell_file
from azext_brokerauth.bridges.edits import Edit
from azext_brokerauth.bridges.shell_file import StartFile
from azext_brokerauth.models import own, run
from azext_brokerauth.settings import Settings

_MARK = f"{shell_file.MARKS[0]}. Removed by: az brokerauth tool disable --name az."


class Az(Bridge):
    """Not only under WSL: an image for it is made elsewhere, and the launcher looks where it is each time."""

    name = "az"
    serves = "every az command; az account and az brokerauth need nothing of it"
    programs = ("az",)

    def __init__(self, has_az: Callable[[], bool] | None = None) -> None:
        """:param has_az: says whether this Python has an Azure CLI."""
        self._has_az = has_az or _has_az

    def edits(self, home: Home) -> list[Edit]:
        """A start script, and where another az is found first, a line in the shell's start file."""
        if not self._has_az():
            raise errors.InvalidInputError(
                f"az cannot be set up from here: {sys.executable} has no Azure CLI.",
                remedies=(
                    *run("az", "extension", "add", "--source", "WHEEL", text="If az does not have brokerauth yet,"),
                    *run("az", "brokerauth", "tool", "enable", "--name", "az"),
                ),
            )
        path = _path(home.programs)
        script = _script(_first_az(path, home.environ)).encode()
        instead = Edit(path, lambda _: script, _without_script, "a start script, which az is run by from now on", 0o755)
        start = _start_file(home)
        needed = start and _can_have_line(start) and (start.edit().is_made() or not _is_first(path, home.environ))
        return [instead, start.edit()] if start and needed else [instead]

    def leftovers(self, home: Home, recorded: Sequence[Path]) -> list[Edit]:
        """Of every shell: another one may have been in use."""
        directories = dict.fromkeys(path.parent for path in recorded if path.name == "az")
        usual = home.programs / "az"
        if not directories or _is_ours(usual) or not os.path.lexists(usual):
            directories[home.programs] = None
        found = []
        for directory in directories:
            found.append(Edit(_path(directory), lambda content: content, _without_script, "the start script"))
            starts = shell_file.of_all_shells(home.path, directory, home.environ, recorded)
            found += [start.edit() for start in starts if _can_have_line(start)]
        return found

    def notes(self, home: Home) -> list[str]:
        """How the new az is found."""
        path = _path(home.programs)
        if _is_first(path, home.environ):
            return []
        start = _start_file(home)
        if start is None:
            first = _first_az(path, home.environ) or "no az at all"
            return [
                f"New terminals find {first} first. Put {path.parent} first in PATH, in the file that your shell reads"
                " when it starts."
            ]
        if start.edit().is_made():
            return [f"New terminals run {path}. In this one, run once: {start.statement}"]
        return [f"New terminals still run the other az. Add this line to {start.path}: {start.statement}"]

    def why_not(self, chosen: Settings) -> str:
        """``exec`` leads to the launcher too, and so its setting is for both."""
        return chosen.why_no_launcher


def _has_az() -> bool:
    try:
        return importlib.util.find_spec("azure.cli.core") is not None
    except ImportError:
        return False


def _path(directory: Path) -> Path:
    """Where the ``az`` of that directory is.

    :raises InvalidInputError: it is somebody else's.
    """
    path = directory / "az"
    if os.path.lexists(path) and not _is_ours(path):
        raise errors.InvalidInputError(
            f"{path} exists and was not made by this command. Nothing was changed.",
            remedies=own(
                *("tool", "enable", "--name", "az", "--directory", "DIRECTORY"),
                text="To put it into another directory,",
            ),
        )
    return path


def _is_ours(path: Path) -> bool:
    try:
        return _has_mark(files.read_beyond_links(path))
    except OSError:
        return False


def _has_mark(content: bytes) -> bool:
    return any(mark.encode() in content[:200] for mark in shell_file.MARKS)


def _without_script(content: bytes) -> bytes | None:
    return None if _has_mark(content) else content


def _start_file(home: Home) -> StartFile | None:
    return shell_file.of_shell(home.environ.get("SHELL", ""), home.path, home.programs, home.environ)


def _can_have_line(start: StartFile) -> bool:
    """Is it this user's own file? Another one's is not changed, and az can be set up without."""
    try:
        start.edit().look()
    except OSError:
        return False
    return True


def _first_az(but: Path, environ: Mapping[str, str]) -> str | None:
    """The az that PATH leads to, ours left out."""
    for directory in environ.get("PATH", "").split(os.pathsep):
        found = shutil.which("az", path=directory) if directory else None
        if found and Path(found).absolute() != but and not _is_ours(Path(found)):
            return found
    return None


def _is_first(path: Path, environ: Mapping[str, str]) -> bool:
    """Does PATH lead to our az, or will it as soon as that is there?"""
    for directory in filter(None, environ.get("PATH", "").split(os.pathsep)):
        if Path(directory, "az").absolute() == path:
            return True
        if found := shutil.which("az", path=directory):
            return _is_ours(Path(found))
    return False


def _script(stock: str | None) -> str:
    """It names az's Python, and the az that it stands before only for the case that this Python is gone.

    :param stock: that az; None: there is none.
    """
    python, *words = launcher.command_line(stock)
    installer = os.environ.get("AZ_INSTALLER")  # az's own start script sets it, for az upgrade
    setting = f"export AZ_INSTALLER={shlex.quote(installer)}\n" if installer else ""
    gone = f"the Python that az was enabled with is gone ({python}). Run: az brokerauth tool enable --name az"
    instead = f'exec {shlex.quote(stock)} "$@"\n' if stock else "exit 127\n"
    return (
        f"#!/bin/sh\n{_MARK}\n{setting}"
        f'[ -x {shlex.quote(python)} ] && exec {shlex.quote(python)} {shlex.join(words)} "$@"\n'
        f"printf '%s\\n' {shlex.quote('WARNING: az runs without brokerauth: ' + gone)} >&2\n{instead}"
    )


BRIDGE = Az()
