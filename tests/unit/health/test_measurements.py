"""measure: what is asked, what is told of it, and that nobody could be known by it."""

from __future__ import annotations

import json
from dataclasses import replace

from azext_brokerauth import errors, output
from azext_brokerauth.errors.lookup import from_msal
from azext_brokerauth.health.facts import Facts
from azext_brokerauth.health.measurements import measure
from azext_brokerauth.health.probe import Ran
from azext_brokerauth.models import Account, Token
from tests.tokens import encoded

TENANT, PERSON = "c0000000-0000-4000-8000-000000000001", "a0000000-0000-4000-8000-0000000000a1"
DEVICE = "d0000000-0000-4000-8000-0000000000d1"
ADA = Account(
    *("ada@contoso.com", f"{PERSON}.{TENANT}", PERSON, TENANT),
    *("04b07795-8ddb-461a-bbee-02f9e1bf7b46", "login.microsoftonline.com"),
)
CLAIMS = {
    **{"upn": "ada@contoso.com", "oid": PERSON, "tid": TENANT, "deviceid": DEVICE, "iat": 1_000, "xms_cc": ["CP1"]},
    **{"scp": "user_impersonation https://contoso.com/x", "amr": ["pwd", "mfa"]},
}
NEVER = object()


class FakeTokens:
    """What asks the broker: the answers in their order, the last one again and again."""

    def __init__(self, *answers: Token | Exception) -> None:
        self.answers, self.asked, self.closed = list(answers), [], False

    def get(self, request, prompt, timeout):
        assert prompt is NEVER
        self.asked.append(request)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    def close(self):
        self.closed = True


TOKEN = Token(encoded(CLAIMS), 5_000, "Bearer", "broker", TENANT, ADA)


def told(probe, tokens, guest_tenant=""):
    ticks = iter(range(100))
    made = measure(
        Facts(probe, list), ADA, guest_tenant, output.token_facts, lambda *_: (tokens, NEVER), lambda: next(ticks)
    )
    assert tokens.closed
    return made


def test_it_tells_how_long_a_token_took_how_long_it_lives_and_what_it_may_do(healthy):
    made = told(healthy, FakeTokens(TOKEN))
    assert made["requests"][0] == {
        "name": "azure-resource-manager",
        "azureCliClient": True,
        "seconds": 1,
        "outcome": "token",
        "source": "broker",
        "lifetimeSeconds": 4_000,
        "scopes": ["user_impersonation"],
        "hasDeviceId": True,
        "authenticationMethods": ["pwd", "mfa"],
        "continuousAccessEvaluation": True,
    }
    assert (made["machine"], made["distribution"], made["failing"]) == ("WSL 2", "Ubuntu 24.04 LTS", [])
    assert made["versions"]["pymsalruntime"] == "0.20.7"


def test_each_question_of_the_page_is_asked(healthy):
    tokens = FakeTokens(TOKEN)
    made = told(healthy, tokens, "fabrikam.com")
    names = [
        *("azure-resource-manager", "azure-resource-manager-cae", "new-claims-challenge"),
        *("key-vault", "microsoft-graph", "guest-tenant"),
    ]
    assert [request["name"] for request in made["requests"]] == names
    assert [request.enable_cae for request in tokens.asked] == [False, True, True, False, False, False]
    assert tokens.asked[5].target.tenant == "fabrikam.com"
    assert json.loads(tokens.asked[2].claims)["access_token"]["nbf"]["essential"]
    assert {request.whose for request in tokens.asked} == {ADA}


def test_a_refusal_is_told_by_its_codes_and_not_by_its_words(healthy):
    refused = from_msal(
        "AADSTS53003: ada@contoso.com is blocked. Status: Response_Status.Status_InteractionRequired,"
        " Error code: 3399614476, Tag: 529117665"
    )
    request = told(healthy, FakeTokens(refused, TOKEN))["requests"][0]
    assert request["outcome"] == type(refused).__name__
    assert request["aadsts"] == [53003]
    told_codes = request["status"], request["errorCode"], request["tag"]
    assert told_codes == ("InteractionRequired", 3399614476, 529117665)
    assert "blocked" not in json.dumps(request)


def test_a_broker_that_does_not_answer_is_asked_once(healthy):
    tokens = FakeTokens(errors.BrokerTimeoutError("no answer"))
    assert [request["outcome"] for request in told(healthy, tokens)["requests"]] == ["BrokerTimeoutError"]
    assert len(tokens.asked) == 1


def test_the_python_of_microsofts_az_is_told_and_that_of_a_person_is_not_named(healthy, tmp_path):
    (tmp_path / "az").write_text("")
    (tmp_path / "az").chmod(0o755)
    view = replace(healthy.view, environ={**healthy.view.environ, "PATH": str(tmp_path)})
    healthy.view = view
    healthy.files[f"{tmp_path}/az"] = b'#!/usr/bin/env bash\n$bin_dir/../../opt/az/bin/python3 -Im azure.cli "$@"\n'
    healthy.programs["/opt/az/bin/python3"] = Ran(0, "3.13.1 2.91.0\n")
    assert told(healthy, FakeTokens(TOKEN))["azPython"] == {
        **{"path": "/opt/az/bin/python3", "python": "3.13.1", "azureCli": "2.91.0"}
    }
    healthy.files[f"{tmp_path}/az"] = b"#!/home/ada/az/bin/python3\n"
    healthy.programs["/home/ada/az/bin/python3"] = Ran(0, "3.12.3 2.90.0\n")
    assert told(healthy, FakeTokens(TOKEN))["azPython"]["path"] == "elsewhere"


def test_nothing_in_it_names_a_person_a_tenant_or_a_device(healthy):
    text = json.dumps(told(healthy, FakeTokens(TOKEN), "fabrikam.com"))
    for secret in (TOKEN.value, "ada", "contoso", "fabrikam", TENANT, PERSON, DEVICE):
        assert secret not in text.lower()
