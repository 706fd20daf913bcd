"""What a refusing or failing broker must not do, beyond what every fault comes to (tests/faults)."""

from __future__ import annotations

import json
from collections.abc import Callable

from testbed.directory import ADA, KATHERINE
from tests.emulated.session import Session

Start = Callable[..., Session]
ASK = """
from azure.core.exceptions import ClientAuthenticationError
from azext_brokerauth import BrokerCredential
with BrokerCredential(login_hint="{username}") as credential:
    try:
        print(credential.get_token("https://graph.microsoft.com/.default").expires_on)
    except ClientAuthenticationError as error:
        print(type(error).__name__, error)
"""


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


def test_with_the_sessions_keyring_locked_windows_account_works_and_another_is_told_why_not(start: Start) -> None:
    there = start("locked-keyring")
    there.env["AZURE_BROKERAUTH_KEYRING"] = "session"
    there.tell("login")
    assert there.claims()["oid"] == ADA.home.object_id
    there.tell("login", "--username", KATHERINE.username)
    said = there.refuse("get-access-token")
    assert "its keyring is locked or gone" in said
    assert f"brokerauth login --username {KATHERINE.username}" in said


def test_an_error_keeps_what_support_needs(start: Start) -> None:
    said = start("no-network").refuse("login")
    for fact in ("Status_NoNetwork", "Error code: 3399942148", "Tag: 557973641"):
        assert fact in said
