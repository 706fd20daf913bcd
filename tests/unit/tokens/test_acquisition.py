"""Whose token is accepted, of which tenant, and under which policy: whatever the broker answers, at each step."""

from __future__ import annotations

from dataclasses import replace

import pytest

from azext_brokerauth import errors
from azext_brokerauth.accounts import Records
from azext_brokerauth.broker.messages import Answer, AppOptions, Ask, Done, Failure, Step
from azext_brokerauth.errors.rendering import AZ, PLAIN, in_words
from azext_brokerauth.errors.troubles import Trouble
from azext_brokerauth.machine import Kind, Machine
from azext_brokerauth.models import Account, BrokerFlag, TokenRequest
from azext_brokerauth.settings import Settings
from azext_brokerauth.tokens import Prompt, PromptWindow, Tokens, default_scope
from tests.unit.tokens.machine import ADA, GRACE, INTERACTION, NETWORK, SCOPE, TARGET, Broker

OURS, OTHER = "c0000000-0000-4000-8000-000000000001", "f0000000-0000-4000-8000-000000000002"
ANOTHER_APPLICATION = "c1000000-0000-4000-8000-0000000000c1"
ANOTHER_CLOUD = "login.microsoftonline.us"
FILE = "/etc/brokerauth/config"
ENFORCED = {
    "tenant_id": OURS,
    "origins": tuple((name, f"brokerauth.{name} in {FILE}") for name in ("tenant_id", "client_id", "authority")),
    "enforced": frozenset({"tenant_id", "client_id", "authority"}),
}
IN_OURS = replace(SCOPE, target=replace(TARGET, tenant=OURS))
UNANSWERED: list[Answer | Failure] = [INTERACTION, INTERACTION]
STEPS: dict[str, tuple[TokenRequest, Prompt, list[Answer | Failure], Step]] = {
    # The request, what may be shown, what is answered before it comes to the step, and the step.
    "silently": (replace(IN_OURS, whose=ADA), Prompt.NEVER, [], Step.SILENT),
    "as Windows' own account": (IN_OURS, Prompt.NEVER, [], Step.DEFAULT),
    "by a prompt": (IN_OURS, Prompt.IF_NEEDED, UNANSWERED[:1], Step.PROMPT),
    "by the fallback": (IN_OURS, Prompt.IF_NEEDED, UNANSWERED, Step.BROWSER),
    "by the picker": (IN_OURS, Prompt.SELECT_ACCOUNT, [], Step.PROMPT),
    "by the picker, for the one named": (IN_OURS, Prompt.INSIST, [], Step.PROMPT),
}


@pytest.fixture
def broker() -> Broker:
    return Broker()


def tokens_of(broker: Broker, records: Records | None = None, **settings: object) -> Tokens:
    return Tokens(
        Settings(**settings),  # type: ignore[arg-type]
        machine=Machine(Kind.WSL2, "the test says so"),
        records=lambda: records or Records(),
        broker=lambda notify: broker,  # type: ignore[arg-type,return-value]
        clock=lambda: broker.now,
        shares=False,
    )


def of_tenant(broker: Broker, tenant: str) -> Answer:
    return Answer(replace(broker.token().token, tenant=tenant))


def fallback_of(step: Step) -> dict[str, object]:
    return {"fallback": step.value} if step.is_fallback else {}


@pytest.mark.parametrize("how", STEPS)
def test_a_token_of_another_tenant_than_the_one_asked_for_is_thrown_away(broker: Broker, how: str) -> None:
    request, prompt, before, step = STEPS[how]
    tokens = tokens_of(broker, **fallback_of(step))
    broker.replies = [*before, of_tenant(broker, OTHER)]
    with pytest.raises(errors.SignInRefusedError, match=f"{OTHER}.*{OURS}.*discarded"):
        tokens.get(request, prompt)
    assert broker.steps[-1] is step
    broker.replies = [of_tenant(broker, OURS)]
    assert tokens.get(request, Prompt.NEVER).tenant == OURS


@pytest.mark.parametrize("tenant", ["organizations", "common", "contoso.com"])
def test_a_tenant_that_is_not_named_by_its_id_is_any_that_answers(broker: Broker, tenant: str) -> None:
    broker.replies = [of_tenant(broker, OTHER)]
    request = replace(SCOPE, target=replace(TARGET, tenant=tenant))
    assert tokens_of(broker).get(request, Prompt.NEVER).tenant == OTHER


