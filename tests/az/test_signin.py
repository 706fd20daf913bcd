"""`az brokerauth login` signs az itself in, and az's other sign-ins are respected."""

from __future__ import annotations

import base64
import json
import re
import shlex
import subprocess
from dataclasses import replace

import pytest

from testbed.directory import ADA, CONTOSO, DEVICE_ID, FABRIKAM, GRACE, KATHERINE, SUBSCRIPTIONS
from testbed.scenarios import SCENARIOS
from tests.az.conftest import Start
from tests.az.session import REPOSITORY, Terminal
from tests.tokens import claims_of

# The real runtime too in make test-full.
pytestmark = pytest.mark.any_runtime

ALL = {subscription.subscription_id for subscription in SUBSCRIPTIONS}
IN_CONTOSO = {s.subscription_id for s in SUBSCRIPTIONS if s.tenant_id == CONTOSO.tenant_id}


def stored_secrets(there: Terminal, kind: str) -> list[str]:
    cache = json.loads((there.config / "msal_token_cache.json").read_text())
    return [entry["secret"] for entry in cache.get(kind, {}).values()]


def test_after_login_az_itself_is_signed_in_with_all_tenants_and_subscriptions(new_terminal: Start) -> None:
    there = new_terminal("default")
    done = there.az("brokerauth", "login")
    told = json.loads(done.stdout)
    assert (told["username"], told["source"]) == (ADA.username, "broker")
    assert {subscription["id"] for subscription in told["subscriptions"]} == ALL
    lasting = r"To keep all az commands working after \1, run once: az brokerauth tool enable --name az"
    assert re.search(rf"Other az commands work until (\d\d:\d\d)\. {lasting}", done.stderr), done.stderr
    assert there.tell("account", "show")["user"] == {"name": ADA.username, "type": "user"}
    assert {subscription["id"] for subscription in there.tell("account", "list")} == ALL
    assert {group["name"] for group in there.tell("group", "list")} == {"app", "network"}
    assert there.token_endpoint_calls() == []
    arm = [entry for entry in there.machine.journal() if entry["to"] == "arm"]
    assert {entry["deviceid"] for entry in arm} == {DEVICE_ID}
    assert stored_secrets(there, "RefreshToken") == []


def test_login_takes_tenant_subscription_and_user_as_az_does(new_terminal: Start) -> None:
    there = new_terminal("default")
    told = there.tell("brokerauth", "login", "--username", GRACE.username, "--tenant", CONTOSO.domain)
    assert told["username"] == GRACE.username
    assert {subscription["id"] for subscription in told["subscriptions"]} == IN_CONTOSO
    production, development = (s for s in SUBSCRIPTIONS if s.tenant_id == CONTOSO.tenant_id)
    there.tell("brokerauth", "login", "--subscription", development.name)
    assert there.tell("account", "show")["id"] == development.subscription_id
    one = ["--tenant", CONTOSO.tenant_id, "--skip-subscription-discovery", "--subscription", production.subscription_id]
    there.machine.clear_journal()
    told = there.tell("brokerauth", "login", *one)
    assert [subscription["id"] for subscription in told["subscriptions"]] == [production.subscription_id]
    assert [e["method"] for e in there.machine.journal() if e["to"] == "arm"] == [
        f"GET /subscriptions/{production.subscription_id}"
    ]
    bare = there.tell("brokerauth", "login", "--tenant", FABRIKAM.domain, "--skip-sub", "--allow-no-subscriptions")
    assert [subscription["id"] for subscription in bare["subscriptions"]] == [FABRIKAM.tenant_id]


def test_a_claims_challenge_given_to_login_reaches_the_broker(new_terminal: Start) -> None:
    there = new_terminal("default")
    challenge = base64.b64encode(b'{"access_token":{"acrs":{"essential":true,"value":"c1"}}}').decode()
    there.tell("brokerauth", "login", "--claims-challenge", challenge)
    assert "acrs" in there.broker_calls()[0]["claims"]


def test_who_asks_for_personal_accounts_is_not_signed_in_with_a_work_account(new_terminal: Start) -> None:
    there = new_terminal("default")
    assert "personal Microsoft accounts" in there.refuse("brokerauth", "login", "--tenant", "consumers")
    assert there.broker_calls() == []
    assert there.tell("brokerauth", "login", "--tenant", "common")["tenantId"] == CONTOSO.tenant_id


