"""`tool list`, `tool enable` and `tool disable`, on a home of the test's own."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from azext_brokerauth import bridges, output, tools
from azext_brokerauth.bridges import az
from azext_brokerauth.errors import BrokerAuthError
from azext_brokerauth.errors.rendering import PLAIN, in_words

PAGE = Path(__file__).parents[2] / "docs/tools.md"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """This process's user has a configuration of git, and no terminal."""
    for name in [name for name in os.environ if name.startswith(("AZURE", "GIT", "XDG", "COPILOT"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    monkeypatch.setenv("SHELL", "/bin/bash")
    monkeypatch.setattr(sys, "stdin", open(os.devnull))  # noqa: SIM115
    (tmp_path / ".gitconfig").write_bytes(b"# mine, without an end")
    return tmp_path


def state(name: str) -> tuple[bool | None, str, bool]:
    (tool,) = (tool for tool in tools.list_tools() if tool["name"] == name)
    return tool["isInstalled"], tool["setUp"], tool["isAllowed"]


def everything(home: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in home.rglob("*") if path.is_file()}


def test_every_tool_is_there_with_what_it_serves() -> None:
    found = tools.list_tools()
    assert [tool["name"] for tool in found] == list(bridges.TOOLS)
    assert {*found[0]} == {"name", "serves", "isInstalled", "setUp", "isAllowed", "problem"}
    rows = output.tool_rows(found)
    assert [*rows[0]] == ["Name", "Serves", "Installed", "SetUp", "Allowed", "Problem"]
    (git,) = (row for row in rows if row["Name"] == "git")
    assert [*git.values()][2:] == ["yes", "no", "yes", ""]


def test_the_page_has_a_row_for_each_tool_and_shows_what_is_added(home: Path) -> None:
    page = PAGE.read_text()
    for name in bridges.TOOLS:
        assert f"\n| [`{name}`](#{name}) |" in page
        assert f"\n## {name}\n" in page
    (shown,) = re.findall(r"```ini\n(.*?)```", page, re.DOTALL)
    tools.enable_tool("git", yes=True)
    added = (home / ".gitconfig").read_text()
    assert re.sub(r'"!.*"', '""', shown) in re.sub(r'"!.*"', '""', added)


def test_the_list_tells_what_is_so(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert state("git") == (True, "no", True)
    tools.enable_tool("git", yes=True)
    assert state("git") == (True, "yes", True)
    monkeypatch.setenv("AZURE_BROKERAUTH_TOOLS", "az")
    assert state("git") == (True, "yes", False)
    for left in ("partly", "no"):  # of its two entries somebody exchanges one, then the other
        (home / ".gitconfig").write_text((home / ".gitconfig").read_text().replace("-brokerauth", "-other", 1))
        assert state("git")[1] == left
    monkeypatch.setenv("PATH", "/nowhere")
    assert state("git")[0] is False


def test_it_is_set_up_once_and_taken_back_to_the_byte(home: Path) -> None:
    at_first = everything(home)
    ((change),) = tools.enable_tool("git", yes=True)["changed"]
    assert change["path"] == str(home / ".gitconfig")
    assert change["change"] in (home / ".gitconfig").read_text()
    assert tools.enable_tool("git")["changed"] == [], "there is nothing to ask about"
    assert tools.disable_tool("git") == {"name": "git", "changed": [str(home / ".gitconfig")], "left": []}
    assert everything(home) == at_first
    assert tools.disable_tool("git")["changed"] == []


def test_where_it_was_set_up_is_remembered(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    elsewhere = home / "elsewhere"
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(elsewhere))
    tools.enable_tool("git", yes=True)
    elsewhere.write_bytes(elsewhere.read_bytes() + b"[user]\n\tname = Ada\n")
    monkeypatch.delenv("GIT_CONFIG_GLOBAL")
    assert tools.disable_tool("git")["changed"] == [str(elsewhere)]
    assert elsewhere.read_bytes() == b"[user]\n\tname = Ada\n"


USER = """
- name: {name}
  user:
    exec:
      apiVersion: client.authentication.k8s.io/v1
      command: kubelogin
      args: [get-token, --server-id, 6dae42f8-4368-4678-94ff-3960e28e3630]
"""


@pytest.fixture
def machine(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The home of somebody who has a cluster, a registry, and a Python with an Azure CLI."""
    monkeypatch.setattr(az, "BRIDGE", az.Az(lambda: True))
    kubeconfig, settings = home / ".kube/config", home / ".docker/config.json"
    for file, content in (
        (kubeconfig, "users:" + USER.format(name="one")),
        (settings, '{"auths": {"a.azurecr.io": {}}}'),
    ):
        file.parent.mkdir(mode=0o750)
        file.write_text(content)
        file.chmod(0o600)
    (home / ".bashrc").write_text("# mine\n")
    return home


def states() -> dict[str, str]:
    return {tool["name"]: tool["setUp"] for tool in tools.list_tools()}


def snapshot(home: Path) -> dict[str, tuple[int, bytes]]:
    """Each file and directory, its mode and its content."""
    return {
        str(path.relative_to(home)): (path.lstat().st_mode, path.read_bytes() if path.is_file() else b"")
        for path in home.rglob("*")
    }


DISABLED = {
    "in the same order": [*bridges.TOOLS],
    "in the other order": [*reversed(bridges.TOOLS)],
    "az in between": ["cargo", "kubectl", "az", "docker", "pip", "git"],
}


@pytest.mark.parametrize(
    "order",
    [pytest.param(order, id=name, marks=[] if "az" in name else pytest.mark.full) for name, order in DISABLED.items()],
)
def test_all_tools_are_set_up_and_disabling_them_in_any_order_leaves_home_as_it_was(
    machine: Path, order: list[str]
) -> None:
    at_first, keyring_is_beside_us = snapshot(machine), {"pip": "yes"}
    assert states() == dict.fromkeys(bridges.TOOLS, "no") | keyring_is_beside_us
    for name in bridges.TOOLS:
        assert tools.enable_tool(name, yes=True)["changed"] or name == "pip"
    assert states() == dict.fromkeys(bridges.TOOLS, "yes")
    assert {"az", "kube-credential-brokerauth"} <= {path.name for path in (machine / ".local/bin").iterdir()}
    for done, name in enumerate(order, start=1):
        assert tools.disable_tool(name)["left"] == []
        assert states() == dict.fromkeys(order[:done], "no") | dict.fromkeys(order[done:], "yes") | keyring_is_beside_us
    assert snapshot(machine) == at_first


def test_a_directory_that_was_made_stays_while_somebody_elses_file_is_in_it(machine: Path) -> None:
    tools.enable_tool("az", yes=True)
    theirs = machine / ".local/bin/theirs"
    theirs.touch()
    tools.enable_tool("docker", yes=True)
    for name in ("az", "docker"):
        tools.disable_tool(name)
    assert [*theirs.parent.iterdir()] == [theirs]


def test_a_cluster_and_a_registry_that_came_later_are_not_set_up_yet(
    machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}:/usr/bin:/bin")  # with our programs: no start script
    later = {
        "kubectl": (machine / ".kube/config", USER.format(name="two")),
        "docker": (machine / ".docker/config.json", '"b.azurecr.io": {}, '),
    }
    for name, (file, new) in later.items():
        tools.enable_tool(name, yes=True)
        assert state(name)[1] == "yes"
        had = file.read_text()
        file.write_text(had + new if name == "kubectl" else had.replace('"a.azurecr.io"', new + '"a.azurecr.io"', 1))
        assert state(name)[1] == "partly"
        tools.enable_tool(name, yes=True)
        assert state(name)[1] == "yes"
        file.unlink()
        assert state(name)[1] == "no"


def test_a_tool_that_cannot_be_set_up_any_more_is_listed_by_what_is_left(
    machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tools.enable_tool("az", yes=True)
    monkeypatch.setattr(az, "BRIDGE", az.Az(lambda: False))  # as another Python's brokerauth sees it
    assert state("az")[1] == "yes"
    (machine / ".bashrc").write_text("# mine\n")
    assert state("az")[1] == "partly"
    (machine / ".local/bin/az").write_text("#!/bin/sh\n# another one\n")
    assert state("az")[1] == "no"


def test_where_pip_is_not_set_up_there_is_nothing_to_take_back(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    theirs = home / "bin/keyring"
    theirs.parent.mkdir()
    theirs.write_text("#!/nowhere/bin/python\n")
    theirs.chmod(0o755)
    monkeypatch.setenv("PATH", str(theirs.parent))
    assert state("pip")[1] == "no"
    assert tools.disable_tool("pip") == {"name": "pip", "changed": [], "left": []}


REFUSED: dict[str, tuple[dict[str, Any], dict[str, str], str, str]] = {
    "nobody to ask": ({"name": "git"}, {}, "there is no terminal to ask at", "Add --yes"),
    "misspelt": ({"name": "gti", "yes": True}, {}, "There is no tool 'gti' here", "Did you mean git?"),
    "unknown": ({"name": "x", "yes": True}, {}, "There is no tool 'x' here", f"Name one of these: {bridges.TOOLS[0]}"),
    "a setting": ({"name": "git", "yes": True}, {"AZURE_BROKERAUTH_TOOLS": "none"}, "BROKERAUTH_TOOLS is none", ""),
    "no git": ({"name": "git", "yes": True}, {"PATH": "/nowhere"}, "git is not installed", "Install git"),
    "no az": ({"name": "az", "yes": True}, {}, "has no Azure CLI", "az brokerauth tool enable --name az"),
}


@pytest.mark.parametrize(("words", "env", "why", "remedy"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_done_says_why_and_changes_nothing(
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
    words: dict[str, Any],
    env: dict[str, str],
    why: str,
    remedy: str,
) -> None:
    at_first = everything(home)
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(BrokerAuthError) as raised:
        tools.enable_tool(**words)
    assert why in raised.value.message
    assert remedy in in_words(raised.value.remedies, PLAIN)
    assert everything(home) == at_first


def test_what_git_can_no_more_read_is_named(home: Path) -> None:
    tools.enable_tool("git", yes=True)
    (home / ".gitconfig").write_text("[broken\n\tbrokerauth")
    with pytest.raises(BrokerAuthError, match=rf"{home}/\.gitconfig cannot be changed: git cannot read it"):
        tools.disable_tool("git")


def test_the_commands_show_it(home: Path) -> None:
    program = [str(Path(sys.executable).with_name("brokerauth")), "tool"]
    env = {"HOME": str(home), "PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"}

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([*program, *words], env=env, cwd=home, capture_output=True, text=True, check=False)

    listed = run("list", "--output", "table")
    assert (listed.returncode, listed.stderr) == (0, "")
    assert listed.stdout.split()[:5] == ["Name", "Serves", "Installed", "SetUp", "Allowed"]
    refused = run("enable", "--name", "gti")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr == "ERROR: There is no tool 'gti' here.\nDid you mean git?\n"
