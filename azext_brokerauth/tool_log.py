"""The log of tools: which program asked for a token, for what, when, and whether it was given. No token is in it.

It is written where the setting ``tool_log`` is on, and never makes a request wait or fail: where it cannot be written,
nothing is. The lines are JSON, each in one write that other processes' writes cannot come between.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from azext_brokerauth import files
from azext_brokerauth.errors import BrokerAuthError
from azext_brokerauth.models import Token, TokenRequest
from azext_brokerauth.redaction import redact

FILE, OLDER = "tool-log", "tool-log.1"
LONGEST = 1 << 20
"""Bytes of each of the two files."""
_ABOVE = "~/.local/state"
PLACE = f"{_ABOVE}/brokerauth"
"""One for all processes of this user, whichever variables those of cron or ssh lack."""
_FIELDS = {
    "time": 32,
    "tool": 32,
    "program": 1024,
    "programName": 96,
    "audience": 1024,
    "tenantId": 300,
    "account": 400,
    "agentSession": 400,
    "result": 16,
    "code": 64,
}
"""What a line has, and the bytes of JSON that each may take: all together less than what the kernel writes at once
(4096, ``PIPE_BUF``)."""
GIVEN, REFUSED = "given", "refused"

Entry = dict[str, "str | None"]
"""One line: the fields by their names; None for what is not known."""


@dataclass
class Note:
    """What is known of one request; who handles it fills in what it gets to know.

    :param tool: the tool's name, or of whatever else of ours was asked.
    :param audience: the scopes.
    :param tenant: where the token is of; empty while nobody knows.
    :param account: the user name, likewise.
    :param agent_session: the AI agent's session that it is for; empty for a person's.
    """

    tool: str
    audience: str = ""
    tenant: str = ""
    account: str = ""
    agent_session: str = ""

    def about(self, request: TokenRequest) -> None:
        """Take over what is asked for."""
        self.audience, self.tenant = " ".join(request.scopes), request.target.tenant
        self.account, self.agent_session = request.username, request.client_session

    def given(self, token: Token) -> None:
        """Take over whose the token is."""
        self.tenant, self.account = token.tenant, token.account.username


@contextmanager
def noted(is_on: bool, note: Note, asker: Callable[[], int] = os.getppid) -> Iterator[Note]:
    """Write a line on what is asked for in the block, and how the block ends.

    :param is_on: as the setting ``tool_log``.
    :param asker: gives the ID of the process that asks; 0 where it is not known.
    """
    if not is_on:
        yield note
        return
    path = name = ""
    with suppress(OSError):
        path, name = _program(asker())
    result, code = GIVEN, ""
    try:
        yield note
    except BaseException as error:
        result, code = REFUSED, _code(error)
        raise
    finally:
        now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        known = (now, note.tool, path, name, note.audience, note.tenant, note.account, note.agent_session, result, code)
        _write(dict(zip(_FIELDS, known, strict=True)))


def read() -> tuple[list[Entry], int]:
    """The lines, the oldest first, and how many there are that cannot be read.

    :raises OSError: a file, or the directory, is not this user's alone, or no file.
    """
    try:
        with files.ours(_ABOVE) as directory:
            # In this order nothing is missed where a file gets its other name meanwhile.
            new, old = _content(directory, FILE), _content(directory, OLDER)
    except FileNotFoundError:
        return [], 0
    return parsed(old if new and old.startswith(new) else b"\n".join((old, new)))


def parsed(content: bytes) -> tuple[list[Entry], int]:
    """The lines of a file, and how many there are that cannot be read."""
    lines = [line for line in content.split(b"\n") if line]
    entries = [entry for line in lines if (entry := _entry(line))]
    return entries, len(lines) - len(entries)


def _content(directory: files.Directory, name: str) -> bytes:
    try:
        return directory.read(name, 4 * LONGEST)
    except FileNotFoundError:
        return b""


def _entry(line: bytes) -> Entry | None:
    try:
        entry = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(entry, dict) or entry.keys() != _FIELDS.keys():
        return None
    return entry if all(value is None or isinstance(value, str) for value in entry.values()) else None


def _write(known: dict[str, str]) -> None:
    entry = {name: _short(value, _FIELDS[name]) or None for name, value in known.items()}
    line = json.dumps(entry, separators=(",", ":")).encode() + b"\n"
    with suppress(OSError), files.ours(_ABOVE, make=True) as directory:
        directory.append(FILE, line, LONGEST, OLDER)


def _short(text: str, most: int) -> str:
    """A text without what looks like a token, of so many bytes of JSON at most."""
    text = redact(text, personal=False)[:most]
    while (length := len(json.dumps(text))) > most:
        text = text[: len(text) * most // length]
    return text


def _program(process: int) -> tuple[str, str]:
    """The path and the name of a program, of which a script has its own name; not its arguments, which may be secret.

    Its name is what it calls itself (proc_pid_comm(5)).
    """
    path = name = ""
    with suppress(OSError):
        path = os.readlink(f"/proc/{process}/exe")
    with suppress(OSError), open(f"/proc/{process}/comm", "rb") as stream:
        name = os.fsdecode(stream.read(64)).removesuffix("\n")
    return path, name


def _code(error: BaseException) -> str:
    """What stands for an error: Entra's number, the broker's status, or else its own name."""
    cause = error if isinstance(error, BrokerAuthError) else error.__cause__  # az's own class around it
    if not isinstance(cause, BrokerAuthError):
        return type(error).__name__
    told = cause.diagnostics
    return f"AADSTS{told.aadsts[0]}" if told.aadsts else told.status or type(cause).__name__.removesuffix("Error")
