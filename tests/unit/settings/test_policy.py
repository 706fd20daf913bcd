"""What an enforced setting does to a request and to an answer."""

from dataclasses import replace

import pytest

from azext_brokerauth.errors import SignInRefusedError, WrongAccountError
from azext_brokerauth.errors.rendering import PLAIN, in_words
from azext_brokerauth.models import Account, Token, TokenRequest, own
from azext_brokerauth.settings import Settings, policy

OURS, OTHER = "c0000000-0000-4000-8000-000000000001", "f0000000-0000-4000-8000-000000000002"
FILE = "/etc/brokerauth/config"
ENFORCING = Settings(
    tenant_id=OURS,
    origins=tuple((name, f"brokerauth.{name} in {FILE}") for name in ("tenant_id", "client_id", "authority")),
    enforced=frozenset({"tenant_id", "client_id", "authority"}),
)
REQUEST = TokenRequest(("https://vault.azure.net/.default",), ENFORCING.target)
ACCOUNT = Account("ada@contoso.com", "a.c", "a", OURS, ENFORCING.client_id, ENFORCING.authority)
TOKEN = Token("value", 1, "Bearer", "broker", OURS, ACCOUNT)

ELSEWHERE = {
    "another tenant": {"tenant": OTHER},
    "another tenant in upper case": {"tenant": OTHER.upper()},
    "a domain, which cannot be compared": {"tenant": "contoso.com"},
    "common": {"tenant": "common"},
    "organizations": {"tenant": "organizations"},
    "consumers": {"tenant": "consumers"},
    "another application": {"client_id": "c1000000-0000-4000-8000-0000000000c1"},
    "another cloud": {"authority": "login.microsoftonline.us"},
}


@pytest.mark.parametrize("what", ELSEWHERE)
def test_a_request_elsewhere_is_refused_and_the_file_is_named(what):
    request = replace(REQUEST, target=replace(REQUEST.target, **ELSEWHERE[what]))
    with pytest.raises(SignInRefusedError, match=FILE) as caught:
        policy.check_request(ENFORCING, request)
    assert "No token was given." in str(caught.value)
    assert "brokerauth list-settings" in in_words(caught.value.remedies, PLAIN)
    assert not policy.allows(ENFORCING, request.target)


@pytest.mark.parametrize("tenant", [OURS, OURS.upper()])
def test_a_request_as_enforced_passes_in_any_case(tenant):
    target = replace(REQUEST.target, tenant=tenant)
    policy.check_request(ENFORCING, replace(REQUEST, target=target))
    assert policy.allows(ENFORCING, target)


@pytest.mark.parametrize("what", ELSEWHERE)
def test_what_is_not_enforced_is_nobodys_business(what):
    request = replace(REQUEST, target=replace(REQUEST.target, **ELSEWHERE[what]))
    policy.check_request(replace(ENFORCING, enforced=frozenset()), request)


def test_a_token_of_another_tenant_is_refused_and_the_file_is_named():
    policy.check_answer(ENFORCING, TOKEN)
    with pytest.raises(SignInRefusedError, match=FILE):
        policy.check_answer(ENFORCING, replace(TOKEN, tenant=OTHER))


PERSON = Settings(
    login_hint="Ada@contoso.com",
    origins=(("login_hint", f"brokerauth.login_hint in {FILE}"),),
    enforced=frozenset({"login_hint"}),
)


@pytest.mark.parametrize("name", ["grace@contoso.com", "ada@contoso.com.evil.example", "ada", ""])
def test_a_token_of_another_account_is_refused_whoever_was_asked_for(name):
    token = replace(TOKEN, account=replace(ACCOUNT, username=name))
    with pytest.raises(WrongAccountError, match=FILE) as caught:
        policy.check_answer(PERSON, token)
    assert "brokerauth login --username Ada@contoso.com" in in_words(caught.value.remedies, PLAIN)
    policy.check_answer(replace(PERSON, enforced=frozenset()), token)


@pytest.mark.parametrize("name", ["ada@contoso.com", "ADA@CONTOSO.COM"])
def test_the_enforced_account_is_the_same_in_any_case(name):
    policy.check_answer(PERSON, replace(TOKEN, account=replace(ACCOUNT, username=name)))
    policy.check_request(PERSON, replace(REQUEST, whose=name))


@pytest.mark.parametrize("whose", ["grace@contoso.com", replace(ACCOUNT, username="grace@contoso.com")])
def test_a_request_for_another_account_is_refused_and_the_file_is_named(whose):
    with pytest.raises(SignInRefusedError, match=FILE):
        policy.check_request(PERSON, replace(REQUEST, whose=whose))
    policy.check_request(PERSON, REQUEST)  # nobody is named: the enforced one is asked for


@pytest.mark.parametrize("what", ELSEWHERE)
def test_no_sign_in_without_the_broker_makes_up_for_what_the_policy_refused(what):
    request = replace(REQUEST, target=replace(REQUEST.target, **ELSEWHERE[what]))
    with pytest.raises(SignInRefusedError) as caught:
        policy.check_request(ENFORCING, request)
    assert not caught.value.fallback_may_follow


def test_whoever_signed_in_before_the_policy_came_is_told_to_sign_in_again():
    again = own("login", "--username", "ada")
    with pytest.raises(SignInRefusedError, match="The tenant of ada's sign-in is") as caught:
        policy.check_target(ENFORCING, replace(ENFORCING.target, tenant=OTHER), "of ada's sign-in", again)
    assert in_words(caught.value.remedies, PLAIN) == "Run: brokerauth login --username ada"


def test_equal_values_under_different_policies_are_different_settings():
    free = replace(ENFORCING, enforced=frozenset())
    assert free != ENFORCING
    assert len({free, ENFORCING}) == 2
    assert replace(ENFORCING, origins=()) != ENFORCING


def test_settings_cannot_be_changed_on_their_way():
    with pytest.raises(AttributeError):
        ENFORCING.tenant_id = OTHER
    with pytest.raises(TypeError):
        ENFORCING.origins[0] = ("tenant_id", "elsewhere")
