"""Another version of the extension comes and goes: what the person has set and signed in to stays theirs."""

from __future__ import annotations

import contextlib
import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from zipfile import ZipFile

import pytest

from azext_brokerauth import __version__
from testbed.directory import ADA, GRACE
from testbed.machine import Machine
from testbed.machine.interpreters import site_packages_of
from tests.az.session import CLI, Cli, Terminal
from tests.inheritance import INHERITED

pytestmark = pytest.mark.full

WHEEL = CLI.folder.parent / "dist/brokerauth.whl"
EARLIER = "0.9.0"


class Person:
    """Somebody with an az whose extensions are their own, and a home that outlives `wsl --shutdown`."""

    def __init__(self, runtime: str, directory: Path) -> None:
        self.runtime, self.directory, self.home = runtime, directory, directory / "home"
        self.cli = Cli(directory / "az")
        self.cli.folder.mkdir()
        shutil.copy(CLI.program, self.cli.folder / "az")
        (self.cli.folder / "venv").symlink_to(CLI.folder / "venv")

    def extension(self, *words: str) -> None:
        """`az extension ...`, which needs the network that an emulated machine has not."""
        env = INHERITED.variables | {"AZURE_CONFIG_DIR": str(self.home / ".azure")}
        command = [self.cli.program, "extension", *words]
        done = subprocess.run(command, env=env, cwd=self.directory, text=True, capture_output=True)
        assert done.returncode == 0, done.stderr

    @contextlib.contextmanager
    def terminal(self) -> Iterator[Terminal]:
        """On the machine after a restart."""
        python = [directory for directory in (self.cli.extension,) if directory.exists()]
        python += site_packages_of(self.cli.python)
        with Machine("default", self.runtime, home=self.home, python=python) as machine:
            yield Terminal(machine, self.directory, self.cli)


@pytest.fixture
def person(runtime: str, tmp_path: Path) -> Person:
    return Person(runtime, tmp_path)


def of_version(version: str, directory: Path) -> Path:
    """The wheel as another version would be."""
    renamed = directory / f"brokerauth-{version}-py3-none-any.whl"
    with ZipFile(WHEEL) as whole, ZipFile(renamed, "w") as other:
        for name in whole.namelist():
            content = whole.read(name)
            if name == "azext_brokerauth/__init__.py" or ".dist-info/" in name:
                content = content.replace(__version__.encode(), version.encode())
            other.writestr(name.replace(f"brokerauth-{__version__}", f"brokerauth-{version}"), content)
    return renamed


def test_an_upgrade_keeps_sign_ins_and_settings(person: Person) -> None:
    person.extension("add", "--yes", "--source", str(of_version(EARLIER, person.directory)))
    with person.terminal() as there:
        assert there.tell("version")["extensions"] == {"brokerauth": EARLIER}
        for somebody in (GRACE, ADA):
            there.tell("brokerauth", "login", "--username", somebody.username)
        there.tell("config", "set", "brokerauth.silent_timeout=29")
        there.tell("brokerauth", "tool", "enable", "--name", "az", "--yes")
        before = [there.tell("brokerauth", *words) for words in (("list",), ("list-settings",), ("tool", "list"))]
    person.extension("add", "--yes", "--upgrade", "--source", str(WHEEL.resolve()))
    with person.terminal() as there:
        assert there.tell("version")["extensions"] == {"brokerauth": __version__}
        assert [
            there.tell("brokerauth", *words) for words in (("list",), ("list-settings",), ("tool", "list"))
        ] == before
        for somebody in (ADA, GRACE):
            there.tell("brokerauth", "set", "--username", somebody.username)
            assert there.claims("--resource", "https://vault.azure.net")["upn"] == somebody.username
        assert "acquireTokenInteractive" not in [call["method"] for call in there.broker_calls()]


def test_removal_leaves_settings_and_nothing_that_names_anybody(person: Person) -> None:
    person.extension("add", "--yes", "--source", str(WHEEL.resolve()))
    with person.terminal() as there:
        there.tell("brokerauth", "login", "--username", ADA.username)
        there.tell("config", "set", "brokerauth.silent_timeout=29")
        there.tell("brokerauth", "tool", "enable", "--name", "az", "--yes")
        there.tell("brokerauth", "tool", "disable", "--name", "az")
        there.tell("brokerauth", "logout", "--all", "--yes")
    person.extension("remove", "--name", "brokerauth")
    assert [*person.cli.extension.parent.iterdir()] == []
    with person.terminal() as there:
        assert "brokerauth" not in there.tell("version")["extensions"]
        assert "az login" in there.refuse("account", "show")
    files = {str(file.relative_to(person.home)): file.read_bytes() for file in person.home.rglob("*") if file.is_file()}
    assert b"[brokerauth]\nsilent_timeout = 29\n" in files[".azure/config"]
    # az tells an extension nothing of its removal: these say what an authority and a keyring are called.
    assert {name for name in files if "brokerauth" in name and not name.startswith(".azure/commands/")} == {
        ".azure/brokerauth/accounts.json",
        ".azure/brokerauth/accounts.lock",
        ".cache/brokerauth/authorities.json",
        ".local/state/brokerauth/session-keyring",
    }
    for name, content in files.items():
        assert ADA.username.encode() not in content, name
        assert ADA.home.object_id.encode() not in content, name
    assert json.loads(files[".azure/brokerauth/accounts.json"])["accounts"] == []
