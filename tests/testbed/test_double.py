"""The double and the runtime answer the same calls in the same way, and ask the same of the broker."""

from __future__ import annotations

import sys

import pytest

from testbed.machine import Machine
from testbed.machine.interpreters import default_runtime

CALLS = """
import threading, uuid, pymsalruntime as runtime
CLIENT = "04b07795-8ddb-461a-bbee-02f9e1bf7b46"
ADA = "a0000000-0000-4000-8000-0000000000a1"
account = None

def parameters(tenant="organizations", claims="", scope="https://management.azure.com/.default"):
    made = runtime.MSALRuntimeAuthParameters(CLIENT, "https://login.microsoftonline.com/" + tenant)
    made.set_redirect_uri("https://login.microsoftonline.com/common/oauth2/nativeclient")
    made.set_requested_scopes([scope])
    if claims:
        made.set_decoded_claims(claims)
    return made

def told(a):
    return {name: getattr(a, name)() for name in dir(a) if name.startswith("get_") and "additional" not in name}

def call(what, *arguments):
    global account
    waiting = runtime.CallbackData()
    try:
        getattr(runtime, what)(*arguments, waiting.complete)
    except TypeError as error:
        return print(what, "TypeError", error)
    waiting.signal.wait()
    result, error = waiting.result, waiting.result.get_error()
    if error:
        print(what, error.get_status(), error.get_error_code(), error.get_tag(), error.get_context())
    elif hasattr(result, "get_accounts"):
        print(what, sorted(map(str, map(told, result.get_accounts()))))
    elif hasattr(result, "get_access_token"):
        print(what, told(result.get_account()), result.get_granted_scopes(), len(result.get_access_token()) > 99)
    elif hasattr(result, "get_account"):
        account = result.get_account()
        print(what, told(account))
    else:
        print(what, "done")

def new():
    return str(uuid.uuid4())

call("read_account_by_id", ADA, new())
call("signin_silently", parameters(), new())
call("read_account_by_id", ADA, new())
for made in (
    parameters(),
    parameters(scope="https://graph.microsoft.com/.default"),
    parameters(),
    parameters(tenant="f0000000-0000-4000-8000-000000000002"),
    parameters(tenant="11111111-0000-4000-8000-000000000002"),
    parameters(claims='{"access_token":{"acrs":{"essential":true,"value":"c1"}}}'),
):
    call("acquire_token_silently", made, new(), account)
call("signin_interactively", 1, parameters(), new(), "grace@contoso.com")
call("acquire_token_interactively", 1, parameters(), new(), account)
call("discover_accounts", CLIENT, new())
call("signout_silently", CLIENT, new(), account)
call("acquire_token_silently", parameters(), new(), account)
call("signin_silently", parameters(), new())
call("signin", 1, parameters(), new(), "")
"""


REMAINING = (
    "user-cancels",
    "account-unusable",
    "wrong-account",
    "crash",
    "garbage",
    "empty",
    "half",
    "half-crash",
    "twice",
    "megabyte",
    "oversized",
    "other-request",
    "no-account",
    "no-keyring",
)


@pytest.mark.skipif(default_runtime(sys.executable) == "double", reason="there is nothing to compare the double with")
@pytest.mark.parametrize(
    "scenario",
    [
        *("default", "interaction-required", "declined-scope", "locked-keyring", "native-linux"),
        *(pytest.param(name, marks=pytest.mark.full) for name in REMAINING),
    ],
)
def test_the_double_is_one(scenario: str) -> None:
    answers = {}
    for runtime in ("real", "double"):
        with Machine(scenario, runtime) as machine:
            done = machine.run([sys.executable, "-c", CALLS])
            asked = [line["method"] for line in machine.journal()]
            answers[runtime] = (done.stdout.splitlines(), done.stderr, asked)
    assert answers["double"] == answers["real"]
