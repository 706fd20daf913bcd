"""What the commands do. The same functions serve both hosts; they return data and raise the core's errors."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

from knack.log import get_logger

from azext_brokerauth import errors, settings, waiting
from azext_brokerauth.accounts import AccountStore, Records
from azext_brokerauth.broker.messages import Account
from azext_brokerauth.cache import Token
from azext_brokerauth.settings import Settings
from azext_brokerauth.tokens import Prompt, TokenRequest, Tokens, broker_flags
from azext_brokerauth.wsl import detect

if TYPE_CHECKING:
    from azext_brokerauth.health.checks import CachedSignIn

_LOGGER = get_logger(__name__)

_LABELS = {
    "login_hint": "--username",
    "tenant_id": "--tenant",
    "client_id": "--client-id",
    "prompt_timeout": "--timeout",
    "fallback": "--fallback",
}

AZURE_SCOPE = "https://management.core.windows.net//.default"
"""Azure Resource Manager's scope, spelt as az spells it, double slash included."""


def login(
    username: str | None = None,
    tenant: str | None = None,
    scopes: list[str] | None = None,
    claims_challenge: str | None = None,
    client_id: str | None = None,
    select_account: bool = False,
    no_prompt: bool = False,
    timeout: str | None = None,
    fallback: str | None = None,
) -> dict[str, Any]:
    chosen, prompt = sign_in_settings(username, tenant, client_id, select_account, no_prompt, timeout, fallback)
    store = account_store()
    # Without a name the sign-in starts anew: with Windows' own account, not with the one last in use here.
    with _tokens(chosen, store.read() if chosen.login_hint else Records()) as tokens:
        request = TokenRequest(tuple(scopes or [AZURE_SCOPE]), claims=claims_text(claims_challenge))
        token = tokens.get(request, prompt)
    if token.source != "broker":
        _LOGGER.warning(
            "This sign-in by %s is not kept: it is not the broker's, and no refresh token is stored here.", token.source
        )
        return {**shown(token.account, Records()), "source": token.source}
    with store.change() as change:
        change.after = change.before.with_account(token.account)
    return {**shown(token.account, change.after), "source": token.source}


def logout(username: str | None = None, all_accounts: bool = False) -> None:
    chosen = in_force(username)
    store = account_store()
    with _tokens(chosen, store.read()) as tokens:
        for account in accounts_leaving(username, all_accounts):
            try:
                tokens.sign_out(account)
            except (
                errors.BrokerNotReadyError,
                errors.BrokerFailedError,
                errors.BrokerTimeoutError,
                errors.SignInRefusedError,
            ) as error:
                _LOGGER.warning("%s is signed out here, but the broker could not be told: %s", account.username, error)
            with store.change() as change:
                change.after = change.before.without(account)


def list_accounts() -> list[dict[str, Any]]:
    in_force()
    records = account_store().read()
    return [shown(account, records) for account in records.accounts]


def show_account() -> dict[str, Any]:
    in_force()
    records = account_store().read()
    return shown(_account(records, None), records)


def set_account(username: str) -> None:
    in_force()
    with account_store().change() as change:
        change.after = change.before.using(_account(change.before, username))


def list_settings() -> list[dict[str, Any]]:
    chosen = settings.load()
    return [
        {
            "name": name,
            "value": getattr(chosen, name),
            "origin": origin,
            "isEnforced": name in chosen.enforced,
        }
        for name, origin in chosen.origins.items()
    ]


def get_access_token(
    resource: str | None = None,
    scopes: list[str] | None = None,
    tenant: str | None = None,
    username: str | None = None,
    claims_challenge: str | None = None,
) -> dict[str, Any]:
    token = _token(resource, scopes, tenant, username, claims_challenge)
    return {
        "accessToken": token.value,
        # Local time without a zone, for programs that knew az before it had expires_on.
        "expiresOn": datetime.fromtimestamp(token.expires_on).strftime("%Y-%m-%d %H:%M:%S.%f"),
        "expires_on": token.expires_on,
        "tenant": token.tenant,
        "tokenType": token.token_type,
    }


