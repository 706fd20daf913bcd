"""Tokens that later processes are to have: one file each, encrypted with a key that only the kernel keeps.

Whatever is wrong with a file, with the directory or with the key, there is no token, and never an error: the broker is
asked, as if none had been kept. Who can read the key can as well ask the broker: the same user, and root. All that is
kept ends with the key, which no file holds and no shutdown of WSL outlives.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from azext_brokerauth import files
from azext_brokerauth.errors import BrokerAuthError
from azext_brokerauth.keyring import kernel
from azext_brokerauth.models import NO_DATE, SHARED_TENANTS, Account, Token, TokenRequest
from azext_brokerauth.redaction import know
from azext_brokerauth.speaker import Logger
from azext_brokerauth.spelling import GUID
from azext_brokerauth.tokens.renewal import fresh_until, warn_of

_LOGGER = Logger(__name__)

_VERSION = 1
_NONCE = 12
"""Bytes; random for each file (NIST SP 800-38D, 8.2.2)."""
_LOCKS = 64
"""Files to lock. Two tokens that share one wait for each other, which costs time and nothing else."""
_NAME_LENGTH = 64
_HOME_ACCOUNT_ID = re.compile(rf"{GUID}\.(?P<tenant>{GUID})")
_PATIENCE = 3
"""The part of a request's time that it waits for another process which gets the same token is one in this many."""


def cache_directory(environ: Mapping[str, str]) -> str:
    """Where programs keep what they can do without (https://specifications.freedesktop.org/basedir-spec)."""
    chosen = environ.get("XDG_CACHE_HOME", "")
    return chosen if os.path.isabs(chosen) else "~/.cache"


class TokenFiles:
    """The tokens of this user that processes share.

    :param above: the directory in which theirs is.
    :keyword key: gives the key of a name, 32 bytes; None where there is none to be had.
    :keyword remove_key: takes it away, and with it all that it encrypted.
    :keyword clock: gives epoch seconds.
    """

    def __init__(
        self,
        above: str,
        *,
        key: Callable[[str], bytes | None] = kernel.key,
        remove_key: Callable[[str], None] = kernel.remove,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._above = above
        self._key, self._remove_key = key, remove_key
        self._clock = clock
        self._has_tidied = False

    def get(self, wanted: TokenRequest) -> Token | None:
        """The token that answers, if it is still valid; else None.

        :param wanted: as :func:`~azext_brokerauth.tokens.flights.key_of` makes it.
        """
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError, RecursionError), self._open() as opened:
            subject = _subject(wanted)
            name = _name(opened.key, subject)
            token = _decoded(_decrypted(opened.directory.read(name), opened.key, subject))
            know(token.account.username)
            if self._clock() < token.expires_on < NO_DATE:
                return token
        return None

    def fetch(
        self,
        wanted: TokenRequest,
        ask: Callable[[Callable[[], None]], Token],
        is_allowed: Callable[[Token], bool],
        timeout: float,
    ) -> Token:
        """A token that another process got, or else the broker's, which the others have from then on.

        One process at a time asks for the same token, and those that wait for it find what it got.

        :param ask: asks the broker. It calls what it is given before it waits for a person: nobody else does.
        :param is_allowed: whether a kept token may be used.
        :param timeout: seconds that the request may take.
        :raises BrokerAuthError: there is none.
        """
        if not wanted.answered_from_cache:
            if wanted.claims and not wanted.client_session:  # an agent's say nothing of the person's token
                self.drop(replace(wanted, claims=""))
            return ask(lambda: None)
        if wanted.renew:
            plain = replace(wanted, renew=False)
            self.drop(plain)
            token = ask(lambda: None)
            self._put(plain, token)
            return token
        found = self.get(wanted)
        if found and self._clock() < fresh_until(found) and is_allowed(found):
            return _told(found, wanted)
        with self.turn(wanted, timeout / _PATIENCE) as turn:
            found = self.get(wanted)
            if found and not is_allowed(found):
                found = None
            if found and self._clock() < fresh_until(found):
                return _told(found, wanted)
            try:
                token = ask(turn.end)
            except BrokerAuthError as error:
                if found is None:
                    raise
                warn_of(error)
                return found
            self._put(wanted, token)
            return token

    def _put(self, wanted: TokenRequest, token: Token) -> None:
        """Keep a token of the broker's, for whoever names nobody and for whoever names the one who answered."""
        if token.source != "broker":
            return
        for whose in dict.fromkeys((wanted.whose, token.account.home_account_id)):
            asked = replace(wanted, whose=whose)
            if _tenant(asked) in (token.tenant, wanted.target.tenant):
                self.put(asked, token)

    def put(self, wanted: TokenRequest, token: Token) -> None:
        """Keep a token for those who ask the same."""
        with contextlib.suppress(OSError), self._open(make=True) as opened:
            subject = _subject(wanted)
            name = _name(opened.key, subject)
            opened.directory.replace(name, _encrypted(_encoded(token), opened.key, subject))
            # So that what is over can be told without a key, and without a look into it.
            opened.directory.date(name, token.expires_on)
            self._tidy(opened.directory)

    def drop(self, wanted: TokenRequest) -> None:
        """Keep this one no longer: it was refused."""
        with contextlib.suppress(OSError), self._open() as opened:
            opened.directory.remove(_name(opened.key, _subject(wanted)))

    def forget(self) -> None:
        """Keep none. What other processes write meanwhile is unreadable from now on too, and so is a copy."""
        with contextlib.suppress(OSError), self._directory() as directory:
            self._remove_key(_key_name(directory))
            for name in directory.names():
                directory.remove(name)

    @contextmanager
    def turn(self, wanted: TokenRequest, patience: float) -> Iterator[Turn]:
        """Wait until no other process is getting this token, and be the one that does.

        :param patience: seconds; after them it is got beside the other, which may hang.
        """
        with contextlib.ExitStack() as stack:
            with contextlib.suppress(OSError):
                opened = stack.enter_context(self._open(make=True))
                number = int(_name(opened.key, _subject(wanted))[:2], 16) % _LOCKS
                files.locked(stack.enter_context(opened.directory.lock_file(f"{number:02}.lock")), patience)
            yield Turn(stack)

    @contextmanager
    def _open(self, make: bool = False) -> Iterator[_Opened]:
        """:raises OSError: there is no directory, or no key to be had."""
        with self._directory(make) as directory:
            key = self._key(_key_name(directory))
            if key is None:
                raise PermissionError
            yield _Opened(directory, key)

    def _directory(self, make: bool = False) -> files.Directory:
        return files.ours(self._above, make=make)

    def _tidy(self, directory: files.Directory) -> None:
        """Remove what is over, once in a process."""
        if self._has_tidied:
            return
        self._has_tidied = True
        for name in directory.names():
            if len(name) == _NAME_LENGTH and directory.dated(name) < self._clock():
                directory.remove(name)


