"""When a sign-in goes on without the broker, and what the person is told."""

from __future__ import annotations

import pytest

from azext_brokerauth import errors
from azext_brokerauth.errors.lookup import from_msal
from azext_brokerauth.models import own
from azext_brokerauth.tokens.fallback import warning

FAILED = errors.BrokerFailedError("The broker is ill.")


@pytest.mark.parametrize(("chosen", "way"), [("browser", "a browser"), ("device-code", "a device code")])
def test_it_is_said_that_the_token_is_not_the_devices(chosen: str, way: str) -> None:
    assert warning(chosen, FAILED) == (
        f"The broker gave no token: The broker is ill. Signing in with {way} instead: the token will NOT be"
        " device-bound."
    )


def test_without_the_choice_the_error_stays_what_it_is() -> None:
    with pytest.raises(errors.BrokerFailedError) as caught:
        warning("none", FAILED)
    assert caught.value is FAILED


@pytest.mark.parametrize(
    "decision",
    [
        errors.SignInCanceledError("The window was closed."),
        errors.WrongAccountError("Somebody else was chosen."),
        errors.BrokerOffError("This is native Linux, not WSL."),
        errors.ClosedError("Closed."),
    ],
    ids=lambda error: type(error).__name__,
)
def test_what_is_no_failure_of_the_broker_is_not_made_up_for(decision: errors.BrokerAuthError) -> None:
    with pytest.raises(type(decision)) as caught:
        warning("browser", decision)
    assert caught.value is decision


def test_a_policy_about_the_device_is_not_met_by_a_browser_and_that_is_said() -> None:
    refusal = from_msal("AADSTS53003: blocked. Correlation ID: 0e0ac1de-0000-4000-8000-000000000001")
    with pytest.raises(errors.SignInRefusedError, match="A browser or a device code cannot prove the device") as caught:
        warning("browser", refusal)
    assert refusal.message in caught.value.message
    assert (caught.value.remedies, caught.value.diagnostics) == (refusal.remedies, refusal.diagnostics)
    assert caught.value.__cause__ is refusal


def test_a_refusal_for_another_reason_may_be() -> None:
    refused = errors.SignInRefusedError("Refused.", remedies=own("login"))
    assert "Refused." in warning("browser", refused)
