"""The launcher as the `az` that is found first in PATH, and as a program to run once."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from pathlib import Path
from typing import Any

from knack.log import get_logger
from knack.prompting import prompt_y_n

from azext_brokerauth import errors, files, settings, sign_in
from azext_brokerauth.azcli import launcher, start_file
from azext_brokerauth.azcli.start_file import StartFile
from azext_brokerauth.bridges import execution
from azext_brokerauth.errors.rendering import AZ
from azext_brokerauth.models import own, person

_LOGGER = get_logger(__name__)

_MARK = "# Made by: az brokerauth enable-az. Removed by: az brokerauth disable-az."
_DIRECTORY = "~/.local/bin"


def enable_az(directory: str | None = None, yes: bool = False) -> dict[str, Any]:
    """Put an ``az`` into a directory of PATH that runs the launcher, and see that new terminals find it first.

    :param yes: add the line to the shell's start file without asking.
    """
    # Not only under WSL: an image for it is made elsewhere, and the launcher looks where it is each time.
    _check_allowed("enable-az", settings.load())
    path = _path(directory)
    if os.path.lexists(path) and not _is_ours(path):
        raise errors.InvalidInputError(
            f"{path} exists and was not made by this command. Nothing was changed.",
            remedies=own("enable-az", "--directory", "DIRECTORY", text="To put it into another directory,"),
        )
    stock = _first_az(path)
    try:
        with files.Directory(path.parent, make=True) as into:
            into.replace(path.name, _script(stock).encode(), 0o755)
    except OSError as error:
        raise errors.SettingsError(
            f"{path} cannot be written: {error.strerror}.", remedies=person("Name another directory.")
        ) from error
    return {
        "path": str(path),
        "python": sys.executable,
        "extension": launcher.EXTENSION,
        "insteadOf": stock,
        "startFile": _have_it_found(path, yes),
    }


def _have_it_found(path: Path, yes: bool) -> str | None:
    """See that a new terminal finds our az first, as far as the person wants it.

    :returns: the start file that has the line for it; None where none has.
    """
    found = shutil.which("az")
    is_first = found is not None and _is_ours(Path(found))
    start = start_file.of_shell(os.environ.get("SHELL", ""), path.parent, os.environ)
    if start is None:
        if not is_first:
            _LOGGER.warning(
                "New terminals find %s first. Put %s first in PATH, in the file that your shell reads when it starts.",
                found or "no az at all",
                path.parent,
            )
        return None
    try:
        if not start.is_there():
            if is_first or not (yes or _agreed(start)):
                if not is_first:
                    _tell_to_add(start)
                return None
            start.add()
        if not is_first:
            _LOGGER.warning("New terminals run %s. In this one, run once: %s", path, start.statement)
        return str(start.path)
    except OSError as error:
        if not is_first:
            _LOGGER.warning("%s was not changed: %s.", start.path, error.strerror)
            _tell_to_add(start)
        return None


def _agreed(start: StartFile) -> bool:
    """Ask, where there is somebody to ask and the question is no part of the output."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        return False
    question = f"For new terminals to find this az first, {start.path} needs one line:\n  {start.statement}\nAdd it?"
    return bool(prompt_y_n(question))


def _tell_to_add(start: StartFile) -> None:
    _LOGGER.warning(
        "New terminals still run the other az. Add this line to %s, or run az brokerauth enable-az --yes: %s",
        start.path,
        start.statement,
    )


def disable_az(directory: str | None = None) -> dict[str, Any]:
    """Remove the ``az`` that :func:`enable_az` made, and the line in the shell's start file."""
    path = _path(directory)
    if not os.path.lexists(path):
        return {"path": str(path), "removed": False, "startFiles": _take_lines_back(path)}
    if not _is_ours(path):
        raise errors.InvalidInputError(f"{path} was not made by az brokerauth enable-az. Nothing was changed.")
    try:
        with files.Directory(path.parent) as where:
            where.remove(path.name)
    except OSError as error:
        raise errors.SettingsError(f"{path} cannot be removed: {error.strerror}.") from error
    return {"path": str(path), "removed": True, "startFiles": _take_lines_back(path)}


def _take_lines_back(path: Path) -> list[str]:
    """The start files from which our line was taken."""
    changed = []
    for start in start_file.of_all_shells(path.parent, os.environ):
        try:
            if start.remove():
                changed.append(str(start.path))
        except OSError as error:
            _LOGGER.debug("%s was not looked at: %s", start.path, error.strerror)
    return changed


def execute(
    arguments: list[str],
    resources: list[str] | None = None,
    containers: bool = False,
    container_address: str | None = None,
) -> None:
    """Become the command; az itself as the launcher, which asks the broker without a listener."""
    options = execution.options(resources, containers, container_address)
    typed = execution.as_typed(arguments)
    if typed[:1] != ["az"]:
        execution.become(typed, options, AZ)
    _check_allowed("exec", sign_in.in_force())
    if options != execution.Options():
        raise errors.InvalidInputError(
            "exec -- az gets its tokens without a listener, so it has no use for --resource and --containers.",
            remedies=person("Leave them out."),
        )
    sys.stdout.flush()
    os.execv(sys.executable, [*launcher.command_line(), *typed[1:]])  # noqa: S606


def _check_allowed(command: str, chosen: settings.Settings) -> None:
    """Raise if the launcher must not be used: both commands lead to it, and so one setting is for both.

    :raises BrokerOffError: it is named.
    """
    if not chosen.allow_exec:
        raise errors.BrokerOffError(f"{command} is switched off: {chosen.origin('allow_exec')} is false.")


def _path(directory: str | None) -> Path:
    return Path(directory or _DIRECTORY).expanduser().absolute() / "az"


def _is_ours(path: Path) -> bool:
    try:
        return _MARK.encode() in files.read_beyond_links(path)[:200]
    except OSError:
        return False


def _first_az(but: Path) -> str | None:
    """The az that PATH leads to, ours left out."""
    for directory in os.environ.get("PATH", "").split(os.pathsep):
        found = shutil.which("az", path=directory) if directory else None
        if found and Path(found).absolute() != but and not _is_ours(Path(found)):
            return found
    return None


def _script(stock: str | None) -> str:
    """It names az's Python, and the az that it stands before only for the case that this Python is gone.

    :param stock: that az; None: there is none.
    """
    python, *words = launcher.command_line(stock)
    installer = os.environ.get("AZ_INSTALLER")  # az's own start script sets it, for az upgrade
    setting = f"export AZ_INSTALLER={shlex.quote(installer)}\n" if installer else ""
    gone = f"the Python that az was enabled with is gone ({python}). Run: az brokerauth enable-az"
    instead = f'exec {shlex.quote(stock)} "$@"\n' if stock else "exit 127\n"
    return (
        f"#!/bin/sh\n{_MARK}\n{setting}"
        f'[ -x {shlex.quote(python)} ] && exec {shlex.quote(python)} {shlex.join(words)} "$@"\n'
        f"printf '%s\\n' {shlex.quote('WARNING: az runs without brokerauth: ' + gone)} >&2\n{instead}"
    )