def inspect_token(
    resource: str | None = None,
    scopes: list[str] | None = None,
    tenant: str | None = None,
    username: str | None = None,
    claims_challenge: str | None = None,
) -> dict[str, Any]:
    token = _token(resource, scopes, tenant, username, claims_challenge)
    return _facts(token)


def _facts(token: Token) -> dict[str, Any]:
    claims = _read_claims(token.value)
    capabilities = claims.get("xms_cc")
    return {
        "audience": claims.get("aud"),
        "clientId": claims.get("appid") or claims.get("azp"),
        "tenantId": claims.get("tid") or token.tenant,
        "username": claims.get("upn") or claims.get("unique_name") or token.account.username,
        "objectId": claims.get("oid"),
        "deviceId": claims.get("deviceid"),
        "authenticationMethods": claims.get("amr"),
        "scopes": claims.get("scp"),
        "continuousAccessEvaluation": isinstance(capabilities, list) and "CP1" in capabilities,
        "issuedOn": _utc(claims.get("iat")),
        "expiresOn": _utc(token.expires_on),
        "tokenType": token.token_type,
        "source": token.source,
    }


def check_health(online: bool = False, bundle: str | None = None, with_names: bool = False) -> dict[str, Any]:
    return health_report(online, bundle, with_names, program="brokerauth")


def health_report(
    online: bool,
    bundle: str | None,
    with_names: bool,
    program: str,
    read_cache: Callable[[], Sequence[CachedSignIn]] | None = None,
) -> dict[str, Any]:
    """The report of ``check-health``.

    :param program: how our own commands start in remedies.
    :param read_cache: lists what az's token cache holds; None: it is read as a file.
    """
    # Other commands do not pay for it.
    from azext_brokerauth.health import bundle as archive
    from azext_brokerauth.health import report

    if with_names and not bundle:
        raise errors.InvalidInputError(
            "--with-names says how an archive is written.", remedy="Add --bundle FILE, or leave it out."
        )
    look = report.new_look(read_cache)
    if not bundle:
        return report.make(look, program, online=online)
    path = Path(bundle).expanduser()
    archive.check(path)
    with archive.logged() as lines:
        told = report.make(look, program, online=True)
    archive.write(path, told, "\n".join(lines), look, with_names)
    return told


def in_force(username: str | None = None, tenant: str | None = None, **arguments: str | None) -> Settings:
    """The settings in force, on a machine that they are for.

    :raises BrokerOffError, BrokerNotReadyError: this machine is not one.
    """
    chosen = settings.load({"login_hint": username, "tenant_id": tenant, **arguments}, labels=_LABELS)
    broker_flags(chosen, detect())
    return chosen


def sign_in_settings(
    username: str | None,
    tenant: str | None,
    client_id: str | None,
    select_account: bool,
    no_prompt: bool,
    timeout: str | None,
    fallback: str | None,
) -> tuple[Settings, Prompt]:
    """What a sign-in's arguments ask for."""
    if select_account and no_prompt:
        raise errors.InvalidInputError(
            "--select-account shows a window, and --no-prompt forbids it.", remedy="Leave one out."
        )
    if no_prompt and fallback and fallback != "none":
        raise errors.InvalidInputError(
            "--fallback waits for a person, and --no-prompt forbids that.", remedy="Leave one out."
        )
    chosen = in_force(username, tenant, client_id=client_id, prompt_timeout=timeout, fallback=fallback)
    return chosen, Prompt.SELECT_ACCOUNT if select_account else Prompt.NEVER if no_prompt else Prompt.IF_NEEDED


def accounts_leaving(username: str | None, all_accounts: bool) -> list[Account]:
    """Whom a sign-out is about.

    :raises NotSignedInError: nobody.
    """
    records = account_store().read()
    return list(records.accounts) if all_accounts else [_account(records, username)]


