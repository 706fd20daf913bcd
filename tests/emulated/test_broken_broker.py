"""When the broker refuses, fails or hangs: a clear error in time, nothing left behind, and the next call works."""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Callable

import pytest

from testbed.directory import ADA, KATHERINE
from testbed.scenarios import SCENARIOS, Scenario
from tests.emulated.session import Session

Start = Callable[..., Session]
QUICK = {"AZURE_BROKERAUTH_SILENT_TIMEOUT": "2", "AZURE_BROKERAUTH_PROMPT_TIMEOUT": "2"}
PICKER = "acquireTokenInteractively"
TIMEOUT = ("did not answer", "wsl --shutdown")
NO_USE = ("did not give a usable answer", "wsl --update; wsl --shutdown")
PROMPT = ("multifactor authentication", "Run: brokerauth login")

# scenario -> what `login --username ada` says, and what `get-access-token` of somebody signed in says:
# cause and remedy; None where it succeeds
FAILURES: dict[str, tuple[tuple[str, str] | None, tuple[str, str] | None]] = {
    "interaction-required": (None, PROMPT),
    "user-cancels": (("The sign-in window was closed", "Run: brokerauth login"), PROMPT),
    "slow": (None, None),
    "hang-on-start": (TIMEOUT, TIMEOUT),
    "hang-on-silent": (TIMEOUT, TIMEOUT),
    "hang-on-prompt": (("did not answer its prompt", "Try again"), PROMPT),
    "crash": (NO_USE, NO_USE),
    "garbage": (NO_USE, NO_USE),
    "empty": (NO_USE, NO_USE),
    "no-account": (
        ("The sign-in window was closed", "Run: brokerauth login"),
        ("Windows needs you to answer a prompt", "Run: brokerauth login"),
    ),
    "no-network": (("no network connection", "Connect Windows"), ("no network connection", "Connect Windows")),
    "account-unusable": (
        ("until it has been verified again", "Access work or school"),
        ("until it has been verified again", "Access work or school"),
    ),
    "declined-scope": (
        ("The broker rejected the request", "Check the scope"),
        ("The broker rejected the request", "Check the scope"),
    ),
    "wrong-account": (
        (f"The broker answered for grace@contoso.com; {ADA.username} was asked for", "--select-account"),
        (f"The broker answered for grace@contoso.com; {ADA.username} was asked for", "--select-account"),
    ),
}

ASK = """
from azure.core.exceptions import ClientAuthenticationError
from azext_brokerauth import BrokerCredential
with BrokerCredential(login_hint="{username}") as credential:
    try:
        print(credential.get_token("https://graph.microsoft.com/.default").expires_on)
    except ClientAuthenticationError as error:
        print(type(error).__name__, error)
"""


def scenario(name: str) -> Scenario:
    return dataclasses.replace(SCENARIOS[name], delay=0.5)


def outcome(there: Session, expected: tuple[str, str] | None, *words: str) -> None:
    if expected is None:
        assert there.tell(*words, **QUICK)
        return
    started = time.monotonic()
    said = there.refuse(*words, **QUICK)
    assert time.monotonic() - started < 10  # two deadlines, and what killing and starting takes
    assert said.startswith("ERROR: ")
    for part in expected:
        assert part in said
    assert there.machine.processes() == []


def assert_credential(there: Session, at_login: tuple[str, str] | None) -> None:
    done = there.python(ASK.format(username=ADA.username), **QUICK)
    assert done.returncode == 0, done.stderr
    if at_login is None:
        assert int(done.stdout)
    else:
        assert done.stdout.startswith("ClientAuthenticationError")
        assert at_login[0] in done.stdout


@pytest.mark.parametrize("name", FAILURES)
def test_commands_and_credential_when_the_broker_fails(start: Start, name: str) -> None:
    at_login, at_token = FAILURES[name]
    there = start(scenario(name))
    outcome(there, at_login, "login", "--username", ADA.username)
    assert len(there.tell("list")) == (at_login is None)
    assert_credential(there, at_login)
    # The same machine recovers: no lock of the runtime, no record and no process stands in the way.
    there.machine.set_scenario("default")
    assert there.tell("login")["username"] == ADA.username
    there.machine.set_scenario(scenario(name))
    outcome(there, at_token, "get-access-token", "--resource", "https://vault.azure.net")
    there.machine.set_scenario("default")
    # Another resource: what the broker answered wrongly, the runtime remembers.
    assert there.claims("--resource", "https://storage.azure.com")["oid"] == ADA.home.object_id


def test_noise_of_the_runtime_does_not_reach_stdout(start: Start, runtime: str) -> None:
    # The real runtime under test is a quiet release; that its silence lasts is checked all the same.
    there = start("stdout-noise" if runtime == "double" else "default")
    for words in (["login"], ["get-access-token"], ["inspect-token", "--debug"]):
        assert json.loads(there.brokerauth(*words).stdout)


def test_a_token_of_somebody_elses_tenant_is_not_given_to_a_credential(start: Start) -> None:
    """Katherine's token for the tenant that is nobody's in particular is one of her own home tenant, or not hers."""
    there = start("default")
    there.tell("login", "--username", KATHERINE.username)
    there.machine.set_scenario("wrong-account")
    said = there.python(ASK.format(username=KATHERINE.username)).stdout
    assert said.startswith("ClientAuthenticationError")
    assert f"{KATHERINE.username} was asked for" in said


def test_with_a_locked_keyring_the_windows_account_works_and_another_is_told_to_unlock_it(start: Start) -> None:
    there = start("locked-keyring")
    there.tell("login")
    assert there.claims()["oid"] == ADA.home.object_id
    there.tell("login", "--username", KATHERINE.username)
    said = there.refuse("get-access-token")
    assert "keyring" in said
    assert "Unlock the keyring named 'login'" in said


def test_an_error_keeps_what_support_needs(start: Start) -> None:
    said = start("no-network").refuse("login")
    for fact in ("Status_NoNetwork", "Error code: 3399942148", "Tag: 557973641"):
        assert fact in said
