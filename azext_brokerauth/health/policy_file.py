"""The policy file as a file: can nobody but root have written it?"""

from __future__ import annotations

import os
from dataclasses import dataclass

from azext_brokerauth.health.probe import FileFacts, Probe
from azext_brokerauth.models import Remedies, person, run
from azext_brokerauth.settings import POLICY_FILE

_PATH = os.fspath(POLICY_FILE)
_DIRECTORY = os.fspath(POLICY_FILE.parent)


@dataclass(frozen=True)
class PolicyFile:
    """What the file system says of the policy file.

    :param mode: its permissions; None where there is no such file.
    :param problem: why it cannot be trusted, one line; empty where it can.
    :param remedies: what fixes that.
    """

    mode: int | None = None
    problem: str = ""
    remedies: Remedies = ()


def look(probe: Probe, sudo: tuple[str, ...]) -> PolicyFile:
    """Look at the policy file.

    :param sudo: the first words of a command that only root may run.
    """
    try:
        file, directory = probe.facts(_PATH), probe.facts(_DIRECTORY)
    except OSError as error:
        return PolicyFile(
            problem=f"{_PATH} cannot be looked at: {error.strerror}", remedies=run(*sudo, "ls", "-ld", _PATH)
        )
    if file is None:
        return PolicyFile()
    problem, remedies = _problem(file, directory, sudo)
    return PolicyFile(_permissions(file), problem, remedies)


def _problem(file: FileFacts, directory: FileFacts | None, sudo: tuple[str, ...]) -> tuple[str, Remedies]:
    if directory and (directory.owner != 0 or directory.mode & 0o022):
        text = f"{_DIRECTORY} belongs to user {directory.owner} and has mode {_permissions(directory):o}"
        return f"{text}: users other than root can write to it", _for_root_alone(_DIRECTORY, "755", sudo)
    if not file.is_regular:
        remove = run(*sudo, "rm", "--", _PATH)
        return f"{_PATH} is not a regular file", remove + person(
            "Ask the people who manage this machine to install it again"
        )
    if file.owner != 0:
        return f"{_PATH} belongs to user {file.owner}, not to root", _for_root_alone(_PATH, "644", sudo)
    if file.mode & 0o022:
        text = f"{_PATH} can be written by others (mode {_permissions(file):o})"
        return text, run(*sudo, "chmod", "644", _PATH)
    return "", ()


def _for_root_alone(path: str, mode: str, sudo: tuple[str, ...]) -> Remedies:
    return run(*sudo, "chown", "root:", path) + run(*sudo, "chmod", mode, path)


def _permissions(facts: FileFacts) -> int:
    return facts.mode & 0o777
