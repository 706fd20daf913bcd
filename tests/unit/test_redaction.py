"""What must never be readable in a log, and what must stay readable."""

import io
import logging
import subprocess
import sys

import pytest

from azext_brokerauth.accounts import AccountStore, Records
from azext_brokerauth.broker import messages
from azext_brokerauth.broker.messages import Answer, AppOptions, Ask, Done, Step
from azext_brokerauth.models import Account, BrokerFlag, Target, Token, TokenRequest
from azext_brokerauth.redaction import Redacting, redact
from azext_brokerauth.settings import load

JWT = "eyJhbGciOiJSUzI1NiJ9.eyJhdWQiOiJodHRwczovL3ZhdWx0LmF6dXJlLm5ldCJ9.c2lnbmF0dXJlLXNpZ25hdHVyZQ"
REFRESH = "0.AXoAx-" + "Zk3_9" * 30
CODE = "0.AXo.short-code"
VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
"""Of the usual length, 43 characters, as in RFC 7636."""


@pytest.mark.parametrize(
    ("text", "without"),
    [
        (f"Authorization: Bearer {JWT}", "Authorization: Bearer <redacted>"),
        (f"'access_token': '{JWT}'", "'access_token': '<redacted>'"),
        (f"the token {JWT}, used", "the token <token>, used"),
        (f"refresh token {REFRESH} was used", "refresh token <redacted> was used"),
        (f"GET /?code={CODE}&state=1", "GET /?code=<redacted>&state=1"),
        (f'{{"client_info": "{CODE}"}}', '{"client_info": "<redacted>"}'),
        (f"device_code={CODE}", "device_code=<redacted>"),
        (f"{{'code': '{CODE}'}}", "{'code': '<redacted>'}"),
        (f"code_verifier={VERIFIER}&x", "code_verifier=<redacted>&x"),
        (f'"code_verifier": "{VERIFIER}"', '"code_verifier": "<redacted>"'),
        (f"refresh_token={CODE}.x.y z", "refresh_token=<redacted> z"),
        (f"id_token='{CODE}'", "id_token='<redacted>'"),
        (f"access_token={CODE}", "access_token=<redacted>"),
        (f"Bearer {CODE}", "Bearer <redacted>"),
        (f"a{JWT[1:]}... eyJ0.{JWT}", "ayJhbGciOiJSUzI1NiJ9.<token> eyJ0.<token>"),
    ],
)
def test_tokens_and_codes_are_taken_out_whole_and_nothing_else_is(text, without):
    assert redact(text) == without
    assert redact(text, personal=False) == without


def logged(level, *arguments, error=None):
    """What a handler writes of a record."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.addFilter(Redacting())
    try:
        if error:
            raise error
    except ValueError as caught:
        trace = (type(caught), caught, caught.__traceback__)
    handler.handle(logging.LogRecord("x", level, "", 0, *arguments, trace if error else None))
    return stream.getvalue()


def test_a_traceback_is_redacted_like_what_was_logged():
    said = logged(logging.ERROR, "failed for %s", ("ada@contoso.com",), error=ValueError(f"ada@contoso.com had {JWT}"))
    first, *trace, last = said.splitlines()
    assert first == "failed for ada@contoso.com", "a person's own errors name the account"
    assert trace[0] == "Traceback (most recent call last):"
    assert last == "ValueError: <user> had <token>"
    assert logged(logging.DEBUG, "for %s", ("ada@contoso.com",)) == "for <user>\n"


HOME = "a0000000-0000-4000-8000-0000000000a1.c0000000-0000-4000-8000-000000000001"
TARGET = Target("app", "login.microsoftonline.com", "organizations")


def account(name):
    return Account(name, HOME, "a", "t", "app", "login.microsoftonline.com")


def through_the_pipe(message):
    messages.decode(messages.encode(1, message))


@pytest.mark.parametrize(
    "meet",
    [
        lambda name, where: through_the_pipe(
            Ask(Step.SILENT, TokenRequest(("s",), TARGET, name), AppOptions(BrokerFlag.WSL))
        ),
        lambda name, where: through_the_pipe(
            Ask(Step.SILENT, TokenRequest(("s",), TARGET, account(name)), AppOptions(BrokerFlag.WSL))
        ),
        lambda name, where: through_the_pipe(Answer(Token("v", 1, "Bearer", "broker", "t", account(name)))),
        lambda name, where: through_the_pipe(Done(("somebody", name))),
        lambda name, where: recorded(account(name), where),
        lambda name, where: load({"login_hint": name}, {"AZURE_CONFIG_DIR": str(where)}),
        lambda name, where: load(environ={"AZURE_CONFIG_DIR": str(where), "AZURE_BROKERAUTH_LOGIN_HINT": name}),
    ],
    ids=["request by name", "request", "answer", "known to the broker", "account file", "argument", "environment"],
)
def test_an_account_that_was_met_is_known_by_a_name_of_any_form(meet, request, tmp_path):
    name = f"491701{request.node.callspec.id.encode().hex()[:20]}"
    assert redact(f"account {name}!") == f"account {name}!"
    meet(name, tmp_path)
    assert redact(f"account {name}!") == "account <user>!"
    assert redact(f"account {name}!", personal=False) == f"account {name}!"


def recorded(signed_in, where):
    with AccountStore(where).change() as change:
        change.after = Records().with_account(signed_in)
    AccountStore(where).read()


def test_a_telephone_number_is_a_user_name():
    assert redact("account +4917012345678, UTC+0100") == "account <user>, UTC+0100"


def test_what_a_person_needs_to_find_the_fault_stays():
    text = (
        "Status_InteractionRequired, Error code: 3399614473, Tag: 529117665 "
        "correlation 0e0ac1de-0000-4000-8000-000000000001 "
        "https://login.microsoftonline.com/organizations/v2.0/.well-known/openid-configuration "
        "/usr/lib/python3/dist-packages/azext_brokerauth/broker/msal_app.py AADSTS53003"
    )
    # In a process of its own, which has met nobody: another test may have met somebody who is called Tag.
    code = "import sys; from azext_brokerauth.redaction import redact; print(redact(sys.argv[1]))"
    done = subprocess.run([sys.executable, "-c", code, text], check=True, capture_output=True, text=True)
    assert done.stdout == f"{text}\n"


def test_user_names_go_unless_they_were_asked_for():
    assert "ada@contoso.com" not in redact("account ada@contoso.com")
    assert "ada@contoso.com" in redact("account ada@contoso.com", personal=False)
