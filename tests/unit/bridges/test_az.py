"""The `az` that is put into PATH: which files that takes, and what the person is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from azext_brokerauth.bridges import Home
from azext_brokerauth.bridges.az import Az
from azext_brokerauth.bridges.edits import Record
from azext_brokerauth.errors import InvalidInputError
from azext_brokerauth.settings import Settings

AZ = Az(has_az=lambda: True)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """That of somebody whose PATH leads to another az."""
    (tmp_path / "usr/bin").mkdir(parents=True)
    (tmp_path / "usr/bin/az").write_text("#!/bin/sh\n")
    (tmp_path / "usr/bin/az").chmod(0o755)
    environ = {"PATH": f"{tmp_path}/nowhere:{tmp_path}/usr/bin", "SHELL": "/bin/bash"}
    return Home(tmp_path, environ, tmp_path / ".local/bin")


def paths(home: Home) -> list[str]:
    return [str(edit.path.relative_to(home.path)) for edit in AZ.edits(home)]


def in_front(home: Home) -> Home:
    """Of whom PATH has our directory first."""
    return Home(home.path, home.environ | {"PATH": f"{home.programs}:{home.environ['PATH']}"}, home.programs)  # type: ignore[operator]


def test_a_line_is_added_only_where_another_az_is_found_first(home: Home) -> None:
    assert paths(home) == [".local/bin/az", ".bashrc"]
    assert paths(in_front(home)) == [".local/bin/az"]
    Record(home.path / ".azure", "az").make(AZ.edits(home))
    assert f"{home.path}/usr/bin/az" in (home.programs / "az").read_text(), "for the case that ours can be run no more"
    assert paths(in_front(home)) == [".local/bin/az", ".bashrc"], "as long as it has the line"
    assert AZ.notes(in_front(home)) == []
    (note,) = AZ.notes(home)
    assert f'In this one, run once: export PATH={home.programs}:"$PATH"' in note


def test_a_start_file_that_must_not_be_changed_is_left_to_the_person(home: Home) -> None:
    (home.path / ".bashrc").write_text("# mine\n")
    (home.path / "other").hardlink_to(home.path / ".bashrc")
    assert paths(home) == [".local/bin/az"]
    assert [edit.path.name for edit in AZ.leftovers(home, ())].count(".bashrc") == 0
    (note,) = AZ.notes(home)
    assert f'Add this line to {home.path}/.bashrc: export PATH={home.programs}:"$PATH"' in note


def test_a_shell_that_is_not_known_is_left_to_the_person(home: Home) -> None:
    unknown = Home(home.path, {**home.environ, "SHELL": "/bin/tcsh"}, home.programs)
    assert paths(unknown) == [".local/bin/az"]
    (note,) = AZ.notes(unknown)
    assert note.startswith(f"New terminals find {home.path}/usr/bin/az first. Put {home.programs} first in PATH")


def test_somebody_elses_az_is_neither_replaced_nor_removed(home: Home) -> None:
    home.programs.mkdir(parents=True)
    (home.programs / "az").symlink_to("/nowhere")
    with pytest.raises(InvalidInputError, match="was not made by this command"):
        AZ.edits(home)
    with pytest.raises(InvalidInputError, match="was not made by this command"):
        AZ.leftovers(home, ())


def test_where_it_was_put_is_remembered_and_somebody_elses_az_is_in_nobodys_way(home: Home) -> None:
    elsewhere = Home(home.path, home.environ, home.path / "bin")
    record = Record(home.path / ".azure", "az")
    record.make(AZ.edits(elsewhere))
    home.programs.mkdir(parents=True)
    (home.programs / "az").write_text("#!/bin/sh\n# theirs\n")
    assert record.take_back(AZ.leftovers(home, record.paths())) == [home.path / "bin/az", home.path / ".bashrc"]
    assert not (home.path / "bin").exists()
    assert (home.programs / "az").exists()


def test_two_settings_forbid_it() -> None:
    assert AZ.why_not(Settings()) == ""
    assert AZ.why_not(Settings(tools="git")) == "default is git"
    assert AZ.why_not(Settings(allow_exec=False)) == "default is false"
