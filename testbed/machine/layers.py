"""Changes to the file system that only the emulated machine sees."""

from __future__ import annotations

import ctypes
import itertools
import os
from pathlib import Path

from testbed.machine.plan import UnfitHostError

_MS_NOSUID, _MS_NODEV, _MS_NOEXEC, _MS_BIND, _MS_MOVE, _MS_REC = 0x2, 0x4, 0x8, 0x1000, 0x2000, 0x4000
_LIBC = ctypes.CDLL(None, use_errno=True)


class Layers:
    """The one tmpfs that takes every change.

    :param directory: where to mount it; its parent exists.
    """

    def __init__(self, directory: Path) -> None:
        directory.mkdir()
        mount_tmpfs(directory)
        self.directory = directory
        self._options = ",userxattr"  # as whoever is in a user namespace of their own must say
        self._numbers = itertools.count()

    def overlay(self, directory: Path) -> None:
        """From now on the files below `directory` can be edited like any others."""
        upper, work = self._fresh(), self._fresh()
        upper.mkdir()
        work.mkdir()
        lower = "".join(f"\\{letter}" if letter in "\\:," else letter for letter in str(directory))
        _mount("overlay", directory, "overlay", 0, f"lowerdir={lower},upperdir={upper},workdir={work}{self._options}")

    def replace(self, path: Path, text: str) -> None:
        """From now on the file at `path`, which nobody can edit, has this text."""
        stand_in = self._fresh()
        write(stand_in, text)
        _mount(stand_in, path, flags=_MS_BIND)

    def _fresh(self) -> Path:
        return self.directory / str(next(self._numbers))


def enter_root(layers: Layers) -> None:
    """Move to a root directory of our own that shows the caller's files; entries of `/` and `/mnt` can differ.

    `/run`, `/dev/shm`, and of `/mnt` what WSL puts there, begin empty.
    """
    root = layers.directory / "root"
    root.mkdir()
    mount_tmpfs(root)
    _mirror(Path("/"), root, without=("proc", "run", "mnt", ".dockerenv", "init"), first=layers.directory)
    for name in ("proc", "run", "mnt"):
        (root / name).mkdir()
    if Path("/mnt").is_dir():
        _mirror(Path("/mnt"), root / "mnt", without=("c", "wsl"), first=layers.directory)
    _mount("proc", root / "proc", "proc", _MS_NOSUID | _MS_NODEV | _MS_NOEXEC)
    # The runtime keeps locks here under fixed names; what a killed program left locked must not outlive the machine.
    mount_tmpfs(root / "dev/shm", "mode=1777")
    os.chdir(root)
    _mount(".", Path("/"), flags=_MS_MOVE)
    os.chroot(".")


def mount_tmpfs(directory: Path, options: str = "mode=755") -> None:
    _mount("tmpfs", directory, "tmpfs", options=options)


def write(path: Path, text: str) -> None:
    """Put a file that everybody can read in place of what is there, which may belong to a user unknown in here."""
    new = path.with_name(f"{path.name}.new")
    new.write_text(text)
    new.chmod(0o644)
    new.replace(path)


def _mirror(source: Path, target: Path, without: tuple[str, ...], first: Path) -> None:
    """Bind every entry of one directory into another.

    :param first: the entry that holds this path goes first, so that its mounts do not include those of the others.
    """
    for entry in sorted(source.iterdir(), key=lambda e: e not in first.parents):
        if entry.name in without:
            continue
        there = target / entry.name
        if entry.is_symlink():
            there.symlink_to(entry.readlink())
            continue
        if entry.is_dir():
            there.mkdir()
        else:
            there.touch()
        _mount(entry, there, flags=_MS_BIND | _MS_REC)


def _mount(source: Path | str, target: Path, kind: str = "", flags: int = 0, options: str = "") -> None:
    if _LIBC.mount(os.fsencode(source), os.fsencode(target), kind.encode(), flags, os.fsencode(options)) != 0:
        reason = os.strerror(ctypes.get_errno())
        raise UnfitHostError(f"this host does not let the testbed mount {kind or source} on {target}: {reason}")
