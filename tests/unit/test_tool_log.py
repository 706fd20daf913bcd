"""The log of tools: what is written, by however many at once, and what nobody can make of it."""

from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, BinaryIO

import pytest

from azext_brokerauth import errors, files, output, tool_log, tools
from azext_brokerauth.errors.diagnostics import Diagnostics
from azext_brokerauth.models import Account, Token
from azext_brokerauth.tool_log import FILE, LONGEST, OLDER, Note, noted

ADA = Account("ada@contoso.com", "a.t", "a", "t", "app", "login.microsoftonline.com")
TOKEN = Token("the token", 1_800_000_000, "Bearer", "broker", "t", ADA)
JWT = "eyJhbGciOiJSUzI1NiJ9.eyJhdWQiOiJ4In0.c2lnbmF0dXJl"
OPAQUE = "0.AXEA" + "x1_-" * 30
WRITER = """
import sys
from azext_brokerauth.tool_log import Note, noted
sys.stdin.read()  # all begin at once
for number in range(int(sys.argv[2])):
    with noted(True, Note("git", f"{sys.argv[1]}-{number}-" + " a" * 350)):
        pass
"""


@pytest.fixture(autouse=True)
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the log is to be; nothing is there yet."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("AZURE_CONFIG_DIR", str(tmp_path / ".azure"))
    for name in [name for name in os.environ if name.startswith("AZURE_BROKERAUTH_")]:
        monkeypatch.delenv(name)
    return tmp_path / ".local/state/brokerauth"


def ask(note: Note, error: BaseException | None = None, process: int | None = None) -> None:
    with noted(True, note, os.getpid if process is None else lambda: process):
        if error:
            raise error
        note.given(TOKEN)


def refused(note: Note, error: BaseException) -> dict[str, Any]:
    with pytest.raises(type(error)):
        ask(note, error)
    return entries()[-1]


def entries() -> list[dict[str, Any]]:
    found, damaged = tool_log.read()
    assert damaged == 0
    return found


def test_nothing_is_written_unless_it_is_switched_on(tmp_path: Path) -> None:
    with noted(False, Note("git"), lambda: pytest.fail("nobody asks who asks")):
        pass
    assert list(tmp_path.iterdir()) == []
    assert tool_log.read() == ([], 0)


def test_a_line_says_who_asked_for_what_and_that_it_was_given(directory: Path) -> None:
    ask(Note("git", "api://x/.default", agent_session="s1"))
    (entry,) = entries()
    assert entry.pop("time").endswith("Z")
    assert entry == {
        "tool": "git",
        "program": os.readlink("/proc/self/exe"),
        "programName": Path("/proc/self/comm").read_text().removesuffix("\n"),
        "audience": "api://x/.default",
        "tenantId": "t",
        "account": "ada@contoso.com",
        "agentSession": "s1",
        "result": "given",
        "code": None,
    }
    assert stat.S_IMODE((directory / FILE).stat().st_mode) == 0o600
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700


def test_a_refusal_has_its_code_and_reaches_whoever_asked() -> None:
    told = Diagnostics.parse(
        "AADSTS53003: no. Status: Response_Status.Status_InteractionRequired, Error code: 0, Tag: 1"
    )
    status = Diagnostics.parse("Status: Response_Status.Status_NoNetwork, Error code: 0, Tag: 1")
    of_az = RuntimeError("az's own")
    of_az.__cause__ = errors.PolicyRefusedError("no")
    for error, code in (
        (errors.SignInRefusedError("no", diagnostics=told), "AADSTS53003"),
        (errors.BrokerFailedError("no", diagnostics=status), "NoNetwork"),
        (errors.BrokerOffError("no"), "BrokerOff"),
        (of_az, "PolicyRefused"),
        (KeyboardInterrupt(), "KeyboardInterrupt"),
    ):
        entry = refused(Note("git", "a"), error)
        assert (entry["result"], entry["code"], entry["account"]) == ("refused", code, None)


@pytest.mark.parametrize("secret", [JWT, OPAQUE])
def test_nothing_that_looks_like_a_token_is_written(directory: Path, secret: str) -> None:
    ask(Note(secret, f"{secret}/.default", secret, secret, secret))
    refused(Note("git", secret, secret, secret, secret), errors.BrokerFailedError(secret))
    refused(Note("git"), RuntimeError(secret))
    content = (directory / FILE).read_text()
    assert secret[:20] not in content
    assert "the token" not in content


