"""Every setting, declared once: type, default, conversion, meaning, and whether a policy may enforce it."""

from __future__ import annotations

import configparser
import re
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from typing import Any, Protocol

from azext_brokerauth import clouds
from azext_brokerauth.models import Target
from azext_brokerauth.spelling import GUID, authority_host, client, tenant, user_name

AZURE_CLI_CLIENT_ID = "04b07795-8ddb-461a-bbee-02f9e1bf7b46"
"""The public client that az and azure-identity both sign in to."""
NO_FALLBACK = "none"
FALLBACKS = (NO_FALLBACK, "browser", "device-code")
ALL_TOOLS = "all"


def _boolean(raw: object) -> bool:
    if isinstance(raw, bool):
        return raw
    known = configparser.RawConfigParser.BOOLEAN_STATES
    if str(raw).lower() not in known:
        raise ValueError("use true or false")
    return known[str(raw).lower()]


def _seconds(raw: object) -> float:
    message = "use a number of seconds above 0"
    try:
        seconds = float(str(raw))
    except ValueError:
        raise ValueError(message) from None
    if not 0 < seconds < 86400:
        raise ValueError(message)
    return seconds


def _one_of(*choices: str) -> Callable[[object], str]:
    def convert(raw: object) -> str:
        text = str(raw).lower()
        if text not in choices:
            raise ValueError(f"use {' or '.join(choices)}" if len(choices) == 2 else f"use one of {', '.join(choices)}")
        return text

    return convert


def _names(raw: object) -> str:
    names = sorted(set(re.split(r"[\s,]+", str(raw).strip().lower())))
    if not all(re.fullmatch(r"[a-z][a-z0-9-]*", name) for name in names):
        raise ValueError("use all, none, or the names of tools with blanks between them")
    return " ".join(names)


def _any_value(_: object) -> str:
    return ""


def _tenant_ids_only(value: object) -> str:
    if re.fullmatch(GUID, str(value)):
        return ""
    return "an enforced tenant_id must be a tenant ID (a GUID), because tokens have no domain name"


@dataclass(frozen=True)
class Setting:
    """One setting.

    :param name: as in files, and in upper case after ``AZURE_BROKERAUTH_`` in the environment.
    :param convert: makes its value of what a file, a variable or an argument holds; ``ValueError`` says what to use.
    :param meaning: what it does, one clause.
    :param not_enforceable: why a policy cannot enforce this value; empty where it can.
    """

    name: str
    convert: Callable[[object], object]
    meaning: str
    not_enforceable: Callable[[object], str]


class Sources(Protocol):
    """Where settings were read, from which they can be had again."""

    def is_current(self) -> bool:
        """Is there nothing new to be read?"""

    def again(self) -> Settings:
        """The settings as they are now.

        :raises BrokerAuthError: they cannot be used any more; what is wrong is named.
        """


def _setting(
    default: object,
    convert: Callable[[object], object],
    meaning: str,
    not_enforceable: Callable[[object], str] = _any_value,
) -> Any:
    return field(default=default, metadata={"declared": (convert, meaning, not_enforceable)})


