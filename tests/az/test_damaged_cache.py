"""What is damaged in az's token cache is not there: the broker answers, and az goes on."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from testbed.directory import ADA
from tests.az.session import Terminal, machine_for

pytestmark = pytest.mark.any_runtime

VAULT = ("--resource", "https://vault.azure.net")
DAMAGE: dict[str, Callable[[dict[str, Any]], object]] = {
    "without its expiry": lambda entry: entry.pop("expires_on"),
    "with an expiry that is no time": lambda entry: entry.update(expires_on="soon"),
    "with an expiry that is a list": lambda entry: entry.update(expires_on=[]),
    "with an expiry past all dates": lambda entry: entry.update(expires_on=10**400),
    "without its token": lambda entry: entry.pop("secret"),
    "with a token that is a number": lambda entry: entry.update(secret=7),
    "with a renewal that is no time": lambda entry: entry.update(refresh_on="never"),
    "with an owner that is a number": lambda entry: entry.update(home_account_id=7),
}
OTHER: dict[str, Callable[[dict[str, Any]], object]] = {
    "a token that is a text": lambda cache: cache["AccessToken"].update(odd="text"),
    "a token that is null": lambda cache: cache["AccessToken"].update(odd=None),
    "tokens that are a list": lambda cache: cache.update(AccessToken=[]),
    "another account without a name": lambda cache: cache["Account"].update(
        odd={"home_account_id": "x.y", "environment": "login.microsoftonline.com", "authority_type": "MSSTS"}
    ),
    "another account that is a list": lambda cache: cache["Account"].update(odd=[]),
    "a refresh token that is a text": lambda cache: cache.update(RefreshToken={"odd": "text"}),
    "ID tokens that are a number": lambda cache: cache.update(IdToken=7),
}
NO_CACHE = {"cut": '{"AccessToken": {', "a list": "[]", "binary": "\x00\x01", "empty": ""}


@pytest.fixture(scope="module")
def machine(runtime: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Terminal, str]]:
    """Ada has signed in, and what az's cache holds then."""
    with machine_for("default", runtime) as machine:
        there = Terminal(machine, tmp_path_factory.mktemp("cache"))
        there.tell("brokerauth", "login")
        there.tell("account", "get-access-token", *VAULT)
        yield there, (there.config / "msal_token_cache.json").read_text()


@pytest.fixture
def there(machine: tuple[Terminal, str]) -> Terminal:
    there, text = machine
    path_of(there).write_text(text)
    there.machine.clear_journal()
    return there


def path_of(there: Terminal) -> Path:
    return there.config / "msal_token_cache.json"


def assert_answered_by_the_broker(there: Terminal) -> None:
    # The runtime may have the token in its own cache, and then asks nobody.
    assert there.claims(*VAULT)["upn"] == ADA.username
    # What it gave is kept as ever, and so is who signed in.
    kept = json.loads(path_of(there).read_text())["AccessToken"].values()
    assert any("vault.azure.net" in str(entry.get("target")) for entry in kept if isinstance(entry, dict))
    assert there.claims(*VAULT)["upn"] == ADA.username
    assert len(there.broker_calls()) <= 1
    assert there.token_endpoint_calls() == []
    assert there.tell("account", "show-broker")["tokenSource"] == "broker"


@pytest.mark.parametrize(
    "how", [pytest.param(how, marks=[pytest.mark.full] if turn % 2 else []) for turn, how in enumerate(DAMAGE)]
)
def test_a_token_that_is_damaged_is_not_there(there: Terminal, how: str) -> None:
    cache = json.loads(path_of(there).read_text())
    for entry in cache["AccessToken"].values():
        DAMAGE[how](entry)
    path_of(there).write_text(json.dumps(cache))
    assert_answered_by_the_broker(there)


@pytest.mark.parametrize("what", OTHER)
def test_what_else_is_damaged_stops_nobody(there: Terminal, what: str) -> None:
    cache = json.loads(path_of(there).read_text())
    cache["AccessToken"] = {key: entry for key, entry in cache["AccessToken"].items() if "vault" not in entry["target"]}
    OTHER[what](cache)
    path_of(there).write_text(json.dumps(cache))
    assert_answered_by_the_broker(there)


@pytest.mark.parametrize("what", NO_CACHE)
def test_a_file_that_is_no_cache_holds_nobody_and_a_sign_in_repairs_it(there: Terminal, what: str) -> None:
    path_of(there).write_text(NO_CACHE[what])
    said = there.refuse("account", "get-access-token", *VAULT)
    assert f"User '{ADA.username}' does not exist in MSAL token cache" in said
    assert ("is damaged, so az counts as signed out" in said) == bool(NO_CACHE[what])
    assert there.tell("brokerauth", "login")["username"] == ADA.username
    assert there.claims(*VAULT)["upn"] == ADA.username


@pytest.mark.parametrize("damage", ["an entry", "the file"])
def test_signing_out_leaves_nothing_of_a_damaged_cache(there: Terminal, damage: str) -> None:
    text = path_of(there).read_text()
    cache = json.loads(text)
    cache["AccessToken"]["odd"] = {"secret": "left behind"}
    path_of(there).write_text(json.dumps(cache) if damage == "an entry" else text[:-20])
    there.tell("brokerauth", "logout", "--yes")
    left = json.loads(path_of(there).read_text() or "{}")
    assert not any(left.get(kind) for kind in ("AccessToken", "Account", "IdToken", "RefreshToken"))
    assert there.tell("account", "list") == []
    there.tell("brokerauth", "login")
