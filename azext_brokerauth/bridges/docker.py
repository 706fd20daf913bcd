"""docker, and what else reads its settings: the credential helper for Azure Container Registry.

The protocol: https://github.com/docker/docker-credential-helpers. podman, buildah, skopeo, helm, oras and crane start
the same helper.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from azext_brokerauth.bridges import Bridge, Home
from azext_brokerauth.bridges.program import run

if TYPE_CHECKING:
    from pathlib import Path

    from azext_brokerauth.bridges.edits import Edit

NAME = "brokerauth"
"""Of the helper, as docker's settings name it."""
PROGRAM = f"docker-credential-{NAME}"
NOT_FOUND = "credentials not found in native keychain"
"""What every helper says of a server that it has nothing for (docker-credential-helpers, ``credentials/error.go``)."""

_LONGEST = 1 << 16
"""Characters of the longest request that is read."""


def main() -> int:
    """Answer once.

    :returns: the exit code.
    """
    # The tools show what a helper says on standard output. docker itself shows nothing of it, and goes on without a
    # credential: there a person reads standard error.
    return run(PROGRAM, lambda: answer(sys.argv[1:], sys.stdin.read, sys.stdout.write, _credential), sys.stdout.write)


def answer(
    arguments: Sequence[str],
    read: Callable[[int], str],
    write: Callable[[str], object],
    credential: Callable[[str], tuple[str, str] | None],
) -> int:
    """Do what one of the helper's commands says.

    :param read: reads what is asked about, up to so many characters.
    :param write: gets the answer.
    :param credential: gives user name and secret for a server; None where it is not one of ours.
    :returns: the exit code.
    :raises ~azext_brokerauth.errors.BrokerAuthError: it is one of ours, and there is no credential.
    """
    match list(arguments):
        case ["get"]:
            said = read(_LONGEST + 1)
            server = said.strip() if len(said) <= _LONGEST else ""  # half of a name may be another one's
            found = credential(server)
            if found is None:
                write(f"{NOT_FOUND}\n")
                return 1
            write(json.dumps({"ServerURL": server, "Username": found[0], "Secret": found[1]}) + "\n")
        case ["store"]:
            return _store(read(_LONGEST), write)
        case ["erase"]:
            read(_LONGEST)  # nothing was stored
        case ["list"]:
            write("{}\n")
        case _:
            write(f"Usage: {PROGRAM} <store|get|erase|list>\n")
            return 1
    return 0


def _store(request: str, write: Callable[[str], object]) -> int:
    """Keep nothing. For a registry of ours that is no loss: it gets a new credential each time. For another one,
    somebody believes that a password is kept: they are told."""
    from azext_brokerauth.bridges import acr

    try:
        server = json.loads(request)["ServerURL"]
    except (ValueError, KeyError, TypeError, RecursionError):
        server = ""
    if isinstance(server, str) and acr.registry(server):
        return 0
    write("brokerauth keeps no passwords: it gives credentials for Azure Container Registry alone\n")
    return 1


def _credential(server: str) -> tuple[str, str] | None:
    # docker asks for every server that it knows, and most are others': for these, next to nothing is loaded.
    if ".azurecr." not in server.lower():
        return None
    from azext_brokerauth.bridges import acr
    from azext_brokerauth.bridges.silent import Source

    registry = acr.registry(server)
    if registry is None:
        return None
    with Source(BRIDGE.name, environ=os.environ) as source:
        return acr.USER, acr.credential(registry, source.token)


class Docker(Bridge):
    """docker, podman, skopeo, helm and their like, for Azure Container Registry."""

    name = "docker"
    serves = "images in Azure Container Registry, without az acr login"
    programs = ("docker", "podman", "buildah", "skopeo", "helm", "oras", "crane")

    def edits(self, home: Home) -> list[Edit]:
        """Our helper for each registry that docker's settings name.

        :raises ~azext_brokerauth.errors.SettingsError: they name none.
        """
        # What docker starts needs nothing of these.
        from azext_brokerauth.bridges import docker_config, start_script

        return [*docker_config.edits(home, NAME), *start_script.edits(home, PROGRAM, self.name)]

    def leftovers(self, home: Home, recorded: Sequence[Path]) -> list[Edit]:
        """Our helper wherever it is named."""
        from azext_brokerauth.bridges import docker_config, start_script

        scripts, others = start_script.leftovers(home, PROGRAM, recorded)
        return [*docker_config.leftovers(home, NAME, others), *scripts]

    def notes(self, home: Home) -> list[str]:
        """How another registry is added, and how docker finds the helper."""
        from azext_brokerauth.bridges import docker_config, start_script

        told = [f"For another registry, add a line below credHelpers in {docker_config.path(home)}."]
        if not start_script.is_found(home, PROGRAM):
            told.append(f"docker finds its helper by PATH: add {home.programs} to it.")
        return told


BRIDGE = Docker()
