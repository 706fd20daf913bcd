"""What az's own token cache holds, without anything secret."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from azext_brokerauth import files

_LONGEST = 1 << 26
"""Bytes of the largest token cache that is read: az keeps every token that it ever got."""


@dataclass(frozen=True)
class CachedSignIn:
    """An entry of az's token cache, without anything secret.

    :param kind: ``refresh token``, ``access token`` or ``account``.
    :param source: an account's ``account_source``; the broker's is ``broker``.
    :param username: an account's; empty for a token.
    :param local_account_id: likewise.
    """

    home_account_id: str
    kind: str
    source: str = ""
    username: str = ""
    local_account_id: str = ""


class UnreadableCacheError(Exception):
    """az's token cache cannot be read from here; the text says why."""


def read_file(directory: Path) -> list[CachedSignIn]:
    """Read az's token cache as the JSON that it is. Nothing secret is kept.

    :param directory: az's configuration directory.
    :raises UnreadableCacheError: it is encrypted, or no JSON.
    """
    path = directory / "msal_token_cache.json"
    if (directory / "msal_token_cache.bin").exists() and not path.exists():
        raise UnreadableCacheError("az's token cache is encrypted; run this in az: az brokerauth check-health")
    try:
        return read_text(files.read_beyond_links(path, _LONGEST).decode())
    except FileNotFoundError:
        return []
    except (OSError, ValueError, RecursionError) as error:
        raise UnreadableCacheError(f"az's token cache {path} cannot be read: {type(error).__name__}") from None


def read_text(text: str) -> list[CachedSignIn]:
    """The sign-ins in the text of a token cache of MSAL's format; none in an empty one.

    :raises ValueError: it is no JSON.
    :raises UnreadableCacheError: it is no JSON object.
    """
    if not text.strip():
        return []
    cache: Any = json.loads(text)
    if not isinstance(cache, dict):
        raise UnreadableCacheError("az's token cache is not a JSON object")
    return [
        CachedSignIn(
            kind=kind,
            source=str(entry.get("account_source") or ""),
            **{name: str(entry.get(name) or "") for name in ("home_account_id", "username", "local_account_id")},
        )
        for section, kind in (
            ("RefreshToken", "refresh token"),
            ("AccessToken", "access token"),
            ("Account", "account"),
        )
        if isinstance(cache.get(section), dict)
        for entry in cache[section].values()
        if isinstance(entry, dict)
    ]
