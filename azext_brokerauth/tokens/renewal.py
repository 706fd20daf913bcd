"""When a cached token should be renewed."""

from __future__ import annotations

from enum import Enum

from azext_brokerauth.models import Token

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
    asked_for = token.refresh_on is not None and now >= token.refresh_on
    return Age.ADVISORY if asked_for or left <= ADVISORY else Age.FRESH
