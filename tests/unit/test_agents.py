"""AI agents: which session, and what a request for one asks for."""

from __future__ import annotations

import json

import pytest

from azext_brokerauth import agents
from azext_brokerauth.errors import InvalidInputError
from azext_brokerauth.models import TokenRequest
from azext_brokerauth.settings import Settings

MARK = {"xms_cli_sid": {"values": ["s1"]}}
ASKED = TokenRequest(("scope",), Settings().target)
BAD = ["", " ", " s1", "s1\n", "s\x1b[31m1", "a\nb", "a\x00b", "\u202etxt", "\udcff", "x" * 257]


@pytest.mark.parametrize(
    ("variable", "told", "session"),
    [
        (None, None, ""),
        ("", None, ""),
        ("s1", None, "s1"),
        (None, "s1", "s1"),
        ("s0", "s1", "s1"),
        ("x" * 256, None, "x" * 256),
    ],
)
def test_the_option_wins_over_the_variable(variable: str | None, told: str | None, session: str) -> None:
    assert agents.session({} if variable is None else {agents.VARIABLE: variable}, told) == session


@pytest.mark.parametrize("name", BAD, ids=ascii)
def test_what_cannot_be_one_is_an_error_that_names_where_it_came_from(name: str) -> None:
    with pytest.raises(
        InvalidInputError, match=r"^--agent-session cannot name an agent's session: use 1 to 256"
    ) as told:
        agents.session({agents.VARIABLE: "s0"}, name)
    assert (told.value.exit_code, told.value.az_class) == (1, "InvalidArgumentValueError")
    if name:
        with pytest.raises(InvalidInputError, match=f"^The variable {agents.VARIABLE} cannot name"):
            agents.session({agents.VARIABLE: name})


@pytest.mark.parametrize(
    ("claims", "merged"),
    [
        ("", {"access_token": MARK}),
        ('{"access_token": {"nbf": 1}, "id_token": {}}', {"access_token": {"nbf": 1, **MARK}, "id_token": {}}),
        ('{"access_token": {"xms_cli_sid": {"values": ["s0"]}}}', {"access_token": MARK}),
        ('{"access_token": null}', {"access_token": MARK}),
        ('{"access_token": 5}', {"access_token": MARK}),
    ],
)
def test_a_mark_is_added_to_what_is_asked_for_and_keeps_the_token_from_all_others(claims: str, merged: object) -> None:
    request = agents.marked(TokenRequest(("scope",), ASKED.target, claims=claims), "s1")
    assert (json.loads(request.claims), request.client_session) == (merged, "s1")
    assert not request.answered_from_cache
    assert not request.answer_may_be_cached


def test_a_persons_request_stays_as_it_is() -> None:
    assert agents.marked(ASKED, "") is ASKED
