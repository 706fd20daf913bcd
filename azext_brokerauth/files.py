"""Files in a user's directories, opened so that nobody else decides which: no link of others is followed, nothing
blocks, and what is checked is what was opened."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO

LONGEST = 1 << 20
"""Bytes of the longest file that is read."""
_POSIX = os.name == "posix"
# What a platform lacks is nothing there. Without O_NONBLOCK, opening a pipe waits for somebody at its other end.
_COMMON = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NONBLOCK", 0)
_COMMON |= getattr(os, "O_NOCTTY", 0) | getattr(os, "O_BINARY", 0)
_DIRECTORY = getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
_DIRECTORY |= getattr(os, "O_PATH", os.O_RDONLY)
_PAUSE = 0.02
"""Seconds between two looks at a lock."""
_MOST_LINKS = 40
"""As in Linux (path_resolution(7))."""
_LINK, _NO_FILE = "it is a symbolic link", "it is not a file"
_WHY_NOT = {errno.ELOOP: _LINK, errno.ENXIO: _NO_FILE, errno.EISDIR: "it is a directory"}


class UnfitFileError(OSError):
    """What is there must not be used; ``strerror`` says why, one clause.

    :param path: what it is about.
    :param is_others: it is another user's, and not for this one to remove.
    """

    def __init__(self, path: Path, reason: str, *, is_others: bool = False) -> None:
        super().__init__(errno.EPERM, reason, str(path))
        self.is_others = is_others


def this_user() -> int:
    """The user ID that files made by this process belong to; -1 where there is none."""
    return os.geteuid() if _POSIX else -1


class Directory:
    """An open directory, whose files are opened relative to it: nobody can exchange what is above them meanwhile.

    A symbolic link above it is followed only where nobody but this user and root could have put it.

    :param path: its path.
    :param owner: the user ID that the directory and its files must belong to; None: whoever may own it.
    :param make: make it where it does not exist, with those above it.
    :param beneath: the name of a directory in it that is meant instead. It must not be a link at all, and is made 0700.
    :param alone: nobody but the owner may write to the directory or its files.
    :raises FileNotFoundError, NotADirectoryError: there is none.
    :raises UnfitFileError: it is somebody else's, or a link of somebody else's leads there.
    """

    def __init__(
        self, path: Path, *, owner: int | None = None, make: bool = False, beneath: str = "", alone: bool = False
    ) -> None:
        self.path = path / beneath
        self._owner, self._alone = owner, alone
        self._descriptor: int | None = None
        if not _POSIX:
            if make:
                self.path.mkdir(0o700, parents=True, exist_ok=True)
            return
        own = this_user() if owner is None else owner
        self._descriptor = _walk(path.absolute(), own, make)
        try:
            if beneath:
                self._step_down(beneath, make)
            self._check(self.path, os.fstat(self._descriptor))
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Directory:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close it."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def read(self, name: str, longest: int = LONGEST) -> bytes:
        """The content of a file.

        :param longest: bytes; a longer file is not read.
        :raises FileNotFoundError: there is none.
        :raises UnfitFileError: it is a link, no file, too long, or somebody else's.
        """
        with self._opened(name, os.O_RDONLY) as stream:
            content = stream.read(longest + 1)
        if len(content) > longest:
            raise UnfitFileError(self.path / name, f"it is longer than {longest} bytes")
        return content

    def look(self, name: str) -> os.stat_result:
        """What the file system says of a file, or of the link that is there instead.

        :raises FileNotFoundError: there is none.
        """
        where, at = self._at(name)
        return os.stat(where, follow_symlinks=False, **at)

    @contextmanager
    def lock_file(self, name: str) -> Iterator[BinaryIO]:
        """A file to lock, which is made where there is none.

        :raises UnfitFileError: as for :meth:`read`.
        """
        with self._opened(name, os.O_RDWR | os.O_CREAT) as stream:
            if _POSIX:
                os.fchmod(stream.fileno(), 0o600)  # whatever the umask
            yield stream

    def create(self, name: str, content: bytes, mode: int = 0o600) -> None:
        """Make a file that is not there yet.

        :raises FileExistsError: something is there.
        """
        where, at = self._at(name)
        descriptor = os.open(where, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _COMMON, mode, **at)
        try:
            with os.fdopen(descriptor, "wb") as stream:
                if _POSIX:
                    os.fchmod(descriptor, mode)  # whatever the umask
                stream.write(content)
                stream.flush()
                os.fsync(descriptor)
        except BaseException:
            self.remove(name)
            raise

    def replace(self, name: str, content: bytes, mode: int = 0o600) -> None:
        """Make a file, or put it in the place of the one that is there, whole or not at all."""
        beside = f".{name}-{os.urandom(8).hex()}"
        self.create(beside, content, mode)
        try:
            (source, _), (target, _) = self._at(beside), self._at(name)
            os.replace(source, target, src_dir_fd=self._descriptor, dst_dir_fd=self._descriptor)
        except BaseException:
            self.remove(beside)
            raise

    def append(self, name: str, line: bytes, longest: int, older: str) -> None:
        """Add a line to a file in one write, which any number of processes may do at once.

        :param longest: bytes; a file that would be longer gets another name first, and a new one begins.
        :param older: that name. What had it before is gone.
        :raises UnfitFileError: as for :meth:`read`; or the file has several names.
        """
        for is_last in (False, True):
            with self._opened(name, os.O_RDWR | os.O_CREAT | os.O_APPEND) as stream:
                found = os.fstat(stream.fileno())
                if found.st_nlink > 1:
                    raise UnfitFileError(self.path / name, "it has several names (hard links)")
                if is_last or found.st_size + len(line) <= longest or not self._put_aside(stream, name, older):
                    if _POSIX:
                        os.fchmod(stream.fileno(), 0o600)  # whatever the umask
                    stream.seek(max(0, found.st_size - 1))
                    is_cut = stream.read(1) not in (b"", b"\n")  # a disk was full
                    os.write(stream.fileno(), b"\n" + line if is_cut else line)
                    return

    def _put_aside(self, stream: BinaryIO, name: str, older: str) -> bool:
        """Give a file another name.

        :param stream: the file, open. Only who has it locked may rename it, and only while the name is still its own.
        :returns: whether the name is free, or another file's by now.
        """
        if not locked(stream, 0):
            return False
        with contextlib.suppress(FileNotFoundError):
            if os.path.samestat(self.look(name), os.fstat(stream.fileno())):
                (source, _), (target, _) = self._at(name), self._at(older)
                os.replace(source, target, src_dir_fd=self._descriptor, dst_dir_fd=self._descriptor)
        return True

    def remove(self, name: str) -> None:
        """Remove a file, where it is there."""
        where, at = self._at(name)
        with contextlib.suppress(FileNotFoundError):
            os.unlink(where, **at)

    @property
    def identity(self) -> str:
        """What no other directory of this machine has, and no copy of this one."""
        found = os.stat(self.path) if self._descriptor is None else os.fstat(self._descriptor)
        return f"{found.st_dev:x}:{found.st_ino:x}"

    def names(self) -> list[str]:
        """The names of what is in it."""
        # A descriptor that only names a place (O_PATH) cannot be listed.
        return os.listdir(self.path if self._descriptor is None else f"/proc/self/fd/{self._descriptor}")

    def date(self, name: str, epoch: float) -> None:
        """Set when a file was last changed.

        :param epoch: epoch seconds.
        """
        where, at = self._at(name)
        os.utime(where, (epoch, epoch), **at)

    def dated(self, name: str) -> float:
        """When a file was last changed, in epoch seconds.

        :raises FileNotFoundError: there is none.
        """
        where, at = self._at(name)
        return os.stat(where, **at, follow_symlinks=False).st_mtime

    def _check(self, path: Path, found: os.stat_result) -> None:
        if self._owner is not None and _POSIX and found.st_uid != self._owner:
            whose = "root" if self._owner == 0 else f"user {self._owner}"
            raise UnfitFileError(path, f"it does not belong to {whose}", is_others=True)
        if self._alone and found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            raise UnfitFileError(path, "other users can write to it")

    @contextmanager
    def _opened(self, name: str, flags: int) -> Iterator[BinaryIO]:
        path = self.path / name
        where, at = self._at(name)
        try:
            descriptor = os.open(where, flags | _COMMON, 0o600, **at)
        except OSError as error:
            if reason := _WHY_NOT.get(error.errno or 0):
                raise UnfitFileError(path, reason) from None
            raise
        try:
            found = os.fstat(descriptor)
            if not stat.S_ISREG(found.st_mode):
                raise UnfitFileError(path, _WHY_NOT[errno.EISDIR] if stat.S_ISDIR(found.st_mode) else _NO_FILE)
            self._check(path, found)
            stream = os.fdopen(descriptor, "r+b" if flags & os.O_RDWR else "rb")
        except BaseException:
            os.close(descriptor)
            raise
        with stream:
            yield stream

    def _at(self, name: str) -> tuple[str, dict[str, Any]]:
        if self._descriptor is None:
            return str(self.path / name), {}
        return name, {"dir_fd": self._descriptor}

    def _step_down(self, name: str, make: bool) -> None:
        above = self._descriptor
        try:
            if make:
                self._check_above(os.fstat(above).st_uid if above is not None else 0)
                with contextlib.suppress(FileExistsError):
                    os.mkdir(name, 0o700, dir_fd=above)
            if stat.S_ISLNK(os.stat(name, dir_fd=above, follow_symlinks=False).st_mode):
                raise UnfitFileError(self.path, _LINK)
            self._descriptor = os.open(name, _DIRECTORY, dir_fd=above)
        finally:
            if above is not None and self._descriptor != above:
                os.close(above)

    def _check_above(self, owner: int) -> None:
        # Root in another user's home: what it made there would be in that user's hands, and in that user's way.
        if self._owner is not None and owner not in (self._owner, *_system()):
            raise UnfitFileError(self.path, "the directory above it belongs to another user", is_others=True)


def ours(above: str, *, make: bool = False) -> Directory:
    """The directory ``brokerauth``, which is this user's alone.

    Nothing is made or read in the home directory of another user, which sudo may leave to root.

    :param above: what it is in; ``~`` stands for the home directory.
    :keyword make: make it where there is none.
    :raises OSError: there is none, or it is not this user's alone.
    """
    home, path = os.path.expanduser("~"), Path(os.path.expanduser(above))
    if path.is_relative_to(home):
        Directory(Path(home), owner=this_user()).close()
    return Directory(path, owner=this_user(), make=make, beneath="brokerauth", alone=True)


def read_beyond_links(path: Path, longest: int = LONGEST) -> bytes:
    """The content of a file that its user may keep elsewhere, with a link to it, without waiting for anybody.

    :raises UnfitFileError: it is no file, or too long.
    """
    descriptor = os.open(path, os.O_RDONLY | _COMMON & ~getattr(os, "O_NOFOLLOW", 0))
    with os.fdopen(descriptor, "rb") as stream:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise UnfitFileError(path, _NO_FILE)
        content = stream.read(longest + 1)
    if len(content) > longest:
        raise UnfitFileError(path, f"it is longer than {longest} bytes")
    return content


def locked(stream: BinaryIO, patience: float) -> bool:
    """Lock a file, until it is closed.

    :param patience: seconds to wait for another process that has it locked.
    :returns: whether it is locked.
    """
    # portalocker comes with az; no program that only reads needs it.
    import portalocker

    until = time.monotonic() + patience
    while True:
        try:
            portalocker.lock(stream, portalocker.LOCK_EX | portalocker.LOCK_NB)
            return True
        except portalocker.LockException:
            if time.monotonic() > until:
                return False
        time.sleep(_PAUSE)


def _walk(path: Path, user: int, make: bool) -> int:
    """Open a directory step by step.

    :param path: an absolute path.
    :param user: whose links are followed, with root's.
    :param make: make what does not exist.
    :returns: its descriptor.
    """
    descriptor = os.open("/", _DIRECTORY)
    try:
        trusted = (user, *_system())
        steps, links = list(reversed(path.parts[1:])), 0
        while steps:
            name = steps.pop()
            found = _look(descriptor, name, make)
            if stat.S_ISLNK(found.st_mode):
                links += 1
                if links > _MOST_LINKS:
                    raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), str(path))
                if found.st_uid not in trusted or os.fstat(descriptor).st_uid not in trusted:
                    reason = f"{name} in its path is another user's symbolic link"
                    raise UnfitFileError(path, reason, is_others=True)
                target = Path(os.readlink(name, dir_fd=descriptor))
                steps += reversed(target.parts[1:] if target.is_absolute() else target.parts)
                below = os.open("/", _DIRECTORY) if target.is_absolute() else descriptor
            else:
                below = os.open(name, _DIRECTORY, dir_fd=descriptor)
            if below != descriptor:
                os.close(descriptor)
                descriptor = below
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _system() -> tuple[int, int]:
    """Root's user IDs: in a user namespace the system's root has another number, and owns "/" all the same."""
    return 0, os.stat("/").st_uid


def _look(directory: int, name: str, make: bool) -> os.stat_result:
    try:
        return os.stat(name, dir_fd=directory, follow_symlinks=False)
    except FileNotFoundError:
        if not make:
            raise
        with contextlib.suppress(FileExistsError):
            os.mkdir(name, dir_fd=directory)
        return os.stat(name, dir_fd=directory, follow_symlinks=False)
