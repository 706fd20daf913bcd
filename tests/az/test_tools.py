"""Other tools, where there is nothing of ours but the extension in az's folder."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from azext_brokerauth.bridges import TOOLS
from tests.az.session import Terminal

URL = "https://dev.azure.com/contoso/app/_git/app"
GIT = ("brokerauth", "tool", "enable", "--name", "git", "--yes")


def ls_remote(there: Terminal) -> subprocess.CompletedProcess[str]:
    git = shutil.which("git")
    assert git
    return there.run([git, "ls-remote", URL], PATH="/usr/bin:/bin", GIT_ASKPASS="/bin/false")


@pytest.mark.any_runtime
def test_git_starts_its_helper_with_azs_python(signed_in: Terminal) -> None:
    config = signed_in.machine.home / ".gitconfig"
    config.write_text("# mine\n")
    told = signed_in.tell(*GIT, "--only-show-errors")
    assert f"{signed_in.cli.python} -I {signed_in.cli.extension}/" in told["changed"][0]["change"]
    done = ls_remote(signed_in)
    assert (done.returncode, done.stderr) == (0, "")
    assert [entry["scheme"] for entry in signed_in.machine.journal() if entry["to"] == "devops"][-1] == "basic"
    signed_in.az("brokerauth", "logout", "--yes")
    done = ls_remote(signed_in)
    assert done.returncode != 0
    assert "brokerauth: Nobody is signed in through the broker. Run: az brokerauth login\n" in done.stderr
    signed_in.tell("brokerauth", "tool", "disable", "--name", "git")
    assert config.read_text() == "# mine\n"


KUBECONFIG = {
    "users": [
        {"name": "it", "user": {"exec": {"command": "kubelogin", "args": ["get-token", "--server-id", "6dae42f8"]}}},
    ]
}
QUIETLY = "--only-show-errors"


def states(there: Terminal) -> dict[str, str]:
    return {tool["name"]: tool["setUp"] for tool in there.tell("brokerauth", "tool", "list")}


def snapshot(home: Path) -> dict[str, tuple[int, bytes]]:
    """Each file and directory, its mode and its content, without what az and its tokens write at every command."""
    return {
        str(path.relative_to(home)): (path.lstat().st_mode, path.read_bytes() if path.is_file() else b"")
        for path in home.rglob("*")
        if not {".azure", ".cache", "keyrings"} & {*path.relative_to(home).parts}
    }


@pytest.mark.full
@pytest.mark.any_runtime
def test_all_tools_are_listed_as_they_are_and_disabling_all_leaves_home_as_it_was(signed_in: Terminal) -> None:
    there, home = signed_in, signed_in.machine.home
    there.env |= {"SHELL": "/bin/bash", "PATH": f"{there.cli.folder}:/usr/bin:/bin"}
    for name, content in {".kube/config": KUBECONFIG, ".docker/config.json": {"auths": {"a.azurecr.io": {}}}}.items():
        (home / name).parent.mkdir()
        (home / name).write_text(json.dumps(content))
    (home / ".bashrc").write_text("# mine, without an end")
    at_first, azs_own = snapshot(home), {path.name for path in there.config.iterdir()}
    needs_a_keyring = {"pip": "no"}
    assert states(there) == dict.fromkeys(TOOLS, "no")
    for name in TOOLS:
        if name != "pip":
            assert there.tell("brokerauth", "tool", "enable", "--name", name, "--yes", QUIETLY)["changed"]
    assert states(there) == dict.fromkeys(TOOLS, "yes") | needs_a_keyring
    for name in TOOLS:
        assert there.tell("brokerauth", "tool", "disable", "--name", name, QUIETLY)["left"] == []
    assert states(there) == dict.fromkeys(TOOLS, "no")
    assert snapshot(home) == at_first
    assert {path.name for path in there.config.iterdir()} == azs_own
    assert not (there.config / "brokerauth/tools").exists()
