"""MSAL's descriptions and the troubles of the broker's process, read back into errors that say what to do."""

import pytest

from azext_brokerauth import errors
from azext_brokerauth.errors.aadsts import AADSTS
from azext_brokerauth.errors.codes import CODES
from azext_brokerauth.errors.lookup import from_msal, from_trouble, only_the_device_counts
from azext_brokerauth.errors.rendering import AZ, CREDENTIAL, in_words
from azext_brokerauth.errors.statuses import STATUSES
from azext_brokerauth.errors.tags import TAGS
from azext_brokerauth.errors.troubles import TROUBLES, Trouble
from azext_brokerauth.models import Target

# Texts as the native runtime gave them.
INTERACTION = "Status: Response_Status.Status_InteractionRequired, Error code: 0, Tag: 529117665"
GARBAGE = "responseJson is empty. Status: Response_Status.Status_Unexpected, Error code: 0, Tag: 507316096"
DECLINED = (
    "Token response failed because declined scopes are present:'(pii)'. "
    "Status: Response_Status.Status_ApiContractViolation, Error code: 0, Tag: 593794722"
)
REDIRECT = "(pii). Status: Response_Status.Status_ApiContractViolation, Error code: 3399614473, Tag: 557973642"
CLIENT, TENANT = "c0ffee00-0000-4000-8000-000000000000", "7e400000-0000-4000-8000-000000000000"
TARGET = Target(CLIENT, "login.microsoftonline.com", TENANT)
ALL = {
    **{f"AADSTS{number}": row for number, row in AADSTS.items()},
    **{f"code {code}": row for code, row in CODES.items()},
    **{f"tag {tag}": row for tag, row in TAGS.items()},
    **{f"status {name}": row for name, row in STATUSES.items()},
}


def described(*, said="", status="Reserved", code=0, tag=1):
    return f"{said} Status: Response_Status.Status_{status}, Error code: {code}, Tag: {tag}"


@pytest.mark.parametrize(
    ("description", "kind"),
    [
        (INTERACTION, errors.InteractionRequiredError),
        (GARBAGE, errors.BrokerFailedError),
        (DECLINED, errors.SignInRefusedError),
        (REDIRECT, errors.SignInRefusedError),
        (described(status="UserCanceled"), errors.SignInCanceledError),
        (described(status="AccountNotFound"), errors.AccountUnknownError),
        (described(tag=544564044), errors.KeyringMissingError),
        (described(said="AADSTS53003: blocked.", status="InteractionRequired", code=1), errors.SignInRefusedError),
    ],
)
def test_a_status_or_code_becomes_the_error_it_means(description, kind):
    error = from_msal(description)
    assert type(error) is kind
    assert error.remedies
    assert description in str(error)


@pytest.mark.parametrize("name", sorted(ALL))
def test_each_row_is_found_and_becomes_the_error_that_it_describes(name):
    kind, _, value = name.partition(" ")
    given = {kind: int(value) if value.isdecimal() else value} if value else {"said": f"{kind}: something."}
    error = from_msal(described(**given), target=TARGET)
    assert type(error) is ALL[name].error
    assert error.message.startswith(ALL[name].cause)
    assert [(remedy.by, remedy.text, remedy.words) for remedy in ALL[name].remedies] == [
        (remedy.by, remedy.text, remedy.words) for remedy in error.remedies
    ][: len(ALL[name].remedies)]


def test_what_entra_says_counts_before_code_before_tag_before_status():
    everything = {"code": 0xCAA70004, "tag": 540940121, "status": "NoNetwork"}
    causes = (AADSTS[50034], CODES[0xCAA70004], TAGS[540940121], STATUSES["NoNetwork"])
    told = (
        described(said="AADSTS50034: nobody. AADSTS53003: blocked.", **everything),
        described(**everything),
        described(**everything | {"code": 5}),
        described(**everything | {"code": 5, "tag": 5}),
    )
    for description, row in zip(told, causes, strict=True):
        assert from_msal(description).message.startswith(row.cause)
    assert from_msal(described(said="AADSTS99999: new. AADSTS53003: no.")).message.startswith(AADSTS[53003].cause)


def test_everything_that_support_will_ask_for_is_kept():
    found = from_msal(
        "AADSTS53000: Device is not compliant. Trace ID: x Correlation ID: 0e0ac1de-0000-4000-8000-000000000001 "
        "Timestamp: 2026. Status: Response_Status.Status_ApiContractViolation, Error code: -5, Tag: 42"
    ).diagnostics
    assert (found.status, found.error_code, found.tag, found.aadsts) == ("ApiContractViolation", -5, 42, (53000,))
    assert found.correlation_id == "0e0ac1de-0000-4000-8000-000000000001"


def test_an_unknown_refusal_passes_through_with_all_that_was_said_and_by_whom():
    error = from_msal("AADSTS99999: something new.", speaker="Microsoft Entra")
    assert type(error) is errors.SignInRefusedError
    assert str(error) == "Microsoft Entra refused the request. Microsoft Entra said: AADSTS99999: something new."


def test_a_correlation_id_told_apart_from_the_text_is_shown():
    error = from_msal("no more than this", correlation_id="0e0ac1de-0000-4000-8000-000000000002")
    assert "0e0ac1de-0000-4000-8000-000000000002" in str(error)


def test_a_decision_of_the_administrator_is_told_as_such():
    assert "your administrator's decision" in str(from_msal("AADSTS53003: blocked."))
    assert "administrator" not in str(from_msal("AADSTS50126: wrong password."))


@pytest.mark.parametrize("host", [AZ, CREDENTIAL], ids=["az", "credential"])
def test_a_missing_consent_names_the_address_where_it_is_given(host):
    error = from_msal("AADSTS65001: no consent.", target=Target("c", "login.example", "t"))
    assert in_words(error.remedies, host).endswith(" https://login.example/t/adminconsent?client_id=c")


