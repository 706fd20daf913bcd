"""When a token is reused, renewed or asked for anew, and who waits for it: with a broker and a clock of our own."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from dataclasses import replace

import pytest

from azext_brokerauth import errors
from azext_brokerauth.broker.messages import Answer, Failure, Step
from azext_brokerauth.errors.troubles import Trouble
from azext_brokerauth.machine import Kind
from azext_brokerauth.models import TokenRequest
from azext_brokerauth.tokens import Prompt, Tokens
from tests.unit.tokens.machine import ADA, CHALLENGE, GRACE, INTERACTION, NETWORK, SCOPE, TARGET, Broker, tokens_of
from tests.waiting import wait_until


@pytest.fixture
def broker() -> Iterator[Broker]:
    broker = Broker()
    yield broker
    broker.gate.set()
    broker.answered.set()


@pytest.fixture
def tokens(broker: Broker) -> Tokens:
    return tokens_of(broker)


def get(tokens: Tokens, request: TokenRequest = SCOPE, prompt: Prompt = Prompt.IF_NEEDED) -> str:
    return tokens.get(request, prompt).value


def get_from(tokens: Tokens) -> str:
    """A token from where the settings say."""
    return get(tokens, replace(SCOPE, target=tokens.settings.target))


def test_a_fresh_token_is_given_again(tokens: Tokens, broker: Broker) -> None:
    assert get(tokens) == get(tokens) == "token 1"
    assert broker.steps == [Step.DEFAULT]


def test_in_the_advisory_window_one_caller_renews_and_the_others_go_on(tokens: Tokens, broker: Broker) -> None:
    get(tokens)
    broker.now += 3600 - 599
    broker.gate.clear()
    renewing = tokens.begin(SCOPE, Prompt.IF_NEEDED)
    wait_until(lambda: len(broker.asks) == 2)
    assert get(tokens) == "token 1"
    broker.gate.set()
    assert renewing.result(10).value == get(tokens) == "token 2"
    assert len(broker.asks) == 2


def test_in_the_mandatory_window_all_wait_for_one_renewal(tokens: Tokens, broker: Broker) -> None:
    get(tokens)
    broker.now += 3600 - 299
    broker.gate.clear()
    waiting = [tokens.begin(SCOPE, Prompt.IF_NEEDED) for _ in range(3)]
    assert not any(future.done() for future in waiting)
    broker.gate.set()
    assert {future.result(10).value for future in waiting} == {"token 2"}
    assert len(broker.asks) == 2


@pytest.mark.parametrize("left", [599, 299])
def test_a_failed_early_renewal_keeps_the_token_and_is_not_tried_again_for_30_seconds(
    tokens: Tokens, broker: Broker, left: int, caplog: pytest.LogCaptureFixture
) -> None:
    get(tokens)
    broker.now += 3600 - left
    broker.replies = [NETWORK]
    assert get(tokens) == get(tokens) == "token 1"
    broker.now += 29
    assert get(tokens) == "token 1"
    assert len(broker.asks) == 2
    wait_until(lambda: caplog.records)
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    broker.now += 2
    assert get(tokens) == "token 3"


def test_a_token_that_has_expired_is_never_given(tokens: Tokens, broker: Broker) -> None:
    get(tokens)
    broker.now += 3600
    broker.replies = [NETWORK]
    with pytest.raises(errors.SignInRefusedError, match="no network"):
        get(tokens)


def test_nobody_is_shown_a_window_to_renew_a_token_early(tokens: Tokens, broker: Broker) -> None:
    get(tokens)
    broker.now += 3600 - 599
    broker.replies = [INTERACTION]
    assert get(tokens) == "token 1"
    assert broker.windows == []


def test_a_runtime_that_gives_the_same_old_token_again_is_not_asked_each_time(tokens: Tokens, broker: Broker) -> None:
    broker.replies = [broker.token(lives=400)] * 2
    for _ in range(5):
        get(tokens)
    broker.now += 31
    get(tokens)
    assert len(broker.asks) == 2


def test_the_issuers_time_to_renew_is_kept(tokens: Tokens, broker: Broker) -> None:
    broker.replies = [broker.token(refresh_on=int(broker.now) + 1800)]
    assert tokens.get(SCOPE, Prompt.NEVER).refresh_on == int(broker.now) + 1800
    broker.now += 1799
    get(tokens)
    assert len(broker.asks) == 1
    broker.now += 1
    assert get(tokens) == "token 2"


QUESTION = ("whose", "what")


def ask_again(tokens: Tokens) -> str | None:
    """What a caller is given who has asked the same before."""
    token = tokens.again(QUESTION) or tokens.get(SCOPE, Prompt.IF_NEEDED, question=QUESTION)
    return token.value


def test_a_question_that_memory_answered_is_answered_again(tokens: Tokens, broker: Broker) -> None:
    assert tokens.again(QUESTION) is None
    assert ask_again(tokens) == ask_again(tokens) == "token 1"
    assert tokens.again(QUESTION) is not None
    assert tokens.again("another") is None


@pytest.mark.parametrize("later", [3000, 3001, 3300, 3600])
def test_a_question_is_answered_again_only_while_nothing_is_to_be_done(
    tokens: Tokens, broker: Broker, later: int
) -> None:
    ask_again(tokens), ask_again(tokens)
    broker.now += later - 1
    assert (tokens.again(QUESTION) is None) == (later > 3000)
    broker.now += 1
    assert tokens.again(QUESTION) is None


def test_a_question_is_not_answered_with_a_token_from_before_a_challenge(tokens: Tokens, broker: Broker) -> None:
    ask_again(tokens), ask_again(tokens)
    assert get(tokens, CHALLENGE) == "token 2"
    assert tokens.again(QUESTION) is None
    assert ask_again(tokens) == "token 2"


def test_a_question_is_not_answered_with_what_came_before_a_sign_out(tokens: Tokens, broker: Broker) -> None:
    ask_again(tokens), ask_again(tokens)
    broker.replies = [Failure(Trouble.NETWORK, "")]
    with pytest.raises(errors.BrokerAuthError):
        tokens.sign_out(ADA)
    assert tokens.again(QUESTION) is None
    assert ask_again(tokens) == ask_again(tokens) != "token 1"
    tokens.close()
    assert tokens.again(QUESTION) is None


def test_claims_are_never_answered_from_our_memory_and_what_they_bring_is_used_from_then_on(
    tokens: Tokens, broker: Broker
) -> None:
    get(tokens)
    assert get(tokens, CHALLENGE) == "token 2"
    assert get(tokens, CHALLENGE) == "token 3"
    assert get(tokens) == "token 3"
    assert [ask.request.claims for ask in broker.asks] == ["", CHALLENGE.claims, CHALLENGE.claims]


def test_claims_are_prompted_for_where_windows_are_allowed(tokens: Tokens, broker: Broker) -> None:
    get(tokens)
    broker.replies = [INTERACTION]
    get(tokens, CHALLENGE)
    assert broker.steps[1:] == [Step.DEFAULT, Step.PROMPT]
    assert broker.asks[-1].request.claims == CHALLENGE.claims
    broker.replies = [INTERACTION]
    with pytest.raises(errors.InteractionRequiredError):
        get(tokens, CHALLENGE, Prompt.NEVER)
    assert len(broker.windows) == 1


def test_tokens_for_continuous_access_evaluation_are_kept_apart(tokens: Tokens, broker: Broker) -> None:
    assert [get(tokens), get(tokens, replace(SCOPE, enable_cae=True)), get(tokens)] == ["token 1", "token 2", "token 1"]
    assert [ask.request.enable_cae for ask in broker.asks] == [False, True]


def test_tenants_are_kept_apart(tokens: Tokens, broker: Broker) -> None:
    broker.replies = [broker.token(), Answer(replace(broker.token().token, tenant="t2"))]
    get(tokens)
    get(tokens, replace(SCOPE, target=replace(TARGET, tenant="t2")))
    assert [ask.request.target.tenant for ask in broker.asks] == ["organizations", "t2"]


def test_threads_that_ask_for_the_same_share_one_acquisition(tokens: Tokens, broker: Broker) -> None:
    broker.gate.clear()
    waiting = [tokens.begin(SCOPE, Prompt.IF_NEEDED) for _ in range(16)]
    broker.gate.set()
    assert {future.result(10).value for future in waiting} == {"token 1"}


def test_a_window_for_one_scope_holds_up_no_other(tokens: Tokens, broker: Broker) -> None:
    broker.replies = [INTERACTION]
    other = replace(SCOPE, scopes=("https://storage.azure.com/.default",))
    broker.answered.clear()
    prompting = tokens.begin(SCOPE, Prompt.IF_NEEDED)
    wait_until(lambda: broker.windows)
    assert get(tokens, other) == "token 2"
    broker.answered.set()
    assert prompting.result(10).value == "token 3"


def test_who_cancels_does_not_cancel_it_for_the_others(tokens: Tokens, broker: Broker) -> None:
    broker.gate.clear()
    mine, theirs = tokens.begin(SCOPE, Prompt.NEVER), tokens.begin(SCOPE, Prompt.NEVER)
    assert not mine.cancel()
    tokens.abandon(mine)
    broker.gate.set()
    assert theirs.result(10).value == "token 1"


def test_a_window_that_nobody_waits_for_is_taken_away(tokens: Tokens, broker: Broker) -> None:
    broker.replies = [INTERACTION, broker.token()]
    broker.answered.clear()
    first = [tokens.begin(SCOPE, Prompt.IF_NEEDED) for _ in range(2)]
    wait_until(lambda: broker.windows)
    tokens.abandon(first[0])
    tokens.abandon(first[1])
    assert broker.windows[0].ended.wait(10)
    # The window that was given up still hangs: whoever comes now does not wait for it.
    assert tokens.begin(SCOPE, Prompt.IF_NEEDED).result(10)


def test_a_window_that_somebody_waits_for_stays(tokens: Tokens, broker: Broker) -> None:
    broker.replies = [INTERACTION]
    broker.answered.clear()
    mine, theirs = (tokens.begin(SCOPE, Prompt.IF_NEEDED) for _ in range(2))
    wait_until(lambda: broker.windows)
    tokens.abandon(mine)
    assert not broker.windows[0].ended.wait(0.5)
    broker.answered.set()
    assert theirs.result(10)


def test_who_asks_again_after_giving_up_gets_an_acquisition_and_a_deadline_of_their_own(
    tokens: Tokens, broker: Broker
) -> None:
    broker.gate.clear()
    tokens.abandon(tokens.begin(SCOPE, Prompt.NEVER))
    again = tokens.begin(SCOPE, Prompt.NEVER)
    wait_until(lambda: len(broker.asks) == 2)
    broker.gate.set()
    assert again.result(10).value == "token 2"


def test_no_window_is_shown_once_nobody_waits(tokens: Tokens, broker: Broker) -> None:
    broker.replies = [INTERACTION]
    broker.gate.clear()
    future = tokens.begin(SCOPE, Prompt.IF_NEEDED)
    tokens.abandon(future)
    broker.gate.set()
    wait_until(lambda: broker.windows)
    assert broker.windows[0].ended.wait(10)


def test_what_the_picker_gave_is_not_taken_for_another_accounts(tokens: Tokens, broker: Broker) -> None:
    mine = replace(SCOPE, whose=ADA)
    get(tokens, mine)
    broker.replies = [broker.token(GRACE)]
    assert tokens.get(mine, Prompt.SELECT_ACCOUNT).account == GRACE
    assert tokens.get(mine, Prompt.NEVER).account == ADA


def test_an_answer_for_somebody_else_is_thrown_away(tokens: Tokens, broker: Broker) -> None:
    broker.replies = [broker.token(GRACE)]
    with pytest.raises(errors.WrongAccountError, match="discarded"):
        get(tokens, replace(SCOPE, whose=ADA), Prompt.NEVER)
    get(tokens, replace(SCOPE, whose=ADA), Prompt.NEVER)
    assert len(broker.asks) == 2


def test_somebody_else_of_the_same_name_is_told_apart(tokens: Tokens, broker: Broker) -> None:
    namesake = replace(ADA, home_account_id="n.other", username="Ada@contoso.com")
    broker.replies = [broker.token(namesake)]
    with pytest.raises(errors.WrongAccountError, match=r"\(account ID n\.other\); .* \(account ID a\.c\) was asked"):
        get(tokens, replace(SCOPE, whose=ADA), Prompt.NEVER)


def test_a_closed_one_says_so(tokens: Tokens) -> None:
    get(tokens)
    tokens.close()
    with pytest.raises(errors.ClosedError, match="closed"):
        get(tokens)


def test_a_forked_process_gets_tokens_of_its_own(tokens: Tokens, broker: Broker) -> None:
    get(tokens)
    with tokens._flights._lock:  # as a thread may hold it at that moment
        child = os.fork()
        if child == 0:
            try:
                os._exit(0 if get(tokens) == "token 2" else 1)
            finally:
                os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


@pytest.mark.parametrize(
    ("authority", "tenant", "reason"),
    [
        ("adfs.contoso.com", "adfs", "AD FS"),
        ("contoso.b2clogin.com", "organizations", "Azure AD B2C"),
        ("contoso.ciamlogin.com", "contoso.onmicrosoft.com", "Microsoft Entra External ID"),
    ],
)
def test_authorities_that_msal_keeps_from_the_broker_are_refused_before_anything_is_tried(
    broker: Broker, authority: str, tenant: str, reason: str
) -> None:
    with pytest.raises(errors.SignInRefusedError, match=f"authority of {reason}, for which MSAL never uses"):
        get_from(tokens_of(broker, authority=authority, tenant_id=tenant))
    assert broker.asks == []


@pytest.mark.parametrize("kind", [Kind.WSL2, Kind.LINUX])
@pytest.mark.parametrize("tenant", ["consumers", "9188040d-6c67-4c5b-b112-36a304b66dad"])
def test_the_tenant_of_personal_accounts_is_refused_where_the_runtime_never_asks_the_broker_for_it(
    broker: Broker, tenant: str, kind: Kind
) -> None:
    with pytest.raises(errors.SignInRefusedError, match="personal Microsoft accounts"):
        get_from(tokens_of(broker, kind, tenant_id=tenant, enable_broker_on_linux=True))
    assert broker.asks == []


@pytest.mark.parametrize(("kind", "flag"), [(Kind.WINDOWS, "windows"), (Kind.MACOS, "mac")])
def test_windows_and_macos_have_personal_accounts(broker: Broker, kind: Kind, flag: str) -> None:
    chosen = {f"enable_broker_on_{flag}": True}
    get_from(tokens_of(broker, kind, tenant_id="consumers", **chosen))
    assert [ask.request.target.tenant for ask in broker.asks] == ["consumers"]


@pytest.mark.parametrize("tenant", ["common", "organizations", "contoso.com", "c"])
@pytest.mark.parametrize(
    "authority", ["login.microsoftonline.com", "login.microsoftonline.us", "login.partner.microsoftonline.cn"]
)
def test_the_brokers_tenants_and_clouds_reach_it_as_they_are(broker: Broker, authority: str, tenant: str) -> None:
    get_from(tokens_of(broker, authority=authority, tenant_id=tenant))
    targets = [ask.request.target for ask in broker.asks]
    assert [(target.authority, target.tenant) for target in targets] == [(authority, tenant)]


POP = replace(SCOPE, pop=("GET", "https://contoso.example/", "nonce"))


@pytest.mark.parametrize("kind", [Kind.WSL2, Kind.LINUX])
def test_proof_of_possession_is_refused_where_msal_has_none(broker: Broker, kind: Kind) -> None:
    with pytest.raises(errors.SignInRefusedError, match=r"MSAL has no proof of possession \(PoP\) on Linux"):
        get(tokens_of(broker, kind, enable_broker_on_linux=True), POP)
    assert broker.asks == []


@pytest.mark.parametrize("kind", [Kind.WINDOWS, Kind.MACOS])
def test_proof_of_possession_is_passed_on_elsewhere_and_never_reused(broker: Broker, kind: Kind) -> None:
    tokens = tokens_of(broker, kind, enable_broker_on_windows=True, enable_broker_on_mac=True)
    assert [get(tokens, POP), get(tokens, POP), get(tokens)] == ["token 1", "token 2", "token 3"]
    assert [ask.request.pop for ask in broker.asks] == [POP.pop, POP.pop, ()]


def test_a_clock_that_jumps_ahead_costs_a_token_and_one_that_jumps_back_nothing(tokens: Tokens, broker: Broker) -> None:
    issued = broker.now
    assert get(tokens) == "token 1"
    broker.now = issued + 7200
    assert get(tokens) == "token 2"
    broker.now = issued
    assert get(tokens) == "token 2"
    assert len(broker.asks) == 2


def test_a_clock_that_jumps_back_after_a_failed_renewal_does_not_stop_renewing(tokens: Tokens, broker: Broker) -> None:
    get(tokens)
    expiry = broker.now + 3600
    broker.now = expiry - 400
    broker.replies = [Failure(Trouble.NETWORK, "no route")]
    assert get(tokens) == "token 1"
    broker.now = expiry - 86_400
    assert get(tokens) == "token 1"
    broker.now = expiry - 300
    assert get(tokens) != "token 1"
    broker.now = expiry + 86_400
    assert get(tokens) != "token 1"
