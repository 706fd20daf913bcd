"""The lines in git's global configuration that name our helper, written and taken out by git itself."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from azext_brokerauth.bridges import Home
from azext_brokerauth.bridges.edits import Edit
from azext_brokerauth.errors import InvalidInputError
from azext_brokerauth.models import person

_URLS = ("https://dev.azure.com/", "https://*.visualstudio.com/")
"""For git the same as without the slash, which is how others write them: what stands in these sections is ours."""
_OURS = re.compile(r"git-credential-brokerauth'?$|azext_brokerauth/bridges/start\.py'? git$")
"""A helper of ours, of whatever install."""
_PATIENCE = 20
"""Seconds that git may take."""


def paths(home: Home) -> list[Path]:
    """The files that git reads as the global configuration, the one that it writes first
    (https://git-scm.com/docs/git-config#FILES)."""
    if chosen := home.environ.get("GIT_CONFIG_GLOBAL"):
        return [Path(chosen).absolute()]
    usual = home.path / ".gitconfig"
    other = Path(home.environ.get("XDG_CONFIG_HOME") or home.path / ".config") / "git/config"
    return [other, usual] if other.exists() and not usual.exists() else [usual, other]


def edit(path: Path, words: Sequence[str]) -> Edit:
    """The change that has git start our helper, and no other one, for Azure DevOps.

    :param words: the words that start it.
    :raises InvalidInputError: there is no git.
    """
    git = shutil.which("git")
    helper = f"!{shlex.join(words)}"
    # Whatever helpers were named before are not asked. The path of the URL names the organisation.
    lines = "".join(
        f'[credential "{url}"]\n\thelper =\n\thelper = {_quoted(helper)}\n\tuseHttpPath = true\n' for url in _URLS
    )

    def add(content: bytes) -> bytes:
        with _Copy(_found(git), content) as copy:
            if all(copy.values(url, "helper")[-2:] == ["", helper] for url in _URLS):
                return content
            cleaned = copy.without_ours()
        # At the end, behind whatever helper is named for all hosts: git asks them in this order.
        feed = b"" if not cleaned or cleaned.endswith(b"\n") else b"\n"
        content = cleaned + feed + os.fsencode(lines)
        with _Copy(_found(git), content) as copy:
            if any(copy.values(url, "helper")[-1:] != [helper] for url in _URLS):
                raise ValueError("git does not read what would be added")
        return content

    def remove(content: bytes) -> bytes:
        if b"brokerauth" not in content:
            return content
        with _Copy(_found(git), content) as copy:
            return copy.without_ours()

    return Edit(path, add, remove, lines, 0o644)


def _found(git: str | None) -> str:
    if git is None:
        raise ValueError("it takes git to change it, and git is not installed")
    return git


def _quoted(value: str) -> str:
    """A value as git's configuration has it (https://git-scm.com/docs/git-config#_values)."""
    return '"{}"'.format(value.replace("\\", "\\\\").replace('"', '\\"'))


class _Copy:
    """A copy of a configuration file, for git to read and change.

    :raises ValueError: git cannot read it.
    """

    def __init__(self, git: str, content: bytes) -> None:
        self._git, self._content = git, content

    def __enter__(self) -> _Copy:
        self._directory = tempfile.TemporaryDirectory(prefix="brokerauth-")
        self._path = Path(self._directory.name, "config")
        self._path.write_bytes(self._content)
        return self

    def __exit__(self, *_: object) -> None:
        self._directory.cleanup()

    def values(self, url: str, name: str) -> list[str]:
        """All values that a key has, in their order."""
        found = self._run("--null", "--get-all", f"credential.{url}.{name}")
        return [value.decode(errors="surrogateescape") for value in found.split(b"\0")[:-1]]

    def without_ours(self) -> bytes:
        """The content without our lines, of whatever install they are."""
        for url in _URLS:
            helpers, paths = self.values(url, "helper"), self.values(url, "useHttpPath")
            while ours := [index for index, value in enumerate(helpers) if _OURS.search(value)]:
                first = ours[-1] - 1 if helpers[ours[-1] - 1 : ours[-1]] == [""] else ours[-1]
                del helpers[first : ours[-1] + 1]
                self._replace(url, "helper", helpers)
                if paths[-1:] == ["true"]:
                    self._replace(url, "useHttpPath", paths := paths[:-1])
        return self._path.read_bytes()

    def _replace(self, url: str, name: str, values: list[str]) -> None:
        key = f"credential.{url}.{name}"
        self._run("--unset-all", key)
        for value in values:
            self._run("--add", key, value)

    def _run(self, *words: str) -> bytes:
        done = subprocess.run(
            [self._git, "config", "--file", str(self._path), *words],
            cwd="/",
            env={"PATH": "/usr/bin:/bin", "LC_ALL": "C", "HOME": self._directory.name},
            capture_output=True,
            timeout=_PATIENCE,
            check=False,
        )
        if done.returncode not in (0, 1, 5):  # 1 and 5: there is no such key
            raise ValueError(f"git cannot read it: {done.stderr.decode(errors='replace').strip()}")
        return done.stdout


def check_installed() -> None:
    """Raise if there is no git to change its configuration with.

    :raises InvalidInputError: there is none.
    """
    if shutil.which("git") is None:
        raise InvalidInputError("git is not installed.", remedies=person("Install git, and try again."))
