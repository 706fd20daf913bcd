"""Files that somebody has planted in a person's directories: nothing obeys, follows or waits for them."""

from __future__ import annotations

import json
import os
import shlex
import stat
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from testbed.directory import ADA
from tests.emulated.session import Session, session

HOSTS = ("brokerauth", "az brokerauth")
ACCOUNT = {
    "username": ADA.username,
    "home_account_id": ADA.home_account_id,
    "local_account_id": ADA.home.object_id,
    "tenant": ADA.home.tenant_id,
    "client_id": "04b07795-8ddb-461a-bbee-02f9e1bf7b46",
    "authority": "login.microsoftonline.com",
}
ESCAPES = (
    "ada\x1b]0;owned\x07@contoso.com",
    "ada\n* root@contoso.com",
    "ada\u202emoc.osotnoc@",
    "\x9b2Jada@contoso.com",
)


def run(there: Session, host: str, *words: str) -> subprocess.CompletedProcess[str]:
    return there.az("brokerauth", *words, "--only-show-errors") if " " in host else there.brokerauth(*words)


@pytest.fixture(scope="module")
def there(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    """A machine whose account file each test plants. No runtime is asked there."""
    with session("default", "double", tmp_path_factory.mktemp("planted")) as made:
        yield made
        remove(made)


@pytest.fixture
def ours(there: Session) -> Path:
    """The directory with our files, empty."""
    remove(there)
    directory = there.config / "brokerauth"
    directory.mkdir(parents=True)
    directory.chmod(0o700)
    return directory


def remove(there: Session) -> None:
    directory = there.config / "brokerauth"
    for file in directory.iterdir() if directory.is_dir() and not directory.is_symlink() else ():
        file.unlink()
    if directory.is_symlink():
        directory.unlink()
    elif directory.is_dir():
        directory.rmdir()


def plant(directory: Path, *usernames: str) -> None:
    accounts: list[dict[str, Any]] = [{**ACCOUNT, "username": name} for name in usernames]
    body = {"version": 1, "current": ADA.home_account_id, "signedInToAz": [], "accounts": accounts}
    (directory / "accounts.json").write_text(json.dumps(body))


@pytest.mark.parametrize("host", HOSTS)
@pytest.mark.parametrize("output", ["table", "json", "tsv", "yaml"])
def test_a_planted_name_gives_no_order_to_the_terminal(there: Session, ours: Path, host: str, output: str) -> None:
    for name in ESCAPES:
        plant(ours, name)
        done = run(there, host, "list", "--output", output)
        assert (done.returncode, done.stdout) == (1, ""), name
        assert "accounts.json" in done.stderr
        assert [c for c in done.stdout + done.stderr if not c.isprintable() and c != "\n"] == []


@pytest.mark.parametrize("host", HOSTS)
def test_a_remedy_with_an_odd_name_can_be_pasted_into_a_shell(there: Session, ours: Path, host: str) -> None:
    plant(ours, ADA.username)
    for name in ("o'brien@contoso.com", "$(touch owned)@contoso.com", "eve@contoso.com; touch owned"):
        said = run(there, host, "show").returncode, run(there, host, "get-access-token", "--username", name).stderr
        command = said[1].rpartition("un: ")[2].strip()
        assert shlex.split(command) == [*host.split(), "login", "--username", name]


@pytest.mark.parametrize("host", HOSTS)
@pytest.mark.parametrize("name", ["accounts.json", "accounts.lock"])
def test_a_pipe_in_place_of_a_file_keeps_nobody_waiting(there: Session, ours: Path, host: str, name: str) -> None:
    if name == "accounts.lock":
        plant(ours, ADA.username)
    os.mkfifo(ours / name, 0o600)
    words = ("list",) if name == "accounts.json" else ("set", "--username", ADA.username)
    done = run(there, host, *words)
    assert (done.returncode, done.stdout) == (1, "")
    assert f"{name} cannot be" in done.stderr
    assert "it is not a file" in done.stderr


@pytest.mark.parametrize("name", ["accounts.json", "accounts.lock"])
def test_a_planted_link_is_not_followed(there: Session, ours: Path, tmp_path: Path, name: str) -> None:
    victim, absent = tmp_path / "victim", tmp_path / "absent"
    victim.write_text("{}")
    victim.chmod(0o644)
    if name == "accounts.lock":
        plant(ours, ADA.username)
    for target in (victim, absent):
        (ours / name).symlink_to(target)
        said = there.refuse("set", "--username", ADA.username)
        assert f"{name} cannot be" in said
        assert "it is a symbolic link" in said
        (ours / name).unlink()
    assert not absent.exists()
    assert (victim.read_text(), stat.S_IMODE(victim.stat().st_mode)) == ("{}", 0o644)


def test_a_planted_link_in_place_of_the_directory_is_not_followed(there: Session, ours: Path, tmp_path: Path) -> None:
    ours.rmdir()
    ours.symlink_to(tmp_path)
    assert "symbolic link" in there.refuse("login")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be in somebody else's home")
class TestRootInSomebodysHome:
    """Grace owns the home, and root runs a command there."""

    GRACE = 1234

    def plant_link(self, link: Path, target: Path) -> None:
        link.symlink_to(target)
        os.lchown(link, self.GRACE, self.GRACE)

    @pytest.mark.parametrize("where", ["home", "config", "above"])
    def test_no_link_of_theirs_leads_anywhere(
        self, start: Callable[[str], Session], tmp_path: Path, runtime: str, where: str
    ) -> None:
        there = start("default")
        target = tmp_path / "roots"
        target.mkdir()
        theirs = tmp_path / "home/grace"
        theirs.mkdir(parents=True)
        os.chown(theirs, self.GRACE, self.GRACE)
        if where == "home":
            self.plant_link(theirs / ".azure", target)
            variables = {"HOME": str(theirs)}
        elif where == "config":
            self.plant_link(theirs / "configured", target)
            variables = {"AZURE_CONFIG_DIR": str(theirs / "configured")}
        else:
            self.plant_link(theirs / "above", target)
            variables = {"AZURE_CONFIG_DIR": str(theirs / "above/.azure")}
        done = there.brokerauth("login", **variables)
        assert done.returncode == 1
        assert "another user's symbolic link" in done.stderr
        assert [path.name for path in target.rglob("*") if "accounts" in path.name or path.name == "brokerauth"] == []


def test_a_pipe_in_place_of_the_settings_keeps_nobody_waiting(start: Callable[[str], Session]) -> None:
    there = start("default")
    there.config.mkdir(parents=True, exist_ok=True)
    (there.config / "config").unlink(missing_ok=True)
    os.mkfifo(there.config / "config")
    try:
        assert "it is not a file" in there.refuse("list")
        code = """
from azext_brokerauth import BrokerCredential
try:
    BrokerCredential().get_token("https://vault.azure.net/.default")
except Exception as error:
    print(error)
"""
        assert "it is not a file" in there.python(code).stdout
    finally:
        (there.config / "config").unlink()
