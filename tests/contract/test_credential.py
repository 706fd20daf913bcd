"""The credentials do what azure-core and azure-identity expect of any, and differ from the peer only as documented."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from testbed.directory import CONTOSO, DEVICE_ID, FABRIKAM
from testbed.machine import Machine
from testbed.scenarios import Scenario
from tests.contract.conftest import Observed, observe

PAGE = Path(__file__).parents[2] / "docs" / "sdk.md"
KINDS = ("sync", "aio", "peer")


def raised(name: str, text: str = "") -> dict[str, str]:
    """How an observation tells of an exception; ``text`` is a part of its message."""
    return {"raised": name, "text": text}


HEALTHY: dict[str, Any] = {
    "get_token_gives_an_access_token": ["AccessToken", "int", True, "https://vault.azure.net"],
    "get_token_info_tells_the_tokens_type": ["AccessTokenInfo", "Bearer", None],
    "the_token_is_of_the_device": DEVICE_ID,
    "a_token_is_given_again": 1,
    "a_token_in_memory_costs_few_steps": True,
    "a_short_way_to_the_same_answers": [1, True, [["CP1"]] * 3, None],
    "arguments_of_a_wrong_type_are_refused": ["enable_cae mus", "each of scopes"],
    "unknown_options_are_ignored": "AccessTokenInfo",
    "a_scope_is_needed": raised("ValueError", "at least one scope"),
    "a_scope_is_needed_for_info_too": raised("ValueError", "at least one scope"),
    "a_scope_has_no_strange_characters": raised("ValueError", "is not a scope"),
    "every_keyword_of_the_peer_is_taken": True,
    "an_unknown_keyword_is_refused_by_name": raised("TypeError", "tennant_id"),
    "a_strange_tenant_is_refused": raised("ValueError", "tenant"),
    "an_authority_without_tls_is_refused": raised("ValueError", "https"),
    "another_tenant_can_be_asked": [CONTOSO.tenant_id, FABRIKAM.tenant_id],
    "another_tenant_must_be_allowed": raised("ClientAuthenticationError", "additionally_allowed_tenants"),
    "another_tenant_can_be_allowed": FABRIKAM.tenant_id,
    "other_tenants_can_be_switched_off": CONTOSO.tenant_id,
    "a_claims_challenge_is_met": [None, ["c1"]],
    "cae_tokens_are_kept_apart": [None, ["CP1"], None],
    "authenticate_gives_a_record_to_start_from": [
        "AuthenticationRecord",
        "ada@contoso.com",
        CONTOSO.tenant_id,
        "login.microsoftonline.com",
        "ada@contoso.com",
    ],
    "it_can_be_entered_and_closed": True,
    "a_closed_one_says_so": raised("ClientAuthenticationError", "was closed"),
    "proof_of_possession_is_refused_clearly": raised(
        "ClientAuthenticationError", "MSAL has no proof of possession (PoP) on Linux"
    ),
    "sixteen_threads_get_one_token": 1,
    "eight_scopes_at_once": 8,
    "a_forked_process_gets_a_token": 0,
    "a_used_one_can_be_pickled": "ada@contoso.com",
    "success_is_told_at_info_and_who_it_was_at_debug": ["INFO", "get_token succeeded"],
}
DIFFERENCES = {
    "arguments_of_a_wrong_type_are_refused",
    "get_token_info_tells_the_tokens_type",
    "a_scope_has_no_strange_characters",
    "an_unknown_keyword_is_refused_by_name",
    "another_tenant_can_be_asked",
    "authenticate_gives_a_record_to_start_from",
    "a_closed_one_says_so",
    "proof_of_possession_is_refused_clearly",
    "sixteen_threads_get_one_token",
}
"""Where azure-identity-broker's does otherwise; the page for SDK authors tells why."""


@pytest.fixture(scope="module")
def healthy(machine_in: Callable[[str], Machine]) -> dict[str, Observed]:
    return observe(machine_in("default"), KINDS, list(HEALTHY))


def fits(seen: Any, expected: Any) -> bool:
    if isinstance(expected, dict) and isinstance(seen, dict):
        return seen["raised"] == expected["raised"] and expected["text"] in seen["text"]
    return bool(seen == expected)


