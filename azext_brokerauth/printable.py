"""Which characters a terminal shows, and which it obeys instead."""

from __future__ import annotations

import re

_OBEYED = re.compile(
    # C0 and C1 controls, of which ESC and CSI begin commands to the terminal (ECMA-48), the line and paragraph
    # separators, whatever turns the direction of writing (https://www.unicode.org/reports/tr9/#Explicit_Directional_Embeddings),
    # and halves of characters, which no stream can encode.
    r"[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)
_LAYOUT = "\n\t"
"""What belongs to a text of several lines."""


def is_printable(text: str) -> bool:
    """Can it be shown as it is, in one line?"""
    return not _OBEYED.search(text)


def printable(text: str, *, lines: bool = False) -> str:
    r"""The text, with each character that a terminal would obey spelt out, such as ``\x1b``.

    :keyword lines: it may have several lines: line feeds and tabs stay.
    """
    return _OBEYED.sub(lambda found: found[0] if lines and found[0] in _LAYOUT else _spelt(found[0]), text)


def _spelt(character: str) -> str:
    """A character in ASCII, as bash's ``$'...'`` reads it; what Python could not decode (PEP 383) as the byte it is."""
    number = ord(character)
    byte = number - 0xDC00 if 0xDC80 <= number <= 0xDCFF else number
    return f"\\x{byte:02x}" if byte < 0x80 or byte != number else f"\\u{number:04x}"
