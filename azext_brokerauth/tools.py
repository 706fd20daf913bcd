"""``tool``: which other tools get their tokens from here; one is set up, and taken back."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

from knack.log import get_logger

from azext_brokerauth import bridges, errors, output, settings, tool_log
from azext_brokerauth.bridges import Bridge, Home
from azext_brokerauth.bridges.edits import Edit, Record
from azext_brokerauth.custom import confirmed
from azext_brokerauth.errors.rendering import in_words
from azext_brokerauth.models import person
from azext_brokerauth.printable import printable
from azext_brokerauth.settings import Settings
from azext_brokerauth.sign_in import HOST

_LOGGER = get_logger(__name__)

_PROGRAMS = "~/.local/bin"


def list_tools() -> list[dict[str, Any]]:
    """Every tool, and how far it is set up."""
    chosen, home = settings.load(), _home(None)
    return [_facts(bridges.load(name), chosen, home) for name in bridges.TOOLS]


def enable_tool(name: str, directory: str | None = None, yes: bool = False) -> dict[str, Any]:
    """Set a tool up.

    :param directory: where a program of ours is put; None: the usual one.
    :param yes: do not ask.
    :raises BrokerOffError: a setting keeps tokens from it.
    :raises InvalidInputError: there is no such tool, it cannot be set up here, or there is nobody to ask.
    """
    bridge, home = _bridge(name), _home(directory)
    if why := bridge.why_not(settings.load()):
        raise errors.BrokerOffError(f"{name} cannot be set up: {why}.")
    edits = bridge.edits(home)
    missing = [edit for edit in edits if not edit.is_made()]
    if missing and not yes and not _agreed(name, missing):
        _LOGGER.warning("Nothing was changed.")
        return {"name": name, "changed": []}
    changed = Record(settings.config_directory(), name).make(edits)
    if not _is_installed(bridge):
        _LOGGER.warning("%s is set up, but is not installed: no %s in PATH.", name, " or ".join(bridge.programs))
    for note in bridge.notes(home):
        _LOGGER.warning("%s", note)
    return {"name": name, "changed": [{"path": str(edit.path), "change": edit.shown} for edit in changed]}


def disable_tool(name: str, directory: str | None = None) -> dict[str, Any]:
    """Take back what was done to set a tool up.

    :param directory: where a program of ours was put; None: the usual one.
    :raises InvalidInputError: there is no such tool.
    """
    bridge, home = _bridge(name), _home(directory)
    record = Record(settings.config_directory(), name)
    changed = record.take_back(bridge.leftovers(home, record.paths()))
    left = record.paths()
    for path in left:
        _LOGGER.warning("%s was changed by somebody else since and is left as it is: look through it.", path)
    return {"name": name, "changed": [str(path) for path in changed], "left": [str(path) for path in left]}


def log_of_tools() -> list[dict[str, Any]]:
    """Which program asked for which token, when, and whether it was given.

    :raises SettingsError: the log cannot be read.
    """
    chosen = settings.load()
    if not chosen.tool_log:
        how = in_words(settings.change(chosen, "tool_log", "true"), HOST.words)
        _LOGGER.warning("Nothing is written in the log now: %s is false. %s", _named(chosen), how)
    try:
        entries, damaged = tool_log.read()
    except OSError as error:
        where = error.filename if os.path.isabs(str(error.filename)) else tool_log.PLACE
        raise errors.SettingsError(
            f"The log of tools cannot be read, and nothing is written in it: {where}: {error.strerror}.",
            remedies=person("Remove what is there."),
        ) from error
    if damaged:
        _LOGGER.warning("Lines of the log that are damaged were left out: %d.", damaged)
    return output.log_facts(entries)


def _named(chosen: Settings) -> str:
    origin = chosen.origin("tool_log")
    return "the setting tool_log" if origin == "default" else origin


def _bridge(name: str) -> Bridge:
    if name in bridges.TOOLS:
        return bridges.load(name)
    import difflib  # no command that goes well needs it

    near = difflib.get_close_matches(name.lower(), bridges.TOOLS, 1)
    raise errors.InvalidInputError(
        f"There is no tool {name!r} here.",
        remedies=person(f"Did you mean {near[0]}?" if near else f"Name one of these: {', '.join(bridges.TOOLS)}."),
    )


def _home(directory: str | None) -> Home:
    programs = Path(directory or _PROGRAMS).expanduser().absolute()
    return Home(Path(os.path.expanduser("~")), os.environ, programs)


def _agreed(name: str, missing: list[Edit]) -> bool:
    lines = [f"This is changed so that {name} gets its tokens here:"]
    for edit in missing:
        lines += [f"  {edit.path}", *(f"    {line}" for line in edit.shown.splitlines())]
    question = printable("\n".join([*lines, "Change it?"]), lines=True)
    return confirmed(question, "tool enable asks before it changes anything", "Add --yes to change it without asking.")


def _facts(bridge: Bridge, chosen: Settings, home: Home) -> dict[str, Any]:
    is_set_up, problem = _state(bridge, home)
    return {
        "name": bridge.name,
        "serves": bridge.serves,
        "isInstalled": _is_installed(bridge) if bridge.programs else None,
        "setUp": is_set_up,
        "isAllowed": not bridge.why_not(chosen),
        "problem": problem,
    }


def _state(bridge: Bridge, home: Home) -> tuple[str, str | None]:
    """Whether it is set up (yes, partly, no), and why it cannot be."""
    try:
        edits = bridge.edits(home)
    except errors.BrokerAuthError as error:
        return _still(bridge, home), str(error)
    # Where nothing has to be changed, there is nothing missing.
    if all(edit.is_made() for edit in edits):
        return "yes", None
    return ("partly" if any(edit.is_made() or edit.is_begun() for edit in edits) else "no"), None


def _still(bridge: Bridge, home: Home) -> str:
    """How much is left of what was set up before it could not be any more."""
    record = Record(settings.config_directory(), bridge.name)
    try:
        standing = record.standing(bridge.leftovers(home, record.paths()))
    except errors.BrokerAuthError:
        standing = record.standing([])
    return "no" if not any(standing) else "yes" if all(standing) else "partly"


def _is_installed(bridge: Bridge) -> bool:
    return not bridge.programs or any(map(shutil.which, bridge.programs))
