"""Who has signed in: records in az's configuration directory, with nothing secret in them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from azext_brokerauth import files
from azext_brokerauth.errors import AGAIN, SIGN_IN, NotSignedInError, SettingsError
from azext_brokerauth.models import Account, Remedies, filled, own, person, run
from azext_brokerauth.redaction import know

_VERSION = 1
_DIRECTORY, _FILE, _LOCK = "brokerauth", "accounts.json", "accounts.lock"
_PATIENCE = 10.0
"""Seconds that another process may keep the lock."""

_NOT_YOURS = person("Run it as the user who owns it, or set AZURE_CONFIG_DIR to a directory of your own.")


@dataclass(frozen=True)
class Records:
    """The accounts signed in through us.

    :param accounts: in the order in which they last signed in; a person who signed in to several applications, once for
        each.
    :param current: home account ID of the one in use; empty for none.
    :param signed_in_to_az: home account IDs of those whose sign-in was az's too. Whether they still are signed in to
        az is az's to say.
    :param last_used: of these, the home account ID and the ID of the subscription that az used last as this person. az
        remembers one for all people.
    """

    accounts: tuple[Account, ...] = ()
    current: str = ""
    signed_in_to_az: tuple[str, ...] = ()
    last_used: tuple[tuple[str, str], ...] = ()

    def find(self, username: str = "", *, client_id: str = "", authority: str = "") -> Account | None:
        """The account with this username, or without one the account in use; None when there is none that fits. Of
        several sign-ins of one person it is the latest.

        :keyword client_id: only an account that signed in to this application.
        :keyword authority: only an account of this authority.
        """
        for account in reversed(self.accounts):
            named = (
                account.username.lower() == username.lower() if username else account.home_account_id == self.current
            )
            if named and client_id in ("", account.client_id) and authority in ("", account.authority):
                return account
        return None

    def signed_in(self, username: str = "") -> Account:
        """The account with this username, or without one the account in use, where there must be one.

        :raises NotSignedInError: there is none; it says how to sign in.
        """
        account = self.find(username)
        if account is None:
            raise NotSignedInError(
                f"{f'{username} is not' if username else 'Nobody is'} signed in through the broker.",
                remedies=own("login", "--username", username) if username else SIGN_IN,
            )
        return account

    def with_account(self, account: Account) -> Records:
        """With this account added or renewed, and in use."""
        others = (a for a in self.accounts if _key(a) != _key(account))
        return replace(self, accounts=(*others, account)).using(account)

    def without(self, account: Account) -> Records:
        """Without this account. The first of those that remain comes into use if this one was."""
        rest = tuple(a for a in self.accounts if _key(a) != _key(account))
        homes = [a.home_account_id for a in rest]
        current = self.current if self.current in homes else next(iter(homes), "")
        return Records(
            rest,
            current,
            tuple(home for home in self.signed_in_to_az if home in homes),
            tuple((home, subscription) for home, subscription in self.last_used if home in homes),
        )

    def using(self, account: Account) -> Records:
        """With this account in use."""
        return replace(self, current=account.home_account_id)

    def with_az(self, account: Account) -> Records:
        """With this account signed in to az too."""
        return replace(self, signed_in_to_az=tuple(dict.fromkeys((*self.signed_in_to_az, account.home_account_id))))

    def with_last_used(self, account: Account, subscription_id: str) -> Records:
        """With the subscription that az uses as this person."""
        return replace(
            self, last_used=tuple({**dict(self.last_used), account.home_account_id: subscription_id}.items())
        )


def _key(account: Account) -> tuple[str, str, str]:
    return account.home_account_id, account.client_id, account.authority


class AccountStore:
    """The records on disk: one file, 0600 in a directory of 0700, replaced as a whole.

    :param directory: az's configuration directory.
    :keyword owner: the user ID whose they must be.
    """

    def __init__(self, directory: Path, *, owner: int | None = None) -> None:
        self._above = directory
        self._owner = files.this_user() if owner is None else owner
        self._path = directory / _DIRECTORY / _FILE

    def read(self) -> Records:
        """The records; none when nobody has signed in yet.

        :raises SettingsError: the file is another user's or damaged.
        """
        try:
            with self._open() as directory:
                return self._read(directory)
        except (FileNotFoundError, NotADirectoryError):
            return Records()
        except OSError as error:
            raise self._unfit("read", error) from error

    def _remove(self) -> Remedies:
        return run("rm", "--", str(self._path), text="To remove the file,")

    @contextmanager
    def change(self) -> Iterator[_Change]:
        """Read, let the caller choose new records, and write them, with no other process in between.

        :raises SettingsError: the file cannot be read or written.
        """
        try:
            with self._open(make=True) as directory, directory.lock_file(_LOCK) as lock:
                if not files.locked(lock, _PATIENCE):
                    raise SettingsError(f"{self._path.with_name(_LOCK)} is locked by another process.", remedies=AGAIN)
                change = _Change(self._read_or_none(directory))
                yield change
                if change.after != change.before:
                    directory.replace(_FILE, _encoded(change.after))
        except OSError as error:
            raise self._unfit("written", error) from error

    def _open(self, make: bool = False) -> files.Directory:
        return files.Directory(self._above, owner=self._owner, make=make, beneath=_DIRECTORY)

    def _read_or_none(self, directory: files.Directory) -> Records:
        try:
            return self._read(directory)
        except FileNotFoundError:
            return Records()

    def _read(self, directory: files.Directory) -> Records:
        content = directory.read(_FILE)
        try:
            body = json.loads(content.decode())
            if body["version"] != _VERSION:
                raise SettingsError(
                    f"{self._path} was written by another version of brokerauth (format {body['version']!r}).",
                    remedies=person("Use that version, or remove the file and sign in again."),
                )
            for fields in body["accounts"]:
                if not all(isinstance(value, str) for value in fields.values()):
                    raise TypeError("a field is not text")
            accounts = tuple(Account(**fields) for fields in body["accounts"])
            know(*(account.username for account in accounts))
            return Records(
                accounts,
                str(body["current"]),
                tuple(map(str, body.get("signedInToAz", ()))),
                tuple((str(home), str(used)) for home, used in body.get("lastUsedInAz", {}).items()),
            )
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise SettingsError(
                f"The account file {self._path} cannot be read: {type(error).__name__}: {error}.",
                remedies=self._remove() + own("login"),
            ) from error

    def _unfit(self, done: str, error: OSError) -> SettingsError:
        if isinstance(error, files.UnfitFileError):
            # Moved and not removed: nobody knows what it is.
            away = run("mv", "--", str(error.filename), f"{error.filename}.unfit")
            remedies = _NOT_YOURS if error.is_others else away
            return SettingsError(f"{error.filename} cannot be used: {error.strerror}.", remedies=remedies)
        remedies = filled(
            person("Check that you own {directory} and that its disk has free space."), directory=str(self._path.parent)
        )
        return SettingsError(f"The account file {self._path} cannot be {done}: {error.strerror}.", remedies=remedies)


def _encoded(records: Records) -> bytes:
    body = {
        "version": _VERSION,
        "current": records.current,
        "signedInToAz": records.signed_in_to_az,
        **({"lastUsedInAz": dict(records.last_used)} if records.last_used else {}),
        "accounts": [asdict(account) for account in records.accounts],
    }
    return json.dumps(body, indent=1).encode()


@dataclass
class _Change:
    before: Records

    def __post_init__(self) -> None:
        self.after = self.before
