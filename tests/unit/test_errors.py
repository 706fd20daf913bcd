"""MSAL's descriptions, read back into errors that say what to do."""

import importlib.util
import re
from pathlib import Path

import pytest

from azext_brokerauth import errors
from tests.unit.error_page import PAGE, page

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


STATUSES = {
    *("Unexpected", "Reserved", "InteractionRequired", "NoNetwork", "NetworkTemporarilyUnavailable"),
    *("ServerTemporarilyUnavailable", "ApiContractViolation", "UserCanceled", "ApplicationCanceled"),
    *("IncorrectConfiguration", "InsufficientBuffer", "AuthorityUntrusted", "UserSwitch", "AccountUnusable"),
    *("UserDataRemovalRequired", "KeyNotFound", "AccountNotFound", "TransientError", "AccountSwitch"),
    *("RequiredBrokerMissing", "DeviceNotRegistered", "FallbackToNativeMsal"),
}
NUMBERS = {
    *(50005, 50011, 50020, 50034, 50057, 50058, 50072, 50074, 50076, 50079, 50105, 50126, 50128, 50158, 50173, 50196),
    *(53000, 53001, 53002, 53003, 53004, 530003, 530004, 530084, 65001, 65004, 70043, 70044, 90072),
    *(700016, 700082, 7000218, 9002313),
}
CODES = {3399614467, 3399614473, 3399614476, 3399942148}
TAGS = {495490195, 507316096, 507897694, 508909194, 525678464, 540940121, 544564044, 557973642, 593794722}
ALL = {
    **{f"Response_Status.Status_{name}": a for name, a in errors.STATUS_ADVICE.items()},
    **{f"AADSTS{number}": a for number, a in errors.AADSTS_ADVICE.items()},
    **{f"code {code}": a for code, a in errors.CODE_ADVICE.items()},
    **{f"tag {tag}": a for tag, a in errors.TAG_ADVICE.items()},
}


def test_the_codes_that_people_meet_are_all_known():
    assert set(errors.STATUS_ADVICE) >= STATUSES
    assert set(errors.AADSTS_ADVICE) >= NUMBERS
    assert set(errors.CODE_ADVICE) >= CODES
    assert set(errors.TAG_ADVICE) >= TAGS


def test_the_runtime_has_no_status_without_an_entry():
    runtime = importlib.util.find_spec("pymsalruntime")
    assert runtime is not None
    assert runtime.origin is not None
    public = Path(runtime.origin).with_name("PyMsalRuntime.pyi").read_text()
    assert set(re.findall(r"^    Status_(\w+): int", public, re.MULTILINE)) == set(errors.STATUS_ADVICE)


@pytest.mark.parametrize("code", sorted(ALL))
def test_an_entry_says_what_happened_what_to_do_and_how_that_is_known(code):
    advice = ALL[code]
    assert advice.remedy
    assert advice.source.startswith(("https://", "PyMsalRuntime.pyi", "seen with"))
    assert advice.cause.endswith(".")
    assert len(re.findall(r"\.(?: [A-Z]|$)", advice.cause)) <= 2, "at most two sentences"


@pytest.mark.parametrize("code", sorted(ALL))
def test_an_entry_becomes_the_error_that_it_describes(code):
    status, number, tag, said = "Reserved", 0, 1, ""
    name, _, value = code.partition(" ")
    if name == "code":
        number = int(value)
    elif name == "tag":
        tag = int(value)
    elif name.startswith("AADSTS"):
        said = f"{name}: something."
    else:
        status = name.removeprefix("Response_Status.Status_")
    error = errors.from_msal(f"{said} Status: Response_Status.Status_{status}, Error code: {number}, Tag: {tag}")
    assert type(error) is ALL[code].error
    assert error.message.startswith(ALL[code].cause)
    assert error.remedy
    assert "{" not in error.remedy


def test_a_decision_of_the_administrator_is_told_as_such():
    assert "your administrator's decision" in str(errors.from_msal("AADSTS53003: blocked."))
    assert "administrator" not in str(errors.from_msal("AADSTS50126: wrong password."))


def test_a_missing_consent_names_the_address_where_it_is_given():
    error = errors.from_msal("AADSTS65001: no consent.", consent_url="https://login.example/t/adminconsent?client_id=c")
    assert error.remedy.endswith(" https://login.example/t/adminconsent?client_id=c")


@pytest.mark.parametrize("number", [50005, 53000, 53001, 53003, 530003])
def test_a_policy_about_the_device_is_one_that_no_browser_can_meet(number):
    assert errors.only_the_device_counts(errors.from_msal(f"AADSTS{number}: no."))
    assert not errors.only_the_device_counts(errors.from_msal("AADSTS50105: no."))


def test_the_page_of_errors_says_what_the_program_says():
    assert PAGE.read_text(encoding="utf-8") == page(), "run: python -m tests.unit.error_page"
