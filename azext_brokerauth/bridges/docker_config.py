"""docker's settings: which helper has a registry's credentials."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from azext_brokerauth import files
from azext_brokerauth.bridges import Home, acr
from azext_brokerauth.bridges.edits import Edit
from azext_brokerauth.errors import SettingsError
from azext_brokerauth.models import filled, person

_HELPERS, _LOGINS = "credHelpers", "auths"
_TAB = "\t"
"""With which docker itself indents."""


def edits(home: Home, helper: str) -> list[Edit]:
    """A helper for each registry of ACR's that is named already, by a login or by another helper. There is no wildcard.

    :raises SettingsError: none is named.
    """
    where = path(home)
    try:
        found = _registries(files.read_beyond_links(where))
    except OSError:
        found = []
    except ValueError as error:
        raise SettingsError(
            f"{where} cannot be changed: {error}. Nothing was changed.", remedies=person("Fix that file.")
        ) from error
    if not found:
        raise SettingsError(
            f"{where} names no registry of Azure's yet, and docker knows no pattern for all of them.",
            remedies=filled(person("Add {line} to it."), line=f'"{_HELPERS}": {{"REGISTRY.azurecr.io": "{helper}"}}'),
        )
    return [_edit(where, helper, "\n".join(f"{_HELPERS}.{host} = {helper}" for host in found))]


def leftovers(home: Home, helper: str, recorded: Sequence[Path]) -> list[Edit]:
    """What takes the helper out of these settings, and of those that were changed."""
    return [_edit(where, helper, _HELPERS) for where in dict.fromkeys([path(home), *recorded])]


def path(home: Home) -> Path:
    """docker's settings (https://docs.docker.com/reference/cli/docker/#change-the-docker-directory)."""
    chosen = home.environ.get("DOCKER_CONFIG", "")
    return (Path(chosen).absolute() if chosen else home.path / ".docker") / "config.json"


def _edit(where: Path, helper: str, shown: str) -> Edit:
    def add(content: bytes) -> bytes:
        hosts = _registries(content)

        def change(settings: dict[str, Any]) -> None:
            settings[_HELPERS] = {**settings.get(_HELPERS, {}), **dict.fromkeys(hosts, helper)}

        return _changed(content, change if hosts else lambda _: None)

    def remove(content: bytes) -> bytes:
        if json.dumps(helper).encode() not in content:
            return content  # whatever it is by now

        def change(settings: dict[str, Any]) -> None:
            left = {host: name for host, name in settings.get(_HELPERS, {}).items() if name != helper}
            if left != settings.get(_HELPERS):
                settings[_HELPERS] = left
            if not settings.get(_HELPERS):
                settings.pop(_HELPERS, None)

        return _changed(content, change)

    return Edit(where, add, remove, shown)


def _changed(content: bytes, change: Callable[[dict[str, Any]], None]) -> bytes:
    """The settings, changed, in the form that they had.

    :raises ValueError: they are no settings of docker's.
    """
    before, after = _read(content), _read(content)
    change(after)
    if after == before:
        return content
    text = content.decode()
    space = re.match(r"\s*\{[^\S\n]*\n([ \t]+)", text)
    compact = "\n" not in text.strip()
    indent = None if compact else (space[1] if space else _TAB)
    written = json.dumps(after, indent=indent, ensure_ascii=False)
    end = text[len(text.rstrip()) :]
    return (written + end).encode()


def _registries(content: bytes) -> list[str]:
    """The registries of ACR's that have a login or a helper."""
    settings = _read(content)
    named = [*settings.get(_LOGINS, {}), *settings.get(_HELPERS, {})]
    return sorted({found.host for name in named if (found := acr.registry(name))})


def _read(content: bytes) -> dict[str, Any]:
    """:raises ValueError: it is no settings file of docker's."""
    try:
        settings = json.loads(content.decode() if content.strip() else "{}", object_pairs_hook=_once)
    except (RecursionError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise ValueError("it is no JSON that can be read") from error
    if not isinstance(settings, dict):
        raise ValueError("it is no JSON object")
    for name in (_HELPERS, _LOGINS):
        if not isinstance(settings.get(name, {}), dict):
            raise ValueError(f"its {name} are no JSON object")
    return settings


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(dict(pairs)) != len(pairs):
        raise ValueError("a name stands in it twice")
    return dict(pairs)
