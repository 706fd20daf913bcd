"""Changes to other programs' files: made once, and taken back to the byte."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from azext_brokerauth.bridges.edits import Edit, Record
from azext_brokerauth.errors import SettingsError

LINE = b"ours = 1\n"


def add(content: bytes) -> bytes:
    if b"\0" in content:
        raise ValueError("it is no text")
    return content if LINE in content else content + LINE


def edit_of(path: Path) -> Edit:
    return Edit(path, add, lambda content: content.replace(LINE, b""), "ours = 1")


def everything(home: Path) -> dict[str, tuple[int, bytes]]:
    return {
        str(path.relative_to(home)): (path.lstat().st_mode, path.read_bytes() if path.is_file() else b"")
        for path in home.rglob("*")
    }


@pytest.fixture
def record(tmp_path: Path) -> Record:
    return Record(tmp_path / ".azure", "tool")


@pytest.mark.parametrize("before", [None, b"", b"theirs = 1\r\n", b"no line feed"])
def test_what_was_made_is_taken_back_to_the_byte(tmp_path: Path, record: Record, before: bytes | None) -> None:
    (tmp_path / ".azure").mkdir()
    edit = edit_of(tmp_path / "a" / "b" / "file" if before is None else tmp_path / "file")
    if before is not None:
        edit.path.write_bytes(before)
        edit.path.chmod(0o640)
    at_first = everything(tmp_path)
    assert record.make([edit]) == [edit]
    assert edit.is_made()
    assert record.make([edit]) == []
    assert edit.path.read_bytes() == (before or b"") + LINE
    assert record.take_back([edit]) == [edit.path]
    assert everything(tmp_path) == at_first
    assert record.take_back([edit]) == []


def test_what_somebody_wrote_since_stays(tmp_path: Path, record: Record) -> None:
    edit = edit_of(tmp_path / "file")
    edit.path.write_bytes(b"first = 1\n")
    record.make([edit])
    edit.path.write_bytes(edit.path.read_bytes() + b"later = 1\n")
    record.take_back([edit])
    assert edit.path.read_bytes() == b"first = 1\nlater = 1\n"


def test_a_file_that_a_link_leads_to_is_changed_and_the_link_stays(tmp_path: Path, record: Record) -> None:
    (tmp_path / "real").write_bytes(b"theirs\n")
    (tmp_path / "link").symlink_to("real")
    record.make([edit_of(tmp_path / "link")])
    assert (tmp_path / "link").is_symlink()
    assert LINE in (tmp_path / "real").read_bytes()
    record.take_back([edit_of(tmp_path / "link")])
    assert (tmp_path / "real").read_bytes() == b"theirs\n"


@pytest.mark.parametrize("unfit", ["no text", "a pipe", "a folder"])
def test_of_several_files_all_are_changed_or_none(tmp_path: Path, record: Record, unfit: str) -> None:
    good, bad = edit_of(tmp_path / "good"), edit_of(tmp_path / "bad")
    good.path.write_bytes(b"theirs\n")
    if unfit == "no text":
        bad.path.write_bytes(b"\0")
    elif unfit == "a pipe":
        os.mkfifo(bad.path)
    else:
        bad.path.mkdir()
    with pytest.raises(SettingsError, match=f"{bad.path} cannot be changed"):
        record.make([good, bad])
    assert good.path.read_bytes() == b"theirs\n"
    assert not (tmp_path / ".azure/brokerauth/tools").exists()


def test_what_was_there_before_is_kept_for_this_user_alone(tmp_path: Path, record: Record) -> None:
    edit = edit_of(tmp_path / "file")
    edit.path.write_bytes(b"a secret of another program\n")
    record.make([edit])
    (kept,) = (tmp_path / ".azure/brokerauth/tools").iterdir()
    assert kept.stat().st_mode & 0o777 == 0o600
    assert kept.parent.stat().st_mode & 0o777 == 0o700


def test_what_a_person_wrote_before_it_was_enabled_again_stays(tmp_path: Path, record: Record) -> None:
    edit = edit_of(tmp_path / "file")
    edit.path.write_bytes(b"first = 1\n")
    record.make([edit])
    edit.path.write_bytes(b"first = 2\n")
    record.make([edit])
    assert record.take_back([edit]) == [edit.path]
    assert edit.path.read_bytes() == b"first = 2\n"


def test_what_is_recorded_nowhere_is_taken_back_too(tmp_path: Path, record: Record) -> None:
    edit = edit_of(tmp_path / "file")
    edit.path.write_bytes(LINE + b"mine = 1\n")
    record.take_back([edit])
    assert edit.path.read_bytes() == b"mine = 1\n"


@pytest.mark.parametrize("recorded", [True, False])
def test_a_program_of_ours_is_a_file_that_goes(tmp_path: Path, record: Record, recorded: bool) -> None:
    program = Edit(tmp_path / "bin/program", lambda _: b"#!/bin/sh\n", lambda _: None, "a program", 0o755)
    record.make([program])
    assert program.path.stat().st_mode & 0o777 == 0o755
    if not recorded:
        next((tmp_path / ".azure/brokerauth/tools").iterdir()).unlink()
    record.take_back([program])
    assert not program.path.exists()


def test_a_file_that_no_edit_names_any_more_is_taken_back_while_it_is_as_it_was_left(
    tmp_path: Path, record: Record
) -> None:
    one, other = edit_of(tmp_path / "one"), edit_of(tmp_path / "other")
    record.make([one, other])
    other.path.write_bytes(LINE + b"later = 1\n")
    assert record.take_back([]) == [one.path]
    assert not one.path.exists()
    assert record.paths() == [other.path]
    assert record.take_back([other]) == [other.path]
    assert other.path.read_bytes() == b"later = 1\n"


def test_a_file_of_several_names_is_not_parted_from_them(tmp_path: Path, record: Record) -> None:
    edit = edit_of(tmp_path / "file")
    edit.path.write_bytes(b"theirs\n")
    (tmp_path / "other-name").hardlink_to(edit.path)
    with pytest.raises(SettingsError, match="hard links"):
        record.make([edit])
    assert edit.path.read_bytes() == b"theirs\n"


def test_another_users_link_is_not_followed(tmp_path: Path, record: Record, monkeypatch: pytest.MonkeyPatch) -> None:
    edit = edit_of(tmp_path / "link")
    (tmp_path / "real").write_bytes(b"theirs\n")
    edit.path.symlink_to("real")
    if os.geteuid() == 0:
        os.lchown(edit.path, 12345, 12345)
    else:
        monkeypatch.setattr("azext_brokerauth.files.this_user", lambda: os.geteuid() + 1)
    with pytest.raises(SettingsError, match=r"another user's|does not belong"):
        record.make([edit])
    assert (tmp_path / "real").read_bytes() == b"theirs\n"