def _told(token: Token, wanted: TokenRequest) -> Token:
    scopes = " ".join(wanted.scopes)
    _LOGGER.debug("from an earlier process: a token for %s, valid until %d", scopes, token.expires_on)
    return token


@dataclass(frozen=True)
class _Opened:
    directory: files.Directory
    key: bytes = field(repr=False)


def _key_name(directory: files.Directory) -> str:
    """The key's name in the kernel's user keyring. Each directory has its own: a user may have several homes."""
    return f"brokerauth:tokens:{directory.identity}"


class Turn:
    """One's turn to get a token. It ends with the block, or earlier: nobody waits for a person.

    :param held: what is let go of.
    """

    def __init__(self, held: contextlib.ExitStack) -> None:
        self._held = held

    def end(self) -> None:
        """Let the next one go on."""
        self._held.close()


def _subject(wanted: TokenRequest) -> bytes:
    """All that decides about the answer, which each file is bound to: none can be put in another's place."""
    target = wanted.target
    fields = [_VERSION, target.client_id, target.authority, _tenant(wanted), wanted.scopes, wanted.whose]
    return json.dumps([*fields, wanted.enable_cae]).encode()


def _tenant(wanted: TokenRequest) -> str:
    """The tenant that answers: without one, that of the account, so that who names it shares a token."""
    tenant, home = wanted.target.tenant, _HOME_ACCOUNT_ID.fullmatch(str(wanted.whose))
    return home["tenant"] if home and tenant in SHARED_TENANTS else tenant


def _name(key: bytes, subject: bytes) -> str:
    """A file's name, which tells nothing to those without the key, and which no other key has."""
    # Comes with msal, as the cipher does, with which it shares what is slow to load; hashlib would load OpenSSL again.
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.hmac import HMAC

    digest = HMAC(key, SHA256())
    digest.update(subject)
    return digest.finalize().hex()


def _encrypted(content: bytes, key: bytes, subject: bytes) -> bytes:
    nonce = os.urandom(_NONCE)
    return b"".join((bytes([_VERSION]), nonce, _aead(key).encrypt(nonce, content, subject)))


def _decrypted(content: bytes, key: bytes, subject: bytes) -> bytes:
    """:raises ValueError: it is not what :func:`_encrypted` made with this key, for this subject."""
    from cryptography.exceptions import InvalidTag

    if content[:1] != bytes([_VERSION]):
        raise ValueError
    try:
        return bytes(_aead(key).decrypt(content[1 : 1 + _NONCE], content[1 + _NONCE :], subject))
    except InvalidTag as error:
        raise ValueError from error


def _aead(key: bytes) -> Any:
    # Comes with msal. Only this needs it.
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    return AESGCM(key)


def _encoded(token: Token) -> bytes:
    return json.dumps({**vars(token), "account": vars(token.account)}).encode()


def _decoded(content: bytes) -> Token:
    """:raises KeyError, TypeError, ValueError: it is no token."""
    found = json.loads(content)
    account, refresh_on = found["account"], found["refresh_on"]
    numbers = (found["expires_on"],) if refresh_on is None else (found["expires_on"], refresh_on)
    texts = (*account.values(), *(found[name] for name in ("value", "token_type", "source", "tenant")))
    if not all(type(number) is int for number in numbers) or not all(isinstance(text, str) for text in texts):
        raise TypeError
    return Token(**{**found, "account": Account(**account)})