@dataclass(frozen=True)
class Settings:
    """The settings in force. They never change on their way: what one request wants else is in its ``Target``.

    :param origins: for each setting, where its value came from.
    :param enforced: the names of the settings that the policy file enforces.
    :param sources: where they were read; None for those that were made otherwise, and stay.
    """

    client_id: str = _setting(AZURE_CLI_CLIENT_ID, client, "the application to sign in to")
    tenant_id: str = _setting("organizations", tenant, "tenant ID or domain", _tenant_ids_only)
    authority: str = _setting(clouds.PUBLIC.authorities[0], authority_host, "host name of the authority")
    login_hint: str = _setting("", user_name, "the user name to use when none is given")
    enable_broker_on_wsl: bool = _setting(True, _boolean, "use the broker under WSL 2 (MSAL's flag of this name)")
    enable_broker_on_linux: bool = _setting(
        False, _boolean, "use Microsoft's broker on native Linux (MSAL's flag of this name)"
    )
    enable_broker_on_windows: bool = _setting(False, _boolean, "use WAM on Windows (MSAL's flag of this name)")
    enable_broker_on_mac: bool = _setting(False, _boolean, "use Company Portal on macOS (MSAL's flag of this name)")
    require_broker: bool = _setting(
        False, _boolean, "under WSL, stop with an error if the broker is not ready; a credential chain stops too"
    )
    fallback: str = _setting(NO_FALLBACK, _one_of(*FALLBACKS), "how to sign in when the broker fails")
    keyring: str = _setting(
        "auto",
        _one_of("auto", "session", "private"),
        "the runtime's keyring: the session's, a private one, or auto: the session's while it is unlocked",
    )
    extend_az: bool = _setting(
        True, _boolean, "answer az's own token requests for accounts that signed in through the broker"
    )
    seed_az_cache: bool = _setting(True, _boolean, "put tokens that az asked for into az's cache, as MSAL would")
    token_cache: str = _setting(
        "encrypted",
        _one_of("encrypted", "az", "memory"),
        "encrypted: later processes have tokens too, encrypted with a key that only the kernel has; az: only those that"
        " az keeps in its own file, as it does with encrypted too; memory: tokens end with the process",
    )
    allow_exec: bool = _setting(
        True,
        _boolean,
        "let exec run commands that get tokens, and all az commands get theirs here, as after tool enable --name az",
    )
    tools: str = _setting(
        ALL_TOOLS, _names, "the tools that may get tokens, as tool list names them: all, none, or names and blanks"
    )
    tool_log: bool = _setting(
        False, _boolean, "write down which program asked for a token, for what and when, for tool log to show"
    )
    silent_timeout: float = _setting(30.0, _seconds, "seconds that a request without a window may take")
    prompt_timeout: float = _setting(300.0, _seconds, "seconds that a person has to answer a prompt")
    origins: tuple[tuple[str, str], ...] = ()
    enforced: frozenset[str] = frozenset()
    sources: Sources | None = field(default=None, compare=False, repr=False)

    def now(self) -> Settings:
        """These settings as the policy file has them now; themselves while that file is as it was.

        The user's file, the environment and arguments are not read again: they stay what they were.

        :raises BrokerAuthError: the file cannot be used any more, or enforces something else than is set below it.
        """
        return self if self.sources is None or self.is_current() else self.sources.again()

    def is_current(self) -> bool:
        """Is the policy file as it was when these settings were made from it?"""
        return self.sources is None or self.sources.is_current()

    @property
    def target(self) -> Target:
        """Where a token is asked for, when a request says nothing else."""
        return Target(self.client_id, self.authority, self.tenant_id)

    @property
    def may_seed_az(self) -> bool:
        """May tokens that az asked for be kept in az's own cache?"""
        return not self.why_not_seed

    @property
    def why_not_seed(self) -> str:
        """Which setting wants no token in az's own cache, with its origin; empty where none does."""
        if self.token_cache == "memory":  # noqa: S105  (the name of a cache)
            return f"{self.origin('token_cache')} is {self.token_cache}"
        return "" if self.seed_az_cache else f"{self.origin('seed_az_cache')} is false"

    @property
    def shares_tokens(self) -> bool:
        """May later processes have the tokens of this one?"""
        return self.token_cache == "encrypted"  # noqa: S105  (the name of a cache)

    def allows_tool(self, name: str) -> bool:
        """May this tool get tokens?"""
        return name in self.tools.split() or self.tools == ALL_TOOLS

    def why_not_tool(self, name: str) -> str:
        """The setting that keeps tokens from a tool, a clause; empty for none."""
        return "" if self.allows_tool(name) else f"{self.origin('tools')} is {self.tools or 'empty'}"

    @property
    def why_no_launcher(self) -> str:
        """The setting that forbids az's launcher, a clause; empty for none."""
        return self.why_not_tool("az") or ("" if self.allow_exec else f"{self.origin('allow_exec')} is false")

    def origin(self, name: str) -> str:
        """Where a setting's value came from, such as "the environment variable AZURE_BROKERAUTH_FALLBACK"."""
        return dict(self.origins).get(name, "default")

    def named(self, target: Target, username: str = "") -> dict[str, str]:
        """Where the settings that decided a request came from, by the argument that a remedy would name otherwise.

        :param target: the request's; a value that is not the setting's is the caller's own, and so is not named.
        :param username: whose token it asks for.
        """
        decided = {
            "--tenant": ("tenant_id", target.tenant),
            "--client-id": ("client_id", target.client_id),
            "--authority": ("authority", target.authority),
            "--username": ("login_hint", username),
            "--fallback": ("fallback", self.fallback),
            "--timeout": ("prompt_timeout", self.prompt_timeout),
        }
        return {
            argument: self.origin(name)
            for argument, (name, value) in decided.items()
            if value == getattr(self, name) and self.origin(name) != "default"
        }


SETTINGS = {
    declared.name: Setting(declared.name, *declared.metadata["declared"])
    for declared in fields(Settings)
    if "declared" in declared.metadata
}
"""Every setting by its name."""
