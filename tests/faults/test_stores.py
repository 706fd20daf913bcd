"""A home that is full, damaged, somebody else's or not to be written: the error names the file, and nothing is lost."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from testbed.directory import GRACE
from testbed.machine import Machine
from tests.emulated.session import Session
from tests.waiting import wait_until

CREDENTIAL = """
from azure.core.exceptions import ClientAuthenticationError
from azext_brokerauth import BrokerCredential
with BrokerCredential() as credential:
    try:
        print(len(credential.get_token("https://vault.azure.net/.default").token) > 99)
    except ClientAuthenticationError as error:
        print(error)
"""


@pytest.fixture
def there(tmp_path: Path) -> Iterator[Session]:
    """A machine where az's directory is a disk of its own, of 64 KiB; the runtime makes no difference here."""
    with Machine("default", "double") as machine:
        there = Session(machine, tmp_path / "opened", {"BROWSER": "/bin/false"})
        there.config.mkdir()
        machine.run(["mount", "-t", "tmpfs", "-o", "size=64k,mode=700", "tmpfs", str(there.config)], check=True)
        yield there
        assert machine.processes() == []


def on_disk(there: Session) -> dict[str, str]:
    """Names and contents in our directory, as the machine sees them."""
    show = "for f in $(ls -A $0 2>/dev/null); do echo $f $(base64 -w0 $0/$f); done"
    lines = there.run(["sh", "-c", show, str(there.config / "brokerauth")]).stdout.splitlines()
    return dict(line.partition(" ")[::2] for line in lines)


def test_a_full_disk_loses_nothing(there: Session) -> None:
    there.tell("login")
    before = on_disk(there)
    there.run(["sh", "-c", f"cat /dev/zero > {there.config}/fill"])
    said = there.refuse("login", "--username", GRACE.username)
    assert "accounts.json cannot be written: No space left on device" in said
    assert "that its disk has free space" in said
    assert on_disk(there) == before
    assert there.tell("get-access-token")
    there.run(["rm", f"{there.config}/fill"])
    assert there.tell("login", "--username", GRACE.username)["username"] == GRACE.username


def test_a_read_only_home_can_be_read_and_says_why_it_keeps_nothing(there: Session) -> None:
    there.tell("login")
    before = on_disk(there)
    there.run(["mount", "-o", "remount,ro", str(there.config)])
    assert there.tell("get-access-token")
    assert there.python(CREDENTIAL).stdout == "True\n"
    for words in (["login", "--username", GRACE.username], ["logout", "--yes"]):
        said = there.refuse(*words)
        assert "accounts.json cannot be written: Read-only file system" in said
        assert "Check that you own" in said
    assert on_disk(there) == before
    there.run(["mount", "-o", "remount,rw", str(there.config)])
    assert there.tell("login", "--username", GRACE.username)["username"] == GRACE.username


def test_without_a_home_the_account_file_is_where_az_says(there: Session) -> None:
    there.tell("login")
    where = {"AZURE_CONFIG_DIR": str(there.config)}
    for command in (["get-access-token"], ["login"]):
        program = ["env", "-u", "HOME", str(Path(sys.executable).with_name("brokerauth")), *command]
        done = there.machine.run(program, env=there.env | where)
        assert (done.returncode, done.stderr) == (0, "")


def test_a_home_that_cannot_be_made_is_named(there: Session) -> None:
    said = there.refuse("login", HOME="/proc/nobody")
    assert "/proc/nobody" in said
    assert "settings cannot be read" in said


DAMAGED: dict[str, Callable[[bytes], bytes]] = {
    "cut short": lambda whole: whole[: len(whole) // 2],
    "empty": lambda whole: b"",
    "binary": lambda whole: b"\xff\xfe\x00" + whole,
    "of another shape": lambda whole: b"[]",
    "of other fields": lambda whole: whole.replace(b'"username"', b'"nickname"'),
    "of a later version": lambda whole: whole.replace(b'"version": 1', b'"version": 9'),
}


@pytest.fixture(scope="module")
def signed_in(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    with Machine("default", "double") as machine:
        there = Session(machine, tmp_path_factory.mktemp("stores") / "opened", {"BROWSER": "/bin/false"})
        there.tell("login")
        yield there


@pytest.mark.parametrize("how", DAMAGED)
def test_a_damaged_account_file_is_named_and_left_as_it_is(signed_in: Session, how: str) -> None:
    path = signed_in.config / "brokerauth/accounts.json"
    whole = path.read_bytes()
    path.write_bytes(DAMAGED[how](whole))
    try:
        for words in (["get-access-token"], ["login"], ["logout", "--yes"]):
            said = signed_in.refuse(*words)
            assert said.startswith("ERROR: ")
            assert str(path) in said
            assert f"rm -- {path}" in said or "remove the file" in said
        assert str(path) in signed_in.python(CREDENTIAL).stdout
        assert path.read_bytes() == DAMAGED[how](whole)
    finally:
        path.write_bytes(whole)
    assert signed_in.tell("get-access-token")
    wait_until(lambda: signed_in.machine.processes() == [], 10)


def test_an_account_file_that_is_a_directory_or_cannot_be_locked_is_named(signed_in: Session) -> None:
    ours = signed_in.config / "brokerauth"
    for name, words in {"accounts.json": ["get-access-token"], "accounts.lock": ["login"]}.items():
        kept = ours / f"{name}.kept"
        (ours / name).rename(kept)
        (ours / name).mkdir()
        said = signed_in.refuse(*words)
        assert str(ours) in said
        assert "s a directory" in said
        (ours / name).rmdir()
        kept.rename(ours / name)
    assert signed_in.tell("get-access-token")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_somebody_elses_account_file_is_not_believed(signed_in: Session) -> None:
    path = signed_in.config / "brokerauth/accounts.json"
    os.chown(path, 12345, 12345)
    try:
        said = signed_in.refuse("get-access-token")
    finally:
        os.chown(path, 0, 0)
    assert f"{path} cannot be used: it does not belong to root" in said
    assert "Run it as the user" in said
