"""`tool list`, `tool enable` and `tool disable`, on a home of the test's own."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from azext_brokerauth import bridges

BROKERAUTH = str(Path(sys.executable).with_name("brokerauth"))


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / ".gitconfig").write_bytes(b"# mine, without an end")
    return tmp_path


def run(home: Path, *words: str, **env: str) -> subprocess.CompletedProcess[str]:
    variables = {"HOME": str(home), "PATH": "/usr/bin:/bin", "SHELL": "/bin/bash", "LC_ALL": "C.UTF-8"} | env
    command = [BROKERAUTH, "tool", *words]
    return subprocess.run(command, env=variables, cwd=home, capture_output=True, text=True, check=False)


def state(home: Path, name: str, **env: str) -> tuple[bool | None, str, bool]:
    done = run(home, "list", **env)
    assert done.stderr == ""
    (tool,) = (tool for tool in json.loads(done.stdout) if tool["name"] == name)
    return tool["isInstalled"], tool["setUp"], tool["isAllowed"]


def everything(home: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in home.rglob("*") if path.is_file()}


def test_every_tool_is_there_with_what_it_serves(home: Path) -> None:
    tools = json.loads(run(home, "list").stdout)
    assert [tool["name"] for tool in tools] == list(bridges.TOOLS)
    assert [*tools[0]] == sorted(["name", "serves", "isInstalled", "setUp", "isAllowed", "problem"])
    table = run(home, "list", "--output", "table").stdout
    assert table.split()[:6] == ["Name", "Serves", "Installed", "SetUp", "Allowed", "Problem"]
    for tool in tools:
        assert tool["serves"] in table


def test_the_list_tells_what_is_so(home: Path) -> None:
    assert state(home, "git") == (True, "no", True)
    assert state(home, "git", AZURE_BROKERAUTH_TOOLS="az")[2] is False
    assert state(home, "git", PATH="/nowhere")[:2] == (False, "no")
    assert run(home, "enable", "--name", "git", "--yes").returncode == 0
    assert state(home, "git") == (True, "yes", True)
    lines = (home / ".gitconfig").read_text().replace("git-credential-brokerauth", "git-credential-other", 1)
    (home / ".gitconfig").write_text(lines)
    assert state(home, "git") == (True, "no", True)


def test_it_is_set_up_once_and_taken_back_to_the_byte(home: Path) -> None:
    at_first = everything(home)
    done = run(home, "enable", "--name", "git", "--yes")
    ((change),) = json.loads(done.stdout)["changed"]
    assert change["path"] == str(home / ".gitconfig")
    assert change["change"] in (home / ".gitconfig").read_text()
    assert json.loads(run(home, "enable", "--name", "git", "--yes").stdout)["changed"] == []
    assert json.loads(run(home, "disable", "--name", "git").stdout)["changed"] == [str(home / ".gitconfig")]
    assert everything(home) == at_first
    assert json.loads(run(home, "disable", "--name", "git").stdout)["changed"] == []


def test_where_it_was_set_up_is_remembered(home: Path) -> None:
    elsewhere = home / "elsewhere"
    assert run(home, "enable", "--name", "git", "--yes", GIT_CONFIG_GLOBAL=str(elsewhere)).returncode == 0
    elsewhere.write_bytes(elsewhere.read_bytes() + b"[user]\n\tname = Ada\n")
    assert json.loads(run(home, "disable", "--name", "git").stdout)["changed"] == [str(elsewhere)]
    assert elsewhere.read_bytes() == b"[user]\n\tname = Ada\n"


REFUSED = {
    "nobody to ask": (["enable", "--name", "git"], {}, "there is no terminal to ask at", "--yes"),
    "misspelt": (["enable", "--name", "gti", "--yes"], {}, "There is no tool 'gti' here", "Did you mean git?"),
    "unknown": (["disable", "--name", "x"], {}, "There is no tool 'x' here", f"Name one of these: {bridges.TOOLS[0]}"),
    "a setting": (
        ["enable", "--name", "git", "--yes"],
        {"AZURE_BROKERAUTH_TOOLS": "none"},
        "BROKERAUTH_TOOLS is none",
        "",
    ),
    "no git": (["enable", "--name", "git", "--yes"], {"PATH": "/nowhere"}, "git is not installed", "Install git"),
    "no az": (["enable", "--name", "az", "--yes"], {}, "has no Azure CLI", "az brokerauth tool enable --name az"),
}


@pytest.mark.parametrize(("words", "env", "why", "remedy"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_done_says_why_and_changes_nothing(
    home: Path, words: list[str], env: dict[str, str], why: str, remedy: str
) -> None:
    at_first = everything(home)
    done = run(home, *words, **env)
    assert (done.returncode, done.stdout) == (1, "")
    assert why in done.stderr
    assert remedy in done.stderr
    assert everything(home) == at_first


def test_what_somebody_else_has_to_undo_is_named(home: Path) -> None:
    """A file that is set up, then changed, and that git can no more read."""
    run(home, "enable", "--name", "git", "--yes")
    (home / ".gitconfig").write_text("[broken\n\tbrokerauth")
    done = run(home, "disable", "--name", "git")
    assert (done.returncode, done.stdout) == (1, "")
    assert f"{home}/.gitconfig cannot be changed: git cannot read it" in done.stderr
