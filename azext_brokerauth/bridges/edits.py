"""Changes to other programs' files, which are taken back to the byte."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from azext_brokerauth import files
from azext_brokerauth.errors import SettingsError
from azext_brokerauth.models import person

_ABOVE, _OURS = "brokerauth", "tools"


@dataclass(frozen=True)
class Edit:
    """One change to one file.

    :param path: the file, or a link to it.
    :param add: gives the file's content with ours in it; of what has it already, the same. It is given b"" where there
        is no file. Raises ``ValueError`` (one clause) where it cannot be read as what it should be.
    :param remove: gives the content without what ``add`` adds, and with everything else; None: the file goes.
    :param shown: what the person is told before it is done, such as ``credential.helper = brokerauth``.
    :param mode: that of a file that is made.
    """

    path: Path
    add: Callable[[bytes], bytes]
    remove: Callable[[bytes], bytes | None]
    shown: str
    mode: int = 0o600

    def look(self) -> bytes | None:
        """The file's content; None where there is none.

        :raises OSError: it must not be changed: it is another user's, no file, too long, or has several names.
        """
        return _read(self.path)

    def is_made(self) -> bool:
        """Is it there? Of a file that cannot be read, it is not."""
        with contextlib.suppress(OSError, ValueError):
            content = self.look()
            return content is not None and content != b"" and self.add(content) == content
        return False

    def is_begun(self) -> bool:
        """Is any of it there, such as one entry of several? Of a file that cannot be read, nothing is."""
        with contextlib.suppress(OSError, ValueError):
            content = self.look()
            return content is not None and self.remove(content) != content
        return False


class Record:
    """What was there before one tool was enabled, until it is disabled.

    :param directory: az's configuration directory, in which it is kept.
    :param tool: the tool's name.
    """

    def __init__(self, directory: Path, tool: str) -> None:
        self._above = directory / _ABOVE
        self._name = f"{tool}.json"

    def make(self, edits: list[Edit]) -> list[Edit]:
        """Make those changes that are not there yet, all of them or none.

        :returns: those.
        :raises SettingsError: a file cannot be read or written; it is named.
        """
        kept = self._read()
        steps: list[_Step] = []
        for edit in edits:
            if edit.is_made():
                continue
            with _named(edit.path):
                before = _read(edit.path)
                after = edit.add(before or b"")
            kept[str(edit.path)] = self._noted(edit, kept.get(str(edit.path)), before, after)
            steps.append(_Step(edit.path, before, after, edit.mode))
        if steps:
            self._write(kept)
            _carry_out(steps)
        changed = [step.path for step in steps]
        return [edit for edit in edits if edit.path in changed]

    def take_back(self, edits: list[Edit]) -> list[Path]:
        """Take the changes back: to the byte where nobody else changed the file since, else only what is ours.

        :param edits: also of files that were changed without this record.
        :returns: the files that were changed now. What stays in :meth:`paths` was changed since, and is in no edit.
        :raises SettingsError: a file cannot be read or written; it is named.
        """
        kept = self._read()
        steps: list[_Step] = []
        made: list[str] = []
        for path in dict.fromkeys([*map(Path, kept), *(edit.path for edit in edits)]):
            noted, removes = kept.get(str(path)), [edit.remove for edit in edits if edit.path == path]
            with _named(path):
                before = _read(path)
                if before is None:
                    after = None
                elif noted and _digest(before) == noted["written"]:
                    after = None if noted["before"] is None else base64.b64decode(noted["before"])
                elif removes:
                    after = before
                    for remove in removes:
                        after = after if after is None else remove(after)
                else:
                    continue
            if noted:
                made += noted["made"]
                del kept[str(path)]
            if after != before:
                steps.append(_Step(path, before, after))
        _carry_out(steps)
        self._write(kept)
        for directory in sorted(made, key=len, reverse=True):
            with contextlib.suppress(OSError):
                Path(directory).rmdir()  # as long as nobody has put anything in
        return [step.path for step in steps]

    def paths(self) -> list[Path]:
        """The files that were changed, and not taken back."""
        return [Path(path) for path in self._read()]

    def standing(self, edits: list[Edit]) -> list[bool]:
        """Of each file that was changed: is anything of ours still in it?

        :param edits: what takes it back, and so tells ours from what somebody else has written since.
        """
        found = []
        for path, noted in self._read().items():
            content = None
            with contextlib.suppress(OSError):
                content = _read(Path(path))
            as_written = content is not None and _digest(content) == noted["written"]
            found.append(as_written or any(edit.is_begun() for edit in edits if edit.path == Path(path)))
        return found

    def _noted(self, edit: Edit, earlier: dict[str, Any] | None, before: bytes | None, after: bytes) -> dict[str, Any]:
        """What is kept of a change.

        :param earlier: what was kept of an earlier one of the same file, which counts while nobody else has changed it.
        """
        if earlier and before is not None and _digest(before) == earlier["written"]:
            return {**earlier, "written": _digest(after)}
        original = None if before is None else edit.remove(before)  # one of ours may be there, and recorded nowhere
        kept = None if original is None else base64.b64encode(original).decode()
        made = earlier["made"] if earlier else self._directories(edit.path)
        return {"before": kept, "made": made, "written": _digest(after)}

    def _directories(self, path: Path) -> list[str]:
        """Those that are there for our sake alone, above a file or above this record, also if it was another tool that
        they were made for: they go with the last tool that needs them."""
        others = {made for name in self._names() for noted in self._read(name).values() for made in noted["made"]}
        above = dict.fromkeys([*path.parents, self._above.parent, *self._above.parent.parents])
        return [str(directory) for directory in above if not directory.exists() or str(directory) in others]

    def _names(self) -> list[str]:
        """The records of all tools."""
        with contextlib.suppress(OSError), self._open() as directory:
            return directory.names()
        return []

    def _read(self, name: str | None = None) -> dict[str, Any]:
        """One tool's record.

        :param name: its file; None: this tool's.
        """
        with contextlib.suppress(OSError, ValueError), self._open() as directory:
            found = json.loads(directory.read(name or self._name))
            return found if isinstance(found, dict) else {}
        return {}

    def _write(self, kept: dict[str, Any]) -> None:
        """What may hold others' secrets, as the files themselves do, is as private as they are."""
        try:
            if kept:
                with self._open(make=True) as directory:
                    directory.replace(self._name, json.dumps(kept).encode())
                return
            with contextlib.suppress(FileNotFoundError, NotADirectoryError), self._open() as directory:
                directory.remove(self._name)
        except OSError as error:
            raise _unfit(self._above / _OURS / self._name, error) from error
        for empty in (self._above / _OURS, self._above):
            with contextlib.suppress(OSError):
                empty.rmdir()

    def _open(self, make: bool = False) -> files.Directory:
        if make:
            files.Directory(self._above.parent, owner=files.this_user(), make=True, beneath=_ABOVE).close()
        return files.Directory(self._above, owner=files.this_user(), make=make, beneath=_OURS, alone=True)


