"""What must never be readable in a log, and what must stay readable."""

import pytest

from azext_brokerauth.redaction import redact

JWT = "eyJhbGciOiJSUzI1NiJ9.eyJhdWQiOiJodHRwczovL3ZhdWx0LmF6dXJlLm5ldCJ9.c2lnbmF0dXJlLXNpZ25hdHVyZQ"
REFRESH = "0.AXoAx-" + "Zk3_9" * 30
CODE = "0.AXo.short-code"


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        (f"Authorization: Bearer {JWT}", JWT),
        (f"'access_token': '{JWT}'", JWT),
        (f"refresh token {REFRESH} was used", REFRESH),
        (f"GET /?code={CODE}&state=1", CODE),
        (f'{{"client_info": "{CODE}"}}', CODE),
        (f"device_code={CODE}", CODE),
        (f"{{'code': '{CODE}'}}", CODE),
        (f"a{JWT[1:]}... eyJ0.{JWT}", JWT),
    ],
)
def test_tokens_and_codes_are_taken_out(text, secret):
    assert secret not in redact(text)


def test_what_a_person_needs_to_find_the_fault_stays():
    text = (
        "Status_InteractionRequired, Error code: 3399614473, Tag: 529117665 "
        "correlation 0e0ac1de-0000-4000-8000-000000000001 "
        "https://login.microsoftonline.com/organizations/v2.0/.well-known/openid-configuration "
        "/usr/lib/python3/dist-packages/azext_brokerauth/broker/msal_app.py AADSTS53003"
    )
    assert redact(text) == text


def test_user_names_go_unless_they_were_asked_for():
    assert "ada@contoso.com" not in redact("account ada@contoso.com")
    assert "ada@contoso.com" in redact("account ada@contoso.com", personal=False)