@pytest.mark.parametrize("name", HEALTHY)
@pytest.mark.parametrize("kind", KINDS)
def test_on_a_healthy_machine(healthy: dict[str, Observed], kind: str, name: str) -> None:
    seen = healthy[kind].seen[name]
    assert fits(seen, HEALTHY[name]) is not (kind == "peer" and name in DIFFERENCES), seen


def test_authenticate_takes_no_other_account_than_the_one_that_was_named(runtime: str) -> None:
    grace = "grace@contoso.com"
    refused = f"The broker answered for {grace}; ada@contoso.com was"
    expected = {
        "authenticate_takes_whoever_is_picked": [grace, grace],
        "authenticate_takes_nobody_but_the_login_hint": ["ada@contoso.com", refused, "ada@contoso.com"],
        "authenticate_takes_nobody_but_whom_the_record_names": ["ada@contoso.com", refused, "ada@contoso.com"],
    }
    with Machine(Scenario(picks=grace), runtime) as machine:
        observed = observe(machine, ["sync", "aio"], list(expected))
    assert [one.seen for one in observed.values()] == [expected, expected]


@pytest.mark.parametrize("scenario", ["not-wsl", "no-runtime"])
def test_the_peer_stops_a_chain_where_nothing_was_attempted(
    machine_in: Callable[[str], Machine], scenario: str
) -> None:
    chain = "a_chain_of_it_and_another"
    assert fits(observe(machine_in(scenario), ["peer"], [chain])["peer"].seen[chain], raised(REFUSED))
    assert FAILING[scenario][-1] == "the other's"


def test_each_difference_from_the_peer_is_written_down() -> None:
    section = PAGE.read_text().partition("## What differs from azure-identity-broker, and why")[2]
    rows = set(re.findall(r"^\| ([^|]+?) +\|", section, re.MULTILINE))
    assert {name.replace("_", " ") for name in {*DIFFERENCES, "a_chain_of_it_and_another"}} <= rows


def test_one_acquisition_serves_all_who_ask_at_once(runtime: str) -> None:
    for name, expected in {
        "sixteen_threads_get_one_token": 1,
        "sixty_four_tasks_get_one_token_and_block_no_thread": 1,
        "eight_scopes_at_once": 8,
    }.items():
        with Machine("default", runtime) as machine:
            seen = observe(machine, ["sync"], [name])["sync"].seen[name]
            silent = [line for line in machine.journal() if line["method"] == "acquireTokenSilently"]
        assert seen == (["CancelledError", 1, True] if "tasks" in name else expected)
        assert len(silent) == expected


@pytest.mark.parametrize("kind", ["sync", "aio"])
def test_a_process_that_got_a_token_holds_neither_msal_nor_the_runtime(runtime: str, kind: str) -> None:
    with Machine("default", runtime) as machine:
        told = observe(machine, [kind], ["what_a_token_leaves_in_the_process"])[kind].seen
    assert told == {"what_a_token_leaves_in_the_process": {"modules": [], "libraries": []}}


LOG = ["WARNING", "WARNING"]
LOG_ONCE = ["WARNING", "DEBUG"]
NOT_WSL = raised("CredentialUnavailableError", "not WSL")
REFUSED, UNAVAILABLE, PROMPT_NEEDED = (
    "ClientAuthenticationError",
    "CredentialUnavailableError",
    "AuthenticationRequiredError",
)
# scenario -> get_token, without windows, with require_broker, levels of two failures' log lines, and a chain's end;
# None where another scenario shows the same
FAILING: dict[str, tuple[Any, ...]] = {
    "interaction-required": ("AccessToken", raised(PROMPT_NEEDED), None, None, "its own"),
    "user-cancels": (
        raised(REFUSED, "The sign-in window was closed."),
        raised(PROMPT_NEEDED),
        None,
        None,
        raised(REFUSED),
    ),
    "account-unusable": (
        raised(REFUSED, "repair the account"),
        raised(PROMPT_NEEDED),
        None,
        None,
        raised(REFUSED),
    ),
    "no-network": (raised(REFUSED, "Connect Windows"), raised(REFUSED), None, None, raised(REFUSED)),
    "crash": (raised(REFUSED, "wsl --shutdown"), raised(REFUSED), raised(REFUSED), LOG, raised(REFUSED)),
    "garbage": (raised(REFUSED, "wsl --shutdown"), raised(REFUSED), None, None, raised(REFUSED)),
    "declined-scope": (raised(REFUSED, "Check the scope"), raised(REFUSED), None, None, raised(REFUSED)),
    "not-wsl": (NOT_WSL, NOT_WSL, NOT_WSL, ["INFO", "INFO"], "the other's"),
    "docker-on-wsl": (NOT_WSL, NOT_WSL, NOT_WSL, ["INFO", "INFO"], "the other's"),
    "wsl1": (raised(UNAVAILABLE, "WSL 1"), raised(UNAVAILABLE), raised(REFUSED), LOG_ONCE, "the other's"),
    "no-runtime": (
        raised(UNAVAILABLE, "pip install pymsalruntime"),
        raised(UNAVAILABLE),
        raised(REFUSED),
        LOG_ONCE,
        "the other's",
    ),
    "missing-library": (
        raised(UNAVAILABLE, "sudo apt-get install libwebkit2gtk"),
        raised(UNAVAILABLE),
        raised(REFUSED),
        LOG_ONCE,
        "the other's",
    ),
}
OBSERVED = (
    "get_token",
    "get_token_without_windows",
    "get_token_that_requires_the_broker",
    "get_token_twice",
    "a_chain_of_it_and_another",
)
LARGEST = ("no-network", "garbage", "declined-scope", "wsl1")
BY_THE_BROKER = ("user-cancels", "account-unusable", "no-network", "crash", "garbage", "declined-scope")


