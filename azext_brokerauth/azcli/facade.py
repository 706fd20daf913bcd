"""Stands where az makes MSAL's application: whoever signed in through the broker gets tokens from it, never by MSAL."""

from __future__ import annotations

import base64
import functools
import json
import time
from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import Any

from knack.log import get_logger

from azext_brokerauth import errors, settings
from azext_brokerauth.azcli import cache_entries, network
from azext_brokerauth.azcli.az_accounts import is_brokered, is_signed_in, to_account
from azext_brokerauth.azcli.cache_entries import BROKER
from azext_brokerauth.azcli.errors import az_error
from azext_brokerauth.errors import AGAIN
from azext_brokerauth.errors.rendering import AZ, in_words
from azext_brokerauth.models import OWN, SHARED_TENANTS, Account, Remedies, Target, Token, TokenRequest, own, run
from azext_brokerauth.settings import Settings, policy
from azext_brokerauth.terminal.countdown import for_terminal
from azext_brokerauth.terminal.signals import ends_on_signals
from azext_brokerauth.tokens import Prompt, Tokens, fallback
from azext_brokerauth.tokens.renewal import MANDATORY
from azext_brokerauth.tool_log import Note, noted

_LOGGER = get_logger(__name__)

_AGENT_SESSION = "client_session"
"""The only request data that is not about another kind of token (``azure.cli.core.auth.agentic_session``)."""


@dataclass
class SignIn:
    """One run of ``az brokerauth login``, in which az's interactive sign-in goes to the broker.

    :param settings: with the account to offer as ``login_hint``.
    :param prompt: may a window be shown?
    :param token: what the broker gave.
    :param fell_back: the person signed in without the broker; as ``get_accounts`` gives the account.
    :param replaced_browser: a sign-in of the same person by browser was removed.
    """

    settings: Settings
    prompt: Prompt
    token: Token | None = None
    fell_back: dict[str, Any] | None = None
    replaced_browser: bool = False


SIGNING_IN: ContextVar[SignIn | None] = ContextVar("SIGNING_IN", default=None)


