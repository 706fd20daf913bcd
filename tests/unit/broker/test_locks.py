"""The runtime's semaphores: only our own count, and nothing that somebody puts beside them can stop us."""

import os
from pathlib import Path

import pytest

from azext_brokerauth.broker import locks

LOCKED, FREE = bytes(32), bytes([1]) + bytes(31)


@pytest.fixture
def put(tmp_path):
    def write(name, content=LOCKED):
        path = tmp_path / f"{locks.PREFIX}{name}"
        path.write_bytes(content)
        return str(path)

    return write


def test_a_semaphore_of_ours_that_is_locked_is_found(put, tmp_path):
    stuck = put("one")
    put("two", FREE)
    (tmp_path / "another-program").write_bytes(LOCKED)
    assert locks.held(str(tmp_path)) == [stuck]


@pytest.mark.parametrize(
    "plant",
    [
        os.mkfifo,
        os.mkdir,
        lambda path: os.symlink("/dev/zero", path),
        lambda path: os.symlink("/nowhere", path),
        lambda path: Path(path).write_bytes(b""),
        lambda path: Path(path).write_bytes(b"\0\0"),
    ],
    ids=["pipe", "directory", "link to zeros", "link to nowhere", "empty file", "short file"],
)
def test_what_is_no_semaphore_is_neither_waited_for_nor_counted(tmp_path, plant):
    plant(f"{tmp_path}/{locks.PREFIX}planted")
    assert locks.held(str(tmp_path)) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_a_file_of_zeros_of_somebody_else_does_not_count(put, tmp_path):
    os.chown(put("theirs"), 1, -1)
    assert locks.held(str(tmp_path)) == []


def test_without_the_directory_nothing_is_held(tmp_path):
    assert locks.held(str(tmp_path / "nowhere")) == []
