"""kubelogin's entries in kubeconfig files: their command is exchanged, and nothing else of the file.

A YAML parser says where the command stands, and only these characters are replaced, so that comments, order and quotes
stay. What the parser reads afterwards must be the same but for the commands, or nothing is written.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import yaml

from azext_brokerauth import files
from azext_brokerauth.bridges import Home, kubelogin
from azext_brokerauth.bridges.edits import Edit
from azext_brokerauth.bridges.start_script import found_as
from azext_brokerauth.errors import SettingsError
from azext_brokerauth.models import run

_PLAIN = re.compile(r"[A-Za-z0-9/_.-]+")
_QUOTED = ("'", '"')
"""The styles of a scalar that stands on one line, beside the plain one."""


def edits(home: Home, program: str) -> list[Edit]:
    """The change of each kubeconfig file that has an entry of kubelogin's, or one that is ours by now.

    :param program: takes kubelogin's place.
    :raises SettingsError: there is no such entry.
    """
    looked_at = paths(home)
    found = [(path, names) for path in looked_at if (names := _names(path, program))]
    if not found:
        raise SettingsError(
            f"No user in {' or '.join(map(str, looked_at))} signs in with kubelogin as a person.",
            remedies=run(
                *("az", "aks", "get-credentials", "--resource-group", "GROUP", "--name", "CLUSTER"),
                text="To add a cluster,",
            ),
        )
    command = found_as(home, program)
    return [
        _edit(path, program, command, "\n".join(f"command: {command} (user {name})" for name in names))
        for path, names in found
    ]


def leftovers(home: Home, program: str, recorded: Sequence[Path]) -> list[Edit]:
    """What takes our command out of each of these files, and of those that were changed."""
    return [_edit(path, program, program, f"command: {program}") for path in dict.fromkeys([*paths(home), *recorded])]


def paths(home: Home) -> list[Path]:
    """kubectl's configuration files
    (https://kubernetes.io/docs/concepts/configuration/organize-cluster-access-kubeconfig)."""
    named = [part for part in home.environ.get("KUBECONFIG", "").split(os.pathsep) if part]
    return [Path(part).absolute() for part in dict.fromkeys(named)] or [home.path / ".kube/config"]


def _edit(path: Path, program: str, command: str, shown: str) -> Edit:
    def add(content: bytes) -> bytes:
        return _with(content, command, _is_kubelogins)

    def remove(content: bytes) -> bytes:
        if program.encode() not in content:
            return content  # whatever it is by now
        return _with(content, kubelogin.NAME, lambda entry: _base(entry) == program)

    return Edit(path, add, remove, shown)


def _names(path: Path, program: str) -> list[str]:
    """The users whose entries are kubelogin's or ours; of a file that is no kubeconfig, none."""
    try:
        text = files.read_beyond_links(path).decode()
        entries = [(name, entry) for name, entry, _ in _entries(text)]
    except (OSError, ValueError, yaml.YAMLError, RecursionError):
        return []
    return list(dict.fromkeys(name for name, entry in entries if _is_kubelogins(entry) or _base(entry) == program))


def _with(content: bytes, command: str, is_meant: Callable[[dict[str, Any]], bool]) -> bytes:
    """The file with another command in some entries.

    :raises ValueError: it is no kubeconfig, or it cannot be changed without touching something else.
    """
    try:
        text = content.decode()
        places = {node.start_mark.index: node for _, entry, node in _entries(text) if is_meant(entry)}
        expected = yaml.safe_load(text)
        for entry in _execs(expected):
            if is_meant(entry):
                entry["command"] = command
        for start, node in sorted(places.items(), reverse=True):
            text = text[:start] + _written(command, node.style) + text[node.end_mark.index :]
        if yaml.safe_load(text) != expected:
            raise ValueError("its entries share parts in a way that brokerauth does not know")
    except UnicodeDecodeError as error:
        raise ValueError("it is no text") from error
    except yaml.YAMLError as error:
        raise ValueError("it is no YAML that can be read") from error
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    return text.encode()


def _written(command: str, style: str | None) -> str:
    """The command as a scalar of this style."""
    if style == "'":
        return "'" + command.replace("'", "''") + "'"
    return command if style is None and _PLAIN.fullmatch(command) else json.dumps(command)


def _entries(text: str) -> Iterator[tuple[str, dict[str, Any], yaml.ScalarNode]]:
    """Each user that starts a program: name, what is set for it, and where its command stands."""
    read, users = yaml.safe_load(text), _child(yaml.compose(text, yaml.SafeLoader), "users")
    if not isinstance(users, yaml.SequenceNode):
        return
    for user, node in zip(read["users"], users.value, strict=True):
        command = _child(_child(_child(node, "user"), "exec"), "command")
        if isinstance(command, yaml.ScalarNode) and command.style in (None, *_QUOTED):
            yield str(user.get("name", "")), user["user"]["exec"], command


def _execs(read: Any) -> Iterator[dict[str, Any]]:
    users = read.get("users") if isinstance(read, dict) else None
    for user in users if isinstance(users, list) else ():
        entry = user.get("user") if isinstance(user, dict) else None
        if isinstance(entry, dict) and isinstance(entry.get("exec"), dict):
            yield entry["exec"]


def _child(node: yaml.Node | None, name: str) -> yaml.Node | None:
    """What a mapping has by this name; of what counts twice, the last, as in YAML's readers."""
    found = None
    for key, value in node.value if isinstance(node, yaml.MappingNode) else ():
        if isinstance(key, yaml.ScalarNode) and key.value == name:
            found = value
    return found


def _base(entry: dict[str, Any]) -> str:
    """The name of an entry's program, whichever way its path is written."""
    return re.split(r"[\\/]", str(entry.get("command", "")))[-1]


def _is_kubelogins(entry: dict[str, Any]) -> bool:
    """Does Azure's kubelogin sign in a person here, as we can too? Another program of that name has other arguments."""
    arguments, variables = entry.get("args") or [], entry.get("env") or []
    if not isinstance(arguments, list) or not isinstance(variables, list):
        return False
    words = [word for word in arguments if isinstance(word, str)]
    environ = {str(one.get("name")): str(one.get("value")) for one in variables if isinstance(one, dict)}
    given = kubelogin.options(words)
    return (
        _base(entry).lower().removesuffix(".exe") == kubelogin.NAME
        and words[:1] == ["get-token"]
        and "--server-id" in given
        and kubelogin.login(given, environ) in kubelogin.PEOPLE
        and not kubelogin.wants_pop(given)
        and not kubelogin.is_set(given, "--legacy")
    )
