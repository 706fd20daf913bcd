"""What crosses between the caller's process and the broker's: one JSON object a line, typed at both ends."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from enum import Enum
from typing import Any, BinaryIO

MAX_LINE = 1 << 20
"""Bytes a line may have, its newline included. A token with hundreds of group claims has some tens of kilobytes."""


class MessageError(ValueError):
    """A line that is not a message: too long, not JSON, or not of the expected shape."""


@dataclass(frozen=True)
class Account:
    """Who signed in. Nothing in it is secret.

    :param username: the user principal name, as Entra spells it.
    :param home_account_id: ``<object ID>.<tenant ID>`` in the home tenant: one per person.
    :param local_account_id: the object ID by which the broker finds the account.
    :param tenant: the tenant ID of the token that the sign-in gave.
    :param client_id: the application that was signed in to.
    :param authority: the authority's host name, such as ``login.microsoftonline.com``.
    """

    username: str
    home_account_id: str
    local_account_id: str
    tenant: str
    client_id: str
    authority: str


@dataclass(frozen=True)
class App:
    """How to build MSAL's application. The flags have MSAL's own names.

    :param client_id: the application's client ID.
    :param authority: host name of the authority.
    :param tenant: tenant ID, domain, or ``organizations``, ``common``, ``consumers``.
    :param capabilities: client capabilities, such as ``CP1`` for continuous access evaluation.
    :param enable_pii_log: let the runtime say what it otherwise writes as ``(pii)`` (MSAL's parameter).
    """

    client_id: str
    authority: str
    tenant: str
    enable_broker_on_wsl: bool = False
    enable_broker_on_linux: bool = False
    enable_broker_on_windows: bool = False
    enable_broker_on_mac: bool = False
    capabilities: tuple[str, ...] = ()
    disable_instance_discovery: bool = False
    enable_msa_passthrough: bool = False
    enable_pii_log: bool = False


class Step(Enum):
    """What the broker is asked to do."""

    SILENT = "silent"
    """A token for ``account``, with no window."""
    DEFAULT = "default"
    """A token for the account that Windows itself is signed in with, with no window."""
    PROMPT = "prompt"
    """A token, with a window."""
    BROWSER = "browser"
    """A token without the broker, through a browser. Asked for only where the person chose that."""
    DEVICE_CODE = "device-code"
    """A token without the broker, through a device code. Asked for only where the person chose that."""
    SIGN_OUT = "sign-out"
    """Forget ``account`` for this application."""
    ACCOUNTS = "accounts"
    """Whom the broker knows."""


@dataclass(frozen=True)
class Ask:
    """One request to the broker.

    :param claims: the claims challenge, a JSON text; empty for none.
    :param account: whom to ask for; for ``Step.SILENT`` and ``Step.SIGN_OUT``.
    :param login_hint: whom to offer first in the window.
    :param select_account: show the account picker even when an account is at hand.
    :param window: the handle of the window that the prompt belongs to; 0: the console's.
    :param pop: HTTP method, URL and nonce of the request that a proof-of-possession token is for; empty for a bearer
        token.
    :param client_session: the session of an AI agent that the token is for, as az names it; empty for a person's.
    """

    step: Step
    app: App
    scopes: tuple[str, ...] = ()
    claims: str = ""
    account: Account | None = None
    login_hint: str = ""
    select_account: bool = False
    window: int = 0
    pop: tuple[str, ...] = ()
    client_session: str = ""


@dataclass(frozen=True)
class Answer:
    """A token from the broker.

    :param access_token: the token; never shown in ``repr``.
    :param expires_on: epoch seconds.
    :param tenant: the tenant that issued it.
    :param refresh_on: epoch seconds from which the issuer wants it renewed; None when it did not say.
    """

    access_token: str = field(repr=False)
    expires_on: int
    token_type: str
    tenant: str
    account: Account
    refresh_on: int | None = None


class Trouble(Enum):
    """Why the broker's process has no answer."""

    REFUSED = "refused"
    """MSAL answered with an error; its description is in ``text``."""
    NO_ACCOUNT = "no-account"
    """The broker does not know the account."""
    RUNTIME_MISSING = "runtime-missing"
    """msal or pymsalruntime cannot be imported because it is not installed."""
    LIBRARY_MISSING = "library-missing"
    """pymsalruntime is installed, but a shared library that it needs is not."""
    NO_BROKER = "no-broker"
    """The runtime loads and finds no broker."""
    NOT_THE_BROKER = "not-the-broker"
    """MSAL would have gone on without the broker, or did."""
    AUTHORITY = "authority"
    """The authority or tenant does not exist, or MSAL cannot use it."""
    NETWORK = "network"
    """The authority's metadata could not be read."""
    REDIRECT_URI = "redirect-uri"
    """The application lacks the broker's redirect URI."""
    NONSENSE = "nonsense"
    """The broker's answer makes no sense."""


@dataclass(frozen=True)
class Failure:
    """Why there is no token.

    :param text: what MSAL or Python said.
    :param correlation_id: under which the broker and Entra logged it, when known.
    """

    trouble: Trouble
    text: str
    correlation_id: str = ""


@dataclass(frozen=True)
class Done:
    """The request was carried out, and it was not for a token.

    :param usernames: for ``Step.ACCOUNTS``, whom the broker knows.
    """

    usernames: tuple[str, ...] = ()


@dataclass(frozen=True)
class Log:
    """A log record of the broker's process, already redacted.

    :param level: as in :mod:`logging`.
    """

    level: int
    text: str


@dataclass(frozen=True)
class Notice:
    """What a person must read while the request is under way, such as the code to enter in a browser."""

    text: str


Message = Ask | Answer | Done | Failure | Log | Notice
_TYPES: dict[str, type[Message]] = {kind.__name__: kind for kind in (Ask, Answer, Done, Failure, Log, Notice)}


def encode(number: int, message: Message) -> bytes:
    """The line for a message. ``number`` ties an answer to its request; 0 belongs to none.

    :raises MessageError: the line would be longer than :data:`MAX_LINE`.
    """
    body = {"number": number, "type": type(message).__name__, "message": asdict(message)}
    line = json.dumps(body, default=lambda value: value.value, separators=(",", ":")).encode() + b"\n"
    if len(line) > MAX_LINE:
        raise MessageError(f"a message of {len(line)} bytes is over the limit of {MAX_LINE}")
    return line


def read_line(stream: BinaryIO) -> bytes:
    """The next line, or empty at the end of the stream.

    :raises MessageError: the line is longer than :data:`MAX_LINE`.
    """
    line = stream.readline(MAX_LINE + 1)
    if len(line) > MAX_LINE:
        raise MessageError(f"a line is over the limit of {MAX_LINE} bytes")
    return line


def decode(line: bytes) -> tuple[int, Message]:
    """The number and the message in a line.

    :raises MessageError: it is not one of ours. The line itself is never quoted: it may hold a token.
    """
    try:
        body = json.loads(line)
        kind, fields = _TYPES[body["type"]], dict(body["message"])
        return int(body["number"]), _build(kind, fields)
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
        raise MessageError(f"a line of {len(line)} bytes is not a message ({type(error).__name__})") from None


def _build(kind: type[Message], fields: dict[str, Any]) -> Message:
    if kind is Ask:
        app = fields["app"]
        fields["app"] = App(**{**app, "capabilities": tuple(app["capabilities"])})
        fields["scopes"] = tuple(fields["scopes"])
        fields["pop"] = tuple(fields["pop"])
        fields["step"] = Step(fields["step"])
    if fields.get("account"):
        fields["account"] = Account(**fields["account"])
    if kind is Done:
        fields["usernames"] = tuple(fields["usernames"])
    if kind is Failure:
        fields["trouble"] = Trouble(fields["trouble"])
    return kind(**fields)