@pytest.mark.any_runtime
@pytest.mark.parametrize(
    "scenario",
    [pytest.param(name, marks=[pytest.mark.full] if name in LARGEST else []) for name in FAILING],
)
def test_where_no_token_is_to_be_had(machine_in: Callable[[str], Machine], scenario: str) -> None:
    wanted = {name: end for name, end in zip(OBSERVED, FAILING[scenario], strict=True) if end is not None}
    for kind, one in observe(machine_in(scenario), ("sync", "aio"), list(wanted)).items():
        for name, expected in wanted.items():
            assert fits(one.seen[name], expected), (kind, name, one.seen[name])
        if scenario in BY_THE_BROKER:
            assert re.search(r"\(correlation ID [0-9a-f-]{36}\)", one.seen["get_token"]["text"])
        needs_prompt = one.seen["get_token_without_windows"]
        if needs_prompt["raised"] == PROMPT_NEEDED:
            assert needs_prompt["scopes"] == ["https://vault.azure.net/.default"]
            assert "acrs" in needs_prompt["claims"]


@pytest.mark.parametrize("kind", ["sync", "aio"])
def test_user_names_are_logged_aloud_only_on_request(machine_in: Callable[[str], Machine], kind: str) -> None:
    name = "user_names_are_told_aloud"
    assert observe(machine_in("wrong-account"), [kind], [name])[kind].seen[name] == [[True, False], [True, True]]


def test_support_logging_lets_the_runtime_say_what_it_hides(machine_in: Callable[[str], Machine], runtime: str) -> None:
    name = "get_token_with_support_logging"
    told = observe(machine_in("declined-scope"), ["sync"], [name])["sync"].seen[name]["text"]
    # The double always hides it.
    assert ("'(pii)'" if runtime == "double" else "'https://vault.azure.net/.default'") in told


def test_clouds_and_tenants_reach_the_broker_as_they_are(runtime: str) -> None:
    with Machine("default", runtime) as machine:
        seen = observe(machine, ["sync"], ["each_cloud_and_tenant"])["sync"].seen["each_cloud_and_tenant"]
        asked = {line["authority"].rstrip("/") for line in machine.journal() if line["method"].startswith("acquire")}
    assert seen == ["ada@contoso.com"] * 3
    assert asked == {
        # MSAL turns a domain into its tenant's ID.
        f"https://login.partner.microsoftonline.cn/{CONTOSO.tenant_id}",
        "https://login.microsoftonline.us/organizations",
        "https://login.microsoftonline.com/common",
    }


@pytest.mark.parametrize("kind", ["sync", "aio"])
def test_authorities_without_the_broker_are_refused_before_anything_is_tried(runtime: str, kind: str) -> None:
    name = "each_authority_that_msal_keeps_from_the_broker"
    with Machine("default", runtime) as machine:
        assert observe(machine, [kind], [name])[kind].seen[name] == [["ClientAuthenticationError", True]] * 3
        assert machine.journal() == []