def test_on_a_terminal_az_shows_its_own_picker(new_terminal: Start) -> None:
    there = new_terminal("default")
    typing = there.machine.popen(
        ["script", "-qec", f"{there.cli.program} brokerauth login", "/dev/null"],
        there.env,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    said, _ = typing.communicate("3\n", timeout=60)
    assert typing.returncode == 0, said
    assert "Select a subscription and tenant" in said
    assert there.tell("account", "show")["name"] == SUBSCRIPTIONS[2].name


def recorded_in_readme() -> list[tuple[list[str], list[str]]]:
    """The commands of the README's recorded run, and what it shows of each one's output; `...` stands for the rest."""
    text = (REPOSITORY / "README.md").read_text().partition("compliant-device-required`")[2]
    block = text.partition("```console\n")[2].partition("```")[0]
    runs = [run.splitlines() for run in block.split("$ ")[1:]]
    return [(shlex.split(command), shown) for command, *shown in runs]


def test_where_a_device_policy_refuses_the_device_code_the_broker_gets_in_as_the_readme_shows(
    new_terminal: Start,
) -> None:
    there = new_terminal("compliant-device-required")
    for (az, *words), shown in recorded_in_readme():
        assert az == "az"
        done = there.sign_in_by_device_code() if "--use-device-code" in words else there.az(*words)
        assert done.returncode == int(shown[0].startswith("ERROR")), done.stderr
        for line in shown:
            beginning, dots, _ = line.partition("...")
            said = [
                s for s in (done.stdout + done.stderr).splitlines() if s.startswith(beginning) and (dots or s == line)
            ]
            assert said, (line, done.stdout, done.stderr)
    assert {subscription["id"] for subscription in there.tell("account", "list")} == ALL


def test_a_policy_for_registered_devices_does_so_too(new_terminal: Start) -> None:
    there = new_terminal(replace(SCENARIOS["compliant-device-required"], device_required=53000))
    stock = there.sign_in_by_device_code()
    assert stock.returncode == 1
    assert "AADSTS53000" in stock.stderr
    assert there.tell("brokerauth", "login")["username"] == ADA.username
    assert there.tell("group", "list")


def test_an_earlier_browser_sign_in_is_removed_and_a_later_one_is_respected(new_terminal: Start) -> None:
    there = new_terminal("default")
    assert there.sign_in_by_device_code().returncode == 0
    assert there.tell("account", "show-broker")["tokenSource"] == "refreshToken"
    assert stored_secrets(there, "RefreshToken")
    said = there.az("brokerauth", "login").stderr
    assert f"The earlier sign-in of {ADA.username} by browser was removed" in said
    assert stored_secrets(there, "RefreshToken") == []
    assert there.tell("account", "show-broker")["tokenSource"] == "broker"
    assert there.sign_in_by_device_code().returncode == 0
    assert there.tell("account", "show-broker")["tokenSource"] == "refreshToken"
    there.machine.clear_journal()
    assert "deviceid" not in there.claims("--resource", "https://vault.azure.net")
    assert there.broker_calls() == []
    told = there.tell("brokerauth", "check-health")
    assert [check["id"] for check in told["checks"] if check["severity"] == "warn"] == ["az-cache"]
    for remedy in told["remedies"]:
        there.run(["sh", "-c", remedy["command"]]).check_returncode()
    assert there.tell("account", "show-broker")["tokenSource"] == "broker"
    assert there.tell("brokerauth", "check-health")["counts"]["warn"] == 0


def test_signing_out_through_us_signs_az_out(signed_in: Terminal) -> None:
    signed_in.tell("brokerauth", "logout", "--yes")
    assert signed_in.tell("account", "list") == []
    assert stored_secrets(signed_in, "AccessToken") == []
    assert "az is not signed in" in signed_in.refuse("account", "show-broker", status=3)


@pytest.mark.parametrize("command", [("logout",), ("account", "clear")])
def test_when_az_signed_out_our_next_command_notices(signed_in: Terminal, command: tuple[str, ...]) -> None:
    signed_in.tell(*command)
    done = signed_in.az("brokerauth", "list")
    assert json.loads(done.stdout) == []
    assert f"{ADA.username} has been signed out of az, and so is signed out here too." in done.stderr
    again = signed_in.az("brokerauth", "list")
    assert "signed out" not in again.stderr


def test_several_accounts_side_by_side_each_keep_their_own_tokens(new_terminal: Start) -> None:
    there = new_terminal("default")
    there.tell("brokerauth", "login", "--username", GRACE.username, "--tenant", CONTOSO.domain)
    there.tell("brokerauth", "login", "--username", KATHERINE.username, "--tenant", FABRIKAM.domain)
    vault = ("--resource", "https://vault.azure.net")
    assert there.claims(*vault)["upn"] == KATHERINE.username
    by_subscription = there.claims(*vault, "--subscription", SUBSCRIPTIONS[0].subscription_id)
    assert by_subscription["upn"] == GRACE.username
    there.tell("account", "set", "--subscription", SUBSCRIPTIONS[0].subscription_id)
    assert there.claims(*vault)["upn"] == GRACE.username
    there.tell("brokerauth", "logout", "--username", KATHERINE.username, "--yes")
    assert {subscription["user"]["name"] for subscription in there.tell("account", "list")} == {GRACE.username}
    # Whose subscriptions another account has taken over is still signed in.
    there.tell("brokerauth", "login", "--tenant", CONTOSO.domain)
    assert {a["username"] for a in there.tell("brokerauth", "list")} == {GRACE.username, ADA.username}


def test_two_people_of_one_tenant_who_are_both_in_azs_cache_each_get_their_own_token(new_terminal: Start) -> None:
    there = new_terminal("default")
    for user in (GRACE, ADA):
        there.tell("brokerauth", "login", "--username", user.username, "--tenant", CONTOSO.tenant_id)
    there.machine.clear_journal()
    code = f"""
import json, sys
sys.path.append({str(there.cli.extension)!r})
from azure.cli.core import get_default_cli
from azure.cli.core._profile import _create_identity_instance, Profile
from azext_brokerauth.azcli.hook import HOOK
HOOK.attach()
profile = Profile(get_default_cli())
identity = _create_identity_instance(profile.cli_ctx, profile._authority, tenant_id={CONTOSO.tenant_id!r})
names = {[ADA.username, GRACE.username, ADA.username]!r}
print(json.dumps([identity.get_user_credential(n).acquire_token(profile._arm_scope)["access_token"] for n in names]))
"""
    done = there.run([there.cli.python, "-Ic", code])
    assert done.returncode == 0, done.stderr
    people = [claims_of(token)["upn"] for token in json.loads(done.stdout)]
    assert people == [ADA.username, GRACE.username, ADA.username]
    assert there.broker_calls() == []


def test_without_seeding_az_keeps_the_account_and_no_token(new_terminal: Start) -> None:
    there = new_terminal("default")
    there.env["AZURE_BROKERAUTH_SEED_AZ_CACHE"] = "false"
    there.tell("brokerauth", "login")
    assert there.claims()["deviceid"] == DEVICE_ID
    assert stored_secrets(there, "AccessToken") == []
    assert "Can't find token from MSAL cache" in there.refuse("group", "list")
    assert there.tell("brokerauth", "exec", "--", "az", "group", "list")
    assert stored_secrets(there, "AccessToken") == []


def test_where_az_cannot_encrypt_its_cache_nobody_is_asked_and_az_says_what_it_lacks(new_terminal: Start) -> None:
    """az's own Python has no PyGObject, with which MSAL reaches the keyring."""
    there = new_terminal("default")
    there.tell("config", "set", "core.encrypt_token_cache=true")
    said = there.refuse("brokerauth", "login")
    assert "core.encrypt_token_cache is true): Unable to import module 'gi'" in said
    assert "az config set core.encrypt_token_cache=false" in said
    assert there.broker_calls() == []
    assert there.tell("brokerauth", "list") == []
    there.tell("config", "set", "core.encrypt_token_cache=false")
    assert there.tell("brokerauth", "login")["username"] == ADA.username


def test_a_cancelled_sign_in_leaves_az_as_it_was(signed_in: Terminal) -> None:
    signed_in.machine.set_scenario("user-cancels")
    said = signed_in.refuse("brokerauth", "login", "--select-account")
    assert "The sign-in window was closed" in said
    assert signed_in.tell("account", "show")["user"]["name"] == ADA.username


def test_another_applications_sign_in_does_not_sign_az_in(new_terminal: Start) -> None:
    there = new_terminal("default")
    done = there.az("brokerauth", "login", "--client-id", "11111111-0000-4000-8000-000000000000")
    assert done.returncode == 0, done.stderr
    assert "az itself was not signed in" in done.stderr
    assert there.tell("account", "list") == []


def test_in_the_governments_cloud_every_token_is_for_that_clouds_azure(new_terminal: Start) -> None:
    there = new_terminal("default")
    there.az("cloud", "set", "--name", "AzureUSGovernment").check_returncode()
    assert there.tell("brokerauth", "login")["authority"] == "login.microsoftonline.us"
    audience = "https://management.core.usgovcloudapi.net"
    assert there.claims()["aud"].rstrip("/") == audience
    assert there.tell("brokerauth", "inspect-token")["audience"].rstrip("/") == audience
