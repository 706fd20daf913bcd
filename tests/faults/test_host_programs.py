"""Strange programs around the broker's process: they start themselves, freeze it, ignore signals, or leave."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

import azext_brokerauth
from azext_brokerauth.broker.child import Child, ChildEndedError
from azext_brokerauth.broker.launch import prepare
from azext_brokerauth.broker.pool import Broker
from azext_brokerauth.errors import BrokerNotReadyError, BrokerTimeoutError, ClosedError
from tests.faults.broker_process import ASK, HANGS, LONG, PARENT, TELLS, Runtime, is_gone, pids_in, told
from tests.waiting import wait_until

PACKAGE = Path(azext_brokerauth.__file__).parent


def workers() -> list[int]:
    """The broker's processes that this one has started, by the guard of each."""
    # Each thread has its own list.
    children = [int(pid) for file in Path("/proc/self/task").glob("*/children") for pid in content(file).split()]
    return [pid for pid in children if "broker/host.py" in content(Path(f"/proc/{pid}/cmdline")) and not is_gone(pid)]


def content(file: Path) -> str:
    """What is in a file of a process or thread; nothing where that has just ended."""
    try:
        return file.read_text()
    except (FileNotFoundError, ProcessLookupError):
        return ""


@pytest.fixture(autouse=True)
def nobody_else() -> Iterator[None]:
    """What an earlier test has left would be counted here, and what this one leaves in a later one."""
    wait_until(lambda: workers() == [], LONG)
    yield
    wait_until(lambda: workers() == [], LONG)


def worker_of(guard: int) -> int:
    wait_until(lambda: Path(f"/proc/{guard}/task/{guard}/children").read_text().split(), LONG)
    return int(Path(f"/proc/{guard}/task/{guard}/children").read_text().split()[0])


# ---- programs that are no interpreter --------------------------------------------------------------------------------


def test_a_frozen_program_is_told_so_and_starts_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    with pytest.raises(BrokerNotReadyError, match=r"this program is packed \(frozen\)") as caught:
        prepare()
    assert caught.value.remedies


ITSELF = """#!/bin/sh
echo started >> {record}
exec {python} -c '
import sys
sys.path.insert(0, "{root}")
sys.executable = "{program}"
from azext_brokerauth.broker.child import Child
from azext_brokerauth.broker.launch import prepare
from tests.faults.broker_process import ASK
Child(prepare(runtime=False)).ask(ASK, 60)
'
"""


def test_a_program_that_starts_itself_in_place_of_python_does_so_once(tmp_path: Path) -> None:
    program, record = tmp_path / "program", tmp_path / "record"
    program.write_text(ITSELF.format(record=record, python=sys.executable, root=PACKAGE.parent, program=program))
    program.chmod(0o755)
    done = subprocess.run([program], capture_output=True, text=True, check=False, timeout=LONG)
    assert "ended before it answered" in done.stderr
    assert record.read_text().splitlines() == ["started", "started"]


def test_a_program_that_never_says_that_it_is_ours_is_ended_and_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "uwsgi"
    program.write_text("#!/bin/sh\nsleep 1000\n")
    program.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(program))
    child = Child(prepare())
    with pytest.raises(BrokerNotReadyError, match=r"uwsgi was started .* not an ordinary Python interpreter"):
        child.ask(ASK, LONG)
    assert not child.alive


def test_an_archive_is_named_as_the_reason(tmp_path: Path) -> None:
    archive = tmp_path / "app.pyz"
    with zipfile.ZipFile(archive, "w") as writing:
        for path in PACKAGE.rglob("*.py"):
            writing.write(path, path.relative_to(PACKAGE.parent))
    program = f"import sys; sys.path.insert(0, {str(archive)!r})\nfrom azext_brokerauth.broker import launch\n"
    done = subprocess.run(
        [sys.executable, "-c", f"{program}launch.prepare()"], capture_output=True, text=True, check=False, cwd=tmp_path
    )
    assert "brokerauth is inside an archive, from which no process can be started" in done.stderr


def test_a_working_directory_that_is_gone_is_no_obstacle(runtime: Runtime, tmp_path: Path) -> None:
    site = runtime("raise OSError('no library')")
    gone = tmp_path / "gone"
    gone.mkdir()
    program = (
        f"import os, sys; os.rmdir({str(gone)!r}); sys.path[:0] = ['', {str(site)!r}, {str(PACKAGE.parent)!r}]\n"
        "from azext_brokerauth.broker.child import Child\n"
        "from azext_brokerauth.broker.launch import prepare\n"
        "from tests.faults.broker_process import ASK\n"
        "print(Child(prepare()).ask(ASK, 60).text)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False, cwd=gone, timeout=LONG
    )
    assert done.stdout.strip() == "no library", done.stderr


# ---- what the parent has set -----------------------------------------------------------------------------------------


