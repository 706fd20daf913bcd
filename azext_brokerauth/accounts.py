"""Who has signed in: records in az's configuration directory, with nothing secret in them."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from azext_brokerauth.errors import AGAIN, SettingsError
from azext_brokerauth.models import Account, Remedies, filled, own, person, run

_VERSION = 1


@dataclass(frozen=True)
class Records:
    """The accounts signed in through us.

    :param accounts: in the order in which they last signed in; a person who signed in to several applications, once for
        each.
    :param current: home account ID of the one in use; empty for none.
    :param signed_in_to_az: home account IDs of those whose sign-in was az's too. Whether they still are signed in to
        az is az's to say.
    """

    accounts: tuple[Account, ...] = ()
    current: str = ""
    signed_in_to_az: tuple[str, ...] = ()

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

    def with_account(self, account: Account) -> Records:
        """With this account added or renewed, and in use."""
        others = (a for a in self.accounts if _key(a) != _key(account))
        return replace(self, accounts=(*others, account)).using(account)

    def without(self, account: Account) -> Records:
        """Without this account. The first of those that remain comes into use if this one was."""
        rest = tuple(a for a in self.accounts if _key(a) != _key(account))
        homes = [a.home_account_id for a in rest]
        current = self.current if self.current in homes else next(iter(homes), "")
        return Records(rest, current, tuple(home for home in self.signed_in_to_az if home in homes))

    def using(self, account: Account) -> Records:
        """With this account in use."""
        return replace(self, current=account.home_account_id)

    def with_az(self, account: Account) -> Records:
        """With this account signed in to az too."""
        return replace(self, signed_in_to_az=tuple(dict.fromkeys((*self.signed_in_to_az, account.home_account_id))))


def _key(account: Account) -> tuple[str, str, str]:
    return account.home_account_id, account.client_id, account.authority


class AccountStore:
    """The records on disk: one file, 0600 in a directory of 0700, replaced as a whole.

    :param directory: az's configuration directory.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory / "brokerauth"
        self._path = self._directory / "accounts.json"

    def read(self) -> Records:
        """The records; none when nobody has signed in yet.

        :raises SettingsError: the file is another user's or damaged.
        """
        try:
            with self._path.open(encoding="utf-8") as stream:
                if hasattr(os, "getuid") and os.fstat(stream.fileno()).st_uid != os.getuid():
                    raise SettingsError(f"{self._path} belongs to another user.", remedies=self._remove())
                body = json.load(stream)
            if body["version"] != _VERSION:
                raise SettingsError(
                    f"{self._path} was written by another version of brokerauth (format {body['version']}).",
                    remedies=person("Use that version, or remove the file and sign in again."),
                )
            for fields in body["accounts"]:
                if not all(isinstance(value, str) for value in fields.values()):
                    raise TypeError("a field is not a text")
            accounts = tuple(Account(**fields) for fields in body["accounts"])
            return Records(accounts, str(body["current"]), tuple(map(str, body.get("signedInToAz", ()))))
        except (FileNotFoundError, NotADirectoryError):
            return Records()
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise SettingsError(
                f"The account file {self._path} cannot be read: {type(error).__name__}: {error}.",
                remedies=self._remove() + own("login"),
            ) from error

    def _remove(self) -> Remedies:
        return run("rm", "--", str(self._path), text="To remove the file,")

    @contextmanager
    def change(self) -> Iterator[_Change]:
        """Read, let the caller choose new records, and write them, with no other process in between.

        :raises SettingsError: the file cannot be read or written.
        """
        # portalocker comes with az; no program that only reads needs it.
        import portalocker

        try:
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            with portalocker.Lock(self._directory / "accounts.lock", mode="a", timeout=10):
                os.chmod(self._directory / "accounts.lock", 0o600)
                change = _Change(self.read())
                yield change
                if change.after != change.before:
                    self._write(change.after)
        except portalocker.LockException as error:
            raise SettingsError(
                f"{self._directory / 'accounts.lock'} is locked by another process.", remedies=AGAIN
            ) from error
        except OSError as error:
            raise SettingsError(
                f"The account file {self._path} cannot be written: {error.strerror}.",
                remedies=filled(
                    person("See that you own {directory} and that its disk has room."), directory=str(self._directory)
                ),
            ) from error

    def _write(self, records: Records) -> None:
        body = {
            "version": _VERSION,
            "current": records.current,
            "signedInToAz": records.signed_in_to_az,
            "accounts": [asdict(account) for account in records.accounts],
        }
        # mkstemp makes the file 0600.
        descriptor, name = tempfile.mkstemp(dir=self._directory, prefix=".accounts-")
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
                json.dump(body, stream, indent=1)
                stream.flush()
                os.fsync(stream.fileno())
            os.replace(name, self._path)
        except BaseException:
            os.unlink(name)
            raise


@dataclass
class _Change:
    before: Records

    def __post_init__(self) -> None:
        self.after = self.before
