"""Who is named where others may read it: in what ``--debug`` shows, and in the archive for support."""

from __future__ import annotations

import json
import re
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from testbed.directory import ADA, CONTOSO
from tests.emulated.session import AZ, Session, session

NAMES = (
    *("ada_fabrikam.com#EXT#@contoso.onmicrosoft.com", "ада@пример.рф", "rené@contoso.com", "o'brien@contoso.com"),
    *("+4917012345678", "4917012345678", "x@corp", "jo"),
)


@pytest.fixture(scope="module")
def there(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    with session("default", "double", tmp_path_factory.mktemp("names")) as made:
        yield made


def plant(there: Session, name: str) -> None:
    """This person is signed in, in our records and in az's profile."""
    fields = ("username", "home_account_id", "local_account_id", "tenant", "client_id", "authority")
    account = (name, "b.c", "b", CONTOSO.tenant_id, "04b07795-8ddb-461a-bbee-02f9e1bf7b46", "login.microsoftonline.com")
    body = {"version": 1, "current": "b.c", "accounts": [dict(zip(fields, account, strict=True))]}
    directory = there.config / "brokerauth"
    directory.mkdir(0o700, parents=True, exist_ok=True)
    (directory / "accounts.json").write_text(json.dumps(body))
    (directory / "accounts.json").chmod(0o600)


def spellings(name: str) -> re.Pattern[str]:
    forms = {name, json.dumps(name)[1:-1], name.partition("@")[0]}
    return re.compile("|".join(rf"(?<!\w){re.escape(form)}(?!\w)" for form in forms), re.IGNORECASE)


@pytest.mark.parametrize("name", NAMES)
def test_an_archive_for_support_names_nobody(there: Session, tmp_path: Path, name: str) -> None:
    plant(there, name)
    file = tmp_path / "a.zip"
    there.brokerauth(
        "check-health", "--bundle", str(file), AZURE_BROKERAUTH_LOGIN_HINT=name, HOME=str(there.machine.home)
    )
    with zipfile.ZipFile(file) as archive:
        texts = {entry: archive.read(entry).decode() for entry in archive.namelist()}
    for entry, text in texts.items():
        assert not spellings(name).search(text), entry
        if entry != "log.txt":
            assert not spellings(name).search(json.dumps(json.loads(text), ensure_ascii=False)), entry


@pytest.mark.parametrize("host", ["brokerauth", "az"])
@pytest.mark.parametrize("name", [*NAMES[:3], *(pytest.param(name, marks=pytest.mark.full) for name in NAMES[3:])])
def test_debug_names_nobody(there: Session, host: str, name: str) -> None:
    plant(there, name)
    words = ["get-access-token", "--debug", "--username", name]
    if host == "brokerauth":
        done = there.brokerauth(*words)
    else:
        # Not as a session's command: az shows tracebacks of its own with --debug.
        env = there.env | {"AZURE_CONFIG_DIR": str(there.config)}
        done = there.machine.run([str(AZ), "brokerauth", *words], env=env)
    # az's own records are az's, its arguments and its tracebacks among them.
    said = [line for line in done.stderr.splitlines() if line.startswith(("DEBUG: ", "INFO: "))]
    ours = [line for line in said if host == "brokerauth" or not line.startswith(("DEBUG: cli.knack", "DEBUG: cli.az"))]
    assert [line for line in ours if "silent step" in line]
    assert [line for line in ours if spellings(name).search(line)] == []


def test_the_broker_and_its_process_name_nobody(start: Callable[[str], Session], tmp_path: Path) -> None:
    there = start("default")
    there.tell("login")
    there.brokerauth("check-health", "--bundle", str(tmp_path / "a.zip"))
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        held = "".join(archive.read(entry).decode() for entry in archive.namelist())
    assert "<person " in held
    for name in (ADA.username, ADA.home.object_id, "grace@contoso.com", "katherine@fabrikam.com"):
        assert not spellings(name).search(held)
