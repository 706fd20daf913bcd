"""az itself, on a machine whose fleet enforces a tenant."""

from __future__ import annotations

import pytest

from testbed.directory import CONTOSO, FABRIKAM, SUBSCRIPTIONS
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
