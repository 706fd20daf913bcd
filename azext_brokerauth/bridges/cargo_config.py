"""cargo's settings file: our program goes on the list of those that cargo asks, and all else stays as it is written.

TOML (https://toml.io/en/v1.0.0) is read here as far as one list needs it. What would need more is refused.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from azext_brokerauth.bridges.edits import Edit
from azext_brokerauth.errors import SettingsError
from azext_brokerauth.models import person

PROGRAM = "cargo-credential-brokerauth"
_TABLE, _KEY = "registry", "global-credential-providers"
_DEFAULT = "cargo:token"
"""What cargo asks where the list is not set: the token that ``cargo login`` has kept."""
_TOKEN = re.compile(
    r"""(?P<comment>\#[^\n]*)
    |(?P<string>\"\"\"(?:[^\\]|\\.)*?\"{3,5}|'''.*?'{3,5}|"(?:[^"\\\n]|\\.)*"|'[^'\n]*')
    |(?P<open>[\[{]) | (?P<close>[\]}]) | (?P<comma>,) | (?P<equals>=) | (?P<line>\n)
    |(?P<blank>[^\S\n]+) | (?P<bare>[^\s\[\]{},="'\#]+)""",
    re.VERBOSE | re.DOTALL,
)


@dataclass(frozen=True)
class _Token:
    kind: str
    text: str
    start: int
    end: int

    @property
    def value(self) -> str:
        """What a string or a bare word says."""
        return self.text[1:-1] if self.kind == "string" else self.text  # escapes are in nothing that is looked for


@dataclass(frozen=True)
class _Statement:
    """A line, or several where a value needs them.

    :param key: the parts of its key, beginning with those of its table; of a table alone, these.
    :param value: the tokens of its value; none for a header.
    :param is_table: is it the header of a table, and not of an array of tables?
    """

    key: tuple[str, ...]
    start: int
    end: int
    value: list[_Token]
    is_table: bool = False


def edit(path: Path, provider: str) -> Edit:
    """The change to cargo's settings.

    :param provider: our program, by its name or path.
    :raises SettingsError: cargo could not start it.
    """
    if len(provider.split()) > 1:  # cargo takes what is behind a blank for an argument
        raise SettingsError(
            f"cargo cannot start {provider}, since there is a blank in its path.",
            remedies=person("Name a folder without blanks with --directory."),
        )
    shown = f"{_TABLE}.{_KEY}: {provider}"
    return Edit(path, lambda content: with_provider(content, provider), without_provider, shown)


def with_provider(content: bytes, provider: str) -> bytes:
    """The settings with our program last on the list, where cargo begins. The same where it is on it already.

    :param provider: its name or path.
    :raises ValueError: they cannot be changed; why, in one clause.
    """
    text = _decoded(content)
    statements = _statements(text)
    found = _list(statements)
    if found is not None:
        return content if _ours(found) else _appended(text, found, provider).encode()
    end_of_line = "\r\n" if "\r\n" in text else "\n"
    line = f"{_KEY} = [{_quoted(_DEFAULT)}, {_quoted(provider)}]{end_of_line}"
    if any(each.key[:2] == (_TABLE, _KEY) for each in statements):
        raise _no_list()
    header = next((each for each in statements if each.key == (_TABLE,) and each.is_table), None)
    if header is not None:
        head, line_feed, tail = text[header.end :].partition("\n")
        return f"{text[: header.end]}{head}{line_feed or end_of_line}{line}{tail}".encode()
    if any(_is_written_otherwise(each, statements) for each in statements):
        raise ValueError(f"{_TABLE} is not written as a table [{_TABLE}] in it")
    gap = "" if text in ("", "\ufeff") else end_of_line if text.endswith("\n") else 2 * end_of_line
    return f"{text}{gap}[{_TABLE}]{end_of_line}{line}".encode()


def without_provider(content: bytes) -> bytes:
    """The settings without our program on the list.

    :raises ValueError: they cannot be read; why, in one clause.
    """
    text = _decoded(content)
    found = _list(_statements(text))
    for element in reversed(_ours(found) if found else []):
        after = next((each for each in found or () if each.start >= element.end and each.kind not in _SPACE), None)
        end = after.end if after and after.kind == "comma" else element.end
        start = len(text[: element.start].rstrip(" \t"))
        text = text[:start] + text[end:]
    return text.encode()


_SPACE = ("blank", "line", "comment")


def _decoded(content: bytes) -> str:
    try:
        return content.decode()
    except UnicodeDecodeError:
        raise ValueError("it is not UTF-8") from None


def _tokens(text: str) -> list[_Token]:
    found, at = [], 1 if text.startswith("\ufeff") else 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None or match.lastgroup is None:
            raise ValueError("it is not TOML")
        found.append(_Token(match.lastgroup, match[0], at, match.end()))
        at = match.end()
    return found


def _statements(text: str) -> list[_Statement]:
    """All keys and tables, in order.

    :raises ValueError: it is not TOML.
    """
    found: list[_Statement] = []
    table: tuple[str, ...] = ()
    for tokens in _lines(_tokens(text)):
        words = [token for token in tokens if token.kind not in _SPACE]
        if not words:
            continue
        start, end = words[0].start, words[-1].end
        if words[0].kind == "open":
            if (words[0].text, words[-1].text) != ("[", "]"):
                raise ValueError("it is not TOML")
            inner = words[1:-1]
            is_table = not (inner and inner[0].text == "[")
            key = _key(inner if is_table else inner[1:-1])
            found.append(_Statement(key, start, end, [], is_table))
            table = key if is_table else ("[]", *key)  # what is in such an array is nobody's to add to
            continue
        equals = next((number for number, word in enumerate(words) if word.kind == "equals"), None)
        if not equals or equals + 1 == len(words):
            raise ValueError("it is not TOML")
        value = [token for token in tokens if token.start > words[equals].start]
        found.append(_Statement(table + _key(words[:equals]), start, end, value))
    return found


def _lines(tokens: list[_Token]) -> Iterator[list[_Token]]:
    """The tokens of each line, or of as many as the brackets hold together."""
    line: list[_Token] = []
    depth = 0
    for token in tokens:
        depth += {"open": 1, "close": -1}.get(token.kind, 0)
        if depth < 0:
            raise ValueError("it is not TOML")
        line.append(token)
        if token.kind == "line" and depth == 0:
            yield line
            line = []
    if depth:
        raise ValueError("it is not TOML")
    yield line


def _key(words: list[_Token]) -> tuple[str, ...]:
    """The parts of a key, which may be quoted, and have dots between them."""
    parts: list[str] = []
    for word in words:
        parts += [word.value] if word.kind == "string" else [part for part in word.text.split(".") if part]
    return tuple(parts)


def _is_written_otherwise(statement: _Statement, statements: list[_Statement]) -> bool:
    """Is it our table as an array of tables, or written with dots or as a value above all tables?"""
    if not statement.value:
        return statement.key == (_TABLE,)
    first = next((each.start for each in statements if not each.value), statement.end)
    return statement.key[:1] == (_TABLE,) and statement.start < first


def _list(statements: list[_Statement]) -> list[_Token] | None:
    """The tokens of the list; None where there is none.

    :raises ValueError: it is no list of strings.
    """
    found = next((each.value for each in statements if each.key == (_TABLE, _KEY) and each.value), None)
    if found is None:
        return None
    words = [token for token in found if token.kind not in _SPACE]
    inner = words[1:-1]
    if (words[0].text, words[-1].text) != ("[", "]") or any(word.kind not in ("string", "comma") for word in inner):
        raise _no_list()
    return found


def _no_list() -> ValueError:
    return ValueError(f"{_TABLE}.{_KEY} is not a list of strings in it")


def _ours(found: list[_Token]) -> list[_Token]:
    """The elements that are our program, by whichever path."""
    strings = [token for token in found if token.kind == "string"]
    return [token for token in strings if token.value.rpartition("/")[2] == PROGRAM]


def _appended(text: str, found: list[_Token], provider: str) -> str:
    words = [token for token in found if token.kind not in _SPACE]
    last = words[-2]
    before = {"open": "", "comma": " "}.get(last.kind, ", ")
    return f"{text[: last.end]}{before}{_quoted(provider)}{text[last.end :]}"


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
