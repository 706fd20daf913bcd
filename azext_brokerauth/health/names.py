"""Everybody who could be named in an archive for support, and how their names are hidden in it."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import secrets
from collections.abc import Iterable, Iterator
from pathlib import Path

from azext_brokerauth import files, people, settings
from azext_brokerauth.health.az_cache import UnreadableCacheError
from azext_brokerauth.health.facts import Facts
from azext_brokerauth.people import People

_VARIABLES = ("USER", "LOGNAME", "SUDO_USER", "USERNAME")
_ROOTS = 2
"""Parts of the path of a directory directly below "/", such as root's home."""
_SYSTEM = frozenset(["", "root"])
"""Users that are nobody."""


class Names:
    """Replaces what names a person by a hash, the same one for the same name within one archive.

    :param known: names and IDs of accounts.
    :param users: names of this system's and of Windows' users, and home directories with no name of their own.
    """

    def __init__(self, known: Iterable[str] = (), users: Iterable[str] = ()) -> None:
        known, users = ([name for name in names if name.strip() not in _SYSTEM] for names in (known, users))
        self._people = People([*known, *users], homes=True)
        self._whole = frozenset(map(people.plain, known))
        self._salt = secrets.token_bytes(16)

    def hide(self, text: str) -> str:
        """The text with a hash for each name. A text that is an account's name and nothing else is hidden even if it
        is an ordinary word."""
        if people.plain(text) in self._whole:
            return self._hash(text)
        return self._people.hide(text, self._hash)

    def _hash(self, name: str) -> str:
        # The salt is forgotten: whoever knows a name cannot look for it.
        return f"<person {hashlib.sha256(self._salt + people.plain(name).encode(errors='replace')).hexdigest()[:10]}>"


def names_of(facts: Facts) -> Names:
    """Everybody whom any source knows: our records, az's cache and profile, the settings, the broker, this system."""
    found = {*_signed_in(facts), *_in_azs_profile(facts), *settings.hints(facts.probe.environ)}
    if facts.tried:
        found |= {*(facts.tried.known or ()), facts.tried.username}
    # What stands before the @ is often what somebody's computers call them.
    called = {name.partition("@")[0] for name in found if "@" in name}
    return Names(found, {*_users(facts), *(name for name in called if len(name) > 1)})


def _signed_in(facts: Facts) -> Iterator[str]:
    for account in facts.own.records.accounts:
        yield from (account.username, *_ids(account.home_account_id), account.local_account_id)
    with contextlib.suppress(UnreadableCacheError):
        for entry in facts.read_cache():
            yield from (entry.username, *_ids(entry.home_account_id), entry.local_account_id)


def _ids(home_account_id: str) -> tuple[str, str]:
    """The ID of the person, and of the person in their tenant; the tenant's own names nobody."""
    return home_account_id, home_account_id.partition(".")[0]


def _in_azs_profile(facts: Facts) -> Iterator[str]:
    try:
        text = files.read_beyond_links(facts.own.directory / "azureProfile.json").decode("utf-8-sig")
        for subscription in json.loads(text)["subscriptions"]:
            user = subscription["user"]
            # Others are the names of applications.
            if user["type"] == "user":
                yield str(user["name"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return  # what is damaged names nobody that could be told from the damage


def _users(facts: Facts) -> Iterator[str]:
    environ = facts.probe.environ
    yield from (environ.get(name, "") for name in _VARIABLES)
    for home in (environ.get("HOME", ""), os.path.expanduser("~"), environ.get("USERPROFILE", "").replace("\\", "/")):
        yield Path(home).name
        if people.is_ordinary(Path(home).name) and len(Path(home).parts) > _ROOTS and not any(people.homes_in(home)):
            yield home
    for value in environ.values():
        # WSL's PATH leads into the home directory on Windows.
        yield from (home[0] for home in people.homes_in(value))
    with contextlib.suppress(ImportError, KeyError):
        import pwd

        entry = pwd.getpwuid(facts.probe.uid)
        yield from (entry.pw_name, Path(entry.pw_dir).name, entry.pw_gecos.partition(",")[0])
