"""How a tool starts a program of ours."""

from __future__ import annotations

import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from azext_brokerauth.bridges.program import in_a_line
from azext_brokerauth.bridges.start_script import command
from azext_brokerauth.errors import SIGN_IN, InteractionRequiredError, NotSignedInError
from azext_brokerauth.models import own

BIN = Path(sys.executable).parent
PROGRAM = "git-credential-brokerauth"


def script(directory: Path, name: str = PROGRAM) -> Path:
    directory.mkdir(exist_ok=True)
    path = directory / name
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return path


def test_the_one_beside_the_program_that_runs_is_taken_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", [str(tmp_path / "bin/brokerauth")])
    assert command(PROGRAM, "git") == [str(BIN / PROGRAM)]
    beside = script(tmp_path / "bin")
    assert command(PROGRAM, "git") == [str(beside)]


@pytest.mark.parametrize("argv", ["-c", "brokerauth", "./brokerauth", ""])
def test_none_of_the_current_directory_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, argv: str) -> None:
    script(tmp_path)
    script(tmp_path, "-c")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", [argv])
    assert command(PROGRAM, "git") == [str(BIN / PROGRAM)]


def test_without_one_python_starts_it_from_whatever_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sysconfig, "get_path", lambda _: str(tmp_path / "none"))
    monkeypatch.setattr(sys, "argv", ["-c"])
    words = command(PROGRAM, "git")
    assert words[0] == sys.executable
    (tmp_path / "azext_brokerauth").mkdir()
    (tmp_path / "azext_brokerauth/__init__.py").write_text("raise SystemExit(9)\n")
    question = b"protocol=http\nhost=example.com\n"
    done = subprocess.run([*words, "get"], input=question, cwd=tmp_path, capture_output=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    error = InteractionRequiredError("Why.", remedies=own("login"))
    assert in_a_line(error) == "Why. Run: az brokerauth login"


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (NotSignedInError("Nobody is.", remedies=SIGN_IN), "Nobody is. Run: brokerauth login"),
        (ImportError("no", name="msal"), "msal is not installed. Run: pip install 'brokerauth[cli]'"),
        (
            ValueError("eyJhbGciOiJSUzI1NiJ9.eyJhdWQiOiJhIn0.c2ln\nis bad\x1b[31m"),
            "<token> is bad\\x1b[31m",
        ),
        (TimeoutError(), "TimeoutError"),
    ],
)
def test_a_tool_is_told_in_one_line_that_holds_no_token(error: Exception, line: str) -> None:
    assert in_a_line(error) == line
