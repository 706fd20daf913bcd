"""What the commands of both hosts share: a sign-in's options, the settings in force, and whose account is meant."""

from __future__ import annotations

import base64
import binascii
import functools
import inspect
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from typing import Any

from knack.log import get_logger

from azext_brokerauth import errors, settings, spelling
from azext_brokerauth.accounts import AccountStore, Records
from azext_brokerauth.errors import BrokerAuthError, InvalidInputError
from azext_brokerauth.machine import detect
from azext_brokerauth.models import Account, BrokerFlag, TokenRequest, own, person
from azext_brokerauth.settings import NO_FALLBACK, Settings
from azext_brokerauth.terminal import countdown
from azext_brokerauth.tokens import Prompt, Tokens
from azext_brokerauth.tokens.eligibility import eligibility, why_not_for

_LOGGER = get_logger(__name__)

_LABELS = {
    "login_hint": "--username",
    "tenant_id": "--tenant",
    "client_id": "--client-id",
    "prompt_timeout": "--timeout",
    "fallback": "--fallback",
}
_LEAVE_ONE_OUT = person("Leave one out.")


@dataclass(frozen=True)
class SignInOptions:
    """What ``login`` can be told, in both hosts; :mod:`azext_brokerauth._params` has the meanings."""

    username: str | None = None
    tenant: str | None = None
    scopes: list[str] | None = None
    claims_challenge: str | None = None
    client_id: str | None = None
    select_account: bool = False
    no_prompt: bool = False
    timeout: str | None = None
    fallback: str | None = None

    def __post_init__(self) -> None:
        check_scopes(self.scopes or ())

    @property
    def prompt(self) -> Prompt:
        """May a window be shown?"""
        return Prompt.SELECT_ACCOUNT if self.select_account else Prompt.NEVER if self.no_prompt else Prompt.IF_NEEDED

    def in_force(self) -> Settings:
        """The settings for this sign-in.

        :raises InvalidInputError: two options contradict each other.
        :raises SignInRefusedError: the broker never serves the tenant or the authority, for which az would take others.
        :raises BrokerAuthError: as :func:`in_force`.
        """
        if self.select_account and self.no_prompt:
            raise InvalidInputError(
                "--select-account shows a window, and --no-prompt forbids it.", remedies=_LEAVE_ONE_OUT
            )
        if self.no_prompt and self.fallback not in (None, NO_FALLBACK):
            raise InvalidInputError(
                "--fallback waits for a person, and --no-prompt forbids that.", remedies=_LEAVE_ONE_OUT
            )
        chosen = in_force(
            self.username, self.tenant, client_id=self.client_id, prompt_timeout=self.timeout, fallback=self.fallback
        )
        if obstacle := why_not_for(TokenRequest((), chosen.target), _flag(chosen)):
            raise obstacle
        return chosen


def takes_sign_in_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Have a command take each of :class:`SignInOptions` as a parameter of its own, as knack reads them off its
    signature, and hand them on as one: ``options``."""
    names = [option.name for option in fields(SignInOptions)]
    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    options = [inspect.Parameter(option.name, kind, default=option.default) for option in fields(SignInOptions)]
    parameters: list[inspect.Parameter] = []
    for parameter in inspect.signature(command).parameters.values():
        parameters += options if parameter.name == "options" else [parameter]

    @functools.wraps(command)
    def with_options(*arguments: Any, **given: Any) -> Any:
        told = {name: given.pop(name) for name in names if name in given}
        return command(*arguments, options=SignInOptions(**told), **given)

    with_options.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    return with_options


def in_force(username: str | None = None, tenant: str | None = None, **arguments: str | None) -> Settings:
    """The settings in force, on a machine that they are for.

    :raises BrokerOffError, BrokerNotReadyError: this machine is not one.
    :raises SettingsError, InvalidInputError: a setting or an argument cannot be used.
    """
    chosen = settings.load({"login_hint": username, "tenant_id": tenant, **arguments}, labels=_LABELS)
    _flag(chosen)
    return chosen


def _flag(chosen: Settings) -> BrokerFlag:
    found = eligibility(chosen, detect())
    if isinstance(found, BrokerAuthError):
        raise found
    return found


def account_store() -> AccountStore:
    """The records of who has signed in."""
    return AccountStore(settings.config_directory())


def recorded(records: Records, username: str | None) -> Account:
    """The account of this name, or without a name the one in use.

    :raises NotSignedInError: there is none.
    """
    account = records.find(username or "")
    if account is None:
        who = f"{username} is not" if username else "Nobody is"
        words = ("--username", username) if username else ()
        raise errors.NotSignedInError(f"{who} signed in through the broker.", remedies=own("login", *words))
    return account


def accounts_leaving(username: str | None, all_accounts: bool) -> list[Account]:
    """Whom a sign-out is about.

    :raises NotSignedInError: nobody.
    """
    records = account_store().read()
    return list(records.accounts) if all_accounts else [recorded(records, username)]


@contextmanager
def opened_tokens(chosen: Settings, records: Records) -> Iterator[Tokens]:
    """What gets tokens for one command, which tells a person at the terminal what they wait for."""
    tell = countdown.tell if countdown.on_terminal() else None

    def notify(text: str) -> None:
        if tell:
            tell(None)
        _LOGGER.warning(text)

    tokens = Tokens(chosen, records=lambda: records, waiting=tell, notify=notify)
    try:
        yield tokens
    finally:
        tokens.close()
        if tell:
            tell(None)  # a signal may leave no time for the thread that would


def claims_text(challenge: str | None) -> str:
    """The JSON text of a claims challenge given in base64, as resources send it, or as JSON; empty for none.

    :raises InvalidInputError: it is neither.
    """
    if not challenge:
        return ""
    text = challenge.strip()
    try:
        if not text.startswith("{"):
            padded = text + "=" * (-len(text) % 4)
            text = base64.b64decode(padded.replace("-", "+").replace("_", "/"), validate=True).decode()
        return spelling.claims(text)
    except (binascii.Error, ValueError) as error:
        raise InvalidInputError(
            "--claims-challenge is not a claims challenge.",
            remedies=person('Give the value of claims="..." from the resource\'s WWW-Authenticate header, as it is.'),
        ) from error


def check_scopes(scopes: Iterable[str], option: str = "--scope") -> None:
    """Raise if one has characters that no scope has.

    :param option: where they come from.
    :raises InvalidInputError: it is named.
    """
    for scope in scopes:
        try:
            spelling.scope(scope)
        except ValueError as error:
            raise InvalidInputError(f"{option} cannot be {scope!r}: {error}.") from error
