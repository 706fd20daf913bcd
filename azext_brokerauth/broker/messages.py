"""What crosses between the caller's process and the broker's: one JSON object a line, typed at both ends."""

from __future__ import annotations

import functools
import json
import types
import typing
from dataclasses import asdict, dataclass, is_dataclass
from enum import Enum
from typing import Any, BinaryIO

from azext_brokerauth.errors.troubles import Trouble
from azext_brokerauth.models import BrokerFlag, Token, TokenRequest
from azext_brokerauth.redaction import know

MAX_LINE = 1 << 20
"""Bytes a line may have, its newline included. A token with hundreds of group claims has some tens of kilobytes."""


class MessageError(ValueError):
    """A line that is not a message: too long, not JSON, or not of the expected shape."""


@dataclass(frozen=True)
class AppOptions:
    """How MSAL's application is built, whatever it is asked for.

    :param flag: the one of MSAL's flags that turns the broker on.
    :param disable_instance_discovery: trust an authority that Microsoft does not know.
    :param enable_msa_passthrough: let legacy first-party applications see personal accounts (MSAL's parameter).
    :param enable_pii_log: let the runtime say what it otherwise writes as ``(pii)`` (MSAL's parameter).
    :param keyring: as the setting of this name; the process is started with it.
    """

    flag: BrokerFlag
    disable_instance_discovery: bool = False
    enable_msa_passthrough: bool = False
    enable_pii_log: bool = False
    keyring: str = "auto"


class Step(Enum):
    """What the broker is asked to do."""

    SILENT = "silent"
    """A token for the request's account, with no window."""
    DEFAULT = "default"
    """A token for the account that Windows itself is signed in with, with no window."""
    PROMPT = "prompt"
    """A token, with a window."""
    BROWSER = "browser"
    """A token without the broker, through a browser. Asked for only where the person chose that."""
    DEVICE_CODE = "device-code"
    """A token without the broker, through a device code. Asked for only where the person chose that."""
    SIGN_OUT = "sign-out"
    """Forget the request's account for this application."""
    ACCOUNTS = "accounts"
    """Whom the broker knows."""

    @property
    def is_fallback(self) -> bool:
        """Is it a sign-in without the broker?"""
        return self in (Step.BROWSER, Step.DEVICE_CODE)


@dataclass(frozen=True)
class Ask:
    """One request to the broker.

    :param request: what is asked for; without scopes where it is not a token.
    :param select_account: show the account picker even when an account is at hand.
    :param window: the handle of the window that the prompt belongs to; 0: the console's.
    """

    step: Step
    request: TokenRequest
    options: AppOptions
    select_account: bool = False
    window: int = 0


@dataclass(frozen=True)
class Answer:
    """A token."""

    token: Token


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
class Hello:
    """The first message of the broker's process, by which the parent knows that it has started one.

    :param pid: the process ID of the one that does the work, and leads its group.
    """

    pid: int


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


Reply = Answer | Done | Failure
Message = Ask | Reply | Hello | Log | Notice
_TYPES: dict[str, type[Message]] = {kind.__name__: kind for kind in (Ask, Answer, Done, Failure, Hello, Log, Notice)}


def encode(number: int, message: Message) -> bytes:
    """The line for a message. ``number`` ties an answer to its request; 0 belongs to none.

    :raises MessageError: the line would be longer than :data:`MAX_LINE`.
    """
    know(*_named(message))
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
        message: Message = _typed(_TYPES[body["type"]], body["message"])
        know(*_named(message))
        return _typed(int, body["number"]), message
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise MessageError(f"a line of {len(line)} bytes is not a message ({type(error).__name__})") from None


def _named(message: Message) -> tuple[str, ...]:
    """Whom a message names: both sides learn here whom their logs must not name."""
    if isinstance(message, Ask):
        return (message.request.username,)
    if isinstance(message, Answer):
        return (message.token.account.username,)
    return message.usernames if isinstance(message, Done) else ()


def _typed(kind: Any, value: Any) -> Any:
    """A value out of JSON as the type that is declared for it.

    :raises TypeError, ValueError: it is of another type.
    """
    if isinstance(kind, types.UnionType):
        return _first(typing.get_args(kind), value)
    if typing.get_origin(kind) is tuple and isinstance(value, list):
        return tuple(_typed(typing.get_args(kind)[0], item) for item in value)
    if isinstance(kind, type) and issubclass(kind, Enum):
        return kind(value)
    if isinstance(kind, type) and is_dataclass(kind) and isinstance(value, dict):
        declared = _declared(kind)
        if value.keys() != declared.keys():
            raise TypeError("a field is missing, or nobody knows it")
        return kind(**{name: _typed(each, value[name]) for name, each in declared.items()})
    if type(value) is not kind:  # not isinstance: true is no number
        raise TypeError("a value is of another type")
    return value


def _first(kinds: tuple[Any, ...], value: Any) -> Any:
    for kind in kinds:
        try:
            return _typed(kind, value)
        except (TypeError, ValueError):
            continue
    raise TypeError("a value is of none of the types")


@functools.cache
def _declared(kind: type[Any]) -> dict[str, Any]:
    return typing.get_type_hints(kind)
