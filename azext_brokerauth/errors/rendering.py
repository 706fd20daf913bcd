"""The one place where remedies become words: it knows how each host spells our commands and arguments, and quoting."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from azext_brokerauth.models import OWN, By, Remedy
from azext_brokerauth.printable import is_printable, printable

_OPTIONS = {
    name: name for name in ("--tenant", "--username", "--client-id", "--scope", "--fallback", "--timeout", "--pop")
}
_KEYWORDS = {
    "--tenant": "tenant_id",
    "--username": "login_hint",
    "--client-id": "client_id",
    "--scope": "the scopes",
    "--fallback": "fallback",
    "--timeout": "timeout",
    "--pop": "pop",
}

_POWERSHELL_QUOTE = re.compile("['\u2018\u2019\u201a\u201b]")
"""What ends a single-quoted word in PowerShell, but where it stands twice: typographic quotation marks too."""
_TWICE = r"\g<0>\g<0>"


@dataclass(frozen=True)
class Host:
    """Where a remedy is read.

    :param program: the words with which our commands start there.
    :param arguments: how an argument is named there, by the command line's name for it.
    """

    program: tuple[str, ...]
    arguments: Mapping[str, str]


AZ = Host(("az", "brokerauth"), _OPTIONS)
PLAIN = Host(("brokerauth",), _OPTIONS)
CREDENTIAL = Host(("az", "brokerauth"), _KEYWORDS)


def command_line(remedy: Remedy, host: Host) -> str:
    """The remedy's command, quoted for the shell that it is for; empty where it has none."""
    words = [word for first in remedy.words[:1] for word in (host.program if first == OWN else (first,))]
    words += remedy.words[1:]
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
    return f"{text} run{where}: {command_line(remedy, host)}".lstrip()


def _is_plain(word: str) -> bool:
    return word.isascii() and bool(word) and all(c.isalnum() or c in "-_./\\:=<>%" for c in word)