@pytest.mark.parametrize(
    ("authority", "portal"),
    [
        ("login.microsoftonline.com", "https://portal.azure.com,"),
        ("login.microsoftonline.us", "https://portal.azure.us,"),
        ("login.chinacloudapi.cn", "https://portal.azure.cn,"),
        ("login.example", "https://portal.azure.com,"),
    ],
)
def test_an_app_registration_is_changed_in_the_portal_of_its_cloud(authority, portal):
    for description in (REDIRECT, "AADSTS50011: redirect.", "AADSTS7000218: secret."):
        said = in_words(from_msal(description, target=Target(CLIENT, authority, TENANT)).remedies, AZ)
        assert f"In the app registration ({portal} App registrations)" in said
        assert f"ms-appx-web://Microsoft.AAD.BrokerPlugin/{CLIENT}" in said


def test_what_somebody_chose_as_their_tenant_is_no_template():
    error = from_msal("AADSTS65001: {client_id}", target=Target("{--tenant}", "login.example", "{0}"))
    assert in_words(error.remedies, AZ).endswith("https://login.example/{0}/adminconsent?client_id={--tenant}")
    assert "{client_id}" in str(error)


@pytest.mark.parametrize("number", [50005, 53000, 53001, 53002, 53003, 530003, 530004, 530084])
def test_a_policy_about_the_device_is_one_that_no_browser_can_meet(number):
    assert only_the_device_counts(from_msal(f"AADSTS{number}: no."))
    assert only_the_device_counts(from_msal(f"AADSTS50105: no. AADSTS{number}: no."))


def test_another_refusal_may_be_met_by_a_browser():
    assert not only_the_device_counts(from_msal("AADSTS50105: no."))
    assert not only_the_device_counts(from_msal("AADSTS99999: new."))
    assert not only_the_device_counts(from_msal(INTERACTION))


@pytest.mark.parametrize(
    ("trouble", "kind", "check"),
    [
        (Trouble.NO_ACCOUNT, errors.AccountUnknownError, None),
        (Trouble.RUNTIME_MISSING, errors.BrokerNotReadyError, "pymsalruntime"),
        (Trouble.LIBRARY_MISSING, errors.BrokerNotReadyError, "libraries"),
        (Trouble.NO_MEMORY, errors.BrokerNotReadyError, ""),
        (Trouble.NO_BROKER, errors.BrokerNotReadyError, "wsl-version, interop or proxy"),
        (Trouble.NOT_THE_BROKER, errors.SignInRefusedError, None),
        (Trouble.AUTHORITY, errors.SignInRefusedError, None),
        (Trouble.NETWORK, errors.SignInRefusedError, None),
        (Trouble.REDIRECT_URI, errors.SignInRefusedError, None),
        (Trouble.NONSENSE, errors.BrokerFailedError, None),
    ],
)
def test_a_trouble_becomes_the_error_it_means(trouble, kind, check):
    error = from_trouble(trouble, "something was said", "", TARGET)
    assert type(error) is kind
    assert getattr(error, "check", None) == check
    assert error.message.startswith(TROUBLES[trouble].cause.partition("{text}")[0])
    assert str(error).count("something was said") == (trouble is not Trouble.NO_ACCOUNT)
    assert ("MSAL reported" in str(error)) is (TROUBLES[trouble].quotes and "{text}" not in TROUBLES[trouble].cause)


def test_a_refusal_is_explained_by_its_codes_and_by_who_refused():
    error = from_trouble(Trouble.REFUSED, "AADSTS65001: no.", "0e0ac1de", TARGET, "Microsoft Entra")
    assert str(error) == (
        f"{AADSTS[65001].cause} That is your administrator's decision. Microsoft Entra said: AADSTS65001: no."
        " (correlation ID 0e0ac1de)"
    )
    assert f"{TENANT}/adminconsent?client_id={CLIENT}" in in_words(error.remedies, AZ)
    assert "The broker said" in str(from_trouble(Trouble.REFUSED, "AADSTS50034: no.", "", TARGET))


def test_too_little_memory_is_not_taken_for_a_missing_package():
    text = "libwebkit2gtk-4.1.so.0: failed to map segment from shared object"
    error = from_trouble(Trouble.LIBRARY_MISSING, text, "", TARGET)
    assert str(error) == (
        f"There is not enough memory to load Microsoft's runtime (pymsalruntime): {text}. The cause is on this machine."
    )
    assert ".wslconfig" in in_words(error.remedies, AZ)
    assert "apt-get" not in in_words(error.remedies, AZ)


def test_only_a_library_that_cannot_be_loaded_tells_of_memory():
    error = from_trouble(Trouble.NETWORK, "failed to map segment", "", TARGET)
    assert error.message.startswith(TROUBLES[Trouble.NETWORK].cause.partition("{text}")[0])


def test_a_missing_library_is_named_and_its_packages_are_installed():
    error = from_trouble(Trouble.LIBRARY_MISSING, "libfido2.so.1: cannot open shared object file.", "", TARGET)
    assert "cannot be loaded: libfido2.so.1: cannot open shared object file. The" in str(error)
    assert "run: sudo apt-get install libwebkit2gtk-4.1-0 libfido2-1" in in_words(error.remedies, AZ)


def test_a_missing_redirect_uri_is_told_as_entra_tells_it():
    error = from_trouble(Trouble.REDIRECT_URI, "MSAL needs it", "", TARGET)
    assert error.message == AADSTS[50011].cause
    assert f"BrokerPlugin/{CLIENT} (WSL and Windows)" in in_words(error.remedies, AZ)
