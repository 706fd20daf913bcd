"""Whatever is wrong with the extension's files, az runs, and it is said once."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from azext_brokerauth import __version__
from testbed.directory import ADA
from tests.az.session import CLI, Terminal, machine_for

# No command here comes to the runtime.
pytestmark = pytest.mark.parametrize("runtime", ["double"], scope="module", indirect=True)

PACKAGE = Path(__file__).parents[2] / "azext_brokerauth"
DAMAGE: dict[str, Callable[[Path], object]] = {
    "empty": lambda file: file.write_bytes(b""),
    "garbage": lambda file: file.write_bytes(b"\x7fELF\x00\xff\xfe(" * 50),
    "cut": lambda file: os.truncate(file, file.stat().st_size * 2 // 3),
    "exits": lambda file: file.write_text("raise SystemExit(0)\n"),
    "missing": lambda file: file.unlink(),
    "a folder": lambda file: (file.unlink(), file.mkdir()),
}
FILES = sorted(str(file.relative_to(PACKAGE)) for file in PACKAGE.rglob("*.py"))
METADATA = "azext_brokerauth/azext_metadata.json"
AT_START = ("__init__", "azcli/__init__", "azcli/hook", "settings/__init__", "settings/sources", "machine", "models")
"""What every command of an enabled az loads; some of it."""
NOT_LOADED = ("aio/", "bridges/", "broker/", "health/", "keyring/")
"""Where that is which neither of the commands here loads: one kind of damage shows it."""
LATER = ("azcli/facade", "azcli/token_cache", "bridges/launcher", "commands", "tokens/flights", "broker/child")
"""What only some commands load; some of it."""


@pytest.fixture(scope="module")
def there(runtime: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Terminal]:
    """A machine with a copy of the extension, where az is enabled and Ada has signed in."""
    directory = tmp_path_factory.mktemp("damaged")
    shutil.copytree(CLI.extension.parent, directory / "cliextensions")
    with machine_for("default", runtime) as machine:
        there = Terminal(machine, directory)
        there.env["AZURE_EXTENSION_DIR"] = str(directory / "cliextensions")
        there.tell("brokerauth", "login")
        there.tell("brokerauth", "tool", "enable", "--name", "az", "--yes", "--directory", str(directory / "bin"))
        yield there


@pytest.fixture
def extension(there: Terminal) -> Iterator[Path]:
    """The copy, made whole again after the test."""
    copy = there.directory / "cliextensions/brokerauth"
    yield copy
    shutil.rmtree(copy, ignore_errors=True)
    copy.unlink(missing_ok=True)
    shutil.copytree(CLI.extension, copy)


def cells() -> list[object]:
    """All files with all kinds of damage, the large rest marked."""
    core = [f"{name}.py" for name in (*AT_START, *LATER)]
    return [
        pytest.param(file, how, id=f"{file}-{how}", marks=[] if is_core else [pytest.mark.full])
        for file in FILES
        for turn, how in enumerate(DAMAGE)
        if how == "exits" or not file.startswith(NOT_LOADED) or file.removesuffix(".py") in LATER
        for is_core in [file in core and turn == core.index(file) % len(DAMAGE)]
    ]


def warnings(stderr: str) -> list[str]:
    assert "Traceback" not in stderr, stderr
    return [line for line in stderr.splitlines() if "brokerauth" in line]


def is_harmless(file: str, how: str) -> bool:
    """What is cut may be whole by chance, and a package needs no more than its folder."""
    return how == "cut" or (file.endswith("__init__.py") and how in ("empty", "missing", "a folder"))


@pytest.mark.parametrize(("file", "how"), cells())
def test_az_runs_though_a_file_of_the_extension_is_damaged(
    there: Terminal, extension: Path, file: str, how: str
) -> None:
    DAMAGE[how](extension / "azext_brokerauth" / file)
    enabled = str(there.directory / "bin/az")
    for words in (("account", "show"), ("group", "list")):
        for az in (enabled,) if (file, how) == ("__init__.py", "exits") else (there.cli.program, enabled):
            done = there.run([az, *words])
            assert done.returncode == 0, done.stderr
            assert json.loads(done.stdout)
            assert len(warnings(done.stderr)) <= 1, done.stderr
            if az == enabled and file.removesuffix(".py") in AT_START and not is_harmless(file, how):
                assert warnings(done.stderr), done.stderr


@pytest.mark.parametrize("how", ["empty", "garbage", "cut"])
@pytest.mark.parametrize("file", [METADATA, "brokerauth-{version}.dist-info/METADATA"])
def test_an_enabled_az_runs_though_what_az_reads_of_the_extension_is_damaged(
    there: Terminal, extension: Path, file: str, how: str
) -> None:
    """Without us in front, az itself ends at the first of them."""
    DAMAGE[how](extension / file.format(version=__version__))
    done = there.run([str(there.directory / "bin/az"), "account", "show"])
    assert json.loads(done.stdout)["user"]["name"] == ADA.username
    said = [line for line in warnings(done.stderr) if "az runs without brokerauth" in line]
    assert len(said) == int(file == METADATA), done.stderr  # of the other az itself says that it is damaged


def test_a_damaged_extension_can_be_removed_as_the_warning_says(there: Terminal, extension: Path) -> None:
    (extension / "azext_brokerauth/azcli/hook.py").write_text("(")
    enabled = str(there.directory / "bin/az")
    assert "az extension remove --name brokerauth" in there.run([enabled, "account", "show"]).stderr
    done = there.run([enabled, "extension", "remove", "--name", "brokerauth"])
    assert done.returncode == 0, done.stderr
    assert not extension.exists()


@pytest.mark.parametrize("what", ["the folder", "the package", "a file in place of the folder"])
def test_az_runs_though_the_extension_is_gone(there: Terminal, extension: Path, what: str) -> None:
    shutil.rmtree(extension / "azext_brokerauth" if what == "the package" else extension)
    if what.startswith("a file"):
        extension.write_text("")
    done = there.run([str(there.directory / "bin/az"), "group", "list"])
    assert json.loads(done.stdout)
    assert len(warnings(done.stderr)) == 1
    assert f"its folder {extension} is incomplete or damaged" in done.stderr
    assert "az extension add --name brokerauth" in done.stderr


def test_an_enabled_az_finds_the_stock_one_where_its_python_is_gone_or_another(there: Terminal, tmp_path: Path) -> None:
    script = (there.directory / "bin/az").read_text()
    for python, why in {"/nowhere/python3": "is gone", sys.executable: "has no Azure CLI any more"}.items():
        az = tmp_path / "az"
        az.write_text(script.replace(there.cli.python, python))
        az.chmod(0o755)
        done = there.run([str(az), "account", "show"])
        assert json.loads(done.stdout)["user"]["name"] == ADA.username
        assert len(warnings(done.stderr)) == 1
        assert why in done.stderr
