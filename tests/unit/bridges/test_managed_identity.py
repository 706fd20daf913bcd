"""Managed identity, as App Service answers: what every client in the field can read."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from azext_brokerauth import errors
from azext_brokerauth.bridges.calls import Reply
from azext_brokerauth.bridges.managed_identity import answer
from azext_brokerauth.bridges.silent import Wanted
from azext_brokerauth.errors.rendering import AZ
from azext_brokerauth.models import own
from tests.unit.bridges.granting import CLIENT, ERRORS, KEY, NOW, QUERY, REFUSED, TERMS, VAULT, Giver, get


def asked(query: str = QUERY, **more: object) -> tuple[Reply, list[Wanted]]:
    giver = Giver()
    return answer(get(query, **more), TERMS, giver, now=lambda: NOW), giver.wanted


def test_a_token_is_answered_as_all_clients_read_it() -> None:
    reply, wanted = asked()
    assert json.dumps(dict(reply.body)) == json.dumps(
        {
            "access_token": "the token",
            "client_id": CLIENT,
            "resource": VAULT,
            "token_type": "Bearer",
            "expires_in": "3599",
            "expires_on": str(NOW + 3599),
        }
    )
    assert (reply.status, wanted) == (200, [Wanted(f"{VAULT}/.default")])
    assert "the token" not in repr(reply)


@pytest.mark.parametrize(
    ("resource", "scope"),
    [
        ("https://management.core.windows.net/", "https://management.core.windows.net//.default"),
        ("https%3A%2F%2Fstorage.azure.com", "https://storage.azure.com/.default"),
        ("https://vault.azure.net/.default", "https://vault.azure.net/.default"),
        ("499b84ac-1321-427f-aa17-267ca6975798", "499b84ac-1321-427f-aa17-267ca6975798/.default"),
        ("api://app", "api://app/.default"),
    ],
)
def test_the_audience_is_the_one_that_was_asked_for(resource: str, scope: str) -> None:
    assert asked(f"?api-version=2019-08-01&resource={resource}")[1] == [Wanted(scope)]


@pytest.mark.parametrize("name", ["x-identity-header", "x-ms-identity", "secret"])
def test_the_key_may_come_by_each_of_its_names(name: str) -> None:
    assert asked(headers={name: KEY})[0].status == 200


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"x-identity-header": ""},
        {"x-identity-header": KEY[:-1]},
        {"x-identity-header": KEY + "k"},
        {"x-identity-header": KEY.upper()},
        {"x-identity-header": "\udcff" * 64},
        {"x-identity-header": KEY, "secret": "another"},
        {"authorization": f"Bearer {KEY}"},
        {"x-identity-header ": KEY},
    ],
)
def test_nobody_gets_a_token_without_the_key(headers: dict[str, str]) -> None:
    reply, wanted = asked(headers=headers)
    assert (reply.status, tuple(reply.body), wanted) == (401, REFUSED, [])


@pytest.mark.parametrize(
    "query",
    [
        "",
        "?",
        f"?resource={VAULT}",
        f"?api-version=2018-02-01&resource={VAULT}",
        "?api-version=2019-08-01",
        "?api-version=2019-08-01&resource=",
        "?api-version=2019-08-01&resource=https://a%20https://b",
        "?api-version=2019-08-01&resource=https://a%0d%0aX:b",
        f"{QUERY}&resource=https://graph.microsoft.com",
        f"{QUERY}&client_id=someone-elses",
        f"{QUERY}&clientid=someone-elses",
        f"{QUERY}&mi_res_id=/subscriptions/1",
        f"{QUERY}&object_id=1",
        QUERY + "".join(f"&a{n}=1" for n in range(40)),
    ],
)
def test_what_cannot_be_answered_is_refused_once_and_for_all(query: str) -> None:
    reply, wanted = asked(query)
    assert (reply.status, reply.body["statusCode"], tuple(reply.body), wanted) == (400, 400, REFUSED, [])


def test_what_clients_add_is_ignored() -> None:
    more = f"&client_id={CLIENT.upper()}&xms_cc=cp1&token_sha256_to_refresh=abc"
    assert asked(QUERY + more)[0].status == 200
    assert asked(method="POST")[0].status == 400


@pytest.mark.parametrize("kind", ERRORS, ids=lambda kind: kind.__name__)
def test_a_refusal_says_why_and_what_to_do_and_is_not_tried_again(kind: type[errors.BrokerAuthError]) -> None:
    error = kind("It\nfailed.", remedies=own("login", "--username", "ada@contoso.com"))
    reply = answer(get(), replace(TERMS, host=AZ), Giver(error))
    assert reply.status in (400, 401, 403)
    assert tuple(reply.body) == REFUSED
    assert reply.body["statusCode"] == reply.status
    assert reply.body["message"] == reply.body["error_description"]
    assert str(reply.body["message"]).startswith("It failed. Run: az brokerauth login --username ada@contoso.com")
    assert "\n" not in str(reply.body["message"])


def test_who_must_sign_in_is_told_apart_from_who_may_not() -> None:
    assert answer(get(), TERMS, Giver(errors.NotSignedInError("Nobody."))).status == 401
    assert answer(get(), TERMS, Giver(errors.InteractionRequiredError("A person."))).status == 401
    assert answer(get(), TERMS, Giver(errors.PolicyRefusedError("No."))).status == 403


@pytest.mark.parametrize(
    ("named", "is_given"),
    [
        (VAULT, True),
        (f"{VAULT}/", True),
        ("HTTPS://Vault.Azure.NET", True),
        (f"{VAULT}/.default", True),
        ("https://vault.azure.net.evil", False),
        ("https://azure.net", False),
        ("vault.azure.net", False),
        ("https://graph.microsoft.com", False),
    ],
)
def test_only_the_resources_that_were_named_are_given(named: str, is_given: bool) -> None:
    terms = replace(TERMS, resources=("https://other", named))
    giver = Giver(check=terms.check)
    reply = answer(get(), terms, giver)
    assert (reply.status, bool(giver.wanted)) == ((200, True) if is_given else (403, False))
    if not is_given:
        assert f"--resource https://other {named}" in str(reply.body["message"])


@pytest.mark.parametrize("resource", [f"{VAULT}/user", f"{VAULT}/.default/x", f"{VAULT}/..", "https://other//x"])
def test_a_resource_below_one_that_was_named_is_another(resource: str) -> None:
    terms = replace(TERMS, resources=(VAULT,))
    reply = answer(get(f"?api-version=2019-08-01&resource={resource}"), terms, Giver(check=terms.check))
    assert reply.status == 403
