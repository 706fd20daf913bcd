"""Containers: where they reach the listener, and the files by which they find it."""

from __future__ import annotations

import contextlib
import ipaddress
import os
import shutil
import socket
import struct
import tempfile
from collections.abc import Mapping
from pathlib import Path

from azext_brokerauth import files
from azext_brokerauth.bridges import managed_identity
from azext_brokerauth.errors import BrokerNotReadyError, InvalidInputError
from azext_brokerauth.models import person

_BRIDGES = ("docker0", "podman0", "cni-podman0")
_GET_ADDRESS = 0x8915
"""SIOCGIFADDR (netdevice(7))."""
_DEVOPS = "499b84ac-1321-427f-aa17-267ca6975798"
ENV_FILE = "container.env"
_HELPERS = {"ado-auth-helper": _DEVOPS, "azure-auth-helper": ""}
"""The programs that Microsoft's dev-container feature artifacts-helper looks for
(https://github.com/microsoft/codespace-features/tree/main/src/artifacts-helper), and what each gets a token for; empty:
what it is told."""
_HELPER = r"""#!/bin/sh
# Made by: brokerauth exec --containers. Prints a token from the listener of that command, for as long as it runs.
set -f
endpoint='{endpoint}' key='{key}' scope='{scope}'
if [ "$1" != get-access-token ] || [ -z "${{scope:=$2}}" ]; then
    echo "usage: ${{0##*/}} get-access-token{argument}" >&2
    exit 2
fi
resource=${{scope%/.default}}
case $resource in
*[!A-Za-z0-9._:/-]*)
    echo "${{0##*/}}: $scope is not a scope" >&2
    exit 2
    ;;
esac
target="$endpoint?api-version={version}&resource=$resource"
# The key is in no command line: others could read it there.
if command -v curl >/dev/null; then
    answer=$(printf 'header = "X-IDENTITY-HEADER: %s"\n' "$key" | curl -q -sS --noproxy '*' --config - "$target")
elif command -v bash >/dev/null; then
    answer=$(printf '%s\n' "$key" | bash -c '
        read -r key; host=${{1#http://}} host=${{host%%/*}}
        exec 3<>"/dev/tcp/${{host%:*}}/${{host#*:}}" || exit
        printf "GET /%s HTTP/1.1\r\nHost: %s\r\nX-IDENTITY-HEADER: %s\r\n\r\n" "${{1#http://*/}}" "$host" "$key" >&3
        cat <&3' bash "$target")
else
    echo "${{0##*/}}: curl or bash is needed" >&2
    exit 1
fi
token=$(printf '%s' "$answer" | sed -n 's/.*"access_token": "\([^"]*\)".*/\1/p')
if [ -z "$token" ]; then
    printf '%s' "$answer" | sed -n 's/.*"message": "\(.*\)", "error": .*/\1/p' >&2
    exit 1
fi
printf '%s\n' "$token"
"""


def address_for(words: list[str], named: str = "") -> str:
    """The address of this machine at which containers reach it.

    :param words: the command; one of podman is asked for its bridge first.
    :param named: the address that the person wants instead.
    :raises InvalidInputError: that cannot be one.
    :raises BrokerNotReadyError: there is no bridge.
    """
    if named:
        try:
            address = ipaddress.IPv4Address(named)
        except ValueError:
            address = ipaddress.IPv4Address(0)
        if not address.is_private or address.is_unspecified:
            raise InvalidInputError(
                f"--container-address cannot be {named!r}.",
                remedies=person("Name the one private IPv4 address at which containers reach this machine."),
            )
        return str(address)
    podman = any(os.path.basename(word) == "podman" for word in words[:1])
    for bridge in sorted(_BRIDGES, key=lambda bridge: podman and "podman" not in bridge):
        with contextlib.suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asked:
            from fcntl import ioctl  # not on Windows

            answer = ioctl(asked, _GET_ADDRESS, struct.pack("256s", bridge.encode()))
            return socket.inet_ntoa(answer[20:24])
    raise BrokerNotReadyError(
        f"There is no bridge of containers on this machine: none of {', '.join(_BRIDGES)} has an address.",
        remedies=person(
            "Start docker, or name the address at which containers reach this machine, with --container-address."
        ),
    )


def private_directory() -> Path:
    """A new directory that only this user can look into, in memory where the session has a place for that."""
    runtime = os.environ.get("XDG_RUNTIME_DIR", "")
    usable = os.path.isabs(runtime) and os.access(runtime, os.W_OK | os.X_OK)
    return Path(tempfile.mkdtemp(prefix="brokerauth-", dir=runtime if usable else None))


def fill(directory: Path, url: str, key: str, variables: Mapping[str, str]) -> None:
    """Put in the variables for ``--env-file``, and the helpers of dev containers.

    :param url: the listener's.
    :param variables: in whose values is nothing that has to be quoted.
    """
    with files.Directory(directory, owner=files.this_user(), alone=True) as into:
        into.replace(ENV_FILE, "".join(f"{name}={value}\n" for name, value in variables.items()).encode())
        for name, scope in _HELPERS.items():
            program = _HELPER.format(
                endpoint=url + managed_identity.PATH,
                key=key,
                scope=scope,
                argument="" if scope else " SCOPE",
                version=managed_identity.VERSION,
            )
            into.replace(name, program.encode(), 0o700)


def remove(directory: Path) -> None:
    """Remove it with all that is in it."""
    shutil.rmtree(directory, ignore_errors=True)
