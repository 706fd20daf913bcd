"""When a cached token should be renewed."""

from __future__ import annotations

from enum import Enum

from azext_brokerauth.models import Token
from azext_brokerauth.redaction import redact
from azext_brokerauth.speaker import Logger

_LOGGER = Logger(__name__)

ADVISORY = 600
"""Seconds before expiry from which one caller renews the token while the others go on with it."""
MANDATORY = 300
"""Seconds before expiry from which every caller waits for a new one. MSAL and azure-core count a token with less left
as expired (``ClientApplication._acquire_token_silent_from_cache_and_possibly_refresh_it``)."""
RETRY = 30
"""Seconds for which a renewal that failed is not tried again, as long as the token is valid
(azure-core's ``BearerTokenCredentialPolicy`` does the same)."""


class Age(Enum):
    """How urgently a token wants to be renewed."""

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
    return Age.FRESH if now < fresh_until(token) else Age.ADVISORY


def fresh_until(token: Token) -> int:
    """Epoch seconds until which nothing is to be done about a token."""
    latest = token.expires_on - ADVISORY
    return latest if token.refresh_on is None else min(latest, token.refresh_on)


def warn_of(failure: BaseException) -> None:
    """Say why a token is not renewed that is still good."""
    _LOGGER.warning("The token could not be renewed. The old one is still valid and is used: %s", redact(str(failure)))
