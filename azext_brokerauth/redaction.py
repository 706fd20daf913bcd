"""Takes secrets out of any text before it is logged or shown."""

from __future__ import annotations

import re

_JWT = re.compile(r"\beyJ[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*){0,4}")
_OPAQUE = re.compile(r"(?<![A-Za-z0-9_-])[A-Za-z0-9_.~+-]*[A-Za-z0-9_-]{48,}[A-Za-z0-9_.~+=*!$-]*")
"""Refresh tokens, authorization codes and keys have no common form, but they are the only unbroken runs this long:
a GUID has 36 characters, and paths and URLs are broken by slashes."""
_NAMED = re.compile(
    # "code" alone is also a word of error messages ("Error code: 0"), so it counts only as a parameter or a key.
    r"(\b(?:client_info|device_code|refresh_token|access_token|id_token|code_verifier)[\"']?\s*[=:]\s*[\"']?"
    r"|\bcode=|[\"']code[\"']\s*:\s*[\"']?)"
    r"[^&\s\"']+"
)
_UPN = re.compile(r"[A-Za-z0-9._%+'-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+")


def redact(text: str, *, personal: bool = True) -> str:
    """The text without tokens and codes, and unless ``personal`` is false without user names."""
    text = _JWT.sub("<token>", text)
    text = _NAMED.sub(r"\1<redacted>", text)
    text = _OPAQUE.sub("<redacted>", text)
    return _UPN.sub("<user>", text) if personal else text
