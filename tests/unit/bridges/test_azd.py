"""Azure Developer CLI's external authentication: 200 to whoever knows the key, with all that azd dereferences."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from azext_brokerauth import errors
from azext_brokerauth.bridges.azd import answer
from azext_brokerauth.bridges.calls import Call, Reply, Terms
from azext_brokerauth.bridges.silent import Wanted
from azext_brokerauth.models import own
from tests.unit.bridges.granting import KEY, TERMS, VAULT, Giver

TARGET = "/azd/token?api-version=2023-07-12-preview"
HEADERS = {"authorization": f"Bearer {KEY}", "content-type": "application/json"}
SCOPE = "https://management.azure.com//.default"


def asked(
    body: object, giver: Giver, *, method: str = "POST", target: str = TARGET, terms: Terms = TERMS, **headers: str
) -> Reply:
    sent = body if isinstance(body, bytes) else json.dumps(body).encode()
    return answer(Call(method, target, tuple((HEADERS | headers).items()), sent), terms, giver)


def test_a_token_comes_with_the_time_at_which_it_ends() -> None:
    giver = Giver()
    reply = asked({"scopes": [SCOPE], "tenantId": "Contoso.com"}, giver)
    assert reply.status == 200
    assert reply.body == {"status": "success", "token": "the token", "expiresOn": "2027-01-15T08:59:59Z"}
    assert giver.wanted == [Wanted(SCOPE, "contoso.com")]


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.NotSignedInError("Nobody is signed in.", remedies=own("login")), "NotSignedInError"),
        (errors.InteractionRequiredError("A person is needed.", remedies=own("login")), "NotSignedInError"),
        (errors.BrokerTimeoutError("No answer.", remedies=own("login")), "GetTokenError"),
    ],
)
def test_a_refusal_is_200_with_code_and_message(error: errors.BrokerAuthError, code: str) -> None:
    reply = asked({"scopes": [SCOPE]}, Giver(error))
    message = f"{error.message} Run: brokerauth login"
    assert (reply.status, reply.body) == (200, {"status": "error", "code": code, "message": message})


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"scopes": []},
        {"scopes": SCOPE},
        {"scopes": [1]},
        {"scopes": [SCOPE, f"{VAULT}/.default"]},
        {"scopes": ["a b"]},
        {"scopes": [SCOPE], "tenantId": "../x"},
        {"scopes": [SCOPE], "tenantId": ["x"]},
    ],
)
def test_what_cannot_be_had_is_refused_in_the_same_way(body: object) -> None:
    giver = Giver()
    reply = asked(body, giver)
    assert (reply.status, reply.body["code"], giver.wanted) == (200, "GetTokenError", [])
    assert reply.body["message"]


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"\xff", b"[" * 8000])
def test_what_is_no_request_is_400(body: bytes) -> None:
    assert asked(body, Giver()).status == 400


def test_what_azd_does_not_send_is_refused() -> None:
    body = {"scopes": [SCOPE]}
    assert asked(body, Giver(), method="GET").status == 400
    assert asked(body, Giver(), target="/azd/token").status == 400
    assert asked(body, Giver(), **{"content-type": "text/plain"}).status == 400


@pytest.mark.parametrize("key", ["", "Bearer", f"Bearer {KEY[:-1]}", f"Bearer Bearer {KEY}"])
def test_nobody_gets_a_token_without_the_key(key: str) -> None:
    giver = Giver()
    assert (asked({"scopes": [SCOPE]}, giver, authorization=key).status, giver.wanted) == (401, [])


@pytest.mark.parametrize(
    ("scope", "is_given"),
    [
        (SCOPE, True),
        ("https://management.azure.com/user_impersonation", True),
        (f"{VAULT}/.default", False),
        ("openid", False),
    ],
)
def test_only_the_resources_that_were_named_are_given(scope: str, is_given: bool) -> None:
    terms = replace(TERMS, resources=("https://management.azure.com",))
    giver = Giver(check=terms.check)
    reply = asked({"scopes": [scope]}, giver, terms=terms)
    assert (reply.body["status"], bool(giver.wanted)) == (("success", True) if is_given else ("error", False))
