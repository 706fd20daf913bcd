"""The process that keeps a private keyring running for as long as somebody uses it.

There is one for each user, since gnome-keyring does not expect two daemons on one file. A process that uses the keyring
holds a lease, which is a connection: it ends with the process, however that ends. The keeper looks every few seconds
whether the keyring still answers. Where it does not, the keeper ends with all that it started, which ends the leases:
those who held one start again, with another keeper.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import fcntl
import json
import os
import select
import shutil
import signal
import socket
import struct
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from azext_brokerauth.files import Directory, this_user
from azext_brokerauth.keyring.daemons import DaemonError, Daemons
from azext_brokerauth.keyring.descriptors import close_all_but

START = 6.0
"""Seconds in which bus and keyring have to be there. They take 0.1 s."""
ANSWER = 3.0
"""Seconds in which a keyring that runs has to answer."""
LINGER = 5.0
"""Seconds without a lease after which everything ends: one command often follows another."""
_LOOK = 2.0
"""Seconds between two looks at the keyring."""
_FRESH = 0.25
"""Seconds for which a look is as good as another."""
_STALE = 60.0
"""Seconds after which a directory with no bus is one that somebody has left behind."""
SOCKETS = ("/dev/shm", "/tmp")  # noqa: S108
"""Where the sockets are, in a new directory of random name: their paths must be short (unix(7)), and not every home
directory takes sockets."""
_PREFIX = "brokerauth-"
STORE_PREFIX, LOCK = "keyring-", "lock"
"""How the names of directories with a keyring begin, and the file in them that its keeper locks."""
_OLD = 86400.0
"""Seconds without a change after which a keyring is taken for one whose key is lost."""
_WAITING = 256
"""How many may wait for their lease at once."""
_NAME, _DUMPABLE = 15, 4
_FLOCK = "hhlli"
"""``struct flock`` of 64-bit Linux (fcntl(2))."""


class _LateError(BaseException):
    """A deadline has passed, wherever the code is."""


@dataclass(frozen=True)
class Post:
    """What the holder of the lock has written into the file: where it is, and how far.

    :param door: the path of the socket that gives leases.
    :param ready: has everything started?
    """

    door: str
    ready: bool

    @classmethod
    def read(cls, content: bytes) -> Post | None:
        """What was written; None where that is nothing, or not whole yet."""
        try:
            body = json.loads(content)
            return cls(str(body["door"]), body["ready"] is True)
        except (ValueError, KeyError, TypeError, RecursionError):
            return None


def holder(file: BinaryIO) -> int | None:
    """Who has locked the file.

    :returns: a process ID, 0 for one that cannot be seen from here, None for nobody.
    """
    asked = struct.pack(_FLOCK, fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
    kind, _, _, _, pid = struct.unpack(_FLOCK, fcntl.fcntl(file, fcntl.F_GETLK, asked))
    return None if kind == fcntl.F_UNLCK else max(0, pid)


def fork(lock: BinaryIO | None, store: Path | None, password: str, environ: Mapping[str, str]) -> socket.socket:
    """Start a keeper.

    :param lock: the file that the one keeper of this keyring locks; None: nobody else can use the keyring.
    :param store: the directory that holds the keyring; None: it ends with its only lease.
    :param password: what it is encrypted with.
    :param environ: the variables of the session.
    :returns: the first lease. It ends at once where somebody else has the lock.
    """
    ours, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    if os.fork():
        its.close()
        return ours
    try:
        _detach(keep={its.fileno(), *([lock.fileno()] if lock else [])})
        _Keeper(lock, store, password, environ).run(its)
    finally:
        os._exit(0)


def _detach(keep: set[int]) -> None:
    """Be nobody's: out of reach of the guard of the broker's process, with none of its pipes."""
    os.setsid()
    os.umask(0o077)
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGPIPE):
        signal.signal(number, signal.SIG_IGN)
    for number in (signal.SIGTERM, signal.SIGALRM):
        signal.signal(number, _raise_late)
    close_all_but(keep)
    libc = ctypes.CDLL(None)
    libc.prctl(_NAME, b"brokerauth-keyr", 0, 0, 0)
    libc.prctl(_DUMPABLE, 0, 0, 0, 0)


def _raise_late(*_: Any) -> None:
    raise _LateError


@contextmanager
def _within(seconds: float) -> Iterator[None]:
    """:raises _LateError: inside of it, when the time has passed."""
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


class _Keeper:
    def __init__(self, lock: BinaryIO | None, store: Path | None, password: str, environ: Mapping[str, str]) -> None:
        self._lock, self._store, self._password, self._environ = lock, store, password, environ
        self._leases: list[socket.socket] = []
        self._waiting: list[socket.socket] = []
        self._looked = 0.0

    def run(self, first: socket.socket) -> None:
        """Serve until nobody has a lease any more, or the keyring is gone."""
        if self._lock:
            try:
                fcntl.lockf(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                return
        self._waiting.append(first)
        with contextlib.ExitStack() as stack:
            sockets = _make_directory()
            stack.callback(shutil.rmtree, sockets, ignore_errors=True)
            door = stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET))
            door.bind(str(sockets / "lease"))
            door.listen(_WAITING)
            door.setblocking(False)
            self._post(sockets / "lease", ready=False)
            store = self._store or sockets
            daemons = Daemons(sockets, store, self._password, self._environ)
            stack.callback(daemons.end)
            problem, stored = "", False
            try:
                with _within(START):
                    daemons.start()
            except DaemonError as error:
                problem, stored = str(error), error.stored
            except _LateError:
                problem = f"bus and keyring were not there within {START:g} seconds"
            if problem:
                self._admit(door)
                self._tell({"problem": problem, "stored": stored})
                return
            self._looked = time.monotonic()
            self._tell({"address": daemons.address})
            self._post(sockets / "lease", ready=True)
            _sweep(sockets)
            _prune(store)
            with contextlib.suppress(_LateError):
                self._serve(door, daemons)

    def _post(self, door: Path, *, ready: bool) -> None:
        if self._lock:
            content = json.dumps({"door": str(door), "ready": ready}).encode()
            os.ftruncate(self._lock.fileno(), 0)
            os.pwrite(self._lock.fileno(), content, 0)

    def _serve(self, door: socket.socket, daemons: Daemons) -> None:
        left = time.monotonic()
        while True:
            if self._waiting or time.monotonic() - self._looked > _LOOK:
                if time.monotonic() - self._looked > _FRESH:
                    with _within(ANSWER):
                        if daemons.problem():
                            return
                    self._looked = time.monotonic()
                self._tell({"address": daemons.address})
            if self._leases:
                left = time.monotonic()
            elif time.monotonic() - left > LINGER or not self._lock:
                return
            self._wait(door, daemons)
            if any(program.poll() is not None for program in daemons.running.values()):
                return

    def _wait(self, door: socket.socket, daemons: Daemons) -> None:
        """Until there is something to do."""
        poll = select.poll()
        poll.register(door, select.POLLIN)
        for lease in self._leases:
            poll.register(lease, select.POLLIN)
        with contextlib.ExitStack() as stack:
            for program in daemons.running.values():
                with contextlib.suppress(OSError, AttributeError):  # where the kernel or a sandbox has none
                    descriptor = os.pidfd_open(program.pid)
                    stack.callback(os.close, descriptor)
                    poll.register(descriptor, select.POLLIN)
            events = {descriptor for descriptor, _ in poll.poll(1000 * _LOOK)}
        # Nobody says anything on a lease: it has ended.
        for lease in [each for each in self._leases if each.fileno() in events]:
            self._leases.remove(lease)
            lease.close()
        self._admit(door)

    def _admit(self, door: socket.socket) -> None:
        with contextlib.suppress(BlockingIOError):
            while True:
                self._waiting.append(door.accept()[0])

    def _tell(self, what: dict[str, Any]) -> None:
        """Answer those who wait; one that is told where the bus is has a lease."""
        for lease in self._waiting:
            with contextlib.suppress(OSError):
                lease.setblocking(False)
                lease.send(json.dumps(what).encode())
        self._leases += self._waiting
        self._waiting = []


def _make_directory() -> Path:
    """:raises OSError: none can be made."""
    for above in SOCKETS[:-1]:
        with contextlib.suppress(OSError):
            return Path(tempfile.mkdtemp(prefix=_PREFIX, dir=above))
    return Path(tempfile.mkdtemp(prefix=_PREFIX, dir=SOCKETS[-1]))


def _sweep(own: Path) -> None:
    """Remove what keepers that were killed have left behind.

    :param own: the directory of the one that calls.
    """
    for path in own.parent.glob(f"{_PREFIX}*"):
        with contextlib.suppress(OSError):
            found = path.lstat()
            if path != own and found.st_uid == os.getuid() and time.time() - found.st_mtime > _STALE:
                with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as door:
                    door.setblocking(False)
                    if door.connect_ex(str(path / "lease")) not in (0, errno.EAGAIN):
                        shutil.rmtree(path, ignore_errors=True)


def _prune(store: Path) -> None:
    """Remove keyrings whose key is lost: nobody can read them. A user namespace has other keys, so only old ones.

    :param store: the directory of the one that is used.
    """
    for path in store.parent.glob(f"{STORE_PREFIX}*"):
        with contextlib.suppress(OSError):
            changed = max(each.stat().st_mtime for each in (path, *path.glob("keyrings/*")))
            if path != store and time.time() - changed > _OLD:
                with Directory(path, owner=this_user()) as there, there.lock_file(LOCK) as lock:
                    if holder(lock) is None:
                        shutil.rmtree(path, ignore_errors=True)