@pytest.mark.parametrize("how", STEPS)
def test_a_token_of_another_tenant_than_the_enforced_one_is_given_by_no_step(broker: Broker, how: str) -> None:
    request, prompt, before, step = STEPS[how]
    tokens = tokens_of(broker, **ENFORCED, **fallback_of(step))
    broker.replies = [*before, of_tenant(broker, OTHER)]
    with pytest.raises(errors.SignInRefusedError, match=f"{OTHER}.* in {FILE} enforces {OURS}"):
        tokens.get(request, prompt)
    assert broker.steps[-1] is step
    broker.replies = [of_tenant(broker, OURS)]
    assert tokens.get(request, Prompt.NEVER).tenant == OURS


@pytest.mark.parametrize("prompt", Prompt)
@pytest.mark.parametrize(
    "elsewhere",
    [{"tenant": OTHER}, {"tenant": "organizations"}, {"client_id": ANOTHER_APPLICATION}, {"authority": ANOTHER_CLOUD}],
    ids=str,
)
def test_a_request_against_the_policy_reaches_no_broker(
    broker: Broker, prompt: Prompt, elsewhere: dict[str, str]
) -> None:
    with pytest.raises(errors.SignInRefusedError, match=f"in {FILE} enforces"):
        tokens_of(broker, **ENFORCED).get(replace(IN_OURS, target=replace(IN_OURS.target, **elsewhere)), prompt)
    assert broker.asks == []


# Ada's object in the two clouds has the same IDs here, which is the hardest case.
SIGN_INS = (
    ADA,
    replace(ADA, authority=ANOTHER_CLOUD, tenant="gov"),
    replace(ADA, client_id=ANOTHER_APPLICATION, tenant="app"),
)


@pytest.mark.parametrize("named", [True, False], ids=["by name", "in use"])
@pytest.mark.parametrize("wanted", SIGN_INS, ids=["first cloud", "second cloud", "second application"])
def test_of_one_person_in_two_clouds_the_sign_in_to_the_one_asked_is_used(
    broker: Broker, wanted: Account, named: bool
) -> None:
    records = Records()
    for account in SIGN_INS:
        records = records.with_account(account)
    request = replace(SCOPE, target=replace(wanted.target, tenant="organizations"))
    tokens_of(broker, records, login_hint=ADA.username if named else "").get(request, Prompt.NEVER)
    assert broker.steps == [Step.SILENT]
    assert broker.asks[0].request.account == wanted


@pytest.mark.parametrize("elsewhere", [{"client_id": ANOTHER_APPLICATION}, {"authority": ANOTHER_CLOUD}], ids=str)
def test_a_sign_in_to_another_cloud_or_application_is_not_asked_for(broker: Broker, elsewhere: dict[str, str]) -> None:
    records = Records().with_account(ADA)
    tokens_of(broker, records).get(replace(SCOPE, target=replace(TARGET, **elsewhere)), Prompt.NEVER)
    assert broker.steps == [Step.DEFAULT]
    assert broker.asks[0].request.account is None


def test_a_sign_in_that_is_older_than_the_policy_is_not_asked_for(broker: Broker) -> None:
    broker.replies = [of_tenant(broker, OURS)]
    records = Records().with_account(replace(ADA, tenant=OTHER))
    tokens_of(broker, records, **ENFORCED).get(IN_OURS, Prompt.NEVER)
    assert broker.steps == [Step.DEFAULT]


@pytest.mark.parametrize("leaving", SIGN_INS, ids=["first cloud", "second cloud", "second application"])
def test_the_broker_is_told_which_sign_in_ends(broker: Broker, leaving: Account) -> None:
    broker.replies = [Done()]  # type: ignore[list-item]
    tokens_of(broker).sign_out(leaving)
    (ask,) = broker.asks
    assert (ask.step, ask.request.account, ask.request.target) == (Step.SIGN_OUT, leaving, leaving.target)


def test_an_answer_for_somebody_else_with_the_same_name_is_thrown_away(broker: Broker) -> None:
    """Names are given to others when people leave; the home account ID is not."""
    broker.replies = [broker.token(replace(GRACE, username=ADA.username))]
    with pytest.raises(errors.WrongAccountError):
        tokens_of(broker).get(replace(SCOPE, whose=ADA), Prompt.NEVER)


@pytest.mark.parametrize("how", ["silently", "as Windows' own account", "by a prompt", "by the fallback"])
def test_an_answer_for_somebody_else_than_the_one_named_is_given_by_no_step(broker: Broker, how: str) -> None:
    request, prompt, before, step = STEPS[how]
    request = replace(request, target=TARGET, whose=request.whose or ADA.username)
    tokens = tokens_of(broker, **fallback_of(step))
    broker.replies = [*before, broker.token(GRACE)]
    with pytest.raises((errors.WrongAccountError, errors.InteractionRequiredError)):
        tokens.get(request, prompt)
    assert broker.steps[-1] is step
    assert tokens.get(request, Prompt.NEVER).account == ADA


