"""The one place where remedies become words: it knows how each host spells our commands and arguments, and quoting."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from azext_brokerauth.models import CONFIG, OWN, By, Remedy
from azext_brokerauth.printable import is_printable, printable

_OPTIONS = {
    name: name for name in ("--tenant", "--username", "--client-id", "--scope", "--fallback", "--timeout", "--pop")
} | {"--authority": "the setting authority"}
_KEYWORDS = {
    "--tenant": "tenant_id",
    "--username": "login_hint",
    "--client-id": "client_id",
    "--scope": "the scopes",
    "--fallback": "fallback",
    "--timeout": "timeout",
    "--pop": "pop",
    "--authority": "authority",
}

_POWERSHELL_QUOTE = re.compile("['\u2018\u2019\u201a\u201b]")
"""What ends a single-quoted word in PowerShell, but where it stands twice: typographic quotation marks too."""
_TWICE = r"\g<0>\g<0>"


@dataclass(frozen=True)
class Host:
    """Where a remedy is read.

    :param program: the words with which our commands start there.
    :param config: the words with which the commands start that write az's settings file.
    :param arguments: how an argument is named there, by the command line's name for it.
    :param in_program: is it a program, whose author can do something too?
    :param sign_in: options that a sign-in needs to be the one that the program asked for.
    """

    program: tuple[str, ...]
    config: tuple[str, ...]
    arguments: Mapping[str, str]
    in_program: bool = False
    sign_in: tuple[str, ...] = ()


AZ = Host(("az", "brokerauth"), ("az", "config"), _OPTIONS)
PLAIN = Host(("brokerauth",), ("brokerauth", "config"), _OPTIONS)
CREDENTIAL = replace(PLAIN, arguments=_KEYWORDS, in_program=True)
"""The command `brokerauth` is installed with the credential; az need not be there."""


def command_line(remedy: Remedy, host: Host) -> str:
    """The remedy's command, quoted for the shell that it is for; empty where it has none."""
    spelt = {OWN: host.program, CONFIG: host.config}
    words = [word for first in remedy.words[:1] for word in spelt.get(first, (first,))]
    words += remedy.words[1:]
    if _is_sign_in(remedy):
        told = zip(host.sign_in[::2], host.sign_in[1::2], strict=True)
        words += [word for option in told if option[0] not in remedy.words for word in option]
    if words[:2] == ["bash", "-c"]:
        return words[2]  # it is read at a shell's prompt
    if remedy.by is By.WINDOWS:
        # PowerShell takes a single-quoted word as it stands (about_Quoting_Rules).
        return " ".join(map(_for_powershell, words))
    return " ".join(map(_for_bash, words))


def _for_powershell(word: str) -> str:
    return word if _is_plain(word) else f"'{_POWERSHELL_QUOTE.sub(_TWICE, printable(word))}'"


def _for_bash(word: str) -> str:
    if is_printable(word):
        return shlex.quote(word)
    # A name with a line feed or an escape is to be read, pasted and understood as what it is
    # (https://www.gnu.org/software/bash/manual/html_node/ANSI_002dC-Quoting.html).
    escaped = word.replace("\\", "\\\\").replace("'", "\\'")
    return f"$'{printable(escaped)}'"


def text_of(remedy: Remedy, host: Host) -> str:
    """The remedy's sentence, with its arguments named as the host names them."""
    return remedy.text.format_map({**host.arguments, **dict(remedy.facts)})


def in_words(remedies: Iterable[Remedy], host: Host) -> str:
    """All steps as one paragraph, such as "Unlock the keyring; then run: az brokerauth login"."""
    said, before = "", None
    for remedy in remedies:
        step = _sentence(remedy, host)
        if not said:
            said = step[:1].upper() + step[1:]
        elif remedy.words and not remedy.text and before and before.words and before.by is remedy.by is By.WINDOWS:
            said += f"; {command_line(remedy, host)}"
        elif remedy.text and step[0].isupper():
            said = f"{said} {step}" if said.endswith(".") else f"{said}. {step}"
        else:
            said = f"{said.removesuffix('.')}; {step if remedy.text else f'then {step}'}"
        before = remedy
    return said


def _sentence(remedy: Remedy, host: Host) -> str:
    text = text_of(remedy, host)
    if not remedy.words:
        return text
    where = " in PowerShell" if remedy.by is By.WINDOWS else ""
    command = f"run{where}: {command_line(remedy, host)}"
    if host.in_program and (instead := _in_program(remedy)):
        call, is_enough = instead
        command = call if is_enough else f"{call}, or {command}"
    return f"{text} {command}".lstrip()


def _is_sign_in(remedy: Remedy) -> bool:
    return remedy.words[:2] == (OWN, "login")


def _in_program(remedy: Remedy) -> tuple[str, bool] | None:
    """What a program does in place of the command, and whether the command would not serve it; None for nothing."""
    if remedy.words[:2] == (CONFIG, "set"):
        name, _, value = remedy.words[2].rpartition(".")[2].partition("=")
        return f"give {name}={value.capitalize() if value in ('true', 'false') else repr(value)}", False
    if not _is_sign_in(remedy):
        return None
    options = dict(zip(remedy.words[2:], remedy.words[3:], strict=False))
    given = [name for name in ("--tenant", "--username", "--fallback") if name in options]
    # A sign-in without the broker is nobody's but its command's, and another account or tenant is the program's choice.
    if given and given != ["--username"]:
        return "give " + " and ".join(f"{_KEYWORDS[name]}={options[name]!r}" for name in given), True
    return "call authenticate()", False


def _is_plain(word: str) -> bool:
    return word.isascii() and bool(word) and all(c.isalnum() or c in "-_./\\:=<>%" for c in word)
