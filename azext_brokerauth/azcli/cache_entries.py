"""The entries of a token cache of MSAL's: which can be used, whose they are, and removing them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from azext_brokerauth.models import NO_DATE
from azext_brokerauth.printable import is_printable

_KINDS = ("RefreshToken", "AccessToken", "IdToken", "Account")
"""What a sign-in leaves, in the order in which MSAL's ``remove_account`` removes it."""
BROKER = "broker"
"""How MSAL marks an account, and the grant, of a sign-in through the broker (``msal.token_cache``)."""
_TEXTS = (
    *("home_account_id", "environment", "client_id", "realm", "target", "ext_cache_key"),
    *("username", "local_account_id", "authority_type", "account_source", "token_type", "family_id"),
)
"""What MSAL takes for texts where it is there: its keys are made of them (``msal.token_cache``)."""


def without_damage(state: str) -> str:
    """A cache in MSAL's format, without the entries that cannot be used. What is of no kind known here stays.

    :param state: the text of a cache; empty for none.
    :raises ValueError: it is no JSON object.
    """
    if not state.strip():
        return ""
    cache: Any = json.loads(state)
    if not isinstance(cache, dict):
        raise ValueError("it is not a JSON object")
    sound = {kind: _sound(kind, entries) for kind, entries in cache.items()}
    return state if sound == cache else json.dumps(sound, indent=4)


def _sound(kind: str, entries: Any) -> Any:
    usable = _USABLE.get(kind)
    if usable is None:
        return entries
    if not isinstance(entries, dict):
        return {}
    return {
        key: entry for key, entry in entries.items() if isinstance(entry, dict) and _has_texts(entry) and usable(entry)
    }


def _has_texts(entry: Mapping[str, Any]) -> bool:
    return all(entry.get(name) is None or isinstance(entry[name], str) for name in _TEXTS)


def _has_secret(entry: Mapping[str, Any]) -> bool:
    return isinstance(entry.get("secret"), str) and bool(entry["secret"])


def _access_token(entry: Mapping[str, Any]) -> bool:
    return (
        _has_secret(entry)
        and isinstance(entry.get("target", ""), str)
        and _is_time(entry.get("expires_on"))
        and ("refresh_on" not in entry or _is_time(entry["refresh_on"]))
    )


def _refresh_token(entry: Mapping[str, Any]) -> bool:
    return _has_secret(entry) and _is_time(entry.get("last_modification_time", "0"))


def _account(entry: Mapping[str, Any]) -> bool:
    needed = ["home_account_id", "environment", "username", "authority_type"]
    if entry.get("account_source") == BROKER:
        needed += ["local_account_id", "realm"]
    return all(isinstance(entry.get(name), str) and is_printable(entry[name]) for name in needed)


def _is_time(value: Any) -> bool:
    """Is it epoch seconds, as a number or as MSAL's text of one?"""
    try:
        return 0 <= int(value) < NO_DATE
    except (TypeError, ValueError, OverflowError):
        return False


_USABLE: dict[str, Callable[[Mapping[str, Any]], bool]] = {
    "AccessToken": _access_token,
    "RefreshToken": _refresh_token,
    "IdToken": _has_secret,
    "Account": _account,
    "AppMetadata": lambda entry: True,
}


def undisturbed(cache: Any) -> AbstractContextManager[None]:
    """As ``AzTokenCache.undisturbed``, for any cache of MSAL's; one in memory only has no other process."""
    own: Callable[[], AbstractContextManager[None]] = getattr(cache, "undisturbed", nullcontext)
    return own()


def entries(cache: Any, kind: str, environment: str, home_account_id: str) -> list[dict[str, Any]]:
    """What a cache of MSAL's has of an account.

    :param environment: the authority's host name.
    """
    return list(cache.search(kind, query={"environment": environment, "home_account_id": home_account_id}))


def forget(cache: Any, environment: str, home_account_id: str) -> None:
    """Remove all that a cache of MSAL's has of an account, as ``ClientApplication.remove_account`` does."""
    with undisturbed(cache):
        for kind in _KINDS:
            for entry in entries(cache, kind, environment, home_account_id):
                cache.modify(kind, entry)