@pytest.mark.parametrize("before", [[], [NETWORK]], ids=["the window", "the fallback"])
@pytest.mark.parametrize("whose", [ADA.username, ADA], ids=["name", "record"])
def test_who_insists_on_an_account_is_given_no_other_whoever_is_picked(
    broker: Broker, before: list[Answer | Failure], whose: Account | str
) -> None:
    tokens = tokens_of(broker, fallback="browser")
    asked = replace(SCOPE, whose=whose)
    tokens.get(asked, Prompt.NEVER)
    broker.replies = [*before, broker.token(GRACE)]
    with pytest.raises(errors.WrongAccountError, match=f"{GRACE.username}.*{ADA.username} was asked for"):
        tokens.get(asked, Prompt.INSIST)  # and the token from before does not stand in
    assert tokens.get(asked, Prompt.INSIST).account == ADA
    windows = [ask for ask in broker.asks if ask.select_account]
    assert len(windows) == len(before) + 2
    assert {ask.request.username for ask in windows} == {ADA.username}


def test_who_insists_and_names_nobody_takes_whoever_is_picked(broker: Broker) -> None:
    broker.replies = [broker.token(GRACE)]
    assert tokens_of(broker, Records().with_account(ADA)).get(SCOPE, Prompt.INSIST).account == GRACE


@pytest.mark.parametrize("prompt", [Prompt.SELECT_ACCOUNT, Prompt.INSIST])
def test_the_picker_puts_forward_who_was_named_and_not_who_is_in_use(broker: Broker, prompt: Prompt) -> None:
    tokens_of(broker, Records().with_account(ADA)).get(SCOPE, prompt)
    tokens_of(broker, login_hint=ADA.username).get(SCOPE, prompt)
    assert [ask.request.username for ask in broker.asks] == ["", ADA.username]


def test_a_picker_that_fails_is_not_made_up_for_by_an_older_token(broker: Broker) -> None:
    tokens = tokens_of(broker)
    tokens.get(SCOPE, Prompt.NEVER)
    broker.replies = [NETWORK]
    with pytest.raises(errors.SignInRefusedError):
        tokens.get(SCOPE, Prompt.SELECT_ACCOUNT)
    assert tokens.get(SCOPE, Prompt.NEVER).account == ADA


def test_a_name_is_compared_in_any_case(broker: Broker) -> None:
    assert tokens_of(broker).get(replace(SCOPE, whose="ADA@Contoso.com"), Prompt.NEVER).account == ADA


@pytest.mark.parametrize("fallback", ["browser", "device-code"])
@pytest.mark.parametrize("reply", [NETWORK, INTERACTION], ids=["refused", "interaction"])
def test_where_windows_are_forbidden_nothing_is_done_without_the_broker(
    broker: Broker, fallback: str, reply: Failure
) -> None:
    broker.replies = [reply]
    with pytest.raises(errors.BrokerAuthError):
        tokens_of(broker, fallback=fallback).get(SCOPE, Prompt.NEVER)
    assert broker.steps == [Step.DEFAULT]


def test_whoever_is_picked_in_the_fallback_is_as_good_as_in_the_window(broker: Broker) -> None:
    broker.replies = [NETWORK, broker.token(GRACE)]
    request = replace(SCOPE, whose=ADA)
    assert tokens_of(broker, fallback="browser").get(request, Prompt.SELECT_ACCOUNT).account == GRACE
    assert broker.steps == [Step.PROMPT, Step.BROWSER]
    assert [ask.select_account for ask in broker.asks] == [True, True]


UNKNOWN = Failure(Trouble.NO_ACCOUNT, "The broker does not know the account.")


