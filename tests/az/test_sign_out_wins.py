"""Who has signed out does not come back: whatever was on its way meanwhile is not kept."""

from __future__ import annotations

import json
import subprocess
from dataclasses import replace

import pytest

from testbed.directory import ADA, GRACE
from testbed.machine import Process
from testbed.scenarios import SCENARIOS
from tests.az.conftest import Start
from tests.az.session import Terminal
from tests.waiting import wait_until

# The real runtime too in make test-full.
pytestmark = pytest.mark.any_runtime

FULL = pytest.mark.full

SLOW = replace(SCENARIOS["slow"], delay=12)
"""Long enough for a whole command of az beside it."""
DYING = replace(SCENARIOS["default"], token_lifetime=240)
VAULT = ("--resource", "https://vault.azure.net")


def start(there: Terminal, *words: str) -> Process:
    pipe = subprocess.PIPE
    return there.machine.popen(
        [there.cli.program, *words], there.env, there.directory, stdin=subprocess.DEVNULL, stdout=pipe, stderr=pipe
    )


def in_azs_cache(there: Terminal) -> dict[str, list[str]]:
    """Whose accounts and tokens az has, by kind."""
    text = (there.config / "msal_token_cache.json").read_text()
    kinds = json.loads(text) if text.strip() else {}
    return {
        kind: [entry["home_account_id"] for entry in kinds.get(kind, {}).values()]
        for kind in ("Account", "AccessToken")
    }


@pytest.mark.parametrize(
    "sign_out",
    [
        ("brokerauth", "logout", "--yes"),
        pytest.param(("logout",), marks=FULL),
        pytest.param(("account", "clear"), marks=FULL),
    ],
)
def test_a_renewal_that_ends_after_the_sign_out_brings_nobody_back(
    signed_in: Terminal, sign_out: tuple[str, ...]
) -> None:
    there = signed_in
    there.machine.set_scenario(SLOW)
    asking = start(there, "account", "get-access-token", *VAULT)
    wait_until(there.broker_calls, 60)
    there.tell(*sign_out)
    assert asking.poll() is None, "the renewal was to outlast the sign-out"
    _, said = asking.communicate(timeout=60)
    assert "Traceback" not in said, said
    cache = there.config / "msal_token_cache.json"
    assert not cache.exists() or in_azs_cache(there) == {"Account": [], "AccessToken": []}
    assert there.tell("account", "list") == []
    there.machine.set_scenario("default")
    assert there.tell("brokerauth", "login")["username"] == ADA.username
    assert there.tell("account", "get-access-token", *VAULT)


def test_another_persons_token_is_kept_though_somebody_signs_out_meanwhile(signed_in: Terminal) -> None:
    there = signed_in
    there.tell("brokerauth", "login", "--username", GRACE.username)
    there.machine.clear_journal()
    there.machine.set_scenario(SLOW)
    asking = start(there, "account", "get-access-token", *VAULT)
    wait_until(there.broker_calls, 60)
    there.tell("brokerauth", "logout", "--username", ADA.username, "--yes")
    _, said = asking.communicate(timeout=60)
    assert asking.returncode == 0, said
    kept = in_azs_cache(there)
    assert {*kept["Account"], *kept["AccessToken"]} == {GRACE.home_account_id}
    there.machine.set_scenario("default")
    there.machine.clear_journal()
    there.tell("account", "get-access-token", *VAULT)
    assert there.broker_calls() == [], "the token was not kept"


@pytest.mark.parametrize("sign_out", [("brokerauth", "logout", "--yes"), pytest.param(("logout",), marks=FULL)])
def test_a_sign_in_during_which_the_person_signs_out_is_none(new_terminal: Start, sign_out: tuple[str, ...]) -> None:
    """The sign-in has its token, and az looks for the subscriptions of each tenant."""
    there = new_terminal(DYING)  # of which the runtime keeps none, so that each is asked for
    there.tell("brokerauth", "login")
    there.machine.clear_journal()
    there.machine.set_scenario(
        replace(SLOW, token_lifetime=240, calls={"acquireTokenSilently": ["answer", "slow", "answer"]})
    )
    signing_in = start(there, "brokerauth", "login")
    wait_until(lambda: len(there.broker_calls()) >= 2, 60)
    there.tell(*sign_out)
    assert signing_in.poll() is None, "the sign-in was to outlast the sign-out"
    _, said = signing_in.communicate(timeout=60)
    assert signing_in.returncode == 1, said
    assert f"{ADA.username} was signed out while this sign-in ran, so it was not kept" in said
    assert "az brokerauth login" in said
    assert in_azs_cache(there) == {"Account": [], "AccessToken": []}
    assert there.tell("account", "list") == []
    assert there.tell("brokerauth", "list") == []
    there.machine.set_scenario("default")
    assert there.tell("brokerauth", "login")["username"] == ADA.username