def test_a_program_that_calls_itself_what_it_likes_gives_the_terminal_no_orders(tmp_path: Path) -> None:
    evil = tmp_path / "e\x1b]0;x\x07\nvil \u202e"
    shutil.copy("/bin/sh", evil)
    with subprocess.Popen([evil, "-c", "echo; read x"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        ask(Note("exec", agent_session="s\x1b1\n"), process=process.pid)
        process.communicate()
    (fact,) = output.log_facts(entries())
    assert fact["programName"] == "e\\x1b]0;x\\x07\\x0avil \\u202e"
    assert fact["program"] == f"{tmp_path}/{fact['programName']}"
    assert fact["agentSession"] == "s\\x1b1\\x0a"
    assert tools.log_of_tools() == [fact]


def test_a_program_that_is_not_known_has_no_name() -> None:
    ask(Note("exec"), process=0)
    ask(Note("exec"), process=2**22 + 1)
    assert [(entry["program"], entry["programName"]) for entry in entries()] == [(None, None)] * 2


def test_a_line_is_never_longer_than_one_write_of_the_kernel(directory: Path) -> None:
    for text in ("a b" * 5000, "\U0001f600 " * 5000, "\x00 " * 5000, "é\udcff " * 5000):
        ask(Note(text, text, text, text, text))
        refused(Note(text, text, text, text, text), type(f"E{'x' * 500}", (Exception,), {})())
    lines = (directory / FILE).read_bytes().splitlines(keepends=True)
    assert len(lines) == len(entries()) == 8
    assert max(map(len, lines)) <= 4096


def test_two_hundred_writers_at_once_lose_no_line_and_mix_none(directory: Path) -> None:
    def write(number: int) -> None:
        for each in range(3):
            with noted(True, Note("git", f"{number}-{each}-{' a' * 300}")):
                pass

    with ThreadPoolExecutor(200) as threads:
        list(threads.map(write, range(200)))
    assert len({entry["audience"] for entry in entries()}) == 600
    assert not (directory / OLDER).exists()


def test_writers_of_other_processes_that_fill_it_keep_one_older_file(directory: Path) -> None:
    ask(Note("git"))
    line = (directory / FILE).read_bytes()
    (directory / FILE).write_bytes(line * (LONGEST // len(line) - 5))
    processes = [
        subprocess.Popen([sys.executable, "-c", WRITER, str(each), "20"], stdin=subprocess.PIPE) for each in range(4)
    ]
    for process in processes:
        process.communicate()
        assert process.returncode == 0
    assert sorted(os.listdir(directory)) == [FILE, OLDER]
    # Who has opened it just before it gets the other name still writes there.
    assert all((directory / name).stat().st_size <= LONGEST + 4 * 4096 for name in (FILE, OLDER))
    written = {entry["audience"] for entry in entries() if entry["audience"]}
    assert len(written) == 80, "both files are shown, and no line was lost"
    assert stat.S_IMODE((directory / FILE).stat().st_mode) == 0o600


def test_only_the_last_two_files_are_kept(directory: Path) -> None:
    for turn in ("first", "second", "third"):
        ask(Note("git", turn))
        with (directory / FILE).open("ab") as stream:
            stream.truncate(LONGEST)
    ask(Note("git", "fourth"))
    assert [json.loads((directory / name).read_bytes().split(b"\0")[0])["audience"] for name in (OLDER, FILE)] == [
        "third",
        "fourth",
    ]


def test_who_comes_too_late_to_put_a_full_file_aside_does_not_put_the_new_one_there(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask(Note("git", "full"))
    with (directory / FILE).open("ab") as stream:
        stream.truncate(LONGEST)
    lock = files.locked

    def locked_too_late(stream: BinaryIO, patience: float) -> bool:
        monkeypatch.setattr(files, "locked", lock)
        ask(Note("git", "of another"))
        return lock(stream, patience)

    monkeypatch.setattr(files, "locked", locked_too_late)
    ask(Note("git", "late"))
    found, _ = tool_log.read()
    assert [entry["audience"] for entry in found] == ["full", "of another", "late"]


@pytest.mark.parametrize(
    "damage",
    [
        b"nonsense\n",
        b"\xff\xfe\n",
        b"{}\n",
        b"[" * 100_000 + b"\n",
        b'{"time": 5}\n',
        b"\0" * 50 + b"\n",
        b"null\n",
    ],
    ids=lambda damage: ascii(damage[:12]),
)
def test_a_damaged_line_is_left_out_with_a_word(
    directory: Path, caplog: pytest.LogCaptureFixture, damage: bytes
) -> None:
    ask(Note("git", "before"))
    with (directory / FILE).open("ab") as stream:
        stream.write(damage)
    ask(Note("git", "after"))
    assert [entry["audience"] for entry in tools.log_of_tools()] == ["before", "after"]
    assert "Lines of the log that are damaged were left out: 1." in caplog.text


def test_a_line_that_a_full_disk_has_cut_takes_no_other_along(directory: Path) -> None:
    ask(Note("git", "before"))
    whole = (directory / FILE).read_bytes()
    (directory / FILE).write_bytes(whole + whole[:100])
    ask(Note("git", "after"))
    found, damaged = tool_log.read()
    assert ([entry["audience"] for entry in found], damaged) == (["before", "after"], 1)


def _link(path: Path) -> None:
    path.symlink_to(path.parents[3] / "elsewhere")


def _several_names(path: Path) -> None:
    (path.parents[3] / "elsewhere").touch(0o600)
    os.link(path.parents[3] / "elsewhere", path)


def _open_to_others(path: Path) -> None:
    path.touch()
    path.chmod(0o622)


@pytest.mark.parametrize("plant", [_link, os.mkfifo, os.mkdir, _several_names, _open_to_others])
def test_what_is_in_its_place_is_not_written_and_hinders_nobody(directory: Path, tmp_path: Path, plant: Any) -> None:
    directory.mkdir(mode=0o700, parents=True)
    plant(directory / FILE)
    before = (directory / FILE).lstat()
    ask(Note("git"))
    assert (directory / FILE).lstat() == before
    elsewhere = tmp_path / "elsewhere"
    assert not elsewhere.exists() or elsewhere.read_bytes() == b""
    if plant is not _several_names:  # which can be read
        with pytest.raises(errors.SettingsError, match=rf"nothing is written in it: {directory / FILE}: "):
            tools.log_of_tools()


def _directory_elsewhere(directory: Path) -> None:
    directory.parent.mkdir(parents=True)
    (directory.parents[2] / "elsewhere").mkdir()
    directory.symlink_to(directory.parents[2] / "elsewhere")


def _directory_for_all(directory: Path) -> None:
    directory.mkdir(parents=True)
    directory.chmod(0o777)


def _no_directory(directory: Path) -> None:
    directory.parent.mkdir(parents=True)
    directory.touch()


@pytest.mark.parametrize("plant", [_directory_elsewhere, _directory_for_all, _no_directory])
def test_a_directory_that_is_not_ours_alone_gets_nothing(directory: Path, tmp_path: Path, plant: Any) -> None:
    plant(directory)
    ask(Note("git"))
    assert not [path for path in tmp_path.rglob(FILE) if path.exists()]
    with pytest.raises(errors.SettingsError, match=rf"({directory}|~/.local/state/brokerauth): "):
        tools.log_of_tools()


def test_nothing_is_written_into_the_home_of_somebody_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path if os.geteuid() == 0 else Path("/")
    if os.geteuid() == 0:
        os.chown(home, 4711, 4711)
    monkeypatch.setenv("HOME", str(home))
    ask(Note("git"))
    assert not (home / ".local/state/brokerauth").exists()


def test_the_command_says_that_it_is_off_and_how_it_is_switched_on(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert tools.log_of_tools() == []
    assert "Nothing is written in the log now: the setting tool_log is false." in caplog.text
    assert "brokerauth config set brokerauth.tool_log=true" in caplog.text
    caplog.clear()
    monkeypatch.setenv("AZURE_BROKERAUTH_TOOL_LOG", "true")
    ask(Note("git", "a"))
    (entry,) = tools.log_of_tools()
    assert caplog.text == ""
    (row,) = output.log_rows([entry])
    assert [*row] == ["Time", "Tool", "Program", "Audience", "Account", "AgentSession", "Result"]
    refused(Note("git", "b"), errors.BrokerOffError("no"))
    assert output.log_rows(tools.log_of_tools())[-1]["Result"] == "refused: BrokerOff"