def account_store() -> AccountStore:
    return AccountStore(settings.config_directory())


@contextmanager
def _tokens(chosen: Settings, records: Records) -> Iterator[Tokens]:
    told = waiting.tell if waiting.on_terminal() else None

    def notify(text: str) -> None:
        if told:
            told(None)
        _LOGGER.warning(text)

    tokens = Tokens(chosen, records=lambda: records, waiting=told, notify=notify)
    try:
        yield tokens
    finally:
        tokens.close()
        if told:
            told(None)  # a signal may leave no time for the thread that would


def _account(records: Records, username: str | None) -> Account:
    account = records.find(username or "")
    if account is None:
        who = f"{username} is not" if username else "Nobody is"
        remedy = f"Run: az brokerauth login{f' --username {username}' if username else ''}"
        raise errors.NotSignedInError(f"{who} signed in through the broker.", remedy=remedy)
    return account


def _token(
    resource: str | None,
    scopes: list[str] | None,
    tenant: str | None,
    username: str | None,
    claims_challenge: str | None,
) -> Token:
    if resource and scopes:
        raise errors.InvalidInputError(
            "--resource and --scope both say what the token is for.", remedy="Leave one out."
        )
    chosen = in_force(username, tenant)
    account = _account(account_store().read(), chosen.login_hint)
    for name, value in {
        "client_id": account.client_id,
        "authority": account.authority,
        **({} if tenant else {"tenant_id": account.tenant}),
    }.items():
        again = f"Run: az brokerauth login --username {account.username}"
        chosen.insist(name, value, f"The {name} of {account.username}'s sign-in", again)
    wanted = tuple(scopes or [f"{resource}/.default" if resource else AZURE_SCOPE])
    chosen = replace(chosen, client_id=account.client_id, authority=account.authority)
    with _tokens(chosen, Records()) as tokens:
        request = TokenRequest(
            wanted,
            tenant=chosen.tenant_id if tenant else account.tenant,
            claims=claims_text(claims_challenge),
            account=account,
        )
        return tokens.get(request, Prompt.NEVER)


def claims_text(challenge: str | None) -> str:
    """The JSON text of a claims challenge given in base64, as resources send it, or as JSON.

    :raises InvalidInputError: it is neither.
    """
    if not challenge:
        return ""
    text = challenge.strip()
    try:
        if not text.startswith("{"):
            padded = text + "=" * (-len(text) % 4)
            text = base64.b64decode(padded.replace("-", "+").replace("_", "/"), validate=True).decode()
        if not isinstance(json.loads(text), dict):
            raise ValueError("not a JSON object")
    except (binascii.Error, ValueError, RecursionError) as error:
        raise errors.InvalidInputError(
            "--claims-challenge is not a claims challenge.",
            remedy='Give the value of claims="..." from the resource\'s WWW-Authenticate header, as it is.',
        ) from error
    return text


def _read_claims(token: str) -> dict[str, Any]:
    """A token's claims, for display only: nothing is verified. Empty for a token that is not a JWT."""
    try:
        body = token.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    except (IndexError, binascii.Error, ValueError, RecursionError):
        return {}
    return claims if isinstance(claims, dict) else {}


def _utc(seconds: object) -> str | None:
    """A time that a token tells; None for what is no time."""
    if not isinstance(seconds, (int, float)):
        return None
    try:
        return datetime.fromtimestamp(int(seconds), timezone.utc).isoformat()
    except (ValueError, OverflowError, OSError):
        return None


def shown(account: Account, records: Records) -> dict[str, Any]:
    return {
        "username": account.username,
        "tenantId": account.tenant,
        "homeAccountId": account.home_account_id,
        "localAccountId": account.local_account_id,
        "clientId": account.client_id,
        "authority": account.authority,
        "isCurrent": account == records.find(),
    }
