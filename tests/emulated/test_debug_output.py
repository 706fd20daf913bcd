"""What ``--debug`` shows: each step and how long it took, and neither a token nor a user name."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from testbed.directory import ADA
from tests.emulated.session import Session

# The real runtime too in make test-full.
pytestmark = pytest.mark.any_runtime

SCENARIOS = ["default", "interaction-required", "user-cancels", "no-network", "garbage", "crash", "wrong-account"]


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_sign_in_is_told_step_by_step_and_without_names(start: Callable[..., Session], name: str) -> None:
    there = start(name)
    # That no secret is in it is checked when the session ends, as for all output.
    said = there.brokerauth("login", "--debug", "--username", ADA.username).stderr
    debug = [line for line in said.splitlines() if line.startswith(("DEBUG", "INFO"))]
    assert [line for line in debug if re.search(r"(default|silent) step for https://\S+: .* after \d+ ms", line)]
    assert not [line for line in debug if ADA.username in line]
    assert "'--username', '<user>'" in said


def test_a_refusal_is_told_with_its_correlation_id(start: Callable[..., Session]) -> None:
    said = start("user-cancels").brokerauth("login", "--debug").stderr
    assert re.search(r"prompt step for .*\(refused, correlation ID [0-9a-f-]{36}\) after \d+ ms", said)


def test_a_token_request_shows_no_token_in_its_log(default: Session) -> None:
    default.tell("login")
    done = default.brokerauth("get-access-token", "--debug")
    assert "silent step" in done.stderr
    assert ADA.username not in done.stderr
