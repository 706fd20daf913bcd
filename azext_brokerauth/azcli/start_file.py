"""The line in a shell's start file that puts a directory first in PATH: added once, and taken back to the byte."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from azext_brokerauth import files
from azext_brokerauth.printable import is_printable

_MARK = "# Made by: az brokerauth enable-az"
_ALONE, _WITH_FEED, _WITH_FILE = "", ", with the line feed before it", ", with this file"
"""What else was added, behind the mark, so that it can be taken back too."""
_MODE = 0o644
_SHELLS = ("bash", "zsh", "fish")


@dataclass(frozen=True)
class StartFile:
    """What a shell reads when a terminal opens.

    :param path: the file, or a link to it.
    :param statement: what puts the directory first in PATH, in the language of this shell.
    :param owner: the user ID whose the file must be.
    """

    path: Path
    statement: str
    owner: int

    def is_there(self) -> bool:
        """Has the file the line that :meth:`add` adds?

        :raises OSError: as for :meth:`add`.
        """
        try:
            with self._opened() as directory:
                return self._found(self._read(directory)) is not None
        except (FileNotFoundError, NotADirectoryError):
            return False

    def add(self) -> None:
        """Add the line at the end, unless it is there.

        :raises OSError: the file is not this user's own, or cannot be written. Nothing was changed then.
        """
        with self._opened(make=True) as directory:
            try:
                before, mode, also = self._read(directory), self._mode(directory), _ALONE
            except FileNotFoundError:
                before, mode, also = b"", _MODE, _WITH_FILE
            if self._found(before):
                return
            feed = b""
            if before and not before.endswith(b"\n"):
                feed, also = b"\n", _WITH_FEED
            directory.replace(self._target.name, before + feed + self._marked(also) + b"\n", mode)

    def remove(self) -> bool:
        """Take away what :meth:`add` added, and nothing that somebody else has.

        :returns: was there anything to take away?
        :raises OSError: as for :meth:`add`.
        """
        try:
            with self._opened() as directory:
                content = before = self._read(directory)
                new = False
                while found := self._found(content):
                    start, also = found
                    end = start + len(self._marked(also)) + 1
                    head, tail = content[:start], content[end:]
                    # What was written behind it since needs the line feed.
                    content = (head.removesuffix(b"\n") if also == _WITH_FEED and not tail else head) + tail
                    new = new or also == _WITH_FILE
                if content == before:
                    return False
                if new and not content:
                    directory.remove(self._target.name)
                else:
                    directory.replace(self._target.name, content, self._mode(directory))
                return True
        except (FileNotFoundError, NotADirectoryError):
            return False

    @property
    def _target(self) -> Path:
        return Path(os.path.realpath(self.path))

    def _opened(self, make: bool = False) -> files.Directory:
        if self.path.is_symlink() and os.lstat(self.path).st_uid != self.owner:
            raise files.UnfitFileError(self.path, "it is another user's symbolic link", is_others=True)
        return files.Directory(self._target.parent, owner=self.owner, make=make)

    def _read(self, directory: files.Directory) -> bytes:
        content = directory.read(self._target.name)
        if directory.look(self._target.name).st_nlink > 1:  # replacing it would part them
            raise files.UnfitFileError(self.path, "it is one of several names of a file (hard links)")
        return content

    def _mode(self, directory: files.Directory) -> int:
        return directory.look(self._target.name).st_mode & 0o7777

    def _marked(self, also: str) -> bytes:
        return os.fsencode(f"{self.statement}  {_MARK}{also}")

    def _found(self, content: bytes) -> tuple[int, str] | None:
        """Where the first such line begins, and what else was added with it."""
        start = 0
        for line in content.splitlines(keepends=True):
            for also in (_ALONE, _WITH_FEED, _WITH_FILE):
                if line.rstrip(b"\n") == self._marked(also):
                    return start, also
            start += len(line)
        return None


def of_shell(shell: str, directory: Path, environ: Mapping[str, str], owner: int | None = None) -> StartFile | None:
    """The start file of a shell; None for a shell that is not known, and for a directory that PATH cannot have.

    :param shell: its name or path, as in the variable SHELL.
    :param directory: what is to stand first in PATH.
    :param environ: says where the files are.
    :param owner: whose they must be; None: this user's.
    """
    name = Path(shell).name
    if name not in _SHELLS or ":" in str(directory) or not is_printable(str(directory)):
        return None
    home = Path(os.path.expanduser("~"))
    path = {
        "bash": home / ".bashrc",
        "zsh": Path(environ.get("ZDOTDIR") or home) / ".zshrc",
        "fish": Path(environ.get("XDG_CONFIG_HOME") or home / ".config") / "fish/config.fish",
    }[name]
    statement = f'export PATH={shlex.quote(str(directory))}:"$PATH"'
    if name == "fish":  # whose single quotes know these two escapes (https://fishshell.com/docs/current/language.html)
        escaped = str(directory).replace("\\", "\\\\").replace("'", "\\'")
        statement = f"set -gx PATH '{escaped}' $PATH"
    return StartFile(path, statement, files.this_user() if owner is None else owner)


def of_all_shells(directory: Path, environ: Mapping[str, str]) -> list[StartFile]:
    """The start files of all known shells: another one may have been in use."""
    found = [of_shell(shell, directory, environ) for shell in _SHELLS]
    return [start for start in found if start]
