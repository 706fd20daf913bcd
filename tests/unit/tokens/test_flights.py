"""Who shares an acquisition with whom, what is kept of it, and what is let go."""

from __future__ import annotations

import gc
import threading
import weakref
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from azext_brokerauth import errors
from azext_brokerauth.broker.messages import Answer, Ask, Done, Failure, Step
from azext_brokerauth.machine import Kind
from azext_brokerauth.models import Token, TokenRequest
from azext_brokerauth.tokens import Prompt
from tests.unit.tokens.machine import ADA, GRACE, INTERACTION, NETWORK, SCOPE, TARGET, Broker, Window, tokens_of
from tests.waiting import wait_until

DIFFERENT: dict[str, dict[str, object]] = {
    "the scopes": {"scopes": ("https://storage.azure.com/.default",)},
    "one scope more": {"scopes": (*SCOPE.scopes, "openid")},
    "the application": {"target": replace(TARGET, client_id="c1000000-0000-4000-8000-0000000000c1")},
    "the cloud": {"target": replace(TARGET, authority="login.microsoftonline.us")},
    "the tenant": {"target": replace(TARGET, tenant="common")},
    "the account": {"whose": ADA},
    "the name": {"whose": ADA.username},
    "the claims": {"claims": '{"access_token":{"nbf":{"essential":true,"value":"1"}}}'},
    "continuous access evaluation": {"enable_cae": True},
    "proof of possession": {"pop": ("GET", "https://contoso.example/", "nonce")},
    "an agent's session": {"client_session": "an agent's"},
}


@pytest.fixture
def broker() -> Iterator[Broker]:
    broker = Broker()
    yield broker
    broker.gate.set()
    broker.answered.set()


def two_tokens(broker: Broker) -> list[Answer | Failure]:
    return [Answer(replace(broker.token().token, value=value)) for value in ("one", "two")]


DIFFERENT_ENOUGH = {
    **{what: (SCOPE, replace(SCOPE, **fields)) for what, fields in DIFFERENT.items()},  # type: ignore[arg-type]
    "two challenges": (replace(SCOPE, claims="{}"), replace(SCOPE, claims='{"a":1}')),
    "two nonces": (replace(SCOPE, pop=("GET", "https://a/", "1")), replace(SCOPE, pop=("GET", "https://a/", "2"))),
    "two sessions": (replace(SCOPE, client_session="one"), replace(SCOPE, client_session="two")),
    "two names": (replace(SCOPE, whose=ADA.username), replace(SCOPE, whose=GRACE.username)),
    "two homes": (replace(SCOPE, whose=ADA), replace(SCOPE, whose=replace(ADA, home_account_id="a.other"))),
}


@pytest.mark.parametrize("what", DIFFERENT_ENOUGH)
def test_callers_who_ask_for_different_things_at_once_share_no_acquisition(broker: Broker, what: str) -> None:
    tokens = tokens_of(broker, Kind.WINDOWS, enable_broker_on_windows=True)
    broker.gate.clear()
    for request in DIFFERENT_ENOUGH[what]:
        tokens.begin(request, Prompt.NEVER)
    wait_until(lambda: len(broker.asks) == 2)
    assert {ask.request for ask in broker.asks} == set(DIFFERENT_ENOUGH[what])


def test_callers_who_ask_for_different_things_at_once_get_different_tokens(broker: Broker) -> None:
    tokens = tokens_of(broker)
    broker.gate.clear()
    broker.replies = two_tokens(broker)
    other = replace(SCOPE, claims='{"access_token":{"nbf":{"essential":true,"value":"1"}}}')
    waiting = [tokens.begin(request, Prompt.NEVER) for request in (SCOPE, other)]
    wait_until(lambda: len(broker.asks) == 2)
    broker.gate.set()
    assert {future.result(10).value for future in waiting} == {"one", "two"}


@pytest.mark.parametrize(
    ("one", "two"),
    [
        (replace(SCOPE, scopes=("a", "b")), replace(SCOPE, scopes=("b", "a", "b"))),
        (replace(SCOPE, whose="ada@contoso.com"), replace(SCOPE, whose="ADA@Contoso.com")),
        (replace(SCOPE, whose=ADA), replace(SCOPE, whose=replace(ADA, username="renamed@contoso.com", tenant="t"))),
    ],
    ids=["the order of scopes", "the case of a name", "a renamed person"],
)
def test_the_same_thing_in_other_words_is_asked_for_once(broker: Broker, one: TokenRequest, two: TokenRequest) -> None:
    tokens = tokens_of(broker)
    assert [tokens.get(request, Prompt.NEVER).value for request in (one, two)] == ["token 1", "token 1"]


