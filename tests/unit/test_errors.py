"""MSAL's descriptions, read back into errors that say what to do."""

import pytest

from azext_brokerauth import errors

# Texts as the native runtime gave them.
INTERACTION = "Status: Response_Status.Status_InteractionRequired, Error code: 0, Tag: 529117665"
GARBAGE = "responseJson is empty. Status: Response_Status.Status_Unexpected, Error code: 0, Tag: 507316096"
DECLINED = (
    "Token response failed because declined scopes are present:'(pii)'. "
    "Status: Response_Status.Status_ApiContractViolation, Error code: 0, Tag: 593794722"
)
REDIRECT = "(pii). Status: Response_Status.Status_ApiContractViolation, Error code: 3399614473, Tag: 557973642"


@pytest.mark.parametrize(
    ("description", "kind"),
    [
        (INTERACTION, errors.InteractionRequiredError),
        (GARBAGE, errors.BrokerFailedError),
        (DECLINED, errors.SignInRefusedError),
        (REDIRECT, errors.SignInRefusedError),
        ("Status: Response_Status.Status_UserCanceled, Error code: 0, Tag: 1", errors.SignInCanceledError),
        ("Status: Response_Status.Status_AccountNotFound, Error code: 0, Tag: 1", errors.AccountUnknownError),
        ("AADSTS53003: blocked. Status: Response_Status.Status_InteractionRequired, Error code: 1, Tag: 1",
         errors.SignInRefusedError),
    ],
)  # fmt: skip
def test_a_status_or_code_becomes_the_error_it_means(description, kind):
    error = errors.from_msal(description)
    assert type(error) is kind
    assert error.remedy
    assert description in str(error)


def test_everything_that_support_will_ask_for_is_kept():
    found = errors.from_msal(
        "AADSTS53000: Device is not compliant. Trace ID: x Correlation ID: 0e0ac1de-0000-4000-8000-000000000001 "
        "Timestamp: 2026. Status: Response_Status.Status_ApiContractViolation, Error code: -5, Tag: 42"
    ).diagnostics
    assert (found.status, found.error_code, found.tag, found.aadsts) == ("ApiContractViolation", -5, 42, (53000,))
    assert found.correlation_id == "0e0ac1de-0000-4000-8000-000000000001"


def test_an_unknown_refusal_passes_through_with_all_that_msal_said():
    error = errors.from_msal("AADSTS99999: something new.")
    assert type(error) is errors.SignInRefusedError
    assert "AADSTS99999: something new." in str(error)


def test_a_correlation_id_told_apart_from_the_text_is_shown():
    error = errors.from_msal("no more than this", correlation_id="0e0ac1de-0000-4000-8000-000000000002")
    assert "0e0ac1de-0000-4000-8000-000000000002" in str(error)
