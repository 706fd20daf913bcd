"""What the facade does with MSAL's own application, as az's Python sees it: run with the extension's folder and an
observation's name, prints JSON. There is no network: a stand-in answers for the authority, and another gives tokens."""

from __future__ import annotations

import base64
import json
import logging
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

sys.path.append(sys.argv[1])

import msal
from azure.cli.core.azclierror import AzCLIError

from azext_brokerauth import errors
from azext_brokerauth.azcli import facade
from azext_brokerauth.models import Account, Token, TokenRequest, own
from azext_brokerauth.settings import Settings
from azext_brokerauth.tokens import Prompt

CLIENT, OTHER_CLIENT = "04b07795-8ddb-461a-bbee-02f9e1bf7b46", "11111111-0000-4000-8000-000000000000"
CONTOSO, FABRIKAM = "c0000000-0000-4000-8000-000000000001", "f0000000-0000-4000-8000-000000000002"
PUBLIC, CHINA = "login.microsoftonline.com", "login.partner.microsoftonline.cn"
SCOPES = ["https://vault.azure.net/.default"]
CHALLENGE = '{"access_token": {"nbf": {"essential": true, "value": "1"}}}'
OBSERVATIONS: dict[str, Callable[[], object]] = {}


def observation(function: Callable[[], object]) -> Callable[[], object]:
    OBSERVATIONS[function.__name__] = function
    return function


class Authority:
    """Answers MSAL's one question, which is about the authority."""

    def get(self, url: str, **_: Any) -> Any:
        base = url.partition("/v2.0/")[0]
        ends = {
            f"{name}_endpoint": f"{base}/oauth2/v2.0/{path}"
            for name, path in (("authorization", "authorize"), ("token", "token"))
        }
        return SimpleNamespace(status_code=200, text=json.dumps({"issuer": base, **ends}), headers={})

    def post(self, *_: Any, **__: Any) -> Any:
        raise AssertionError("a token endpoint was asked")

    def close(self) -> None:
        """MSAL wants one."""


class Broker:
    """Gives a token that says for whom and how it was asked for, or refuses."""

    def __init__(self, refusal: errors.BrokerAuthError | None = None) -> None:
        self.settings = Settings()
        self.asked: list[TokenRequest] = []
        self.refusal = refusal
        self.meanwhile: Callable[[], object] = lambda: None

    def in_force(self) -> Settings:
        return self.settings

    def get(self, wanted: TokenRequest, prompt: Prompt, chosen: Settings | None = None) -> Token:
        self.asked.append(wanted)
        self.meanwhile()
        if self.refusal:
            raise self.refusal
        who = wanted.account or person("ada")
        return token_of(who, f"the broker's {len(self.asked)}")


def person(name: str, *, authority: str = PUBLIC) -> Account:
    return Account(f"{name}@contoso.com", f"{name}-oid.{CONTOSO}", f"{name}-oid", CONTOSO, CLIENT, authority)


def token_of(who: Account, value: str) -> Token:
    return Token(value, int(time.time()) + 3600, "Bearer", "broker", who.tenant, who)


def application(
    broker: Broker,
    cache: Any = None,
    *,
    client_id: str = CLIENT,
    authority: str = PUBLIC,
    tenant: str = CONTOSO,
    capabilities: tuple[str, ...] | None = ("CP1",),
) -> facade.BrokeredApplication:
    return facade.BrokeredApplication(
        msal.PublicClientApplication,
        client_id,
        tokens=lambda: broker,  # type: ignore[arg-type, return-value]
        authority=f"https://{authority}/{tenant}",
        token_cache=cache,
        client_capabilities=list(capabilities) if capabilities else None,
        http_client=Authority(),
        instance_discovery=False,
    )


def sign_in(app: facade.BrokeredApplication, who: Account, value: str) -> None:
    token = token_of(who, value)
    app._keep(SCOPES, token, app._response(token))


def ask(app: facade.BrokeredApplication, who: Account, **how: Any) -> str:
    account = next(a for a in app.get_accounts(who.username) if a["home_account_id"] == who.home_account_id)
    return str(app.acquire_token_silent_with_error(SCOPES, account, **how)["access_token"])


@observation
def two_people_in_one_tenant() -> object:
    app = application(Broker())
    for name in ("ada", "grace"):
        sign_in(app, person(name), f"{name}'s")
    return [ask(app, person(name)) for name in ("ada", "grace", "ada")]


@observation
def another_applications_token() -> object:
    broker, cache = Broker(), msal.TokenCache()
    sign_in(application(broker, cache, client_id=OTHER_CLIENT), person("ada"), "the other application's")
    return ask(application(broker, cache), person("ada"))


@observation
def another_tenants_token() -> object:
    broker, cache = Broker(), msal.TokenCache()
    sign_in(application(broker, cache, tenant=FABRIKAM), person("ada"), "the other tenant's")
    return ask(application(broker, cache), person("ada"))


