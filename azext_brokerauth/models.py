"""The types that travel between all parts: who, for what, with which token, and what to do when there is none."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import Enum

from azext_brokerauth.printable import is_printable

SHARED_TENANTS = ("organizations", "common", "consumers")
"""Tenants that stand for many; the account decides which one
(https://learn.microsoft.com/entra/identity-platform/msal-client-application-configuration#authority)."""
PERSONAL_TENANTS = ("consumers", "9188040d-6c67-4c5b-b112-36a304b66dad")
"""Where personal Microsoft accounts are (https://learn.microsoft.com/entra/identity-platform/id-token-claims-reference)."""

NO_DATE = 10**11
"""Epoch seconds from which on they are no date that a program can reckon with: no token expires then."""


@dataclass(frozen=True)
class Target:
    """Where a token is asked for.

    :param client_id: the application to sign in to, a GUID.
    :param authority: the authority's host name, such as ``login.microsoftonline.com``.
    :param tenant: tenant ID, domain, or one of :data:`SHARED_TENANTS`.
    """

    client_id: str
    authority: str
    tenant: str

    @property
    def names_tenant(self) -> bool:
        """Does it name one tenant by its ID, so that an answer of another tenant can be told?"""
        return self.tenant not in SHARED_TENANTS and "." not in self.tenant


@dataclass(frozen=True)
class Account:
    """Who signed in. Nothing in it is secret, and all of it can be shown on a terminal as it is.

    :param username: the user principal name, as Entra spells it.
    :param home_account_id: ``<object ID>.<tenant ID>`` in the home tenant: one per person.
    :param local_account_id: the object ID by which the broker finds the account.
    :param tenant: the tenant ID of the token that the sign-in gave.
    :param client_id: the application that was signed in to.
    :param authority: the authority's host name.
    """

    username: str
    home_account_id: str
    local_account_id: str
    tenant: str
    client_id: str
    authority: str

    def __post_init__(self) -> None:
        """:raises ValueError: a field holds what no terminal can show, and so no name or ID has."""
        if not all(map(is_printable, vars(self).values())):
            raise ValueError("an account has characters that cannot be shown")

    @property
    def target(self) -> Target:
        """Where this account signed in."""
        return Target(self.client_id, self.authority, self.tenant)


@dataclass(frozen=True)
class TokenRequest:
    """What a caller wants a token for.

    :param scopes: scopes of one resource, such as ``https://vault.azure.net/.default``.
    :param target: where to ask.
    :param whose: the account, where the caller has its record, or its user name; empty for the account in use.
    :param claims: a claims challenge, JSON text; empty for none.
    :param enable_cae: declare the capability for continuous access evaluation (``CP1``).
    :param pop: HTTP method, URL and nonce for a proof-of-possession token; empty for a bearer token.
    :param client_session: an AI agent's session that the token is for, as az names it; empty for a person's.
    :param renew: have a new token, whatever is kept anywhere: the one before was refused.
    """

    scopes: tuple[str, ...]
    target: Target
    whose: Account | str = ""
    claims: str = ""
    enable_cae: bool = False
    pop: tuple[str, ...] = ()
    client_session: str = ""
    renew: bool = False

    @property
    def account(self) -> Account | None:
        """The record of the account asked for; None where only a name, or nobody, is given."""
        return self.whose if isinstance(self.whose, Account) else None

    @property
    def username(self) -> str:
        """The user name of the account asked for; empty where nobody is given."""
        return self.whose.username if isinstance(self.whose, Account) else self.whose

    @property
    def answered_from_cache(self) -> bool:
        """May a token that we keep answer it? Claims ask for another one than that (the runtime may have it already);
        proof of possession belongs to one HTTP request, and an agent's token to one session."""
        return not (self.claims or self.pop or self.client_session)

    @property
    def answer_may_be_cached(self) -> bool:
        """May its token answer others? What claims brought is an ordinary token, better than the one before."""
        return not (self.pop or self.client_session)


class Prompt(Enum):
    """May a window be shown?"""

    NEVER = "never"
    IF_NEEDED = "if needed"
    SELECT_ACCOUNT = "select account"
    """Show the account picker, whatever could be had without it, with the account that was named, if any. Whoever is
    picked is taken."""
    INSIST = "insist"
    """Show it likewise, and take nobody but the account that was named."""

    @property
    def shows_picker(self) -> bool:
        """Is a window shown, whatever could be had without one?"""
        return self in (Prompt.SELECT_ACCOUNT, Prompt.INSIST)


@dataclass(frozen=True)
class PromptWindow:
    """How a prompt is shown.

    :param handle: the parent window's handle; 0: the console's.
    :param enable_msa_passthrough: let legacy first-party applications see personal accounts (MSAL's parameter).
    """

    handle: int = 0
    enable_msa_passthrough: bool = False


@dataclass(frozen=True)
class Token:
    """An access token. It is a bearer token: issued to this device, and usable by whoever holds it.

    :param value: the token itself; never shown in ``repr``.
    :param expires_on: epoch seconds.
    :param token_type: ``Bearer``, or ``Pop`` on platforms where MSAL has it.
    :param source: who gave it: ``broker``, or for a fallback ``browser`` or ``device-code``.
    :param tenant: the ID of the tenant that issued it.
    :param account: who signed in.
    :param refresh_on: epoch seconds from which the issuer wants it renewed; None when it did not say.
    """

    value: str = field(repr=False)
    expires_on: int
    token_type: str
    source: str
    tenant: str
    account: Account
    refresh_on: int | None = None


class BrokerFlag(Enum):
    """MSAL's flags that turn the broker on, by MSAL's own names."""

    WSL = "enable_broker_on_wsl"
    LINUX = "enable_broker_on_linux"
    WINDOWS = "enable_broker_on_windows"
    MAC = "enable_broker_on_mac"


class By(Enum):
    """Who carries a remedy out."""

    LINUX = "bash"
    """A command in this Linux."""
    WINDOWS = "powershell"
    """A command in PowerShell on Windows."""
    PERSON = "person"
    """A person; there is no command for it."""
    CODE = "code"
    """Whoever writes the program that asked."""


OWN = "{program}"
"""The first word of a command of ours, which each host spells in its own way."""
CONFIG = "{config}"
"""The first word of a command that writes az's settings file: az's own, or ours where there is no az."""


@dataclass(frozen=True)
class Remedy:
    """One step towards a cure: data that :mod:`azext_brokerauth.errors.rendering` puts into words for each host.

    :param by: who carries it out.
    :param text: a sentence for a person, or the words that lead to the command, such as "To see all that is missing,".
        It is a literal template: an argument stands in it as ``{--tenant}``, which a program knows as ``tenant_id``,
        and a fact by its name, such as ``{consent_url}``.
    :param words: the command, word by word, unquoted; one of ours begins with :data:`OWN`, one for
        settings with :data:`CONFIG`. Empty where there is none.
    :param facts: what the text's other fields stand for.
    """

    by: By
    text: str = ""
    words: tuple[str, ...] = ()
    facts: tuple[tuple[str, str], ...] = ()


Remedies = tuple[Remedy, ...]


def filled(remedies: Remedies, **facts: str) -> Remedies:
    """The remedies with what their fields stand for."""
    return tuple(replace(remedy, facts=tuple(facts.items())) for remedy in remedies)


def run(*words: str, text: str = "") -> Remedies:
    """A command for this Linux."""
    return (Remedy(By.LINUX, text, words),)


def script(line: str, text: str = "") -> Remedies:
    """A line for this Linux's bash that is more than one command's words: a pipe, or a step of the shell itself."""
    return run("bash", "-c", line, text=text)


def own(*words: str, text: str = "") -> Remedies:
    """A command of ours."""
    return run(OWN, *words, text=text)


def configure(*words: str, text: str = "") -> Remedies:
    """A command for settings, such as ``set brokerauth.fallback=none``."""
    return run(CONFIG, *words, text=text)


def powershell(*words: str, text: str = "") -> Remedies:
    """A command for PowerShell on Windows."""
    return (Remedy(By.WINDOWS, text, words),)


def person(text: str) -> Remedies:
    """What no command can do."""
    return (Remedy(By.PERSON, text),)


def code(text: str) -> Remedies:
    """What the program that asked has to change."""
    return (Remedy(By.CODE, text),)
