"""Names of people in any text, found in time proportional to its length."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from urllib.parse import quote, unquote

_WORD = re.compile(r"[^\s\"<>()\[\]{},;:|/&=?`*]+")
_AROUND = "'.!\\"
"""What may stand around a name without being part of it."""
_AT = re.compile(r"[^@'\\](?:@|%(?:25)*40)(?:\w|$)")
_PHONE = re.compile(r"(?:\+|%(?:25)*2B)\d{7,15}", re.IGNORECASE)
"""A telephone number, as personal accounts have it for a name (https://www.itu.int/rec/T-REC-E.164)."""
_TOKEN = re.compile(r"\w+")
_HOME = re.compile(
    # Names of directories may have spaces, which end a path in a sentence unless another slash follows.
    r"(?:(?<=[/\\]home[/\\])|(?<=[/\\]Users[/\\])|(?<=\\\\Users\\\\))(?:[^/\\\"<>|:;,\n]{1,255}(?=[/\\])|[^/\\\s\"<>|:;,]+)",
    re.IGNORECASE,
)
_EVERYBODY = frozenset(["public", "default", "all users", "default user"])
"""Directories beside those of people on Windows."""
_ORDINARY = frozenset(
    """
    a about account accounts active admin administrator after all am an and any application are as ask asked at az
    azure be bash bin broker but by c can check client clock cloud code command config could current data debian
    default desktop dev device directory do does down drive enabled end enforced error etc fail failed false file
    files for found from give given go group guest has have he held here home host how i id if in info install
    installed into is it its key keyring kind known lib libraries library linux list local lock locks log login
    machine me message microsoft missing mnt mount msal my name names net network networking new no nobody none not
    null of off ok on one online only open opened or origin our out owner package pass path person platform policy
    powershell proxy prt python read redacted refused remedies remedy report result root run running runtime runs
    server service services session set setting settings sh share shell show sign signed so ssh state status sudo sys
    system table tenant terminal test tests than that the them then there they this time tmp to token tool tools true
    ubuntu up us usb use user username users usr value values var version wait warn was way we were what when where
    which who why will window windows with without work works world wsl wslinfo yes you your
    """.split()  # noqa: SIM905  (a list of them would have a page)
)
"""Words that reports and logs are written in. Whoever is called so cannot be found by that name alone."""

_SHORTEST_NUMBER = 7
"""Digits of a number that can be a person's: a telephone number."""


class People:
    """Finds those who are known by name, and whatever has the form of a user name: it has an @, or is a telephone
    number.

    :param names: whom to find, as whole words in any case; one that is an ordinary word is not looked for.
    :param homes: take what a directory of people's homes holds for a name too.
    """

    def __init__(self, names: Iterable[str] = (), *, homes: bool = False) -> None:
        self._by_first: dict[str, frozenset[tuple[int, int, str]]] = {}
        self._homes = homes
        self.add(*names)

    def add(self, *names: str) -> None:
        """Find these too."""
        for spelling in {spelling for name in names for spelling in _spellings(name.strip())}:
            first = _TOKEN.search(spelling)
            if first is None or is_ordinary(spelling):
                continue
            known, entry = self._by_first.get(key := first[0].casefold(), frozenset()), _entry(spelling, first.start())
            if entry not in known:
                self._by_first[key] = known | {entry}  # replaced, never changed: other threads may be reading it

    def hide(self, text: str, replace: Callable[[str], str]) -> str:
        """The text with every name replaced.

        :param replace: is given a name.
        """
        pieces, end = [], 0
        for start, stop in _joined(self._find(text)):
            pieces += [text[end:start], replace(text[start:stop])]
            end = stop
        return "".join([*pieces, text[end:]])

    def _find(self, text: str) -> Iterator[tuple[int, int]]:
        for word in _WORD.finditer(text):
            start = word.end() - len(word[0].lstrip(_AROUND))
            name = word[0].strip(_AROUND)
            if _AT.search(name) or _PHONE.fullmatch(name):
                yield start, start + len(name)
        if self._homes:
            yield from (home.span() for home in homes_in(text))
        if self._by_first:
            yield from self._find_known(text)

    def _find_known(self, text: str) -> Iterator[tuple[int, int]]:
        for token in _TOKEN.finditer(text):
            for offset, length, folded in self._by_first.get(token[0].casefold(), ()):
                start = token.start() - offset
                stop = start + length
                if start >= 0 and text[start:stop].casefold() == folded and not _goes_on(text, stop):
                    yield start, stop


def is_ordinary(name: str) -> bool:
    """Is it a word, or a short number, that texts have for other reasons?"""
    return name.casefold() in _ORDINARY or (name.isdigit() and len(name) < _SHORTEST_NUMBER)


def homes_in(text: str) -> Iterator[re.Match[str]]:
    """The names of people's home directories in a text, of Linux and of Windows."""
    return (found for found in _HOME.finditer(text) if found[0].casefold() not in {*_EVERYBODY, "root"})


def plain(name: str) -> str:
    """A name, whichever way a text spells it, as always the same text."""
    return unicodedata.normalize("NFC", unquote(unquote(name.strip("' .!\\")))).casefold()


def _spellings(name: str) -> Iterator[str]:
    for form in ("NFC", "NFD"):
        normal = unicodedata.normalize(form, name)
        yield normal
        yield quote(normal, errors="replace")
        yield json.dumps(normal)[1:-1]


def _entry(spelling: str, offset: int) -> tuple[int, int, str]:
    return offset, len(spelling), spelling.casefold()


def _goes_on(text: str, at: int) -> bool:
    character = text[at : at + 1]
    return character.isalnum() or character == "_" or unicodedata.category(character or " ").startswith("M")


def _joined(spans: Iterable[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """The spans in their order, those that overlap as one."""
    start = stop = -1
    for first, last in sorted(spans):
        if first >= stop:
            if stop > start:
                yield start, stop
            start, stop = first, last
        else:
            stop = max(stop, last)
    if stop > start:
        yield start, stop
