"""az itself, on a machine whose fleet enforces a tenant."""

from __future__ import annotations

import json

import pytest

from testbed.directory import CONTOSO, FABRIKAM, SUBSCRIPTIONS
from tests.az.conftest import Start
from tests.az.session import Terminal

VAULT = ("--resource", "https://vault.azure.net")
FILE = "/etc/brokerauth/config"


@pytest.mark.any_runtime
def test_az_gives_no_token_of_another_tenant_though_it_has_one_in_its_cache(signed_in: Terminal) -> None:
    other = ("account", "get-access-token", *VAULT, "--tenant", FABRIKAM.tenant_id)
    assert signed_in.az(*other).returncode == 0
    policy = f"[brokerauth]\ntenant_id = {CONTOSO.tenant_id}\nenforced = tenant_id\n"
    write = 'umask 022 && mkdir -p /etc/brokerauth && printf %s "$1" > /etc/brokerauth/config'
    assert signed_in.run(["sh", "-c", write, "sh", policy]).returncode == 0
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
    write = 'umask 022 && mkdir -p /etc/brokerauth && printf %s "$1" > /etc/brokerauth/config'
    assert there.run(["sh", "-c", write, "sh", policy]).returncode == 0
    there.tell("brokerauth", "login")
    assert there.claims(*VAULT)["tid"] == CONTOSO.tenant_id
    cache = json.loads((there.machine.home / ".azure/msal_token_cache.json").read_text())
    assert "AccessToken" not in cache or not cache["AccessToken"]
    assert FILE in there.refuse("brokerauth", "exec", "--", "az", "version")
    assert FILE in there.refuse("brokerauth", "exec", "--", "az", "version", AZURE_BROKERAUTH_ALLOW_EXEC="true")
