"""Whether a sign-in that the broker failed goes on without it: only where that was chosen, and never silently."""

from __future__ import annotations

from azext_brokerauth.errors import BrokerAuthError
from azext_brokerauth.errors.lookup import only_the_device_counts
from azext_brokerauth.settings import NO_FALLBACK

_WAYS = {"browser": "a browser", "device-code": "a device code"}


def warning(chosen: str, error: BrokerAuthError) -> str:
    """What to tell a person before signing in without the broker.

    :param chosen: the setting ``fallback``.
    :param error: why the broker gave no token.
    :raises BrokerAuthError: the error itself, where the fallback was not chosen or does not apply; and where no browser
        can overcome it, with a sentence that says so.
    """
    if chosen == NO_FALLBACK or not error.fallback_may_follow:
        raise error
    if only_the_device_counts(error):
        raise type(error)(
            f"{error.message} A browser or a device code cannot prove the device either, so the fallback was not used.",
            remedies=error.remedies,
            diagnostics=error.diagnostics,
        ) from error
    way = _WAYS[chosen]
    why = str(error).removesuffix(".")
    return f"The broker gave no token: {why}. Signing in with {way} instead: the token will NOT be device-bound."