def test_signals_that_the_parent_ignores_or_blocks_are_the_childs_as_ever(runtime: Runtime) -> None:
    runtime(TELLS)
    usual = told(Child(prepare()))
    before = signal.signal(signal.SIGCHLD, signal.SIG_IGN), signal.signal(signal.SIGHUP, signal.SIG_IGN)
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1, signal.SIGCHLD, signal.SIGTERM})
    try:
        seen = told(Child(prepare()))
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        signal.signal(signal.SIGCHLD, before[0])
        signal.signal(signal.SIGHUP, before[1])
    assert (seen["ignored"], seen["blocked"]) == (usual["ignored"], usual["blocked"])
    assert signal.SIGCHLD not in seen["ignored"]
    assert seen["blocked"] == []


# ---- a child that is frozen or stopped -------------------------------------------------------------------------------

# Native code that never lets Python's lock go.
HOLDS_PYTHON = "import ctypes\n" + HANGS.replace("time.sleep(1000)", "ctypes.PyDLL(None).sleep(1000)")


@pytest.mark.parametrize("how", ["holds Python's lock", "is stopped"])
def test_a_child_that_cannot_watch_for_itself_does_not_outlive_its_parent(
    runtime: Runtime, tmp_path: Path, how: str
) -> None:
    file = tmp_path / "pids"
    site = runtime((HOLDS_PYTHON if how == "holds Python's lock" else HANGS).format(told=str(file)))
    command = [sys.executable, "-c", PARENT.format(site=str(site)) + "time.sleep(1000)"]
    with subprocess.Popen(command, start_new_session=True) as parent:
        try:
            pids = pids_in(file)
            if how == "is stopped":
                os.killpg(pids[0], signal.SIGSTOP)
            assert not any(map(is_gone, pids))
            parent.kill()
            wait_until(lambda: all(map(is_gone, pids)), LONG)
        finally:
            os.killpg(parent.pid, signal.SIGKILL)


def test_what_a_guard_that_is_killed_leaves_behind_is_ended_all_the_same(runtime: Runtime, tmp_path: Path) -> None:
    file = tmp_path / "pids"
    runtime(HANGS.format(told=str(file)))
    child = Child(prepare())

    def ask() -> None:
        with pytest.raises(ChildEndedError):
            child.ask(ASK, LONG)

    asking = threading.Thread(target=ask)
    asking.start()
    pids = pids_in(file)
    (guard,) = workers()
    os.kill(guard, signal.SIGKILL)
    wait_until(lambda: is_gone(guard), LONG)
    assert not child.alive
    child.end()
    wait_until(lambda: all(map(is_gone, pids)), LONG)
    asking.join(LONG)


@pytest.mark.parametrize("size", [10, 200_000])
def test_a_stopped_child_costs_no_more_than_the_deadline_however_long_the_request(runtime: Runtime, size: int) -> None:
    runtime("bytearray(1 << 60)")  # answers, and stays
    child = Child(prepare())
    child.ask(ASK, LONG)
    (guard,) = workers()
    os.killpg(worker_of(guard), signal.SIGSTOP)
    long = replace(ASK, request=replace(ASK.request, claims="x" * size))
    with pytest.raises(BrokerTimeoutError):
        child.ask(long, 3)
    child.end()
    assert workers() == []


# ---- how many, and for how long --------------------------------------------------------------------------------------


def test_all_of_one_program_share_a_process_and_the_last_who_leaves_ends_it(runtime: Runtime) -> None:
    runtime("bytearray(1 << 60)")  # answers, and stays
    one, other = Broker(), Broker()
    for broker in (one, other, one):
        broker.ask(ASK, LONG)
    assert len(workers()) == 1
    one.close()
    other.ask(ASK, LONG)
    assert len(workers()) == 1
    other.close()
    assert workers() == []


def test_closing_fails_ones_own_requests_and_nobody_elses(runtime: Runtime, tmp_path: Path) -> None:
    file = tmp_path / "pids"
    runtime(HANGS.format(told=str(file)))
    one, other = Broker(), Broker()
    ended: dict[str, BaseException] = {}

    def ask(name: str, broker: Broker) -> None:
        try:
            broker.ask(ASK, 20)
        except Exception as error:  # noqa: BLE001  (what it is, is looked at below)
            ended[name] = error

    asking = [threading.Thread(target=ask, args=item) for item in (("one", one), ("other", other))]
    for thread in asking:
        thread.start()
    pids_in(file)
    wait_until(lambda: len(workers()) == 1, LONG)
    time.sleep(1)  # both have asked by then
    one.close()
    asking[0].join(LONG)
    assert isinstance(ended["one"], ClosedError)
    assert "other" not in ended
    other.close()
    asking[1].join(LONG)
    assert workers() == []


def test_one_that_nobody_asks_leaves_after_seconds(runtime: Runtime) -> None:
    runtime("bytearray(1 << 60)")
    broker = Broker()
    broker.ask(ASK, LONG)
    assert len(workers()) == 1
    wait_until(lambda: workers() == [], LONG)
    broker.ask(ASK, LONG)
    broker.close()
