"""What the commands of both hosts share: a sign-in's options, the settings in force, and whose account is meant."""

from __future__ import annotations

import base64
import binascii
import functools
import inspect
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

from knack.log import get_logger

from azext_brokerauth import clouds, errors, settings, spelling
from azext_brokerauth.accounts import AccountStore, Records
from azext_brokerauth.errors import BrokerAuthError, InvalidInputError, rendering
from azext_brokerauth.errors.rendering import PLAIN
from azext_brokerauth.machine import detect
from azext_brokerauth.models import Account, BrokerFlag, Remedies, Target, TokenRequest, filled, person
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
                "--select-account shows a window, but --no-prompt forbids windows.", remedies=_LEAVE_ONE_OUT
            )
        if self.no_prompt and self.fallback not in (None, NO_FALLBACK):
            raise InvalidInputError(
                "--fallback needs a person, but --no-prompt forbids asking one.", remedies=_LEAVE_ONE_OUT
            )
        chosen = in_force(
            self.username, self.tenant, client_id=self.client_id, prompt_timeout=self.timeout, fallback=self.fallback
        )
        if obstacle := why_not_for(TokenRequest((), chosen.target), _flag(chosen)):
            raise obstacle
        return chosen


def takes_options(kind: Callable[..., Any]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Have a command take each field of a dataclass as a parameter of its own, as knack reads them off its signature,
    and hand them on as one: ``options``.

    :param kind: the dataclass, whose fields all have defaults.
    """
    usual = inspect.signature(kind).parameters

    def decorated(command: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(command)
        def with_options(*arguments: Any, **given: Any) -> Any:
            told = {name: given.pop(name) for name in usual if name in given}
            return command(*arguments, options=kind(**told), **given)

        parameters: list[inspect.Parameter] = []
        for parameter in inspect.signature(command).parameters.values():
            parameters += usual.values() if parameter.name == "options" else [parameter]
        with_options.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        return with_options

    return decorated


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


def in_use_by_record(records: Records, hint: str = "") -> Account:
    """The account in use where brokerauth is on its own: the one that the settings name, else the one last signed in or
    chosen.

    :param hint: the name that the settings have for it.
    :raises NotSignedInError: there is none.
    """
    return recorded(records, hint) if hint else records.signed_in()


def _in_its_cloud(kind: str, target: Target) -> str:
    """The resource of a well-known type.

    :raises InvalidInputError: the target's cloud is not known, or has none.
    """
    cloud = clouds.of_authority(target.authority)
    resource = cloud.resource(kind) if cloud else ""
    if not resource:
        raise InvalidInputError(
            f"brokerauth does not know the address of the resource {kind} in the cloud of {target.authority}.",
            remedies=person("Name it with --resource."),
        )
    return resource


@dataclass
class Host:
    """What only the host of the commands can tell; az gives its own answers when it loads them.

    :param words: how remedies are put there.
    :param left: what a sign-out is a sign-out of.
    :param in_use: gives the account in use, of those recorded, and takes the name that the settings have for it; raises
        ``NotSignedInError`` where there is none.
    :param tenant: gives the tenant in which the account in use is used.
    :param resource: gives the address of a well-known resource, by az's name for its type, in a target's cloud.
    """

    words: rendering.Host = PLAIN
    left: str = "brokerauth"
    in_use: Callable[[Records, str], Account] = in_use_by_record
    tenant: Callable[[Account], str] = attrgetter("tenant")
    resource: Callable[[str, Target], str] = _in_its_cloud


HOST = Host()
"""That of this process."""


def recorded(records: Records, username: str | None, hint: str = "") -> Account:
    """The account of this name, or without a name the one in use.

    :param hint: the name that the settings have for it.
    :raises NotSignedInError: there is none.
    """
    if not username:
        return HOST.in_use(records, hint)
    try:
        return records.signed_in(username)
    except errors.NotSignedInError as error:
        if meant := _meant(records, username):
            raise errors.NotSignedInError(error.message, remedies=meant) from error
        raise


def _meant(records: Records, username: str) -> Remedies:
    """Whom a name that nobody has was probably to be: a part of theirs, or with a typing error."""
    import difflib  # no command that goes well needs it

    names = {_before_at(account.username): account.username for account in records.accounts}
    close = difflib.get_close_matches(_before_at(username), names, 1, 0.7)
    return filled(person("Did you mean {account}?"), account=names[close[0]]) if close else ()


def _before_at(username: str) -> str:
    return username.lower().partition("@")[0]


def accounts_leaving(username: str | None, all_accounts: bool) -> list[Account]:
    """Whom a sign-out is about.

    :raises NotSignedInError: nobody. az's own sign-out fails too where nobody is signed in; whoever wants to leave is
        not told to sign in.
    """
    records = account_store().read()
    if not records.accounts:
        raise errors.NotSignedInError("Nobody is signed in through the broker, so nobody was signed out.")
    if all_accounts:
        return list(records.accounts)
    try:
        return [recorded(records, username)]
    except errors.NotSignedInError as error:
        who = filled(
            person("Name one of these with {--username}, or all of them with --all: {accounts}."),
            accounts=names_of(records.accounts),
        )
        meant = _meant(records, username) if username else ()
        raise errors.NotSignedInError(error.message, remedies=meant or who) from error


def names_of(accounts: Iterable[Account]) -> str:
    """Their user names, each once, as they stand in a sentence."""
    *others, last = dict.fromkeys(account.username for account in accounts)
    return f"{', '.join(others)} and {last}" if others else last


def tell_who_answered(chosen: Settings, account: Account) -> None:
    """Warn if another account was picked than the one that was named: the window has the last word, since it was asked
    for."""
    named = chosen.login_hint
    if named and account.username.lower() != named.lower():
        _LOGGER.warning(
            "%s was chosen in the window and is signed in, but %s (%s) was asked for.",
            *(account.username, named, chosen.origin("login_hint")),
        )


@contextmanager
def opened_tokens(chosen: Settings, records: Records, *, shares: bool = True) -> Iterator[Tokens]:
    """What gets tokens for one command, which tells a person at the terminal what they wait for.

    :keyword shares: take a token that another process got; not where somebody signs in.
    """
    tell = countdown.for_terminal()

    def notify(text: str) -> None:
        if tell:
            tell(None, 0)
        _LOGGER.warning(text)

    tokens = Tokens(chosen, records=lambda: records, waiting=tell, notify=notify, shares=shares)
    try:
        yield tokens
    finally:
        tokens.close()
        if tell:
            tell(None, 0)  # a signal may leave no time for the thread that would


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
            "The value of --claims-challenge must be a JSON object that is not empty, as text or in base64.",
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
