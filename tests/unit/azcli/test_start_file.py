"""The line of `enable-az` in a shell's start file: shells follow it, and nothing else in the file ever changes."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from azext_brokerauth.azcli.start_file import StartFile, of_all_shells, of_shell
from azext_brokerauth.files import UnfitFileError

DIRECTORIES = ("/home/ada/.local/bin", "/home/o'neil/my bin", "/srv/$(touch x)`id`;\\n\\", '/home/\u00e9"$HOME"')
SHOWS_PATH = {
    "bash": ("bash", "--norc", "-c", '. "$1"; printf %s "$PATH"', "bash"),
    "zsh": ("zsh", "-f", "-c", '. "$1"; printf %s "$PATH"', "zsh"),
    "fish": ("fish", "--no-config", "-c", "source $argv[1]; string join : $PATH"),
}
BEFORE = (b"", b"alias ll='ls -l'\n", b"alias ll='ls -l'", b"\n\n", b"caf\xe9 \x00\r\n# no end")


@pytest.fixture
def environ(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Mapping[str, str]:
    monkeypatch.setenv("HOME", str(tmp_path))
    return {}


def start_of(shell: str, environ: Mapping[str, str], directory: str = DIRECTORIES[0], **more: int) -> StartFile:
    start = of_shell(f"/usr/bin/{shell}", Path(directory), environ, **more)
    assert start
    return start


@pytest.mark.parametrize("directory", DIRECTORIES)
@pytest.mark.parametrize("shell", SHOWS_PATH)
def test_a_new_terminal_finds_the_directory_first(environ: Mapping[str, str], shell: str, directory: str) -> None:
    start = start_of(shell, environ, directory)
    start.add()
    program, *words = SHOWS_PATH[shell]
    found = shutil.which(program)
    assert found, f"{program} is missing: run make system-for-tests"
    env = {"PATH": "/usr/bin:/bin", "HOME": os.environ["HOME"], "LC_ALL": "C.UTF-8"}
    done = subprocess.run([found, *words, start.path], env=env, capture_output=True, text=True, check=True)
    assert done.stdout.rstrip("\n") == f"{directory}:/usr/bin:/bin"


@pytest.mark.parametrize("shell", SHOWS_PATH)
@pytest.mark.parametrize("before", [None, *BEFORE])
def test_what_was_added_is_taken_back_to_the_byte(environ: Mapping[str, str], shell: str, before: bytes | None) -> None:
    start = start_of(shell, environ)
    if before is not None:
        start.path.parent.mkdir(parents=True, exist_ok=True)
        start.path.write_bytes(before)
    assert not start.is_there()
    start.add()
    once = start.path.read_bytes()
    assert once.startswith(before or b"")
    start.add()
    assert start.is_there()
    assert start.path.read_bytes() == once, "it is added once"
    assert [other.path for other in of_all_shells(Path(DIRECTORIES[0]), environ) if other.remove()] == [start.path]
    assert (start.path.read_bytes() if start.path.exists() else None) == before
    assert not start.remove()


@pytest.mark.parametrize("before", [None, *BEFORE])
def test_what_was_written_behind_the_line_since_stays(environ: Mapping[str, str], before: bytes | None) -> None:
    start = start_of("bash", environ)
    if before is not None:
        start.path.write_bytes(before)
    start.add()
    with start.path.open("ab") as file:
        file.write(b"export EDITOR=vi\n")
    assert start.remove()
    feed = b"" if not before or before.endswith(b"\n") else b"\n"
    assert start.path.read_bytes() == (before or b"") + feed + b"export EDITOR=vi\n"


def test_a_line_that_a_person_made_or_changed_is_theirs(environ: Mapping[str, str]) -> None:
    start = start_of("bash", environ)
    start.path.write_text(f"{start.statement}\n")
    start.add()
    assert start.remove()
    assert start.path.read_text() == f"{start.statement}\n"
    start.add()
    start.path.write_text(start.path.read_text().replace("export PATH", "false || export PATH"))
    changed = start.path.read_text()
    assert not start.remove()
    assert start.path.read_text() == changed


def test_the_line_of_another_directory_stays(environ: Mapping[str, str]) -> None:
    one, other = start_of("bash", environ), start_of("bash", environ, "/opt/bin")
    one.add()
    other.add()
    one.remove()
    assert other.is_there()
    assert not one.is_there()


@pytest.mark.parametrize("mode", [0o600, 0o644, 0o755])
def test_the_mode_is_kept(environ: Mapping[str, str], mode: int) -> None:
    start = start_of("bash", environ)
    start.path.write_text("# mine\n")
    start.path.chmod(mode)
    start.add()
    assert start.path.stat().st_mode & 0o777 == mode
    start.remove()
    assert start.path.stat().st_mode & 0o777 == mode


def test_a_link_stays_a_link_to_the_file_that_is_kept_elsewhere(environ: Mapping[str, str], tmp_path: Path) -> None:
    kept = tmp_path / "dotfiles/bashrc"
    kept.parent.mkdir()
    kept.write_text("# mine\n")
    start = start_of("bash", environ)
    start.path.symlink_to("dotfiles/bashrc")
    start.add()
    assert os.readlink(start.path) == "dotfiles/bashrc"
    assert start.statement in kept.read_text()
    start.remove()
    assert (os.readlink(start.path), kept.read_text()) == ("dotfiles/bashrc", "# mine\n")


def test_a_file_of_several_names_is_left_as_it_is(environ: Mapping[str, str], tmp_path: Path) -> None:
    start = start_of("bash", environ)
    start.path.write_text("# mine\n")
    (tmp_path / "other-name").hardlink_to(start.path)
    with pytest.raises(UnfitFileError, match="hard links"):
        start.add()
    assert start.path.read_text() == "# mine\n"


@pytest.mark.parametrize("link", [False, True])
def test_what_is_another_users_is_never_touched(environ: Mapping[str, str], tmp_path: Path, link: bool) -> None:
    start = start_of("bash", environ, owner=os.geteuid() + 1)
    theirs = tmp_path / "theirs" if link else start.path
    theirs.write_text("# theirs\n")
    if link:
        start.path.symlink_to(theirs)
    with pytest.raises(UnfitFileError):
        start.add()
    with pytest.raises(UnfitFileError):
        start.remove()
    assert theirs.read_text() == "# theirs\n"
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted({theirs.name, start.path.name})


@pytest.mark.parametrize("what", ["a directory", "a pipe"])
def test_what_is_no_file_is_left_alone_and_nobody_waits(environ: Mapping[str, str], what: str) -> None:
    start = start_of("bash", environ)
    start.path.mkdir() if what == "a directory" else os.mkfifo(start.path)
    with pytest.raises(OSError, match="it is"):
        start.add()


def test_zsh_and_fish_may_keep_theirs_elsewhere(environ: Mapping[str, str], tmp_path: Path) -> None:
    elsewhere = {"ZDOTDIR": str(tmp_path / "z"), "XDG_CONFIG_HOME": str(tmp_path / "x")}
    assert start_of("zsh", elsewhere).path == tmp_path / "z/.zshrc"
    assert start_of("fish", elsewhere).path == tmp_path / "x/fish/config.fish"


@pytest.mark.parametrize(
    ("shell", "directory"), [("/bin/dash", "/bin"), ("", "/bin"), ("bash", "/a:b"), ("bash", "/a\nb")]
)
def test_where_no_line_would_do_none_is_offered(shell: str, directory: str) -> None:
    assert of_shell(shell, Path(directory), {}) is None
