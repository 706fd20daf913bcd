"""A shell's start file, and the line that puts a directory first in PATH: added once, and taken back to the byte."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from azext_brokerauth.bridges.edits import Edit
from azext_brokerauth.printable import is_printable

MARKS = ("# Made by: az brokerauth tool enable --name az", "# Made by: az brokerauth enable-az")
"""What says that a line or a file is ours: what is written now, then what was written by earlier versions."""
_ALONE, _WITH_FEED, _WITH_FILE = "", ", with the line feed before it", ", with this file"
"""What else was added, behind the mark, so that it can be taken back too."""
_MODE = 0o644
_SHELLS = ("bash", "zsh", "fish")


@dataclass(frozen=True)
class StartFile:
    """What a shell reads when a terminal opens.

    :param path: the file, or a link to it.
    :param statement: what puts the directory first in PATH, in the language of this shell.
    """

    path: Path
    statement: str

    def edit(self) -> Edit:
        """The change that adds the line."""
        return Edit(self.path, self._add, self._remove, self.statement, _MODE)

    def _add(self, content: bytes) -> bytes:
        """The content with the line at its end, unless it is there."""
        if self._found(content):
            return content
        feed, also = b"", _ALONE if content else _WITH_FILE
        if content and not content.endswith(b"\n"):
            feed, also = b"\n", _WITH_FEED
        return content + feed + self._marked(MARKS[0] + also) + b"\n"

    def _remove(self, content: bytes) -> bytes | None:
        """The content without it; None where nothing else is in a file that was made for it."""
        new = False
        while found := self._found(content):
            start, marked = found
            head, tail = content[:start], content[start + len(self._marked(marked)) + 1 :]
            # What was written behind it since needs the line feed.
            content = (head.removesuffix(b"\n") if marked.endswith(_WITH_FEED) and not tail else head) + tail
            new = new or marked.endswith(_WITH_FILE)
        return None if new and not content else content

    def _marked(self, mark: str) -> bytes:
        return os.fsencode(f"{self.statement}  {mark}")

    def _found(self, content: bytes) -> tuple[int, str] | None:
        """Where the first such line begins, and its mark with what else was added."""
        start = 0
        marked = [mark + also for mark in MARKS for also in (_ALONE, _WITH_FEED, _WITH_FILE)]
        for line in content.splitlines(keepends=True):
            for mark in marked:
                if line.rstrip(b"\n") == self._marked(mark):
                    return start, mark
            start += len(line)
        return None


def of_shell(shell: str, home: Path, directory: Path, environ: Mapping[str, str]) -> StartFile | None:
    """The start file of a shell; None for a shell that is not known, and for a directory that PATH cannot have.

    :param shell: its name or path, as in the variable SHELL.
    :param home: the home directory.
    :param directory: what is to stand first in PATH.
    :param environ: says where the files are.
    """
    name = Path(shell).name
    if name not in _SHELLS or ":" in str(directory) or not is_printable(str(directory)):
        return None
    path = {
        "bash": home / ".bashrc",
        "zsh": Path(environ.get("ZDOTDIR") or home) / ".zshrc",
        "fish": Path(environ.get("XDG_CONFIG_HOME") or home / ".config") / "fish/config.fish",
    }[name]
    statement = f'export PATH={shlex.quote(str(directory))}:"$PATH"'
    if name == "fish":  # whose single quotes know these two escapes (https://fishshell.com/docs/current/language.html)
        escaped = str(directory).replace("\\", "\\\\").replace("'", "\\'")
        statement = f"set -gx PATH '{escaped}' $PATH"
    return StartFile(path, statement)


def of_all_shells(
    home: Path, directory: Path, environ: Mapping[str, str], recorded: Sequence[Path] = ()
) -> list[StartFile]:
    """The start files of all known shells: another one may have been in use.

    :param recorded: files that were changed, of which other variables may have said where they are.
    """
    found = [start for shell in _SHELLS if (start := of_shell(shell, home, directory, environ))]
    elsewhere = [
        StartFile(path, start.statement) for path in recorded for start in found if path.name == start.path.name
    ]
    return list(dict.fromkeys([*found, *elsewhere]))