class BrokeredApplication:
    """MSAL's application, but for the tokens of accounts that signed in through the broker.

    It holds a ``PublicClientApplication`` with the broker off, and is not one: with ``_enable_broker`` set, MSAL would
    load the native runtime into az.

    :param make: MSAL's ``PublicClientApplication``.
    :param client_id: az's, and whatever else az passes.
    :keyword tokens: gives what gets tokens, anew for each request, since settings and policy may have changed.
    :raises AzCLIError: MSAL asks the authority about itself, and cannot reach it.
    """

    def __init__(
        self,
        make: Callable[..., Any],
        client_id: str,
        *,
        tokens: Callable[[], Tokens] | None = None,
        **options: Any,
    ) -> None:
        self._tokens = tokens or tokens_in_force
        self._inner = _made(make, client_id, options)
        self._make = functools.partial(make, client_id, **options)
        self._client_id = client_id
        self._enable_cae = "CP1" in (options.get("client_capabilities") or ())
        # az reads this to send an agent session's claims along (azure.cli.core.auth.msal_credentials).
        self._enable_broker = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def get_accounts(self, username: str | None = None) -> list[dict[str, Any]]:
        """As MSAL's method of this name."""
        accounts: list[dict[str, Any]] = self._inner.get_accounts(username)
        self._enable_broker = any(is_brokered(self._inner.token_cache, account) for account in accounts)
        return accounts

    def acquire_token_silent_with_error(
        self, scopes: list[str], account: dict[str, Any], claims_challenge: str | None = None, **options: Any
    ) -> Any:
        """As MSAL's method of this name.

        :raises AzCLIError: there is no token. An error dictionary would make az advise its own ``az login``, and
            open a browser where ``data`` was given (``UserCredential.acquire_token``).
        """
        if not account or not is_brokered(self._inner.token_cache, account):
            return self._inner.acquire_token_silent_with_error(
                scopes, account, claims_challenge=claims_challenge, **options
            )
        request_data = options.get("data") or {}
        if options.get("auth_scheme") or set(request_data) - {_AGENT_SESSION}:
            raise az_error(_only_bearer())
        wanted = TokenRequest(
            tuple(scopes),
            self._target,
            whose=to_account(account, self._client_id, self._inner.authority.instance),
            claims=claims_challenge or "",
            enable_cae=self._enable_cae,
            client_session=request_data.get(_AGENT_SESSION, ""),
        )
        note = Note("az")
        note.about(wanted)
        try:
            tokens = self._tokens()
            with noted(tokens.in_force().tool_log, note):
                # Before az's cache is read: what is there may be older than the policy.
                policy.check_request(tokens.in_force(), wanted)
                return self._silently(tokens, wanted, account)
        except errors.BrokerAuthError as error:
            raise az_error(error) from error

    def _silently(self, tokens: Tokens, wanted: TokenRequest, account: dict[str, Any]) -> dict[str, Any]:
        scopes = list(wanted.scopes)
        cached, due = self._from_cache(scopes, account) if wanted.answered_from_cache else (None, True)
        if cached and not due:
            return cached
        try:
            with ends_on_signals():
                token = tokens.get(wanted, Prompt.NEVER)
        except errors.BrokerAuthError as error:
            if cached:
                _LOGGER.warning("The token could not be renewed. The old one is still valid and is used: %s", error)
                return cached
            advice = _advice(error, wanted)
            if wanted.claims and not wanted.client_session:
                # In the middle of a request to Azure, azure-core drops the error and shows only the challenge.
                _LOGGER.warning(in_words(advice, AZ))
            raise az_error(error, advice) from error
        response = self._response(token)
        # A token made for an agent's session is not for the person's next command.
        if tokens.settings.may_seed_az and wanted.answer_may_be_cached:
            self._keep_if_signed_in(scopes, token, response, account)
        return response

    def acquire_token_interactive(self, scopes: list[str], **options: Any) -> Any:
        """As MSAL's method of this name; through the broker in ``az brokerauth login``, and only there.

        :raises BrokerAuthError: in ``az brokerauth login``, the broker gave no token.
        """
        sign_in = SIGNING_IN.get()
        if sign_in is None:
            if self._enable_broker:
                raise az_error(_only_bearer())
            return self._inner.acquire_token_interactive(scopes, **options)
        wanted = TokenRequest(
            tuple(scopes),
            self._target,
            claims=options.get("claims_challenge") or "",
            enable_cae=self._enable_cae,
        )
        tokens = self._tokens()
        try:
            token = tokens.get(wanted, sign_in.prompt)
        except errors.BrokerAuthError as error:
            if sign_in.prompt is Prompt.NEVER:
                raise
            warning = fallback.warning(sign_in.settings.fallback, error)
            if why := tokens.settings.why_not_seed:
                raise _not_kept(error, why) from error
            _LOGGER.warning(warning)
            return self._without_broker(sign_in, scopes, options)
        sign_in.token = token
        response = self._response(token)
        without_token = {name: response[name] for name in ("client_info", "id_token_claims")}
        with cache_entries.undisturbed(self._inner.token_cache):
            sign_in.replaced_browser = self._forget(token.account)
            self._keep(scopes, token, response if tokens.settings.may_seed_az else without_token)
        return response

    def _without_broker(self, sign_in: SignIn, scopes: list[str], options: Mapping[str, Any]) -> Any:
        """Let az's own MSAL sign in, so that az keeps the sign-in as it keeps any other: once it is known whose it is.

        :raises WrongAccountError, PolicyRefusedError: it is of somebody else than asked for, or not as enforced, and
            nothing of it is kept.
        """
        hint = sign_in.settings.login_hint
        held = _Held(self._inner.token_cache)
        application = self._make(token_cache=held)
        if sign_in.settings.fallback == "device-code":
            claims = options.get("claims_challenge")
            flow = application.initiate_device_flow(scopes, claims_challenge=claims)
            if "user_code" not in flow:
                return flow
            _LOGGER.warning(flow["message"])
            result = application.acquire_token_by_device_flow(flow, claims_challenge=claims)
        else:
            result = application.acquire_token_interactive(scopes, **{**options, "login_hint": hint or None})
        if "access_token" in result:
            claims_of_person = result["id_token_claims"]
            name = claims_of_person["preferred_username"]
            policy.check_sign_in(self._tokens().in_force(), claims_of_person.get("tid", ""), name)
            if sign_in.prompt is not Prompt.SELECT_ACCOUNT and hint and name.lower() != hint.lower():
                raise errors.WrongAccountError(
                    f"{name} signed in, but {hint} was asked for. az does not keep this sign-in.", remedies=AGAIN
                )
            held.release()
            sign_in.fell_back = next(iter(self._inner.get_accounts(name)), None)
        return result

    @property
    def _target(self) -> Target:
        """Where az's application signs in: az's client and cloud, and the tenant that az asks for."""
        return Target(self._client_id, self._inner.authority.instance, self._inner.authority.tenant)

    def _from_cache(self, scopes: Sequence[str], account: Mapping[str, Any]) -> tuple[dict[str, Any] | None, bool]:
        """What MSAL would answer from its cache; MSAL itself would go on to a refresh token where it finds nothing.

        :returns: the answer, and whether a new token is due.
        """
        cache = self._inner.token_cache
        query = {
            "client_id": self._client_id,
            "environment": self._inner.authority.instance,
            "realm": self._inner.authority.tenant,
            "home_account_id": account["home_account_id"],
        }
        now = time.time()
        for entry in cache.search(cache.CredentialType.ACCESS_TOKEN, target=list(scopes), query=query):
            left = int(entry["expires_on"]) - now
            if left >= MANDATORY:
                response = {
                    "access_token": entry["secret"],
                    "token_type": entry.get("token_type", "Bearer"),
                    "expires_in": int(left),
                    "token_source": "cache",
                }
                return response, now >= int(entry.get("refresh_on") or entry["expires_on"])
        return None, True

    def _response(self, token: Token) -> dict[str, Any]:
        """A token as MSAL answers with it."""
        user, _, home = token.account.home_account_id.partition(".")
        client_info = json.dumps({"uid": user, "utid": home}).encode()
        now = int(time.time())
        return {
            "access_token": token.value,
            "token_type": token.token_type,
            "expires_in": max(0, token.expires_on - now),
            **({} if token.refresh_on is None else {"refresh_in": max(0, token.refresh_on - now)}),
            "token_source": BROKER,
            "client_info": base64.urlsafe_b64encode(client_info).decode().rstrip("="),
            "id_token_claims": {
                "preferred_username": token.account.username,
                "oid": token.account.local_account_id,
                "sub": token.account.local_account_id,
                "tid": token.tenant,
            },
        }

    def _keep_if_signed_in(
        self, scopes: Sequence[str], token: Token, response: Mapping[str, Any], account: Mapping[str, Any]
    ) -> None:
        """Keep an answer, unless the person has signed out, or in without the broker, since it was asked for."""
        with cache_entries.undisturbed(self._inner.token_cache):
            owner = (account["environment"], account["home_account_id"])
            signed_in = is_signed_in(self._inner.token_cache, *owner, brokered=True)
            if signed_in:
                self._keep(scopes, token, response)
        if not signed_in:
            _LOGGER.debug("the account has been signed out meanwhile: its new token is not kept")

    def _keep(self, scopes: Sequence[str], token: Token, response: Mapping[str, Any]) -> None:
        """Put an answer of the broker into az's cache as ``ClientApplication._process_broker_response`` does."""
        self._inner.token_cache.add(
            {
                "client_id": self._client_id,
                "scope": list(scopes),
                "token_endpoint": self._inner.authority.token_endpoint,
                "environment": self._inner.authority.instance,
                "response": dict(response),
                "grant_type": BROKER,
                "_account_id": token.account.local_account_id,
            }
        )

    def _forget(self, account: Account) -> bool:
        """Remove the person's earlier sign-ins from az's cache.

        :returns: was one of them not through the broker?
        """
        cache, owner = self._inner.token_cache, (self._inner.authority.instance, account.home_account_id)
        earlier = cache_entries.entries(cache, cache.CredentialType.ACCOUNT, *owner)
        by_browser = any(not is_brokered(cache, found) for found in earlier)
        cache_entries.forget(cache, *owner)
        return by_browser