def test_who_forbids_windows_does_not_wait_for_somebody_elses_window(broker: Broker) -> None:
    tokens = tokens_of(broker)
    broker.gate.clear()
    broker.answered.clear()
    broker.replies = [INTERACTION, INTERACTION]
    quiet, patient = tokens.begin(SCOPE, Prompt.NEVER), tokens.begin(SCOPE, Prompt.IF_NEEDED)
    wait_until(lambda: len(broker.asks) == 2)
    broker.gate.set()
    with pytest.raises(errors.InteractionRequiredError):
        quiet.result(10)
    broker.answered.set()
    assert patient.result(10).value == "token 3"
    assert len(broker.windows) == 1


def test_who_wants_the_picker_gets_it_while_others_ask_silently(broker: Broker) -> None:
    tokens = tokens_of(broker)
    broker.gate.clear()
    broker.replies = two_tokens(broker)
    silent, picking = tokens.begin(SCOPE, Prompt.IF_NEEDED), tokens.begin(SCOPE, Prompt.SELECT_ACCOUNT)
    wait_until(lambda: len(broker.asks) == 2)
    broker.gate.set()
    assert silent.result(10).value != picking.result(10).value
    assert sorted(ask.step.value for ask in broker.asks) == ["default", "prompt"]
    assert [ask.select_account for ask in broker.asks if ask.step is Step.PROMPT] == [True]


def test_the_picker_is_shown_although_a_token_is_at_hand(broker: Broker) -> None:
    tokens = tokens_of(broker)
    tokens.get(SCOPE, Prompt.NEVER)
    broker.replies = [broker.token(GRACE)]
    assert tokens.get(SCOPE, Prompt.SELECT_ACCOUNT).account == GRACE
    # Who asks for nobody in particular goes on with the token from before; who asks for Grace has hers.
    assert tokens.get(SCOPE, Prompt.NEVER).account == ADA
    assert tokens.get(replace(SCOPE, whose=GRACE), Prompt.NEVER).account == GRACE
    assert len(broker.asks) == 2


def test_who_answered_is_known_by_name_from_then_on(broker: Broker) -> None:
    tokens = tokens_of(broker)
    assert tokens.get(SCOPE, Prompt.NEVER) == tokens.get(replace(SCOPE, whose=ADA), Prompt.NEVER)
    assert len(broker.asks) == 1


@pytest.mark.parametrize(
    "mine", [replace(SCOPE, pop=("GET", "https://contoso.example/", "n")), replace(SCOPE, client_session="an agent's")]
)
def test_a_token_for_one_request_or_session_answers_no_other(broker: Broker, mine: TokenRequest) -> None:
    tokens = tokens_of(broker, Kind.WINDOWS, enable_broker_on_windows=True)
    given = [tokens.get(request, Prompt.NEVER).value for request in (mine, mine, SCOPE, mine, SCOPE)]
    assert given == ["token 1", "token 2", "token 3", "token 4", "token 3"]


@pytest.mark.parametrize("left", [500, 250])
def test_a_failed_renewal_is_tried_again_after_30_seconds_and_not_before(broker: Broker, left: int) -> None:
    tokens = tokens_of(broker)
    tokens.get(SCOPE, Prompt.NEVER)
    broker.now += 3600 - left
    broker.replies = [NETWORK, broker.token()]
    assert tokens.get(SCOPE, Prompt.NEVER).value == "token 1"
    broker.now += 29.9
    assert tokens.get(SCOPE, Prompt.NEVER).value == "token 1"
    assert len(broker.asks) == 2
    broker.now += 0.1
    tokens.get(SCOPE, Prompt.NEVER)
    assert len(broker.asks) == 3


def test_a_token_that_was_fresh_is_renewed_as_soon_as_it_is_not(broker: Broker) -> None:
    broker.replies = [broker.token(lives=601)]
    tokens = tokens_of(broker)
    tokens.get(SCOPE, Prompt.NEVER)
    broker.now += 1
    tokens.get(SCOPE, Prompt.NEVER)
    assert len(broker.asks) == 2


