"""The double and the runtime answer the same calls in the same way, and ask the same of the broker."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence

import pytest

from testbed.machine import Machine
from testbed.machine.interpreters import default_runtime
from testbed.scenarios import Scenario

WORDS = """
import threading, uuid, pymsalruntime as runtime
CLIENT = "04b07795-8ddb-461a-bbee-02f9e1bf7b46"
ADA, ADA_AS_GUEST = "a0000000-0000-4000-8000-0000000000a1", "a0000000-0000-4000-8000-0000000000a2"
HOME, ABROAD = "c0000000-0000-4000-8000-000000000001", "f0000000-0000-4000-8000-000000000002"
account, tokens = None, []

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
        token = result.get_access_token()
        tokens.extend([] if token in tokens else [token])
        print(what, told(result.get_account()), result.get_granted_scopes(), len(token) > 99, tokens.index(token))
    elif hasattr(result, "get_account"):
        account = result.get_account()
        print(what, told(account))
    else:
        print(what, "done")

def new():
    return str(uuid.uuid4())
"""
"""What the programs below are written in."""

CALLS = """
call("read_account_by_id", ADA, new())
call("signin_silently", parameters(), new())
call("read_account_by_id", ADA, new())
for made in (
    parameters(),
    parameters(scope="https://graph.microsoft.com/.default"),
    parameters(),
    parameters(tenant=ABROAD),
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
GUEST_FIRST = """
call("signin_silently", parameters(tenant=ABROAD), new())
for whose in (ADA, ADA_AS_GUEST):
    call("read_account_by_id", whose, new())
    for tenant in ("organizations", "common", HOME, ABROAD):
        call("acquire_token_silently", parameters(tenant=tenant), new(), account)
call("signin_silently", parameters(), new())
for whose in (ADA, ADA_AS_GUEST):
    call("read_account_by_id", whose, new())
call("discover_accounts", CLIENT, new())
"""
NO_CHALLENGES = """
call("signin_silently", parameters(), new())
call("read_account_by_id", ADA, new())
for claims in ("not json", "{", " ", "{}", "[]", "null", "5", '"acrs"'):
    for what, *more in (
        ("signin_silently",),
        ("acquire_token_silently", account),
    ):
        call(what, parameters(claims=claims), new(), *more)
    for what, more in (("signin", ""), ("signin_interactively", ""), ("acquire_token_interactively", account)):
        call(what, 1, parameters(claims=claims), new(), more)
call("signout_silently", CLIENT, new(), account)
call("acquire_token_silently", parameters(claims="{}"), new(), account)
"""
CHALLENGES = """
call("signin_silently", parameters(), new())
call("read_account_by_id", ADA, new())
CHALLENGE = '{"access_token":{"acrs":{"essential":true,"value":"c1"}}}'
for claims in (
    CHALLENGE,
    CHALLENGE,
    CHALLENGE.replace(":", " : "),
    '{"access_token":{"acrs":{"value":"c1","essential":true}}}',
    CHALLENGE.replace("true", "false"),
    '{"access_token":{"acrs":{"essential":true,"value":"c1"}},"id_token":{}}',
    "",
    CHALLENGE,
):
    call("acquire_token_silently", parameters(claims=claims), new(), account)
for renewed in (tokens[1], tokens[1], tokens[-1], "another"):
    made = parameters(claims=CHALLENGE)
    made.set_access_token_to_renew(renewed)
    call("acquire_token_silently", made, new(), account)
call("signin_silently", parameters(claims=CHALLENGE), new())
call("acquire_token_silently", parameters(claims=CHALLENGE), new(), account)
call("acquire_token_interactively", 1, parameters(claims=CHALLENGE), new(), account)
call("acquire_token_silently", parameters(claims=CHALLENGE), new(), account)
"""
DOMAINS = """
call("signin_silently", parameters(tenant="contoso.com"), new())
call("read_account_by_id", ADA, new())
for tenant in ("contoso.com", "Contoso.com", "fabrikam.com", "nowhere.example", ABROAD, "contoso.onmicrosoft.com"):
    call("acquire_token_silently", parameters(tenant=tenant), new(), account)
call("signin", 1, parameters(tenant="fabrikam.com"), new(), "")
call("signin_interactively", 1, parameters(tenant="fabrikam.com"), new(), "")
call("acquire_token_interactively", 1, parameters(tenant="fabrikam.com"), new(), account)
call("signout_silently", CLIENT, new(), account)
call("acquire_token_silently", parameters(tenant="contoso.com"), new(), account)
"""
NEXT_PROCESS = """
CHALLENGE = '{"access_token":{"acrs":{"essential":true,"value":"c1"}}}'
call("read_account_by_id", ADA, new())
for claims in (CHALLENGE, CHALLENGE.replace("c1", "c2"), CHALLENGE):
    call("acquire_token_silently", parameters(claims=claims), new(), account)
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


COMPARED = pytest.mark.skipif(
    default_runtime(sys.executable) == "double", reason="there is nothing to compare the double with"
)


_NO_LOCKED_MEMORY = re.compile(r"couldn't lock \d+ bytes of memory \(secret_session\): .*\n")
"""What libsecret says where the user's other programs have locked all that may be locked (``ulimit -l``)."""


def answers(
    runtime: str, scenario: Scenario | str, programs: Sequence[str], later: Scenario | None = None
) -> list[object]:
    """What the programs said, one after the other on one machine, and what the broker was asked meanwhile.

    :param later: what the machine is like from the second program on.
    """
    told: list[object] = []
    with Machine(scenario, runtime) as machine:
        for number, program in enumerate(programs):
            if number == 1 and later:
                machine.set_scenario(later)
            machine.clear_journal()
            done = machine.run([sys.executable, "-c", WORDS + program])
            asked = [(line["method"], line.get("authority"), line.get("username")) for line in machine.journal()]
            told += [done.stdout.splitlines(), _NO_LOCKED_MEMORY.sub("", done.stderr), asked]
    return told


@COMPARED
@pytest.mark.parametrize(
    "scenario",
    [
        *("default", "interaction-required", "declined-scope", "locked-keyring", "native-linux"),
        *(pytest.param(name, marks=pytest.mark.full) for name in REMAINING),
    ],
)
def test_the_double_is_one(scenario: str) -> None:
    assert answers("double", scenario, [CALLS]) == answers("real", scenario, [CALLS])


@COMPARED
@pytest.mark.parametrize(
    "programs",
    [
        pytest.param([GUEST_FIRST], id="a guest's tenant is asked first"),
        pytest.param([NO_CHALLENGES], id="claims that are no challenge"),
        pytest.param([CHALLENGES, NEXT_PROCESS], id="a challenge that is repeated, in the next process too"),
    ],
)
def test_the_double_is_one_in_what_programs_ask(programs: list[str]) -> None:
    assert answers("double", "default", programs) == answers("real", "default", programs)


@COMPARED
@pytest.mark.parametrize("scenario", ["default", "bundle-only", "system-store-only", "no-route", "expired-certificate"])
def test_the_double_is_one_in_asking_for_a_tenants_id(scenario: str) -> None:
    assert answers("double", scenario, [DOMAINS]) == answers("real", scenario, [DOMAINS])


@COMPARED
def test_the_double_is_one_with_tokens_that_are_near_their_end() -> None:
    scenario = Scenario(token_lifetime=240)
    assert answers("double", scenario, [CHALLENGES]) == answers("real", scenario, [CHALLENGES])


@COMPARED
@pytest.mark.parametrize("later", [Scenario(), Scenario(token_lifetime=240)])
def test_the_double_is_one_in_what_it_keeps_of_an_earlier_day(later: Scenario) -> None:
    days = [CALLS, CALLS]
    assert answers("double", "default", days, later) == answers("real", "default", days, later)
