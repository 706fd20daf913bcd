"""`brokerauth` itself: what it says of a wrong command line and of its version, and how it treats a terminal."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

from tests.emulated.session import read_all

BROKERAUTH = str(Path(sys.executable).with_name("brokerauth"))


def run(home: Path, *words: str) -> subprocess.CompletedProcess[str]:
    env = {"HOME": str(home), "PATH": os.environ["PATH"]}
    return subprocess.run([BROKERAUTH, *words], env=env, cwd=home, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["login", "--tennant", "x"], "--tennant is not an option of this command. Did you mean --tenant?"),
        (["login", "--user-name=ada"], "--user-name is not an option of this command. Did you mean --username?"),
        (["check-health", "--on-line"], "Did you mean --online?"),
        (["show", "--nonsense"], "--nonsense is not an option of this command.\n"),
        (["login", "--tenant"], "expected one argument"),
        (["lgoin"], "login"),
    ],
)
def test_a_wrong_word_is_named_with_what_may_have_been_meant(tmp_path: Path, words: list[str], said: str) -> None:
    done = run(tmp_path, *words)
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr
    assert done.stderr.startswith(f"ERROR: brokerauth {words[0]}: " if words != ["lgoin"] else "ERROR: brokerauth: ")
    assert f"brokerauth {words[0]} --help" in done.stderr or words == ["lgoin"]
    assert "usage:" not in done.stderr


def test_the_version_names_the_libraries_that_sign_in(tmp_path: Path) -> None:
    done = run(tmp_path, "--version")
    lines = done.stdout.splitlines()
    assert lines[0].startswith("brokerauth ")
    assert lines[1] == f"msal {metadata.version('msal')}"
    assert lines[2].startswith("pymsalruntime ")


def test_without_words_the_commands_are_shown(tmp_path: Path) -> None:
    done = run(tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert "check-health" in done.stdout


@pytest.mark.parametrize(
    ("env", "coloured"),
    [({}, True), ({"NO_COLOR": "1"}, False), ({"NO_COLOR": ""}, True), ({"TERM": "dumb"}, False)],
    ids=["as usual", "NO_COLOR", "NO_COLOR that is empty", "TERM=dumb"],
)
def test_colours_are_for_those_who_want_them(tmp_path: Path, env: dict[str, str], coloured: bool) -> None:
    ours, theirs = pty.openpty()
    env = {"HOME": str(tmp_path), "PATH": os.environ["PATH"], "TERM": "xterm"} | env
    process = subprocess.Popen([BROKERAUTH, "no-such-command"], env=env, stdout=theirs, stderr=theirs)
    process.wait()
    os.close(theirs)
    assert ("\x1b[" in read_all(ours)) is coloured