def test_a_token_that_came_at_its_end_is_not_given_beyond_it(broker: Broker) -> None:
    broker.replies = [broker.token(lives=20)]
    tokens = tokens_of(broker)
    old = tokens.get(SCOPE, Prompt.NEVER)
    assert tokens.get(SCOPE, Prompt.NEVER) is old
    broker.now += 20
    assert tokens.get(SCOPE, Prompt.NEVER) != old


def test_a_person_is_asked_once_a_token_has_no_more_than_minutes(broker: Broker) -> None:
    tokens = tokens_of(broker)
    tokens.get(SCOPE, Prompt.NEVER)
    broker.now += 3600 - 300
    broker.replies = [INTERACTION]
    assert tokens.get(SCOPE, Prompt.IF_NEEDED).value == "token 3"
    assert len(broker.windows) == 1


def test_who_comes_when_the_window_is_open_shares_it(broker: Broker) -> None:
    broker.answered.clear()
    broker.replies = [INTERACTION]
    tokens = tokens_of(broker)
    waiting = [tokens.begin(SCOPE, Prompt.IF_NEEDED)]
    wait_until(lambda: broker.windows)
    waiting.append(tokens.begin(SCOPE, Prompt.IF_NEEDED))
    broker.answered.set()
    assert len({future.result(10).value for future in waiting}) == 1
    assert len(broker.windows) == 1


def test_giving_up_one_window_leaves_the_others(broker: Broker) -> None:
    broker.answered.clear()
    broker.replies = [INTERACTION, INTERACTION]
    tokens = tokens_of(broker)
    mine = tokens.begin(SCOPE, Prompt.IF_NEEDED)
    wait_until(lambda: len(broker.windows) == 1)
    theirs = tokens.begin(replace(SCOPE, scopes=("another",)), Prompt.IF_NEEDED)
    wait_until(lambda: len(broker.windows) == 2)
    tokens.abandon(theirs)
    assert broker.windows[1].ended.wait(10)
    assert not broker.windows[0].ended.is_set()
    broker.answered.set()
    assert mine.result(10)


def test_tidying_up_forgets_no_acquisition_that_is_under_way(broker: Broker) -> None:
    tokens = tokens_of(broker)
    tokens.get(SCOPE, Prompt.NEVER)
    broker.now += 3600
    broker.answered.clear()
    broker.replies = [INTERACTION]
    waiting = [tokens.begin(SCOPE, Prompt.IF_NEEDED)]
    wait_until(lambda: broker.windows)
    tokens.get(replace(SCOPE, scopes=("another",)), Prompt.NEVER)
    waiting.append(tokens.begin(SCOPE, Prompt.IF_NEEDED))
    broker.answered.set()
    assert len({future.result(10).value for future in waiting}) == 1
    assert len(broker.windows) == 1


def test_a_sign_out_forgets_the_tokens_in_memory(broker: Broker) -> None:
    tokens = tokens_of(broker)
    given = weakref.ref(tokens.get(SCOPE, Prompt.NEVER))
    broker.replies = [Done()]  # type: ignore[list-item]
    tokens.sign_out(ADA)
    assert tokens.get(SCOPE, Prompt.NEVER).value == "token 3"
    assert is_let_go(given)


def test_a_sign_out_that_the_broker_refuses_forgets_them_too(broker: Broker) -> None:
    tokens = tokens_of(broker)
    tokens.get(SCOPE, Prompt.NEVER)
    broker.replies = [NETWORK]
    with pytest.raises(errors.SignInRefusedError):
        tokens.sign_out(ADA)
    assert tokens.get(SCOPE, Prompt.NEVER).value == "token 3"


class Closing(Broker):
    closed = 0

    def close(self) -> None:
        self.closed += 1


def test_closing_ends_the_broker_and_forgets_the_tokens() -> None:
    broker = Closing()
    tokens = tokens_of(broker)
    given = weakref.ref(tokens.get(SCOPE, Prompt.NEVER))
    tokens.close()
    assert broker.closed == 1
    assert is_let_go(given)


