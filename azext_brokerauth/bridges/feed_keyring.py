"""A backend of ``keyring``, from which pip, uv, twine and poetry get tokens for Azure Artifacts.

Every program that uses keyring loads it, whatever for: all that gets a token is loaded when a feed's host was named.
"""

from __future__ import annotations

import contextlib
import os
import sys
import time
from typing import ClassVar

from keyring.backend import KeyringBackend
from keyring.credentials import SimpleCredential

from azext_brokerauth.bridges.feeds import USERNAME, feed_url

_FAILS_FOR = 60.0
"""Seconds for which the same is not tried again: pip asks with the URL, then with the host, and a broker that hangs is
waited for once."""


class BrokerKeyring(KeyringBackend):
    """Gives tokens for feeds, keeps nothing, and has nothing for anybody else."""

    priority = 9.95
    """Before ``artifacts-keyring`` (9.9), behind the one that asks all (10)."""
    failed: ClassVar[dict[str, float]] = {}
    """When, on the clock of ``time.monotonic``, there was no token for a URL or for any of its host."""

    def get_credential(self, service: str, username: str | None) -> SimpleCredential | None:
        """A user name and a token for a feed; None for everything else, and where there is no token.

        :param service: a feed's URL or host.
        :param username: one with an @ is that of an account, whose token it is to be; any other is given back.
        """
        url = feed_url(service)
        if not url or time.monotonic() - self.failed.get(url, -_FAILS_FOR) < _FAILS_FOR:
            return None
        token = _token(url, username or "")
        return SimpleCredential(username or USERNAME, token) if token else None

    def get_password(self, service: str, username: str | None) -> str | None:
        """As :meth:`get_credential`, the token alone."""
        credential = self.get_credential(service, username)
        return credential.password if credential else None

    def set_password(self, service: str, username: str, password: str) -> None:
        """:raises NotImplementedError: so that keyring goes on to the next backend."""
        raise NotImplementedError

    def delete_password(self, service: str, username: str) -> None:
        """:raises NotImplementedError: so that keyring goes on to the next backend."""
        raise NotImplementedError


def _token(url: str, username: str) -> str | None:
    try:
        from azext_brokerauth.bridges.feed_tokens import accepted
        from azext_brokerauth.bridges.silent import Source

        with Source("pip", asker=os.getpid) as source:
            return accepted(source, url, username if "@" in username else "").value
    except Exception as error:  # noqa: BLE001  (a backend that raises keeps the tool from all others)
        if not BrokerKeyring.failed:  # one line is enough
            _say(error)
        host = "/".join(url.split("/")[:3])
        BrokerKeyring.failed |= dict.fromkeys((url, host), time.monotonic())
    return None


def _say(error: Exception) -> None:
    with contextlib.suppress(Exception):  # nobody reads it, or what is installed is damaged
        from azext_brokerauth.bridges.program import in_a_line

        sys.stderr.write(f"brokerauth: {in_a_line(error)}\n")
