"""az itself, on a machine whose fleet enforces a tenant."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from testbed.directory import ADA, CONTOSO, FABRIKAM, GRACE, SUBSCRIPTIONS
from testbed.scenarios import Scenario
from tests.az.conftest import Start
from tests.az.session import REPOSITORY, Terminal
from tests.az.test_az_fallback import login

VAULT = ("--resource", "https://vault.azure.net")
FILE = "/etc/brokerauth/config"
MEMORY = "[brokerauth]\ntoken_cache = memory\nenforced = token_cache\n"
ENABLE = ("brokerauth", "tool", "enable", "--name", "az", "--yes")
NO_SEED = "[brokerauth]\nseed_az_cache = no\nenforced = seed_az_cache\n"


def enforce(there: Terminal, text: str) -> None:
    write = 'umask 022 && mkdir -p /etc/brokerauth && printf %s "$1" > /etc/brokerauth/config'
    assert there.run(["sh", "-c", write, "sh", text]).returncode == 0


def cached(there: Terminal, kind: str) -> list[dict[str, Any]]:
    """az's cache as it is on disk."""
    path = there.config / "msal_token_cache.json"
    return list(json.loads(path.read_text()).get(kind, {}).values()) if path.exists() else []


@pytest.mark.any_runtime
def test_az_gives_no_token_of_another_tenant_though_it_has_one_in_its_cache(signed_in: Terminal) -> None:
    other = ("account", "get-access-token", *VAULT, "--tenant", FABRIKAM.tenant_id)
    assert signed_in.az(*other).returncode == 0
    policy = f"[brokerauth]\ntenant_id = {CONTOSO.tenant_id}\nenforced = tenant_id\n"
    enforce(signed_in, policy)
    assert FILE in signed_in.refuse(*other)
    by_subscription = ("--subscription", SUBSCRIPTIONS[2].subscription_id)
    assert FILE in signed_in.refuse("account", "get-access-token", *VAULT, *by_subscription)
    signed_in.tell("account", "set", *by_subscription)
    assert FILE in signed_in.refuse("account", "get-access-token", *VAULT)
    assert FILE in signed_in.refuse("brokerauth", "login", "--tenant", FABRIKAM.tenant_id)
    ours = ("--subscription", SUBSCRIPTIONS[0].subscription_id)
    assert signed_in.claims(*VAULT, *ours)["tid"] == CONTOSO.tenant_id


@pytest.mark.any_runtime
def test_a_policy_of_memory_only_keeps_azs_cache_without_tokens_and_exec_switched_off(new_terminal: Start) -> None:
    there = new_terminal("default")
    policy = "[brokerauth]\ntoken_cache = memory\nallow_exec = false\nenforced = token_cache, allow_exec\n"
    enforce(there, policy)
    done = there.az("brokerauth", "login")
    assert done.returncode == 0, done.stderr
    assert "Signed in for az account and az brokerauth." in done.stderr
    assert "tool enable" not in done.stderr  # which it would refuse
    assert there.claims(*VAULT)["tid"] == CONTOSO.tenant_id
    cache = json.loads((there.machine.home / ".azure/msal_token_cache.json").read_text())
    assert "AccessToken" not in cache or not cache["AccessToken"]
    assert FILE in there.refuse("brokerauth", "exec", "--", "az", "version")
    assert FILE in there.refuse("brokerauth", "exec", "--", "az", "version", AZURE_BROKERAUTH_ALLOW_EXEC="true")


@pytest.mark.any_runtime
def test_what_a_policy_of_memory_only_takes_from_plain_az_the_launcher_gives_back(new_terminal: Start) -> None:
    there = new_terminal("default")
    enforce(there, MEMORY)
    done = there.az("brokerauth", "login")
    assert "az brokerauth tool enable --name az" in done.stderr
    page = (REPOSITORY / "docs" / "rollout.md").read_text()
    words = re.search(r"```\n(Can't find token.+?)```", page, re.DOTALL)
    assert words is not None
    assert words[1].strip() in there.refuse("group", "list").replace("ERROR: ", "")
    assert there.az(*ENABLE, "--only-show-errors").returncode == 0
    listed = there.run(["az", "group", "list"], PATH=f"{there.machine.home}/.local/bin:{there.env['PATH']}")
    assert [group["name"] for group in json.loads(listed.stdout)] == ["app", "network"]
    assert not cached(there, "AccessToken")


@pytest.mark.any_runtime
def test_an_enforced_account_holds_for_the_one_that_answers(new_terminal: Start) -> None:
    there = new_terminal(Scenario(picks=GRACE.username))
    there.tell("brokerauth", "login", "--username", GRACE.username)  # before there was a policy
    enforce(there, f"[brokerauth]\nlogin_hint = {ADA.username}\nenforced = login_hint\n")
    for words in (
        ("brokerauth", "login", "--select-account"),
        ("brokerauth", "login", "--username", GRACE.username),
        ("account", "get-access-token", *VAULT),
        ("account", "get-access-token"),  # which az has in its cache
    ):
        said = there.refuse(*words)
        assert FILE in said
        assert ADA.username in said
    there.machine.set_scenario("default")
    assert there.tell("brokerauth", "login")["username"] == ADA.username
    assert there.claims(*VAULT)["upn"] == ADA.username


