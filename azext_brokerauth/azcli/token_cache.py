"""az's own token cache: what is damaged in it is not there, and nobody comes back who has signed out meanwhile.

Importing it brings MSAL, which most commands of ours do without.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from azure.cli.core.auth import persistence
from azure.cli.core.util import should_encrypt_token_cache
from knack.log import get_logger
from msal_extensions import CrossPlatLock, PersistedTokenCache
from msal_extensions.persistence import PersistenceNotFound

from azext_brokerauth.azcli.cache_entries import without_damage

_LOGGER = get_logger(__name__)


class AzTokenCache(PersistedTokenCache):  # type: ignore[misc]
    """MSAL's cache in a file, in az's place of it.

    MSAL reads the file again only when its time is later than that of the last reading, and not at all when it is gone,
    as after ``az account clear``. What another process removed in between would so be written again with the next
    change. Here every change begins with what is stored.

    :param store: where it is kept, one of ``msal_extensions.persistence``.
    """

    def __init__(self, store: Any) -> None:
        self._store = store
        self._lock_file = store.get_location() + ".lockfile"  # as MSAL names it, for every other az
        self._changing = False
        super().__init__(store, lock_location=self._lock_file)

    def deserialize(self, state: str | None) -> None:
        """As MSAL's method of this name, for what can be used of it."""
        super().deserialize(without_damage(state or ""))

    def search(self, credential_type: str, **query: Any) -> Any:
        """As MSAL's method of this name; in a file that is no cache at all there is nothing."""
        with self._lock:
            if self._changing:  # reading it again would undo the change
                return super(PersistedTokenCache, self).search(credential_type, **query)
            try:
                return super().search(credential_type, **query)
            except (ValueError, RecursionError):
                self._tell_of_damage()
                return iter(())

    def modify(self, credential_type: str, old_entry: Any, new_key_value_pairs: Any = None) -> None:
        """As MSAL's method of this name."""
        with self.undisturbed():
            super(PersistedTokenCache, self).modify(credential_type, old_entry, new_key_value_pairs)

    @contextmanager
    def undisturbed(self) -> Iterator[None]:
        """See what is stored, and change it, with no other process in between."""
        # MSAL's search holds the first lock when it asks for the second, to remove what has expired.
        with self._lock:
            if self._changing:
                yield
                return
            with CrossPlatLock(self._lock_file):
                self._read()
                self._changing = True
                try:
                    yield
                finally:
                    self._changing = False
                    if self.has_state_changed:
                        self._store.save(self.serialize())

    def _read(self) -> None:
        try:
            self.deserialize(self._store.load())
        except PersistenceNotFound:
            self.deserialize("")
        except (ValueError, RecursionError):
            self._tell_of_damage()
            self.deserialize("")
            self.has_state_changed = True  # what is there may still hold somebody's tokens

    def _tell_of_damage(self) -> None:
        _LOGGER.warning(
            "az's token cache %s is damaged, so az counts as signed out. Sign in again.", self._store.get_location()
        )


def load(location: str, encrypt: bool) -> AzTokenCache:
    """In place of az's ``load_persisted_token_cache``."""
    return AzTokenCache(persistence.build_persistence(location, encrypt))


def of_az(cli_ctx: Any) -> AzTokenCache:
    """az's cache, without an application of MSAL, which would ask the authority first.

    :raises ImportError: it is to be encrypted, and az lacks the packages for that.
    """
    return load(os.path.join(cli_ctx.config.config_dir, "msal_token_cache"), should_encrypt_token_cache(cli_ctx))
