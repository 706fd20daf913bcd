"""Changes to other programs' files, which are taken back to the byte."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from azext_brokerauth import files
from azext_brokerauth.errors import SettingsError
from azext_brokerauth.models import person

_ABOVE, _OURS = "brokerauth", "tools"
_NEW = 0o600
"""The mode of a file that we make."""


@dataclass(frozen=True)
class Edit:
    """One change to one file.

    :param path: the file, or a link to it.
    :param add: gives the file's content with ours in it; of what has it already, the same. It is given b"" where there
        is no file. Raises ``ValueError`` (one clause) where it cannot be read as what it should be.
    :param remove: gives the content without what ``add`` adds, and with everything else.
    :param shown: what the person is told before it is done, such as ``credential.helper = brokerauth``.
    """

    path: Path
    add: Callable[[bytes], bytes]
    remove: Callable[[bytes], bytes]
    shown: str

    def is_made(self) -> bool:
        """Is it there? Of a file that cannot be read, it is not."""
        with contextlib.suppress(OSError, ValueError):
            content = _read(self.path)
            return content is not None and content != b"" and self.add(content) == content
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
        missing = [(edit, *self._planned(edit)) for edit in edits if not edit.is_made()]
        kept = self._read()
        for edit, before, after in missing:
            kept.setdefault(str(edit.path), self._noted(edit.path, before))["written"] = _digest(after)
        if missing:
            self._write(kept)
        done: list[tuple[Edit, bytes]] = []
        for edit, before, after in missing:
            try:
                _replace(edit.path, after)
            except OSError as error:
                for other, content in done:
                    with contextlib.suppress(OSError):
                        _replace(other.path, content)
                raise _unfit(edit.path, error) from error
            done.append((edit, before))
        return [edit for edit, *_ in missing]

    def take_back(self, edits: list[Edit]) -> list[Edit]:
        """Take the changes back: to the byte where nobody else changed the file since, else only what is ours.

        :returns: what was taken back.
        :raises SettingsError: a file cannot be read or written; it is named.
        """
        kept, taken = self._read(), []
        for edit in edits:
            noted = kept.pop(str(edit.path), None)
            try:
                content = _read(edit.path)
                if content is None or not (noted or edit.is_made()):
                    continue
                if noted and _digest(content) == noted["written"]:
                    self._restore(edit.path, noted)
                else:
                    _replace(edit.path, edit.remove(content))
            except ValueError as error:
                raise _not_understood(edit.path, error) from error
            except OSError as error:
                raise _unfit(edit.path, error) from error
            taken.append(edit)
        self._write(kept)
        return taken

    def _planned(self, edit: Edit) -> tuple[bytes, bytes]:
        try:
            before = _read(edit.path) or b""
            return before, edit.add(before)
        except ValueError as error:
            raise _not_understood(edit.path, error) from error
        except OSError as error:
            raise _unfit(edit.path, error) from error

    def _noted(self, path: Path, before: bytes) -> dict[str, Any]:
        above = [str(parent) for parent in path.parents if not parent.exists()]
        existed = path.exists()
        return {"before": base64.b64encode(before).decode() if existed else None, "made": above}

    def _restore(self, path: Path, noted: dict[str, Any]) -> None:
        if noted["before"] is not None:
            _replace(path, base64.b64decode(noted["before"]))
            return
        with files.Directory(_target(path).parent, owner=files.this_user()) as directory:
            directory.remove(_target(path).name)
        for made in noted["made"]:
            with contextlib.suppress(OSError):
                Path(made).rmdir()  # as long as nobody has put anything in

    def _read(self) -> dict[str, Any]:
        with contextlib.suppress(OSError, ValueError), self._open() as directory:
            found = json.loads(directory.read(self._name))
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


def _target(path: Path) -> Path:
    return Path(os.path.realpath(path))


def _read(path: Path) -> bytes | None:
    """The content of this user's own file; None where there is none.

    :raises OSError: it is another user's, no file, or too long.
    """
    target = _target(path)
    try:
        with files.Directory(target.parent, owner=files.this_user()) as directory:
            return directory.read(target.name)
    except (FileNotFoundError, NotADirectoryError):
        return None


def _replace(path: Path, content: bytes) -> None:
    target = _target(path)
    with files.Directory(target.parent, owner=files.this_user(), make=True) as directory:
        try:
            mode = directory.look(target.name).st_mode & 0o7777
        except FileNotFoundError:
            mode = _NEW
        directory.replace(target.name, content, mode)


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _unfit(path: Path, error: OSError) -> SettingsError:
    return SettingsError(
        f"{path} cannot be changed: {error.strerror}. Nothing was changed.",
        remedies=person("Check that the file is yours and that its disk has free space."),
    )


def _not_understood(path: Path, error: ValueError) -> SettingsError:
    return SettingsError(f"{path} cannot be changed: {error}. Nothing was changed.", remedies=person("Fix that file."))
