"""The use of a keyring by the broker's process: which one it is given, and for how long it has it."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import socket
import threading
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from azext_brokerauth.keyring import choice
from azext_brokerauth.keyring.descriptors import close_all_but

if TYPE_CHECKING:
    from azext_brokerauth.keyring.keeper import Post

DEADLINE = 26.0
"""Seconds for everything: less than a silent request has."""
_LASTING = 14.0
"""Seconds of these for the keyring that other processes use too."""
_LOOK = 0.02
"""Seconds between two looks at a keeper that starts or ends."""
_FORKS = 10
"""How often a keeper is started. Where others were first, or one was just leaving, it ends without a word."""
_LONGEST = 1 << 16
"""Bytes of the longest message between these processes."""
KEY = "brokerauth:keyring"
"""The name of the key that a lasting keyring is encrypted with."""


@dataclass(frozen=True)
class Given:
    """The keyring that was given.

    :param kind: ``session`` or ``private``.
    :param reason: why this one, one clause for a person.
    :param address: the message bus of a private one.
    :param alone: why no other process can use it, one clause; empty where they can.
    :param problem: why there is none, one clause; empty where there is one.
    :param missing: the programs that are not installed.
    """

    kind: str
    reason: str
    address: str = ""
    alone: str = ""
    problem: str = ""
    missing: tuple[str, ...] = ()


class Lease:
    """A keyring, looked for by another process from the moment when this is made.

    It forks: make it before there are threads, and before anything native is loaded.

    :param setting: as the setting ``keyring``.
    :param environ: the variables of the session.
    """

    def __init__(self, setting: str, environ: Mapping[str, str]) -> None:
        self._lock = threading.Lock()
        self._given: Given | None = None
        self._held: socket.socket | None = None
        if setting == choice.SESSION:
            self._given = Given(choice.SESSION, "a private one is not used here")
            return
        self._ends = time.monotonic() + DEADLINE
        try:
            self._report, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            self._finder = os.fork()
        except OSError as error:  # no more descriptors or processes: the runtime will say more of it
            self._given = Given(choice.SESSION, f"nothing can be started to look for another: {error.strerror}")
            return
        if self._finder == 0:
            try:
                _find(setting, environ, its)
            finally:
                os._exit(0)
        its.close()

    def given(self) -> Given:
        """The keyring, once it is there. No one waits longer than :data:`DEADLINE` seconds."""
        with self._lock:
            if self._given is None:
                self._given = self._received()
            return self._given

    def wait_until_lost(self, seconds: float | None = None) -> bool:
        """Wait until a private keyring is not kept any more.

        :param seconds: how long; None: for ever.
        :returns: is it gone? Never the session's.
        """
        if self._held is None:
            return False
        poll = select.poll()
        poll.register(self._held, select.POLLIN)  # its keeper says nothing more: this is the end
        return bool(poll.poll(None if seconds is None else 1000 * seconds))

    def _received(self) -> Given:
        self._report.settimeout(max(0.0, self._ends - time.monotonic()))
        descriptors: list[int] = []
        try:
            content, descriptors, _, _ = socket.recv_fds(self._report, _LONGEST, 1, socket.MSG_CMSG_CLOEXEC)
            body = json.loads(content)
            given = Given(**body | {"missing": tuple(body["missing"])})
        except (OSError, ValueError, TypeError, KeyError):
            given = Given(choice.PRIVATE, "", problem="the process that starts it ended, or took too long")
        finally:
            self._report.close()
            with contextlib.suppress(OSError):
                os.kill(self._finder, signal.SIGKILL)
                os.waitpid(self._finder, 0)
        if descriptors:
            self._held = socket.socket(fileno=descriptors[0])
        return given


def _find(setting: str, environ: Mapping[str, str], report: socket.socket) -> None:
    """In a process of its own: find the keyring, and tell of it."""
    close_all_but({report.fileno()})
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_REAL, DEADLINE)
    os.umask(0o077)
    given, lease = _chosen(setting, environ)
    socket.send_fds(report, [json.dumps(asdict(given)).encode()], [lease.fileno()] if lease else [])


def _chosen(setting: str, environ: Mapping[str, str]) -> tuple[Given, socket.socket | None]:
    chosen = choice.choose(setting, environ, os.geteuid())
    if chosen.kind == choice.SESSION:
        return Given(chosen.kind, chosen.reason), None
    # A machine whose session has a keyring needs none of this.
    from azext_brokerauth.keyring import kernel, programs
    from azext_brokerauth.keyring.daemons import DaemonError

    if lacking := programs.missing(environ):
        text = f"{' and '.join(lacking)} is not installed"
        return Given(chosen.kind, chosen.reason, problem=text, missing=lacking), None
    try:
        key = kernel.key(KEY)
        alone = "the kernel keeps no key for it"
        if key is not None:
            try:
                address, lease = _lasting(key, environ)
                return Given(chosen.kind, chosen.reason, address), lease
            except OSError as error:
                alone = f"its files cannot be kept: {error.strerror or error}"
            except DaemonError as error:
                if not error.stored:
                    raise
                alone = str(error)
        address, lease = _passing(environ)
        return Given(chosen.kind, chosen.reason, address, alone), lease
    except (DaemonError, OSError) as error:
        return Given(chosen.kind, chosen.reason, problem=str(error)), None


def _lasting(key: bytes, environ: Mapping[str, str]) -> tuple[str, socket.socket]:
    """A lease of the keyring that all processes of this user share.

    Its directory is named after its key: without the key nobody comes back to it.

    :raises OSError: this user has no place for it.
    :raises DaemonError: it does not start.
    """
    import hashlib

    from azext_brokerauth.files import Directory, this_user
    from azext_brokerauth.keyring import place
    from azext_brokerauth.keyring.keeper import LOCK, STORE_PREFIX

    name = STORE_PREFIX + hashlib.sha256(b"brokerauth keyring" + key).hexdigest()[:16]
    with place.opened(make=True) as above:
        path = above.path
    with (
        Directory(path, owner=this_user(), make=True, beneath=name, alone=True) as store,
        store.lock_file(LOCK) as lock,
    ):
        return _join(lock, store.path, key.hex(), environ)


def _join(lock: BinaryIO, store: Path, password: str, environ: Mapping[str, str]) -> tuple[str, socket.socket]:
    """A lease from the keeper that runs, or from a new one.

    :raises DaemonError: there is none.
    """
    from azext_brokerauth.keyring.daemons import DaemonError
    from azext_brokerauth.keyring.keeper import ANSWER, START, Post, fork, holder

    ends, unreachable = time.monotonic() + _LASTING, time.monotonic() + ANSWER
    forks = 0
    while time.monotonic() < ends and forks < _FORKS:
        patience = START + 1
        pid = holder(lock)
        if pid is None:
            lease: socket.socket | None = fork(lock, store, password, environ)
            forks += 1
        else:
            post = Post.read(os.pread(lock.fileno(), _LONGEST, 0))
            lease = _connected(post)
            patience = ANSWER if post and post.ready else patience
        if lease is not None:
            try:
                if answer := _answer(lease, patience):
                    return answer, lease
            except TimeoutError:
                _kill(lock)
            unreachable = time.monotonic() + ANSWER
        elif time.monotonic() > unreachable:
            _kill(lock)
        time.sleep(_LOOK)
    raise DaemonError("the process that keeps it does not answer", stored=True)


def _passing(environ: Mapping[str, str]) -> tuple[str, socket.socket]:
    """A keyring for this process alone, whose password nobody keeps.

    :raises DaemonError: it does not start.
    """
    import secrets

    from azext_brokerauth.keyring.daemons import DaemonError
    from azext_brokerauth.keyring.keeper import START, fork

    lease = fork(None, None, secrets.token_hex(32), environ)
    try:
        if answer := _answer(lease, START + 1):
            return answer, lease
    except TimeoutError as error:
        raise DaemonError("bus and keyring do not start in time") from error
    raise DaemonError("the process that keeps it ended")


def _connected(post: Post | None) -> socket.socket | None:
    if post is None:
        return None
    lease = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    lease.setblocking(False)
    try:
        lease.connect(post.door)
    except OSError:
        lease.close()
        return None
    return lease


def _answer(lease: socket.socket, seconds: float) -> str:
    """What a keeper answers.

    :returns: the address of its bus; empty where it ended.
    :raises TimeoutError: nothing.
    :raises DaemonError: why it has no keyring.
    """
    from azext_brokerauth.keyring.daemons import DaemonError

    lease.settimeout(seconds)
    try:
        content = lease.recv(_LONGEST)
    except TimeoutError:
        raise
    except OSError:
        content = b""
    if not content:
        lease.close()
        return ""
    said: dict[str, Any] = json.loads(content)
    if "address" not in said:
        raise DaemonError(str(said["problem"]), stored=said["stored"] is True)
    return str(said["address"])


def _kill(lock: BinaryIO) -> None:
    """End a keeper that does not answer, with all that it started.

    :raises DaemonError: it cannot be reached from here.
    """
    from azext_brokerauth.keyring.daemons import DaemonError
    from azext_brokerauth.keyring.keeper import holder

    pid = holder(lock)
    if pid is None:
        return
    try:
        if pid == 0 or os.getpgid(pid) != pid:
            raise DaemonError("a process that cannot be seen from here keeps it", stored=True)
        os.killpg(pid, signal.SIGKILL)
    except ProcessLookupError:
        return
    except PermissionError as error:
        raise DaemonError("another user's process keeps it", stored=True) from error
