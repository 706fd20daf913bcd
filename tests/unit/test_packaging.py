"""What a release says of itself: where its users turn to, its version, what it asks for, and what is new in it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from importlib.metadata import metadata
from pathlib import Path

import pytest
import yaml

from azext_brokerauth import __version__

HERE = Path(__file__).parents[2]


def told(*fields: str, **env: str) -> list[str]:
    command = [sys.executable, "-W", "ignore", "setup.py", "--quiet", *fields]
    clean = {name: value for name, value in os.environ.items() if not name.startswith("BROKERAUTH_")}
    done = subprocess.run(command, cwd=HERE, env=clean | env, text=True, capture_output=True, check=True)
    return done.stdout.splitlines()[-len(fields) :]


def test_who_builds_a_wheel_says_where_its_users_turn_to() -> None:
    named = {"BROKERAUTH_URL": "https://intranet.contoso.com/brokerauth", "BROKERAUTH_CONTACT": "platform@contoso.com"}
    assert told("--url", "--author-email", **named) == [*named.values()]
    assert not {*told("--url", "--author-email")} - {"", "None", "UNKNOWN"}


def test_the_version_stands_in_one_place_and_the_release_notes_begin_with_it() -> None:
    assert told("--version") == [__version__]
    naming = [
        str(file.relative_to(HERE))
        for folder in ("azext_brokerauth", "testbed", "deploy/roles")
        for file in (HERE / folder).rglob("*")
        if file.suffix in (".py", ".json", ".yml", ".toml", ".cfg") and __version__ in file.read_text("utf-8")
    ]
    naming += [name for name in ("setup.py", "pyproject.toml", "Makefile") if __version__ in (HERE / name).read_text()]
    assert naming == ["azext_brokerauth/__init__.py"]
    assert releases()[0][0] == __version__
    # The example of a rollout names the wheel.
    wheel = yaml.safe_load((HERE / "deploy/fleet.yml").read_text())["brokerauth_wheel"]
    assert Path(wheel).name == f"brokerauth-{__version__}-py3-none-any.whl"


def test_a_tag_that_is_not_the_version_is_not_released() -> None:
    def checked(tag: str) -> tuple[int, str]:
        check = [HERE / ".ci/release-version", tag]
        done = subprocess.run(check, cwd=HERE, text=True, capture_output=True, check=False)
        return done.returncode, done.stdout + done.stderr

    assert checked(f"v{__version__}") == (0, f"{__version__}\n")
    for other in (__version__, "v0.9", f"v{__version__}.post1", ""):
        status, said = checked(other)
        assert (status, __version__ in said) == (1, True)


def test_a_version_that_the_release_notes_do_not_begin_with_is_not_released(tmp_path: Path) -> None:
    (tmp_path / "azext_brokerauth").mkdir()
    (tmp_path / "azext_brokerauth/__init__.py").write_text('__version__ = "99.0"\n')
    (tmp_path / "HISTORY.rst").write_text((HERE / "HISTORY.rst").read_text())
    check = [HERE / ".ci/release-version", "v99.0"]
    done = subprocess.run(check, cwd=tmp_path, text=True, capture_output=True, check=False)
    assert done.returncode == 1
    assert f"The newest release in HISTORY.rst is {releases()[0][0]}" in done.stderr


def releases() -> list[tuple[str, list[str]]]:
    """The versions in HISTORY.rst, newest first, each with its lines. It is in the form of az's extensions."""
    start = ".. :changelog:\n\nRelease History\n===============\n\n"
    text = (HERE / "HISTORY.rst").read_text()
    assert text.startswith(start)
    found = []
    for part in re.split(r"\n\n(?=\S+\n\++\n)", text.removeprefix(start)):
        version, line, *items = part.rstrip("\n").split("\n")
        assert re.fullmatch(r"\+{6,}", line)
        found.append((version, items))
    return found


def test_the_release_notes_are_in_the_form_of_azs_extensions() -> None:
    for version, items in releases():
        assert re.fullmatch(r"\d+\.\d+\.\d+(b\d+)?", version)
        assert items
        assert [item for item in items if not re.fullmatch(r"\* \S.*\S", item)] == []


def test_the_oldest_az_that_is_supported_is_the_one_that_is_tested() -> None:
    asked = json.loads((HERE / "azext_brokerauth/azext_metadata.json").read_text())["azext.minCliCoreVersion"]
    assert f"AZ_OLDEST := {asked}\n" in (HERE / "Makefile").read_text()


@pytest.mark.parametrize("workflow", ["ci", "release"])
def test_the_pythons_that_are_supported_are_those_that_the_workflows_take(workflow: str) -> None:
    named = re.findall(
        r"Python :: (3\.\d+)$", "\n".join(metadata("brokerauth").get_all("Classifier", ())), re.MULTILINE
    )
    jobs = yaml.safe_load((HERE / f".github/workflows/{workflow}.yml").read_text())["jobs"].values()
    matrices = [job["strategy"]["matrix"]["python"] for job in jobs if "strategy" in job]
    assert matrices == [named]