class Timed(Broker):
    """Writes down how long each request may take."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.timeouts: list[float] = []

    def ask(self, ask: Ask, timeout: float) -> Answer | Failure:
        self.timeouts.append(timeout)
        return super().ask(ask, timeout)


def test_an_account_that_the_runtime_has_lost_may_be_windows_own(broker: Broker) -> None:
    broker = Timed(replies=[UNKNOWN])
    assert tokens_of(broker).get(replace(SCOPE, whose=ADA), Prompt.NEVER, timeout=50).account == ADA
    assert broker.steps == [Step.SILENT, Step.DEFAULT]
    # Both share one deadline.
    assert 20 < broker.timeouts[1] <= broker.timeouts[0] == 50


def test_an_account_that_the_runtime_has_lost_and_that_is_not_windows_own_is_unknown(broker: Broker) -> None:
    broker.replies = [UNKNOWN, broker.token(GRACE)]
    with pytest.raises(errors.AccountUnknownError, match="a restart of WSL ends a private keyring") as caught:
        tokens_of(broker).get(replace(SCOPE, whose=ADA), Prompt.NEVER)
    assert in_words(caught.value.remedies, PLAIN) == "Run: brokerauth login --username ada@contoso.com"


def test_a_prompt_that_did_not_help_is_a_refusal_that_keeps_what_was_said(broker: Broker) -> None:
    broker.replies = [INTERACTION, INTERACTION]
    with pytest.raises(errors.SignInRefusedError) as caught:
        tokens_of(broker).get(SCOPE, Prompt.IF_NEEDED)
    assert caught.value.diagnostics.status == "InteractionRequired"


def test_a_wrong_answer_says_how_to_choose_and_a_missing_one_how_to_sign_in(broker: Broker) -> None:
    tokens = tokens_of(broker)
    broker.replies = [broker.token(GRACE)]
    with pytest.raises(errors.WrongAccountError) as wrong:
        tokens.get(replace(SCOPE, whose=ADA), Prompt.NEVER)
    assert in_words(wrong.value.remedies, AZ) == (
        "Choose ada@contoso.com when asked, or run: az brokerauth login --select-account"
    )
    broker.replies = [broker.token(GRACE)]
    with pytest.raises(errors.InteractionRequiredError) as missing:
        tokens.get(replace(SCOPE, whose=ADA.username), Prompt.NEVER)
    assert in_words(missing.value.remedies, AZ) == "Run: az brokerauth login --username ada@contoso.com"


def test_without_a_scope_it_is_azures_in_that_cloud() -> None:
    assert default_scope(TARGET) == "https://management.core.windows.net//.default"
    assert default_scope(replace(TARGET, authority=ANOTHER_CLOUD)) == (
        "https://management.core.usgovcloudapi.net//.default"
    )
    with pytest.raises(errors.InvalidInputError, match=r"authority login\.example"):
        default_scope(replace(TARGET, authority="login.example"))


def test_whom_the_broker_knows_is_told(broker: Broker) -> None:
    broker.replies = [Done(("ada@contoso.com",))]  # type: ignore[list-item]
    assert tokens_of(broker).known_to_broker(TARGET) == ("ada@contoso.com",)
    assert broker.steps == [Step.ACCOUNTS]


def test_on_a_machine_without_a_broker_nothing_is_asked(broker: Broker) -> None:
    tokens = tokens_of(broker, enable_broker_on_wsl=False)
    for call in (
        lambda: tokens.get(SCOPE, Prompt.IF_NEEDED),
        lambda: tokens.sign_out(ADA),
        lambda: tokens.known_to_broker(TARGET),
    ):
        with pytest.raises(errors.BrokerOffError):
            call()
    assert broker.asks == []


def test_an_answer_of_another_kind_is_a_failure_of_the_broker(broker: Broker) -> None:
    tokens = tokens_of(broker)
    broker.replies = [Done()]  # type: ignore[list-item]
    with pytest.raises(errors.BrokerFailedError, match="has no token"):
        tokens.get(SCOPE, Prompt.NEVER)
    for call in (lambda: tokens.sign_out(ADA), lambda: tokens.known_to_broker(TARGET)):
        with pytest.raises(errors.BrokerFailedError, match="answered another question"):
            call()


def test_the_name_that_is_set_is_asked_for_where_nobody_is_named(broker: Broker) -> None:
    broker.replies = [broker.token(GRACE)]
    with pytest.raises(errors.InteractionRequiredError, match=ADA.username):
        tokens_of(broker, login_hint=ADA.username).get(SCOPE, Prompt.NEVER)
    assert broker.asks[0].request.username == ADA.username


def made(broker: Broker, settings: Settings | None = None, **options: object) -> Tokens:
    machine = Machine(Kind.WSL2, "the test says so")
    return Tokens(settings or Settings(), machine=machine, broker=lambda notify: broker, shares=False, **options)  # type: ignore[arg-type,return-value]


def test_what_the_caller_chose_reaches_the_broker(broker: Broker) -> None:
    made(broker).get(SCOPE, Prompt.SELECT_ACCOUNT)
    window = PromptWindow(7, enable_msa_passthrough=True)
    made(broker, window=window, disable_instance_discovery=True, enable_pii_log=True).get(SCOPE, Prompt.SELECT_ACCOUNT)
    flag = BrokerFlag.WSL
    assert [(ask.options, ask.window) for ask in broker.asks] == [
        (AppOptions(flag), 0),
        (AppOptions(flag, disable_instance_discovery=True, enable_msa_passthrough=True, enable_pii_log=True), 7),
    ]


def test_a_host_that_falls_back_by_itself_gets_the_error(broker: Broker) -> None:
    broker.replies = [NETWORK]
    with pytest.raises(errors.SignInRefusedError):
        made(broker, Settings(fallback="browser"), falls_back=False).get(SCOPE, Prompt.IF_NEEDED)
    assert broker.steps == [Step.DEFAULT]
