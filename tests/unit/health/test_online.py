"""The broker, tried: what is asked of it, how long it has, and what is said of its answers."""

from dataclasses import replace

import pytest

from azext_brokerauth import errors
from azext_brokerauth.errors.lookup import from_msal
from azext_brokerauth.errors.rendering import PLAIN
from azext_brokerauth.health import report
from azext_brokerauth.health.attempt import Attempt, attempt
from azext_brokerauth.health.facts import Facts
from azext_brokerauth.machine import Kind, Machine
from azext_brokerauth.models import Account, Token, person, run
from azext_brokerauth.settings import Settings

MACHINE = Machine(Kind.WSL2, "a test")
NEVER = object()
ADA = Account("ada@contoso.com", "a.t", "a", "t", "11111111-2222-3333-4444-555555555555", "login.microsoftonline.us")


class FakeTokens:
    """What asks the broker; an answer that is an error is raised."""

    def __init__(self, known=("grace@contoso.com", "ada@contoso.com"), token=None):
        self.known, self.token = known, token
        self.asked, self.closed = [], False

    def known_to_broker(self, target, timeout):
        self.asked.append(("known", target, timeout))
        return self._answer(self.known)

    def get(self, request, prompt, timeout):
        self.asked.append((prompt, request, timeout))
        return self._answer(self.token or Token("secret", 1, "Bearer", "broker", "t", ADA))

    def close(self):
        self.closed = True

    def _answer(self, answer):
        if isinstance(answer, Exception):
            raise answer
        return answer


def tried(tokens, settings, account=None):
    opened = []
    ended = attempt(settings, MACHINE, account, lambda *given: opened.append(given) or (tokens, NEVER))
    assert opened == [(settings, MACHINE)]
    assert tokens.closed
    return ended


def test_an_account_is_asked_for_where_it_signed_in():
    settings, tokens = Settings(), FakeTokens()
    ended = tried(tokens, settings, ADA)
    (_, target, first), (prompt, request, second) = tokens.asked
    assert (ended.known, ended.username, ended.error) == (tokens.known, "ada@contoso.com", None)
    assert target == request.target == ADA.target
    assert request.account is ADA
    assert request.scopes == ("https://management.core.usgovcloudapi.net//.default",)
    assert prompt is NEVER
    assert (first, settings) == (10.0, Settings())
    assert 1.0 <= second <= first


@pytest.mark.parametrize(
    ("authority", "scope"),
    [
        ("login.microsoftonline.com", "https://management.core.windows.net//.default"),
        ("login.chinacloudapi.cn", "https://management.core.chinacloudapi.cn//.default"),
        ("login.contoso.com", "https://management.core.windows.net//.default"),
    ],
)
def test_with_nobody_signed_in_the_settings_say_where(authority, scope):
    settings, tokens = Settings(authority=authority, login_hint="grace@contoso.com", silent_timeout=3.0), FakeTokens()
    tried(tokens, settings)
    (_, target, first), (_, request, second) = tokens.asked
    assert target == request.target == settings.target
    assert (request.scopes, request.whose) == ((scope,), "grace@contoso.com")
    assert first == 3.0
    assert 1.0 <= second <= 3.0


def test_a_broker_that_does_not_answer_is_not_asked_for_a_token():
    error = errors.BrokerTimeoutError("No answer.")
    tokens = FakeTokens(known=error)
    ended = tried(tokens, Settings())
    assert (ended.known, ended.error, len(tokens.asked)) == (None, error, 1)


def test_a_refusal_comes_after_the_broker_has_answered():
    error = errors.SignInRefusedError("Refused.")
    ended = tried(FakeTokens(token=error), Settings())
    assert (ended.known, ended.username, ended.error) == (("grace@contoso.com", "ada@contoso.com"), "", error)


def findings(healthy, ended, asked=None):
    def try_broker(*given):
        if asked is not None:
            asked.append(given)
        return ended

    told = report.make(Facts(healthy, list, try_broker), PLAIN, online=True)
    return [(check["severity"], check["finding"], check["remedies"]) for check in told["checks"][-2:]]


def test_a_broker_that_answers_is_asked_once_for_both_checks(healthy):
    asked = []
    ended = Attempt(("grace@contoso.com", "ada@contoso.com"), 1.04, 2.0, username="ada@contoso.com")
    broker, token = findings(healthy, ended, asked)
    knows = "The broker's process answered after 1.0 s, and knows ada@contoso.com, grace@contoso.com"
    assert broker == ("pass", knows, [])
    came = "A token of ada@contoso.com for Azure came from the broker, without a window, after 2.0 s"
    assert token == ("pass", came, [])
    assert len(asked) == 1
    assert findings(healthy, replace(ended, known=()))[0][1].endswith("and knows nobody")


def test_a_token_that_needs_a_window_is_a_warning(healthy):
    error = errors.InteractionRequiredError("Somebody must look.", remedies=person("Look"))
    broker, token = findings(healthy, Attempt((), 1.0, 2.0, error=error))
    assert broker[0] == "pass"
    assert token == (
        "warn",
        "No token without a window: Somebody must look.",
        [{"shell": "bash", "command": "brokerauth login"}],
    )


def test_an_account_to_be_repaired_in_windows_fails_with_the_remedy_of_login(healthy):
    error = from_msal("It cannot be used. Status: Response_Status.Status_AccountUnusable, Error code: 0, Tag: 1")
    assert isinstance(error, errors.InteractionRequiredError)
    _, token = findings(healthy, Attempt((), 1.0, 2.0, error=error))
    assert token[0] == "fail"
    assert "repair the account" in token[2][0]["command"]
    assert token[2][1]["command"] == "brokerauth login"


def test_a_refusal_brings_its_remedies(healthy):
    error = errors.SignInRefusedError("Refused.", remedies=person("Ask your administrator.") + run("az", "upgrade"))
    broker, token = findings(healthy, Attempt((), 1.0, 2.0, error=error))
    steps = [{"shell": "person", "command": "Ask your administrator."}, {"shell": "bash", "command": "az upgrade"}]
    assert (broker[0], token) == ("pass", ("fail", "No token (2.0 s): Refused.", steps))


def test_an_error_that_sends_people_here_sends_nobody_round_in_a_circle(healthy):
    error = errors.KeyringMissingError("No keyring.", remedies=person("Unlock it."))
    assert len(error.remedies) == 2
    broker, token = findings(healthy, Attempt(None, 0.0, 2.0, error=error))
    steps = [{"shell": "person", "command": "Unlock it."}]
    assert broker == ("fail", "The broker gave no answer (2.0 s): No keyring.", steps)
    assert token == ("skip", "the broker gave no answer", [])


def test_on_another_machine_the_broker_is_not_tried(healthy):
    asked = []
    healthy.view = replace(healthy.view, release="6.1.0-debian", paths=())
    broker, token = findings(healthy, None, asked)
    assert broker == token == ("skip", "this is Linux", [])
    assert asked == []