@observation
def another_clouds_token() -> object:
    broker, cache = Broker(), msal.TokenCache()
    sign_in(application(broker, cache, authority=CHINA), person("ada", authority=CHINA), "the other cloud's")
    here = application(broker, cache)
    sign_in(here, person("ada"), "")  # the account, and no token
    return ask(here, person("ada"))


@observation
def another_scopes_token() -> object:
    app = application(Broker())
    sign_in(app, person("ada"), "the vault's")
    account = app.get_accounts()[0]
    return app.acquire_token_silent_with_error(["https://storage.azure.com/.default"], account)["access_token"]


@observation
def other_kinds_of_tokens() -> object:
    """An authentication scheme, and request data about another kind of token."""
    told: list[object] = []
    for how in ({"auth_scheme": object()}, {"data": {"token_type": "ssh-cert"}}):
        broker = Broker()
        app = application(broker)
        sign_in(app, person("ada"), "ada's")
        try:
            told.append(ask(app, person("ada"), **how))
        except AzCLIError as error:
            told.append([type(error).__name__, str(error), len(broker.asked)])
    return told


@observation
def a_challenge_that_the_broker_refuses() -> object:
    """What is warned of meanwhile, and what the error advises: Azure's challenge, and that of an agent's session."""
    told = {}
    for name, request_data in {"Azure's": None, "an agent's": {"client_session": "session"}}.items():
        warnings: list[str] = []
        handler = logging.Handler()
        handler.emit = lambda record, into=warnings: into.append(record.getMessage())  # type: ignore[method-assign,misc]
        logger = logging.getLogger("cli.azext_brokerauth.azcli.facade")
        logger.addHandler(handler)
        broker = Broker(errors.InteractionRequiredError("Windows needs you.", remedies=own("login")))
        app = application(broker)
        sign_in(app, person("ada"), "ada's")
        try:
            ask(app, person("ada"), claims_challenge=CHALLENGE, data=request_data)
        except AzCLIError as error:
            told[name] = {"warned": warnings, "advised": error.recommendations}
        logger.removeHandler(handler)
    return {**told, "challenge": base64.b64encode(CHALLENGE.encode()).decode()}


@observation
def what_a_sign_in_asks_for() -> object:
    """With az's capability for continuous access evaluation and without it; then who is known, and their token."""
    told: list[object] = []
    for capabilities in (("CP1",), None):
        broker = Broker()
        app = application(broker, capabilities=capabilities)
        before = facade.SIGNING_IN.set(facade.SignIn(Settings(), Prompt.IF_NEEDED))
        app.acquire_token_interactive(SCOPES, claims_challenge=CHALLENGE)
        facade.SIGNING_IN.reset(before)
        (wanted,) = broker.asked
        told.append([wanted.enable_cae, wanted.claims == CHALLENGE, wanted.target.client_id, ask(app, person("ada"))])
    return told


@observation
def what_a_renewal_asks_for() -> object:
    told: list[object] = []
    for capabilities in (("CP1",), None):
        broker = Broker()
        app = application(broker, capabilities=capabilities)
        sign_in(app, person("ada"), "")
        ask(app, person("ada"))
        (wanted,) = broker.asked
        told.append([wanted.enable_cae, wanted.username, wanted.target.tenant])
    return told


@observation
def signed_out_while_the_broker_was_asked() -> object:
    """What is in the cache afterwards, when the one who asked signs out meanwhile, and when somebody else does."""
    told = {}
    for name in ("ada", "grace"):
        broker = Broker()
        app = application(broker)
        for who in ("ada", "grace"):
            sign_in(app, person(who), "")
        leaving = next(a for a in app.get_accounts() if a["username"] == person(name).username)
        broker.meanwhile = lambda app=app, leaving=leaving: app.remove_account(leaving)  # type: ignore[misc]
        ask(app, person("ada"))
        kept = [*app.token_cache.search("Account"), *app.token_cache.search("AccessToken")]
        told[name] = sorted(entry["home_account_id"].partition("-")[0] for entry in kept)
    return told


@observation
def signed_in_by_browser_while_the_broker_was_asked() -> object:
    """The grants by which the person is signed in afterwards, and whose tokens are there."""
    broker = Broker()
    app = application(broker)
    sign_in(app, person("ada"), "")

    def by_browser() -> None:
        response = app._response(replace(token_of(person("ada"), "the browser's")))
        app.token_cache.add(
            {
                "client_id": CLIENT,
                "scope": SCOPES,
                "token_endpoint": app.authority.token_endpoint,
                "environment": PUBLIC,
                "response": {**response, "refresh_token": "refresh"},
                "grant_type": "authorization_code",
            }
        )

    broker.meanwhile = by_browser
    ask(app, person("ada"))
    accounts, tokens = app.token_cache.search("Account"), app.token_cache.search("AccessToken")
    return [a["account_source"] for a in accounts], [t["secret"] for t in tokens]


sys.stdout.write(json.dumps(OBSERVATIONS[sys.argv[2]]()))