@dataclass(frozen=True)
class _Step:
    """One file's content, before and after; None: there is no file.

    :param mode: that of a file that is made.
    """

    path: Path
    before: bytes | None
    after: bytes | None
    mode: int = 0o600


def _carry_out(steps: list[_Step]) -> None:
    """Change all files or none.

    :raises SettingsError: one cannot be written; it is named.
    """
    for done, step in enumerate(steps):
        try:
            _put(step.path, step.after, step.mode)
        except OSError as error:
            for other in steps[:done]:
                with contextlib.suppress(OSError):
                    _put(other.path, other.before, other.mode)
            raise _unfit(step.path, error) from error


def _target(path: Path) -> Path:
    return Path(os.path.realpath(path))


def _read(path: Path) -> bytes | None:
    """The content of this user's own file; None where there is none.

    :raises OSError: it is another user's, no file, too long, or one that replacing would part from its other names.
    """
    if path.is_symlink() and path.lstat().st_uid not in (files.this_user(), 0):
        raise files.UnfitFileError(path, "it is another user's symbolic link", is_others=True)
    target = _target(path)
    try:
        with files.Directory(target.parent, owner=files.this_user()) as directory:
            content = directory.read(target.name)
            if directory.look(target.name).st_nlink > 1:
                raise files.UnfitFileError(path, "it is one of several names of a file (hard links)")
            return content
    except (FileNotFoundError, NotADirectoryError):
        return None


def _put(path: Path, content: bytes | None, mode: int) -> None:
    """Replace a file, or remove it.

    :param mode: that of a file that is made; another one keeps its own.
    """
    target = _target(path)
    with files.Directory(target.parent, owner=files.this_user(), make=content is not None) as directory:
        if content is None:
            directory.remove(target.name)
            return
        with contextlib.suppress(FileNotFoundError):
            mode = directory.look(target.name).st_mode & 0o7777
        directory.replace(target.name, content, mode)


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@contextlib.contextmanager
def _named(path: Path) -> Iterator[None]:
    """Name the file in whatever goes wrong with it."""
    try:
        yield
    except ValueError as error:
        raise SettingsError(
            f"{path} cannot be changed: {error}. Nothing was changed.", remedies=person("Fix that file.")
        ) from error
    except OSError as error:
        raise _unfit(path, error) from error


def _unfit(path: Path, error: OSError) -> SettingsError:
    return SettingsError(
        f"{path} cannot be changed: {error.strerror}. Nothing was changed.",
        remedies=person("Check that the file is yours and that its disk has free space."),
    )
