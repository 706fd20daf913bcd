"""A program that runs for weeks: the policy file comes, changes or is damaged while it has tokens in memory."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from azext_brokerauth import errors, settings
from azext_brokerauth.broker.messages import Answer, Ask, Failure, Step
from azext_brokerauth.errors.troubles import Trouble
from azext_brokerauth.machine import Kind, Machine
from azext_brokerauth.models import Account, Token, TokenRequest
from azext_brokerauth.tokens import Prompt, Tokens
from tests.waiting import wait_until

TENANT, OTHER = "c0000000-0000-4000-8000-000000000001", "f0000000-0000-4000-8000-000000000002"
TARGET = settings.Settings().target
ADA = Account("ada@contoso.com", f"a.{TENANT}", "a", TENANT, TARGET.client_id, TARGET.authority)
GRACE = replace(ADA, username="grace@contoso.com", home_account_id=f"g.{TENANT}", local_account_id="g")
NOW = 1_000_000_000
SCOPES = ("https://vault.azure.net/.default",)


class Broker:
    """Answers each request with a new token, of whoever ``account`` is by then."""

    def __init__(self) -> None:
        self.account, self.answer, self.fails, self.lives = ADA, Answer, False, 36000
        self.asks: list[Ask] = []
        self.gate = threading.Event()
        self.gate.set()

    def ask(self, ask: Ask, timeout: float) -> Answer | Failure:
        self.asks.append(ask)
        assert self.gate.wait(30)
        if self.fails:
            return Failure(Trouble.NETWORK, "no answer")
        account, until = self.account, NOW + self.lives
        return self.answer(Token(f"token {len(self.asks)}", until, "Bearer", "broker", account.tenant, account))

    def prompt(self, ask: Ask, timeout: float, started: Callable[[object], None]) -> Answer | Failure:
        return self.ask(ask, timeout)

    def close(self) -> None:
        """No process to end."""


@pytest.fixture
def broker() -> Broker:
    return Broker()


@pytest.fixture
def policy_file(tmp_path: Path) -> Path:
    (tmp_path / "policy").mkdir(mode=0o755)
    return tmp_path / "policy" / "config"


@pytest.fixture
def tokens(broker: Broker, policy_file: Path, tmp_path: Path) -> Tokens:
    """From before there was a policy."""
    environ = {"AZURE_CONFIG_DIR": str(tmp_path)}
    return Tokens(
        settings.load(None, environ, policy_file=policy_file, policy_owner=os.getuid()),
        machine=Machine(Kind.WSL2, "the test says so"),
        broker=lambda notify: broker,
        clock=lambda: float(NOW),
        shares=False,
    )


def enforce(path: Path, **values: str) -> None:
    lines = [f"{name} = {value}" for name, value in values.items()]
    path.write_text("\n".join(["[brokerauth]", *lines, f"enforced = {', '.join(values)}", ""]))
    path.chmod(0o644)


def get(tokens: Tokens, prompt: Prompt = Prompt.NEVER) -> str:
    return tokens.get(TokenRequest(SCOPES, tokens.in_force().target), prompt).value


def test_a_token_in_memory_is_not_given_against_a_tenant_enforced_since(
    tokens: Tokens, broker: Broker, policy_file: Path
) -> None:
    wanted = TokenRequest(SCOPES, tokens.settings.target)
    assert tokens.get(wanted, Prompt.NEVER).value == "token 1"
    enforce(policy_file, tenant_id=OTHER)
    with pytest.raises(errors.SignInRefusedError, match=str(policy_file)):
        tokens.get(wanted, Prompt.NEVER)
    with pytest.raises(errors.SignInRefusedError, match="tenant"):
        get(tokens)
    broker.account = replace(ADA, tenant=OTHER)
    assert get(tokens) == "token 3"


def test_a_token_in_memory_is_not_given_against_an_account_enforced_since(
    tokens: Tokens, broker: Broker, policy_file: Path
) -> None:
    assert get(tokens) == "token 1"
    enforce(policy_file, login_hint=GRACE.username)
    with pytest.raises(errors.InteractionRequiredError, match=r"grace@contoso\.com has not signed in"):
        get(tokens)
    broker.account = GRACE
    assert get(tokens) == "token 3"


MISNAMED = replace(GRACE, username=ADA.username)
"""A record of Grace's account with Ada's name, as somebody could write it."""


def misnamed(tokens: Tokens) -> str:
    return tokens.get(TokenRequest(SCOPES, tokens.settings.target, whose=MISNAMED), Prompt.NEVER).value


def test_a_token_from_before_is_forgotten_and_neither_given_nor_in_the_way(
    tokens: Tokens, broker: Broker, policy_file: Path
) -> None:
    broker.account = GRACE
    assert misnamed(tokens) == "token 1"
    enforce(policy_file, login_hint=ADA.username)
    with pytest.raises(errors.WrongAccountError, match=str(policy_file)):
        misnamed(tokens)
    broker.account = MISNAMED  # she has changed her name
    assert misnamed(tokens) == "token 3"


def test_a_renewal_that_fails_does_not_bring_a_token_from_before_back(
    tokens: Tokens, broker: Broker, policy_file: Path
) -> None:
    broker.account, broker.lives = GRACE, 400
    assert misnamed(tokens) == misnamed(tokens) == "token 1"
    enforce(policy_file, login_hint=ADA.username)
    broker.fails = True
    with pytest.raises(errors.BrokerAuthError, match="no answer"):
        misnamed(tokens)


def test_a_token_that_is_put_into_memory_just_after_the_policy_came_is_not_given(
    tokens: Tokens, broker: Broker, policy_file: Path
) -> None:
    broker.account = GRACE
    read = []

    class Late(Answer):
        def __getattribute__(self, name: str) -> object:
            if name == "token":
                read.append(name)
                if len(read) == 2:  # it has been checked; another thread notices the policy
                    enforce(policy_file, login_hint=ADA.username)
                    tokens.in_force()
            return super().__getattribute__(name)

    broker.answer = Late
    assert misnamed(tokens) == "token 1"
    with pytest.raises(errors.WrongAccountError, match=str(policy_file)):
        misnamed(tokens)
    assert len(broker.asks) == 1


def test_a_policy_that_comes_while_a_request_is_under_way_holds_for_its_answer(
    tokens: Tokens, broker: Broker, policy_file: Path
) -> None:
    broker.gate.clear()
    waiting = tokens.begin(TokenRequest(SCOPES, tokens.settings.target), Prompt.NEVER)
    wait_until(lambda: broker.asks)
    enforce(policy_file, tenant_id=OTHER)
    broker.gate.set()
    with pytest.raises(errors.SignInRefusedError, match=str(policy_file)):
        waiting.result(30)


def test_a_policy_that_is_damaged_later_gives_nobody_a_token_until_it_is_right_again(
    tokens: Tokens, broker: Broker, policy_file: Path
) -> None:
    assert get(tokens) == "token 1"
    enforce(policy_file, tenant_id=TENANT)
    policy_file.chmod(0o666)
    for _ in range(2):
        with pytest.raises(errors.SettingsError, match=str(policy_file)):
            get(tokens)
        with pytest.raises(errors.SettingsError, match=str(policy_file)):
            tokens.known_to_broker(TARGET)
    policy_file.chmod(0o644)
    assert get(tokens) == "token 2"
    policy_file.unlink()
    assert get(tokens)


def test_a_broker_that_is_required_since_cannot_stay_switched_off(
    broker: Broker, policy_file: Path, tmp_path: Path
) -> None:
    environ = {"AZURE_CONFIG_DIR": str(tmp_path), "AZURE_CORE_ENABLE_BROKER_ON_WSL": "false"}
    chosen = settings.load(None, environ, policy_file=policy_file, policy_owner=os.getuid())
    tokens = Tokens(chosen, machine=Machine(Kind.WSL2, "the test says so"), broker=lambda notify: broker)
    with pytest.raises(errors.BrokerOffError):
        get(tokens)
    enforce(policy_file, require_broker="true")
    with pytest.raises(errors.SettingsError, match="AZURE_CORE_ENABLE_BROKER_ON_WSL"):
        get(tokens)


def test_what_stays_allowed_is_still_given_from_memory(tokens: Tokens, broker: Broker, policy_file: Path) -> None:
    assert get(tokens) == "token 1"
    policy_file.with_name("notes").write_text("nothing to do with it")
    assert get(tokens) == "token 1"
    assert len(broker.asks) == 1


def test_whatever_answers_the_picker_the_enforced_account_holds_and_is_asked_for_by_name(
    tokens: Tokens, broker: Broker, policy_file: Path
) -> None:
    enforce(policy_file, login_hint=ADA.username)
    broker.account = GRACE
    with pytest.raises(errors.WrongAccountError, match=str(policy_file)):
        get(tokens, Prompt.SELECT_ACCOUNT)
    broker.asks.clear()
    with pytest.raises(errors.WrongAccountError, match=str(policy_file)):
        get(tokens, Prompt.IF_NEEDED)  # Windows' own account is somebody else: the person is asked, as without a policy
    assert [ask.step for ask in broker.asks] == [Step.DEFAULT, Step.PROMPT]
    assert {ask.request.username for ask in broker.asks} == {ADA.username}


def test_a_question_answered_before_is_not_answered_again_once_a_policy_came(
    tokens: Tokens, broker: Broker, policy_file: Path
) -> None:
    wanted = TokenRequest(SCOPES, tokens.settings.target)
    for _ in range(2):
        tokens.get(wanted, Prompt.NEVER, question="question")
    assert tokens.again("question") is not None
    enforce(policy_file, tenant_id=OTHER)
    assert tokens.again("question") is None
    policy_file.write_text("damaged")
    assert tokens.again("question") is None
