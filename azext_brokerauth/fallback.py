"""Whether a sign-in that the broker failed goes on without it: only where that was chosen, and never silently."""

from __future__ import annotations

from azext_brokerauth import errors

CHOICES = ("none", "browser", "device-code")
NONE = "none"

_FOLLOWED = (
    errors.BrokerNotReadyError,
    errors.BrokerFailedError,
    errors.BrokerTimeoutError,
    errors.SignInRefusedError,
)
_NOT_FOLLOWED = (errors.SignInCanceledError, errors.WrongAccountError)
"""What the person did or chose is no failure of the broker."""


def warning(chosen: str, error: errors.BrokerAuthError) -> str:
    """What to tell a person before signing in without the broker.

    :param chosen: one of :data:`CHOICES`.
    :param error: why the broker gave no token.
    :raises BrokerAuthError: the error itself, where the fallback was not chosen or does not apply; and where no browser
        can overcome it, with a sentence that says so.
    """
    if chosen == NONE or not isinstance(error, _FOLLOWED) or isinstance(error, _NOT_FOLLOWED):
        raise error
    if errors.only_the_device_counts(error):
        raise type(error)(
            f"{error.message} A browser or device code cannot prove the device either, so --fallback was not followed.",
            remedy=error.remedy,
            diagnostics=error.diagnostics,
        ) from error
    way = "a browser" if chosen == "browser" else "a device code"
    return f"The broker gave no token: {error} Signing in with {way} instead: the token will NOT be device-bound."