PERSONS = {
    "enforced": (f"[brokerauth]\nlogin_hint = {GRACE.username}\nenforced = login_hint\n", ()),
    "asked for": ("[brokerauth]\n", ("--username", GRACE.username)),
}


@pytest.mark.any_runtime
@pytest.mark.parametrize("why", PERSONS)
def test_a_fallback_in_which_somebody_else_signs_in_leaves_nothing_in_az(new_terminal: Start, why: str) -> None:
    policy, words = PERSONS[why]
    there = new_terminal("crash")
    enforce(there, policy)
    done = login(there, "--fallback", "device-code", *words)  # which Ada approves
    assert (done.returncode, done.stdout) == (1, ""), done.stderr
    assert ADA.username in done.stderr
    assert GRACE.username in done.stderr
    if why == "enforced":
        assert FILE in done.stderr
    for kind in ("Account", "AccessToken", "RefreshToken", "IdToken"):
        assert not cached(there, kind)
    assert "az login" in there.refuse("account", "show")


@pytest.mark.any_runtime
@pytest.mark.parametrize("policy", [MEMORY, NO_SEED], ids=["memory", "no seed"])
def test_where_azs_cache_must_stay_empty_no_fallback_fills_it(new_terminal: Start, policy: str) -> None:
    there = new_terminal("crash")
    enforce(there, policy)
    done = login(there, "--fallback", "device-code")
    assert (done.returncode, done.stdout) == (1, ""), done.stderr
    assert FILE in done.stderr
    assert "The fallback was not used" in done.stderr
    assert there.token_endpoint_calls() == []
    assert not cached(there, "AccessToken")
    assert not cached(there, "RefreshToken")


@pytest.mark.any_runtime
def test_one_setting_closes_both_doors_to_every_command(new_terminal: Start) -> None:
    there = new_terminal("default")
    there.tell("brokerauth", "login")
    path = f"{there.machine.home}/.local/bin:{there.env['PATH']}"
    assert there.az(*ENABLE).returncode == 0  # before there was a policy
    assert broker_is_everywhere(there, path)
    enforce(there, "[brokerauth]\nallow_exec = no\nenforced = allow_exec\n")
    for words in (
        ENABLE,
        (*ENABLE, "--directory", str(there.directory)),
        ("brokerauth", "exec", "--", "az", "version"),
    ):
        assert FILE in there.refuse(*words)
    assert not (there.directory / "az").exists()
    # The az that was enabled before is as any az: brokered where az loads us.
    assert not broker_is_everywhere(there, path)
    assert there.run(["az", "account", "get-access-token", *VAULT], PATH=path).returncode == 0
    assert there.tell("brokerauth", "tool", "disable", "--name", "az")["changed"] != []


def broker_is_everywhere(there: Terminal, path: str) -> bool:
    told: dict[str, bool] = json.loads(there.run(["az", "account", "show-broker"], PATH=path).stdout)
    assert told["isActive"]
    return told["everyCommand"]


def with_tokens_of_two(there: Terminal) -> None:
    """Ada's tokens came through the broker, Grace's through a device code."""
    there.machine.set_scenario(Scenario(accounts=(GRACE.username, ADA.username)))
    assert there.sign_in_by_device_code().returncode == 0
    there.machine.set_scenario("default")
    there.tell("brokerauth", "login")
    there.tell("account", "get-access-token", *VAULT)
    assert owners(there) == {ADA.home_account_id, GRACE.home_account_id}


def owners(there: Terminal) -> set[str]:
    return {entry["home_account_id"] for entry in cached(there, "AccessToken")}


EVERY_COMMAND_OF_OURS = (
    ("brokerauth", "list"),
    ("account", "show-broker"),
    ("account", "get-access-token", *VAULT),
    ("account", "get-access-token"),
)


@pytest.mark.any_runtime
@pytest.mark.parametrize("extended", ["1", "0"])
@pytest.mark.parametrize(
    "words",
    [
        pytest.param(words, marks=[pytest.mark.full] if number > 0 else [], id=" ".join(words))
        for number, words in enumerate(EVERY_COMMAND_OF_OURS)
    ],
)
def test_tokens_in_azs_cache_from_before_a_policy_are_found_and_removed_by_our_next_command(
    new_terminal: Start, words: tuple[str, ...], extended: str
) -> None:
    there = new_terminal("default")
    with_tokens_of_two(there)
    enforce(there, MEMORY)
    told = there.tell("brokerauth", "check-health")
    found = {check["id"]: check for check in told["checks"]}["az-tokens"]
    assert found["severity"] == "warn"
    assert FILE in found["finding"]
    assert [remedy["command"] for remedy in found["remedies"]] == ["az brokerauth list"]
    assert ADA.home_account_id in owners(there)
    done = there.az(*words, AZURE_BROKERAUTH_EXTEND_AZ=extended)
    assert "removed from az's cache" in done.stderr
    assert owners(there) == {GRACE.home_account_id}  # az's own affair
    if "get-access-token" in words:
        assert (done.returncode == 0) is (extended == "1")
        assert bool(done.stdout) is (extended == "1")
    # Ada is signed in still, and nothing is kept of what she gets.
    assert there.claims(*VAULT)["upn"] == ADA.username
    assert owners(there) == {GRACE.home_account_id}
    again = there.tell("brokerauth", "check-health")
    assert {check["id"]: check for check in again["checks"]}["az-tokens"]["severity"] == "pass"
