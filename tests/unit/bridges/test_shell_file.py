"""The line for an enabled az in a shell's start file: shells follow it, and nothing else in the file ever changes."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from azext_brokerauth.bridges.edits import Record
from azext_brokerauth.bridges.shell_file import MARKS, StartFile, of_all_shells, of_shell

DIRECTORIES = ("/home/ada/.local/bin", "/home/o'neil/my bin", "/srv/$(touch x)`id`;\\n\\", '/home/\u00e9"$HOME"')
SHOWS_PATH = {
    "bash": ("bash", "--norc", "-c", '. "$1"; printf %s "$PATH"', "bash"),
    "zsh": ("zsh", "-f", "-c", '. "$1"; printf %s "$PATH"', "zsh"),
    "fish": ("fish", "--no-config", "-c", "source $argv[1]; string join : $PATH"),
}
BEFORE = (b"", b"alias ll='ls -l'\n", b"alias ll='ls -l'", b"\n\n", b"caf\xe9 \x00\r\n# no end")


def start_of(
    shell: str, home: Path, directory: str = DIRECTORIES[0], environ: Mapping[str, str] | None = None
) -> StartFile:
    start = of_shell(f"/usr/bin/{shell}", home, Path(directory), environ or {})
    assert start
    return start


def add(start: StartFile, home: Path) -> None:
    Record(home / ".azure", "az").make([start.edit()])


def remove(home: Path, *starts: StartFile, recorded: bool = True) -> list[Path]:
    record = Record(home / ".azure" if recorded else home / "no-record", "az")
    return record.take_back([start.edit() for start in starts])


@pytest.mark.parametrize("directory", DIRECTORIES)
@pytest.mark.parametrize("shell", SHOWS_PATH)
def test_a_new_terminal_finds_the_directory_first(tmp_path: Path, shell: str, directory: str) -> None:
    start = start_of(shell, tmp_path, directory)
    add(start, tmp_path)
    program, *words = SHOWS_PATH[shell]
    found = shutil.which(program)
    assert found, f"{program} is missing: run make system-for-tests"
    env = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "LC_ALL": "C.UTF-8"}
    done = subprocess.run([found, *words, start.path], env=env, capture_output=True, text=True, check=True)
    assert done.stdout.rstrip("\n") == f"{directory}:/usr/bin:/bin"


@pytest.mark.parametrize("recorded", [True, False])
@pytest.mark.parametrize("shell", SHOWS_PATH)
@pytest.mark.parametrize("before", [None, *BEFORE])
def test_what_was_added_is_taken_back_to_the_byte(
    tmp_path: Path, shell: str, before: bytes | None, recorded: bool
) -> None:
    start = start_of(shell, tmp_path)
    if before is not None:
        start.path.parent.mkdir(parents=True, exist_ok=True)
        start.path.write_bytes(before)
    assert not start.edit().is_made()
    add(start, tmp_path)
    once = start.path.read_bytes()
    assert once.startswith(before or b"")
    add(start, tmp_path)
    assert start.edit().is_made()
    assert start.path.read_bytes() == once, "it is added once"
    everywhere = of_all_shells(tmp_path, Path(DIRECTORIES[0]), {})
    assert remove(tmp_path, *everywhere, recorded=recorded) == [start.path]
    left = start.path.read_bytes() if start.path.exists() else None
    assert left == before if before or recorded else not left
    assert remove(tmp_path, start, recorded=recorded) == []


@pytest.mark.parametrize("before", [None, *BEFORE])
def test_what_was_written_behind_the_line_since_stays(tmp_path: Path, before: bytes | None) -> None:
    start = start_of("bash", tmp_path)
    if before is not None:
        start.path.write_bytes(before)
    add(start, tmp_path)
    with start.path.open("ab") as file:
        file.write(b"export EDITOR=vi\n")
    assert remove(tmp_path, start) == [start.path]
    feed = b"" if not before or before.endswith(b"\n") else b"\n"
    assert start.path.read_bytes() == (before or b"") + feed + b"export EDITOR=vi\n"


def test_the_line_of_an_earlier_version_is_taken_back(tmp_path: Path) -> None:
    start = start_of("bash", tmp_path)
    start.path.write_text(f"# mine\n{start.statement}  {MARKS[1]}\n# mine too\n")
    assert start.edit().is_made()
    assert remove(tmp_path, start) == [start.path]
    assert start.path.read_text() == "# mine\n# mine too\n"


def test_a_line_that_a_person_made_or_changed_is_theirs(tmp_path: Path) -> None:
    start = start_of("bash", tmp_path)
    start.path.write_text(f"{start.statement}\n")
    add(start, tmp_path)
    assert remove(tmp_path, start) == [start.path]
    assert start.path.read_text() == f"{start.statement}\n"
    add(start, tmp_path)
    start.path.write_text(start.path.read_text().replace("export PATH", "false || export PATH"))
    changed = start.path.read_text()
    assert remove(tmp_path, start) == []
    assert start.path.read_text() == changed


def test_the_line_of_another_directory_stays(tmp_path: Path) -> None:
    one, other = start_of("bash", tmp_path), start_of("bash", tmp_path, "/opt/bin")
    add(one, tmp_path)
    add(other, tmp_path)
    remove(tmp_path, one, recorded=False)
    assert other.edit().is_made()
    assert not one.edit().is_made()


def test_zsh_and_fish_may_keep_theirs_elsewhere(tmp_path: Path) -> None:
    elsewhere = {"ZDOTDIR": str(tmp_path / "z"), "XDG_CONFIG_HOME": str(tmp_path / "x")}
    zsh, fish = (start_of(shell, tmp_path, environ=elsewhere) for shell in ("zsh", "fish"))
    assert (zsh.path, fish.path) == (tmp_path / "z/.zshrc", tmp_path / "x/fish/config.fish")
    # Later, where these variables are not set.
    found = of_all_shells(tmp_path, Path(DIRECTORIES[0]), {}, [fish.path, zsh.path, tmp_path / ".local/bin/az"])
    assert {zsh, fish} < set(found)
    assert len(found) == 5


@pytest.mark.parametrize(
    ("shell", "directory"), [("/bin/dash", "/bin"), ("", "/bin"), ("bash", "/a:b"), ("bash", "/a\nb")]
)
def test_where_no_line_would_do_none_is_offered(shell: str, directory: str) -> None:
    assert of_shell(shell, Path("/home/ada"), Path(directory), {}) is None
