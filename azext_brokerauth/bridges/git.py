"""git for Azure DevOps: a credential helper (https://git-scm.com/docs/gitcredentials#_custom_helpers)."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, BinaryIO, TextIO

from azext_brokerauth.bridges import Bridge, Home

if TYPE_CHECKING:
    # git starts this twice for each command of its own, of which one does nothing.
    from pathlib import Path

    from azext_brokerauth.bridges.edits import Edit
    from azext_brokerauth.bridges.organisations import Memory, Organisation
    from azext_brokerauth.bridges.silent import Source
    from azext_brokerauth.models import Token

_PROGRAM = "git-credential-brokerauth"
_QUIT = "quit=1"
"""Keeps git from asking others, and the person."""
_LONGEST = 1 << 20
"""Bytes of the longest question."""
_ARRAY = "[]"

Question = Mapping[str, Sequence[str]]
"""What git says: each key with its values, of which only those of a key that ends with [] are several."""


def parsed(text: bytes) -> Question:
    """What git says on standard input.

    :returns: nothing at all for what git would not say: a line that has no key, or a key that stands there twice, as
        in a URL in which somebody hid a line feed; and for a text that is too long, which may end in half of a host.
    """
    if len(text) > _LONGEST:
        return {}
    found: dict[str, list[str]] = {}
    for line in text.decode(errors="surrogateescape").split("\n"):
        if not line:
            break
        key, equals, value = line.partition("=")
        if not equals or (key in found and not key.endswith(_ARRAY)):
            return {}
        if key.endswith(_ARRAY) and not value:  # what was said so far does not count
            found[key] = []
        else:
            found.setdefault(key, []).append(value)
    return found


def get(question: Question, source: Source, memory: Memory, errors: TextIO) -> list[str]:
    """What git is told when it wants a credential: the lines of an answer, none where it is not for us to give.

    :param errors: gets a line for the person where there is none.
    """
    of = _organisation(question)
    if of is None:
        return []
    protocol = _one(question, "protocol")
    if protocol != "https":
        return _refused(f"no token is sent to {of.host} by {protocol}. Use https.", errors)
    from azext_brokerauth.bridges.feeds import SCOPE
    from azext_brokerauth.bridges.silent import Wanted
    from azext_brokerauth.errors import BrokerAuthError, BrokerOffError

    username = _one(question, "username")
    wanted = Wanted(
        SCOPE,
        memory.tenant(of, question.get("wwwauth[]", ())),
        username if "@" in username else "",  # else it is what Azure DevOps puts into the URLs that it shows
        renew=memory.was_refused(of),
    )
    try:
        token = source.token(wanted)
    except BrokerAuthError as error:
        from azext_brokerauth.bridges.program import in_a_line

        told = _refused(in_a_line(error), errors)
        return [] if isinstance(error, BrokerOffError) else told  # which is as if we were not there
    if wanted.renew:
        memory.accept(of)
    return _answer(token, "authtype" in question.get("capability[]", ()), username)


def erase(question: Question, memory: Memory) -> None:
    """A credential was refused: the next one is a new one."""
    of = _organisation(question)
    if of is not None:
        memory.refuse(of)


def _organisation(question: Question) -> Organisation | None:
    from azext_brokerauth.bridges.organisations import organisation

    return organisation(_one(question, "host"), _one(question, "path"))


def _one(question: Question, key: str) -> str:
    return question.get(key, ("",))[0]


def _answer(token: Token, bearer: bool, username: str) -> list[str]:
    """The lines that give a token.

    :param bearer: git sends it as what it is (since 2.46); else as a password, which Azure DevOps takes as well.
    :param username: the one in the URL.
    """
    expiry = f"password_expiry_utc={token.expires_on}"
    if bearer:
        return ["capability[]=authtype", "authtype=Bearer", f"credential={token.value}", "ephemeral=1", expiry]
    return [f"username={username or token.account.username}", f"password={token.value}", expiry]


def _refused(why: str, errors: TextIO) -> list[str]:
    with contextlib.suppress(OSError):  # nobody can read it; git is to end all the same
        errors.write(f"brokerauth: {why}\n")
        errors.flush()
    return [_QUIT]


def main() -> int:
    """The program ``git-credential-brokerauth``.

    :returns: the exit code.
    """
    operation = sys.argv[-1]
    if operation not in ("get", "erase"):  # nothing is stored; others may come, and are to be ignored
        return 0
    from azext_brokerauth.bridges.program import run

    return run(
        _PROGRAM,
        lambda: answer(operation, sys.stdin.buffer, os.environ),
        lambda _: sys.stdout.write(f"{_QUIT}\n"),
    )


def answer(operation: str, stdin: BinaryIO, environ: Mapping[str, str]) -> int:
    """Do what git wants.

    :param operation: ``get`` or ``erase``.
    :param stdin: what git asks about.
    :returns: the exit code.
    """
    question = parsed(stdin.read(_LONGEST + 1))
    if _organisation(question) is None:
        return 0
    from azext_brokerauth.bridges.organisations import Memory
    from azext_brokerauth.bridges.silent import Source
    from azext_brokerauth.tokens.disk import cache_directory

    memory = Memory(cache_directory(environ))
    if operation == "erase":
        erase(question, memory)
        return 0
    with Source("git", environ=environ) as source:
        sys.stdout.write("".join(f"{line}\n" for line in get(question, source, memory, sys.stderr)))
        sys.stdout.flush()
    return 0


class Git(Bridge):
    """The global configuration of git, which git itself changes."""

    name = "git"
    serves = "git over https at dev.azure.com and ORG.visualstudio.com"
    programs = ("git",)

    def edits(self, home: Home) -> list[Edit]:
        """Lines in the file that ``git config --global`` writes."""
        from azext_brokerauth.bridges import git_config
        from azext_brokerauth.bridges.start_script import command

        git_config.check_installed()
        return [git_config.edit(git_config.paths(home)[0], command(_PROGRAM, self.name))]

    def leftovers(self, home: Home, recorded: Sequence[Path]) -> list[Edit]:
        """Of every file that git may read as the global one, and what is remembered of organisations."""
        from pathlib import Path

        from azext_brokerauth.bridges import git_config
        from azext_brokerauth.bridges.edits import Edit
        from azext_brokerauth.bridges.organisations import FILE
        from azext_brokerauth.bridges.start_script import command
        from azext_brokerauth.tokens.disk import cache_directory

        remembered = Path(os.path.expanduser(cache_directory(home.environ)), "brokerauth", FILE)
        words = command(_PROGRAM, self.name)
        paths = dict.fromkeys([*git_config.paths(home), *recorded])
        return [
            *(git_config.edit(path, words) for path in paths),
            Edit(remembered, lambda content: content, lambda _: None, "what is remembered of organisations"),
        ]


BRIDGE = Git()
