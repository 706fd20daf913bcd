"""git's global configuration: ours is added behind what is there, and taken out whatever was done to it since."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from azext_brokerauth.bridges import Home, git_config
from azext_brokerauth.bridges.edits import Record
from azext_brokerauth.errors import SettingsError

WORDS = ['/opt/it\'s a "path"\\/git-credential-brokerauth']
STARTED = ["/opt/my python/bin/python", "-I", "/opt/ext/azext_brokerauth/bridges/start.py", "git"]
URLS = ("https://dev.azure.com", "https://*.visualstudio.com")
CRLF = b"[user]\r\n\tname = Ada\r\n"
THEIRS = b"""# mine
[credential "https://dev.azure.com"]
\t; another
\thelper =
\thelper = "!/opt/gcm"
\tuseHttpPath = true
[credential]
\thelper = store"""


def git(path: Path, *words: str) -> list[str]:
    found = shutil.which("git")
    assert found
    done = subprocess.run([found, "config", "--file", path, *words], capture_output=True, text=True, check=False)
    return done.stdout.splitlines()


def helpers(path: Path, url: str = URLS[0]) -> list[str]:
    """What git asks for that URL, in order."""
    found = [line.split(" ", 1) for line in git(path, "--get-regexp", r"^credential\..*helper$")]
    named = [
        value[0] if value else ""
        for key, *value in found
        if key in (f"credential.{url}.helper", f"credential.{url}/.helper", "credential.helper")
    ]
    return named[len(named) - named[::-1].index("") :] if "" in named else named


@pytest.fixture
def record(tmp_path: Path) -> Record:
    return Record(tmp_path / ".azure", "git")


@pytest.mark.parametrize("before", [None, b"", CRLF, THEIRS, b"[a]"])
@pytest.mark.parametrize("words", [WORDS, STARTED])
def test_only_ours_is_asked_and_all_is_taken_back(
    tmp_path: Path, record: Record, before: bytes | None, words: list[str]
) -> None:
    edit = git_config.edit(tmp_path / "config", words)
    if before is not None:
        edit.path.write_bytes(before)
    record.make([edit])
    for url in URLS:
        (helper,) = helpers(edit.path, url)
        shown = subprocess.run(
            ["/bin/sh", "-c", f"printf '%s\\n' {helper[1:]}"], capture_output=True, text=True, check=True
        )
        assert shown.stdout.splitlines() == words, "as git runs it"
        assert git(edit.path, "--get-urlmatch", "credential.useHttpPath", url.replace("*", "a")) == ["true"]
    assert edit.path.read_bytes().startswith(before or b"")
    assert record.make([edit]) == []
    record.take_back([edit])
    assert (edit.path.read_bytes() if edit.path.exists() else None) == before


@pytest.mark.parametrize("before", [b"", CRLF, THEIRS])
def test_what_was_written_since_stays(tmp_path: Path, record: Record, before: bytes) -> None:
    edit = git_config.edit(tmp_path / "config", WORDS)
    edit.path.write_bytes(before)
    at_first = helpers(edit.path)
    record.make([edit])
    for url in (URLS[0], f"{URLS[0]}/"):
        git(edit.path, f"credential.{url}.provider", "generic")
    git(edit.path, "alias.st", "status")
    record.take_back([edit])
    assert b"brokerauth" not in edit.path.read_bytes()
    assert helpers(edit.path) == at_first
    assert git(edit.path, "--get", "alias.st") == ["status"]
    assert {*git(edit.path, "--get-regexp", r"provider$")} == {
        f"credential.{URLS[0]}{s}.provider generic" for s in ("", "/")
    }
    assert git(edit.path, "--get-all", "credential.https://dev.azure.com.useHttpPath") == ["true"] * (before is THEIRS)
    assert git(edit.path, "--get-regexp", r"^credential\.https://\*") == []


def test_another_install_takes_the_place_of_the_one_before(tmp_path: Path, record: Record) -> None:
    path = tmp_path / "config"
    path.write_bytes(THEIRS)
    for words in (STARTED, WORDS):
        assert len(record.make([git_config.edit(path, words)])) == 1
    assert path.read_bytes().count(b"brokerauth") == len(URLS)
    record.take_back([git_config.edit(path, STARTED)])
    assert path.read_bytes() == THEIRS


def test_what_git_cannot_read_is_left_alone_and_named(tmp_path: Path, record: Record) -> None:
    edit = git_config.edit(tmp_path / "config", WORDS)
    edit.path.write_bytes(b"[broken\n")
    with pytest.raises(SettingsError, match=rf"{edit.path} cannot be changed: git cannot read it"):
        record.make([edit])
    assert edit.path.read_bytes() == b"[broken\n"


def test_the_file_is_the_one_that_git_writes(tmp_path: Path) -> None:
    home = Home(tmp_path, {}, tmp_path)
    usual, other = tmp_path / ".gitconfig", tmp_path / ".config/git/config"
    assert git_config.paths(home) == [usual, other]
    other.parent.mkdir(parents=True)
    other.touch()
    assert git_config.paths(home) == [other, usual]
    usual.touch()
    assert git_config.paths(home) == [usual, other]
    chosen = Home(tmp_path, {"GIT_CONFIG_GLOBAL": str(tmp_path / "g")}, tmp_path)
    assert git_config.paths(chosen) == [tmp_path / "g"]