def is_let_go(token: weakref.ref[Token]) -> bool:
    wait_until(lambda: gc.collect() is not None and token() is None)  # its thread may take a moment to end
    return True


def test_what_has_expired_does_not_stay_in_memory(broker: Broker) -> None:
    tokens = tokens_of(broker)

    def get(scope: str, lives: int) -> weakref.ref[Token]:
        broker.replies = [broker.token(lives=lives)]
        return weakref.ref(tokens.get(replace(SCOPE, scopes=(scope,)), Prompt.NEVER))

    old = [get("a", 700), get("b", 701), get("c", 702)]
    broker.now += 701
    get("d", 3600)
    assert all(is_let_go(token) for token in old[:2])
    assert old[2]() is not None


def requests_in_memory() -> int:
    gc.collect()
    return sum(isinstance(each, TokenRequest) for each in gc.get_objects())


@pytest.mark.parametrize("what", ["is refused", "has expired at once", "is not for others"])
def test_nothing_stays_in_memory_of_a_request_whose_token(broker: Broker, what: str) -> None:
    """A service asks for its users for months."""
    tokens = tokens_of(broker, Kind.WINDOWS, enable_broker_on_windows=True)
    tokens.get(SCOPE, Prompt.NEVER)
    broker.asks.clear()
    before = requests_in_memory()
    for number in range(20):
        request = replace(SCOPE, scopes=(f"scope {number}",))
        if what == "is not for others":
            request = replace(request, client_session="an agent's")
        broker.replies = [NETWORK if what == "is refused" else broker.token(lives=0 if "expired" in what else 3600)]
        if what == "is refused":
            with pytest.raises(errors.SignInRefusedError):
                tokens.get(request, Prompt.NEVER)
        else:
            tokens.get(request, Prompt.NEVER)
        broker.asks.clear()
    # The last one's thread may take a moment to end; one whose token has expired goes with the next that comes.
    wait_until(lambda: requests_in_memory() <= before + 5)


class Prompting(Broker):
    """The first prompt ends without an answer, once it may; the others are answered."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.landing = threading.Event()

    def prompt(self, ask: Ask, timeout: float, started: Callable[[Window], None]) -> Answer | Failure:
        if self.windows:
            return super().prompt(ask, timeout, started)
        window = Window()
        started(window)
        self.windows.append(window)
        assert self.landing.wait(10)
        raise errors.BrokerFailedError("The prompt was taken away.")


def test_what_was_given_up_takes_nothing_with_it_when_it_lands() -> None:
    broker = Prompting(replies=[INTERACTION, INTERACTION])
    broker.answered.clear()
    tokens = tokens_of(broker)
    given_up = tokens.begin(SCOPE, Prompt.IF_NEEDED)
    wait_until(lambda: len(broker.windows) == 1)
    tokens.abandon(given_up)
    waiting = [tokens.begin(SCOPE, Prompt.IF_NEEDED)]
    wait_until(lambda: len(broker.windows) == 2)
    broker.landing.set()
    with pytest.raises(errors.BrokerFailedError):
        given_up.result(10)
    waiting.append(tokens.begin(SCOPE, Prompt.IF_NEEDED))
    broker.answered.set()
    assert len({future.result(10).value for future in waiting}) == 1
    assert len(broker.windows) == 2


def test_a_prompt_that_is_given_up_may_land_when_nobody_else_has_come() -> None:
    broker = Prompting(replies=[INTERACTION])
    tokens = tokens_of(broker)
    given_up = tokens.begin(SCOPE, Prompt.IF_NEEDED)
    wait_until(lambda: len(broker.windows) == 1)
    tokens.abandon(given_up)
    broker.landing.set()
    with pytest.raises(errors.BrokerFailedError):
        given_up.result(10)


def test_a_token_that_expires_while_its_renewal_fails_is_not_given(broker: Broker) -> None:
    tokens = tokens_of(broker)
    tokens.get(SCOPE, Prompt.NEVER)
    broker.now += 3600 - 1
    broker.gate.clear()
    broker.replies = [NETWORK]
    renewing = tokens.begin(SCOPE, Prompt.NEVER)
    wait_until(lambda: len(broker.asks) == 2)
    broker.now += 1
    broker.gate.set()
    with pytest.raises(errors.SignInRefusedError):
        renewing.result(10)
