"""Other tools, where there is nothing of ours but the extension in az's folder."""

from __future__ import annotations

import shutil
import subprocess

import pytest

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
