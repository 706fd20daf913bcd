"""What a person sees of the keyring: nothing to set up, which one is used and why, and what a restart of WSL takes."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from testbed.directory import ADA, GRACE
from testbed.machine import Machine
from testbed.scenarios import Scenario
from tests.emulated.session import BROKERAUTH, Session

Start = Callable[[Scenario | str], Session]
HERE = Path(__file__).parents[2]
INSTALL = (HERE / "README.md").read_text().partition("## Install")[2].partition("\n## ")[0]
POLICY = "[brokerauth]\nkeyring = private\nenforced = keyring\n"
WRITE = 'umask 022 && mkdir -p /etc/brokerauth && printf %s "$1" > /etc/brokerauth/config'
ASK = """
from azext_brokerauth import BrokerCredential
with BrokerCredential(login_hint={username!r}, disable_automatic_authentication=True) as credential:
    try:
        print(credential.get_token("https://vault.azure.net/.default").expires_on > 0)
    except Exception as error:
        print(type(error).__name__, error)
"""


def test_a_fresh_machine_needs_the_packages_and_a_login_says_the_readme() -> None:
    commands, by_hand = re.findall(r"```bash\n(.+?)```", INSTALL, re.DOTALL)
    assert [line.partition(" #")[0].rstrip() for line in commands.splitlines()] == [
        "brokerauth repair",
        "brokerauth login",
    ]
    packages = set(by_hand.removeprefix("sudo apt-get install ").split())
    role = yaml.safe_load((HERE / "deploy/roles/brokerauth/vars/main.yml").read_text())["brokerauth_packages"]
    assert packages - {"libcurl4"} == {name for name in role if not name.startswith(("python3", "{{"))}
    assert not re.search(r"shutdown|unlock|systemd|keyring (named|`)", INSTALL)


def test_login_is_all_that_a_machine_without_a_keyring_needs_and_show_says_why(start: Start) -> None:
    there = start("no-keyring")
    assert there.tell("login")["username"] == ADA.username
    assert there.claims()["oid"] == ADA.home.object_id
    assert (
        there.claims("--username", ADA.username, "--resource", "https://vault.azure.net")["oid"] == ADA.home.object_id
    )
    there.machine.clear_journal()
    keeping = there.machine.processes()
    shown = there.tell("show")
    assert there.machine.journal() == [left for left in there.machine.processes() if left not in keeping] == []
    assert shown["keyring"] == "private"
    assert shown["keyringReason"].startswith("no keyring answers on the session bus")
    assert f"private: {shown['keyringReason']}" in there.brokerauth("show", "--output", "table").stdout
    assert (
        "the private keyring is used, because no keyring answers"
        in there.brokerauth("get-access-token", "--resource", "https://graph.microsoft.com", "--debug").stderr
    )


@pytest.mark.any_runtime
def test_a_policy_that_wants_a_private_keyring_cannot_be_undone_from_below(start: Start) -> None:
    there = start("default")
    there.run(["sh", "-c", WRITE, "sh", POLICY]).check_returncode()
    keyrings = there.machine.home / ".local/share/keyrings"
    before = {file.name: file.read_bytes() for file in keyrings.glob("*")}
    there.config.mkdir(exist_ok=True)
    for words in (["login"], ["get-access-token"], ["show"]):
        said = there.refuse(*words, AZURE_BROKERAUTH_KEYRING="session")
        assert "/etc/brokerauth/config" in said
        assert "AZURE_BROKERAUTH_KEYRING" in said
    (there.config / "config").write_text("[brokerauth]\nkeyring = auto\n")
    assert "brokerauth.keyring in" in there.refuse("login")
    (there.config / "config").unlink()
    there.tell("login", "--username", GRACE.username)
    assert there.claims("--username", GRACE.username)["oid"] == GRACE.home.object_id
    shown = there.tell("show")
    assert (shown["keyring"], shown["keyringReason"]) == ("private", "the setting keyring is private")
    (setting,) = [row for row in there.tell("list-settings") if row["name"] == "keyring"]
    assert (setting["value"], setting["isEnforced"]) == ("private", True)
    assert {file.name: file.read_bytes() for file in keyrings.glob("*")} == before


def test_after_a_restart_windows_account_is_back_and_another_is_told_the_one_command(
    runtime: str, tmp_path: Path
) -> None:
    """The second machine has the files of the first, and none of the keys that its kernel kept."""
    home = tmp_path / "home"
    for first in (True, False):
        with Machine("no-keyring", runtime, home=home) as machine:
            there = Session(machine, tmp_path / "opened", {})
            if first:
                there.tell("login", "--username", GRACE.username)
                there.tell("login")
                continue
            assert there.claims("--username", ADA.username)["oid"] == ADA.home.object_id
            again = f"login --username {GRACE.username}"
            said = there.refuse("get-access-token", "--username", GRACE.username)
            assert "a restart of WSL ends a private keyring" in said
            assert f"Run: brokerauth {again}" in said
            assert said.count("login") == 1
            told = there.python(ASK.format(username=GRACE.username)).stdout
            assert told.startswith("AuthenticationRequiredError")
            assert again in told
            there.run([BROKERAUTH, *again.split()]).check_returncode()
            assert there.claims("--username", GRACE.username)["oid"] == GRACE.home.object_id