class _Held:
    """Stands for az's cache in a sign-in of which nobody knows yet whose it is: what MSAL adds waits here.

    :param cache: az's own.
    """

    def __init__(self, cache: Any) -> None:
        self._cache = cache
        self._added: list[dict[str, Any]] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._cache, name)

    def add(self, event: dict[str, Any], now: float | None = None) -> None:
        """As MSAL's method of this name."""
        self._added.append(event)

    def release(self) -> None:
        """Put everything into az's cache."""
        for event in self._added:
            self._cache.add(event)


def _made(make: Callable[..., Any], client_id: str, options: Mapping[str, Any]) -> Any:
    """MSAL's application. Its making asks the authority about itself, unless az remembers the answer.

    :raises AzCLIError: in a sign-in of ours, or where somebody is signed in through the broker: why it cannot be made.
    """
    try:
        return make(client_id, **options)
    except Exception as error:
        cache = options.get("token_cache")
        sign_in = SIGNING_IN.get()
        if sign_in is None and not (cache and _has_brokered(cache)):
            raise
        chosen = sign_in.settings if sign_in else None
        trouble = network.authority_error(error, str(options.get("authority") or ""), client_id, chosen)
        if trouble is None:
            raise
        raise az_error(trouble) from error


def _has_brokered(cache: Any) -> bool:
    return any(is_brokered(cache, account) for account in list(cache.search(cache.CredentialType.ACCOUNT)))


