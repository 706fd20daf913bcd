"""The facade at MSAL's application: whose token it gives from az's cache, what it asks for, what it keeps."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.az.session import CLI

Observe = Callable[[str], Any]
PROGRAM = Path(__file__).with_name("observations.py")


@pytest.fixture
def observe(tmp_path: Path) -> Observe:
    def observed(name: str) -> Any:
        command = [CLI.python, "-I", str(PROGRAM), str(CLI.extension), name]
        env = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, env=env)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return observed


def test_of_two_people_in_one_tenant_each_gets_their_own_token(observe: Observe) -> None:
    assert observe("two_people_in_one_tenant") == ["ada's", "grace's", "ada's"]


@pytest.mark.parametrize(
    "what",
    ["another_applications_token", "another_tenants_token", "another_clouds_token", "another_scopes_token"],
)
def test_a_cached_token_answers_only_what_it_was_asked_for(observe: Observe, what: str) -> None:
    assert observe(what) == "the broker's 1"


def test_other_kinds_of_tokens_are_refused_and_the_broker_is_not_asked(observe: Observe) -> None:
    for kind, text, asked in observe("other_kinds_of_tokens"):
        assert (kind, asked) == ("AuthenticationError", 0)
        assert "no SSH certificates and no proof of possession" in text


def test_a_challenge_that_the_broker_refuses_is_answered_with_the_command_for_it(observe: Observe) -> None:
    told = observe("a_challenge_that_the_broker_refuses")
    command = "az brokerauth login --username ada@contoso.com --tenant c0000000-0000-4000-8000-000000000001"
    whole = f"{command} --scope https://vault.azure.net/.default --claims-challenge {told['challenge']}"
    # azure-core drops the error, and shows Azure's challenge instead.
    assert [whole in text for text in told["Azure's"]["warned"]] == [True]
    assert whole in told["Azure's"]["advised"][0]
    # Nobody sent az an agent's, and the error arrives.
    assert told["an agent's"]["warned"] == []
    assert command in told["an agent's"]["advised"][0]


def test_a_sign_in_asks_for_what_az_can_handle_and_its_token_is_kept(observe: Observe) -> None:
    client = "04b07795-8ddb-461a-bbee-02f9e1bf7b46"
    assert observe("what_a_sign_in_asks_for") == [
        [True, True, client, "the broker's 1"],
        [False, True, client, "the broker's 1"],
    ]


def test_a_renewal_asks_for_what_az_can_handle(observe: Observe) -> None:
    who = ["ada@contoso.com", "c0000000-0000-4000-8000-000000000001"]
    assert observe("what_a_renewal_asks_for") == [[True, *who], [False, *who]]


def test_what_comes_after_a_sign_out_is_not_kept(observe: Observe) -> None:
    # An account, and with a token another entry.
    assert observe("signed_out_while_the_broker_was_asked") == {"ada": ["grace"], "grace": ["ada", "ada"]}


def test_what_comes_after_a_sign_in_by_browser_is_not_kept(observe: Observe) -> None:
    sources, tokens = observe("signed_in_by_browser_while_the_broker_was_asked")
    assert sources == ["authorization_code"]
    assert tokens == ["the browser's"]
