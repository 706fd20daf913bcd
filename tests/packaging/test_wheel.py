"""The wheel: exactly the package and what is told of it, the same to the byte wherever and whenever it is made."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from email.parser import Parser
from pathlib import Path
from zipfile import ZipFile

import pytest

from azext_brokerauth import __version__
from tests.inheritance import INHERITED
from tests.packaging.pythons import newest, oldest

HERE = Path(__file__).parents[2]
BUILT_FROM = ("azext_brokerauth", "setup.py", "pyproject.toml", "README.md", "HISTORY.rst", "LICENSE", "Makefile")
TOLD = f"brokerauth-{__version__}.dist-info/"


@pytest.fixture(scope="module")
def held() -> dict[str, bytes]:
    """What is in the wheel, by name."""
    wheel = HERE / "dist/brokerauth.whl"
    assert wheel.exists(), "There is no wheel: run make wheel."
    with ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_the_wheel_holds_exactly_the_package_and_its_metadata(held: dict[str, bytes]) -> None:
    files = [file for file in (HERE / "azext_brokerauth").rglob("*") if file.is_file()]
    package = {
        str(file.relative_to(HERE)): file.read_bytes()
        for file in files
        if "__pycache__" not in file.relative_to(HERE).parts
    }
    told = {name for name in held if name not in package}
    assert told == {
        TOLD + name for name in ("METADATA", "RECORD", "WHEEL", "entry_points.txt", "licenses/LICENSE", "top_level.txt")
    }
    other = [name for name, content in package.items() if held.get(name) != content]
    assert other == [], "The wheel was made of other files: run make clean wheel."


def test_az_finds_the_one_folder_that_it_looks_for(held: dict[str, bytes]) -> None:
    # More than one that begins so, dist-info included, and az does not know which to load.
    assert {name.partition("/")[0] for name in held if name.startswith("azext_")} == {"azext_brokerauth"}


def test_what_the_wheel_tells_of_itself(held: dict[str, bytes]) -> None:
    told = Parser().parsestr(held[TOLD + "METADATA"].decode())
    assert (told["Name"], told["Version"]) == ("brokerauth", __version__)
    assert told["Requires-Python"] == ">=3.10"
    assert b"Root-Is-Purelib: true\nTag: py3-none-any\n" in held[TOLD + "WHEEL"]
    assert held[TOLD + "licenses/LICENSE"] == (HERE / "LICENSE").read_bytes()


def built(directory: Path, python: str, umask: str, **environ: str) -> Path:
    """The wheel that `make wheel` makes there."""
    make = f'umask {umask} && exec make wheel PYTHON="{python}"'
    # Not what this run's own make was told.
    env = {name: value for name, value in INHERITED.variables.items() if not name.startswith("MAKE")} | environ
    done = subprocess.run(["/bin/sh", "-c", make], cwd=directory, env=env, text=True, capture_output=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return (directory / "dist/brokerauth.whl").resolve()


@pytest.mark.full
def test_two_builds_are_the_same_to_the_byte(tmp_path: Path) -> None:
    here, there = tmp_path / "here", tmp_path / "there/with a space"
    for place in (here, there):
        place.mkdir(parents=True)
        for name in BUILT_FROM:
            source = HERE / name
            if source.is_dir():
                shutil.copytree(source, place / name, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(source, place / name)
    # Another time, other modes, and what an earlier build and an interpreter left there.
    for file in there.rglob("*"):
        os.utime(file, (10**9, 10**9))
        file.chmod(0o700 if file.is_dir() else 0o600)
    (there / "build/lib/azext_brokerauth").mkdir(parents=True)
    (there / "build/lib/azext_brokerauth/removed.py").touch()
    (there / "azext_brokerauth/__pycache__").mkdir()
    (there / "azext_brokerauth/__pycache__/removed.cpython-310.pyc").touch()
    wheels = [
        built(here, oldest(), "022", TZ="UTC", LC_ALL="C"),
        built(there, newest(), "077", TZ="Asia/Tokyo", LC_ALL="C.UTF-8", PYTHONHASHSEED="7"),
    ]
    assert wheels[0].name == wheels[1].name
    digests = [hashlib.sha256(wheel.read_bytes()).hexdigest() for wheel in wheels]
    assert digests[0] == digests[1]


@pytest.mark.full
def test_its_description_is_one_that_pypi_shows() -> None:
    wheel = (HERE / "dist/brokerauth.whl").resolve()
    check = [sys.executable, "-m", "twine", "--no-color", "check", "--strict", str(wheel)]
    done = subprocess.run(check, text=True, capture_output=True)
    assert done.returncode == 0, done.stdout + done.stderr