def tokens_in_force() -> Tokens:
    """What gets tokens with the settings of the sign-in that runs, or else with those in force."""
    sign_in = SIGNING_IN.get()
    return tokens_with(sign_in.settings if sign_in else settings.load(), shares=sign_in is None)


@functools.cache
def tokens_with(chosen: Settings, *, shares: bool) -> Tokens:
    """One broker process serves all of az's applications, of which it makes one for each tenant."""
    tell = for_terminal()
    # az's own MSAL falls back, so that az keeps the sign-in.
    return Tokens(chosen, waiting=tell, shares=shares, falls_back=False)


def _not_kept(error: errors.BrokerAuthError, why: str) -> errors.BrokerAuthError:
    """Why a sign-in without the broker, which puts access and refresh tokens into az's cache, does not follow."""
    return type(error)(
        f"{error.message} The fallback was not used: az would keep its access and refresh tokens in its own cache, and"
        f" {why}.",
        remedies=error.remedies,
        diagnostics=error.diagnostics,
    )


def _only_bearer() -> errors.BrokerAuthError:
    return errors.SignInRefusedError(
        "You are signed in through Windows' account broker, from which WSL gets bearer tokens only: no SSH certificates"
        " and no proof of possession. No browser was opened.",
        remedies=run("az", "login", text="To sign in without the broker,"),
    )


def _advice(error: errors.BrokerAuthError, wanted: TokenRequest) -> Remedies:
    """The error's remedies, in which every sign-in is one for this very request."""
    words = ["login", "--username", wanted.username]
    if wanted.target.tenant not in SHARED_TENANTS:
        words += ["--tenant", wanted.target.tenant]
    words += ["--scope", *wanted.scopes]
    if wanted.claims:
        words += ["--claims-challenge", base64.b64encode(wanted.claims.encode()).decode()]
    picker = "--select-account"
    remedies = tuple(
        replace(remedy, words=(OWN, *words, picker) if picker in remedy.words else (OWN, *words))
        if remedy.words[:2] == (OWN, "login")
        else remedy
        for remedy in error.remedies
    )
    return remedies if remedies != error.remedies else remedies + own(*words, text="To sign in again,")
