"""cargo: the program that it starts for a token, and the line in its settings that names it.

The two talk in version 1 of cargo's protocol
(https://doc.rust-lang.org/cargo/reference/credential-provider-protocol.html): one JSON object a line.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from azext_brokerauth.bridges import MARGIN, Bridge, Home
from azext_brokerauth.bridges.feeds import feed_url

if TYPE_CHECKING:
    from azext_brokerauth.bridges.edits import Edit

_FLAG = "--cargo-plugin"
_VERSION = 1

Get = Callable[[str, "list[str]"], "tuple[str, int]"]
"""Gives a token and its expiry, in epoch seconds, for a feed's URL and the headers with which it refused."""


def main() -> int:
    """Answer cargo's requests, until it has no more.

    :returns: the exit code.
    """
    if _FLAG not in sys.argv[1:]:
        sys.stderr.write(
            "cargo starts this program by itself. To set it up, run: brokerauth tool enable --name cargo\n"
        )
        return 2
    from azext_brokerauth.bridges.program import run

    return run("brokerauth", _serve)


def _serve() -> int:
    serve(sys.stdin, _write, _token)
    return 0


def serve(lines: Iterable[str], say: Callable[[str], None], get: Get) -> None:
    """The whole conversation.

    :param lines: cargo's, one request each.
    :param say: writes one line.
    """
    say(json.dumps({"v": [_VERSION]}))
    for line in lines:
        say(json.dumps(_reply(line, get)))


def _reply(line: str, get: Get) -> dict[str, Any]:
    try:
        request = json.loads(line)
        kind, version, registry = request["kind"], request["v"], request["registry"]
        url = feed_url(registry["index-url"].removeprefix("sparse+"))
        headers = [str(header) for header in registry.get("headers", ())]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return _error("other", "brokerauth does not understand this request of cargo's.")
    if version != _VERSION:
        return _error("other", f"brokerauth does not know version {version} of cargo's protocol.")
    if not url:
        return _error("url-not-supported")
    if kind != "get":
        return _error("operation-not-supported")
    try:
        token, expires_on = get(url, headers)
    except Exception as error:  # noqa: BLE001  (cargo shows what it is told, and nothing of a traceback)
        return _failure(error)
    return {
        "Ok": {
            "kind": "get",
            "token": f"Bearer {token}",
            "cache": "expires",
            "expiration": expires_on - MARGIN,
            "operation_independent": True,
        }
    }


def _failure(error: Exception) -> dict[str, Any]:
    from azext_brokerauth.bridges.program import in_a_line
    from azext_brokerauth.errors import BrokerOffError
    from azext_brokerauth.terminal.streams import say

    told = f"brokerauth: {in_a_line(error)}"
    if isinstance(error, BrokerOffError):
        # cargo asks the next provider, and keeps this one's reason to itself.
        say(f"{told}\n")
        return _error("url-not-supported")
    return _error("other", told)


def _error(kind: str, message: str = "") -> dict[str, Any]:
    told = {"message": message, "caused-by": []} if message else {}
    return {"Err": {"kind": kind, **told}}


def _token(url: str, headers: list[str]) -> tuple[str, int]:
    from azext_brokerauth.bridges.feed_tokens import accepted
    from azext_brokerauth.bridges.organisations import tenant_named
    from azext_brokerauth.bridges.silent import Source

    with Source(BRIDGE.name) as source:
        # Of an index, this is the one file that every registry has.
        token = accepted(source, f"{url.rstrip('/')}/config.json", tenant=tenant_named(headers))
    return token.value, token.expires_on


def _write(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


class Cargo(Bridge):
    """cargo, for feeds of Azure Artifacts. All other registries are left to the providers that it had."""

    name = "cargo"
    serves = "packages in Azure Artifacts"
    programs = ("cargo",)

    def edits(self, home: Home) -> list[Edit]:
        """Our program on the list of those that cargo asks.

        :raises ~azext_brokerauth.errors.SettingsError: cargo could not start it.
        """
        # What cargo starts needs nothing of these.
        from azext_brokerauth.bridges import cargo_config, start_script

        scripts = start_script.edits(home, cargo_config.PROGRAM, self.name)
        return [cargo_config.edit(_settings(home), start_script.found_as(home, cargo_config.PROGRAM)), *scripts]

    def leftovers(self, home: Home, recorded: Sequence[Path]) -> list[Edit]:
        """Our program wherever it is named."""
        from azext_brokerauth.bridges import cargo_config, start_script

        scripts, others = start_script.leftovers(home, cargo_config.PROGRAM, recorded)
        settings = dict.fromkeys([_settings(home), *others])
        return [*(cargo_config.edit(path, cargo_config.PROGRAM) for path in settings), *scripts]


def _settings(home: Home) -> Path:
    """The file with cargo's settings: of two, it reads the one with the old name
    (https://doc.rust-lang.org/cargo/reference/config.html)."""
    directory = Path(home.environ.get("CARGO_HOME") or home.path / ".cargo")
    old = directory / "config"
    return old if old.exists() else directory / "config.toml"


BRIDGE = Cargo()
