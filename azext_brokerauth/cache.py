"""Access tokens in memory, and when each of them should be renewed."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from enum import Enum

from azext_brokerauth.broker.messages import Account, App

ADVISORY = 600
"""Seconds before expiry from which one caller renews the token while the others go on with it."""
MANDATORY = 300
"""Seconds before expiry from which every caller waits for a new one. MSAL and azure-core count a token with less left
as expired (``ClientApplication._acquire_token_silent_from_cache_and_possibly_refresh_it``)."""
RETRY = 30
"""Seconds for which a renewal that failed is not tried again, as long as the token is valid
(azure-core's ``BearerTokenCredentialPolicy`` does the same)."""


@dataclass(frozen=True)
class Token:
    """An access token. It is a bearer token: issued to this device, and usable by whoever holds it.

    :param value: the token itself; never shown in ``repr``.
    :param expires_on: epoch seconds.
    :param refresh_on: epoch seconds from which the issuer wants it renewed; None when it did not say.
    :param source: who gave it: ``broker``, or for a fallback ``browser`` or ``device-code``.
    :param tenant: the tenant that issued it.
    """

    value: str = field(repr=False)
    expires_on: int
    token_type: str
    source: str
    tenant: str
    account: Account
    refresh_on: int | None = None


@dataclass(frozen=True)
class Key:
    """What a cached token was asked for.

    :param account: home account ID or username; empty for the account that Windows is signed in with.
    """

    app: App
    scopes: frozenset[str]
    account: str


class Age(Enum):
    FRESH = "fresh"
    ADVISORY = "advisory"
    MANDATORY = "mandatory"
    EXPIRED = "expired"


def age(token: Token, now: float) -> Age:
    """How urgently a token wants to be renewed.

    :param now: epoch seconds.
    """
    left = token.expires_on - now
    if left <= 0:
        return Age.EXPIRED
    if left <= MANDATORY:
        return Age.MANDATORY
    asked_for = token.refresh_on is not None and now >= token.refresh_on
    return Age.ADVISORY if asked_for or left <= ADVISORY else Age.FRESH


class MemoryCache:
    """Tokens of this process; safe for threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._tokens: dict[Key, Token] = {}

    def get(self, key: Key, now: float) -> Token | None:
        with self._lock:
            token = self._tokens.get(key)
        return token if token and age(token, now) is not Age.EXPIRED else None

    def put(self, key: Key, token: Token, now: float) -> None:
        with self._lock:
            for old in [k for k, t in self._tokens.items() if age(t, now) is Age.EXPIRED]:
                del self._tokens[old]
            self._tokens[key] = token

    def clear(self) -> None:
        with self._lock:
            self._tokens.clear()
