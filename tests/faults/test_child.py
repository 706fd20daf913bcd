"""The broker's process by itself: what it is given, what it shuts out, and that it never outlives its parent."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from azext_brokerauth.broker import locks
from azext_brokerauth.broker.child import Child, ChildEndedError
from azext_brokerauth.broker.launch import ENVIRONMENT, prepare
from azext_brokerauth.broker.messages import Done, Failure
from azext_brokerauth.errors import BrokerNotReadyError, BrokerTimeoutError, InvalidInputError
from azext_brokerauth.errors.rendering import AZ, in_words
from testbed.machine import Machine
from tests.faults.broker_process import ASK, HANGS, HOLDS, LONG, PARENT, REQUEST, TELLS, Runtime, is_gone, pids_in, told
from tests.waiting import wait_until

# On a machine of its own: everybody shares the directory of semaphores.
KILLED_WITH_A_LOCK = """
import sys, threading
from pathlib import Path
sys.path.insert(0, {site!r})
from azext_brokerauth.broker import locks
from azext_brokerauth.broker.child import Child, ChildEndedError
from azext_brokerauth.broker.launch import prepare
from tests.faults.broker_process import ASK, LONG
from tests.waiting import wait_until
child = Child(prepare())
def ask():
    try:
        child.ask(ASK, LONG)
    except ChildEndedError:
        print("ended")
asking = threading.Thread(target=ask)
asking.start()
wait_until(Path({lock!r}).exists, LONG)
child.end()
asking.join()
print(child.alive, Path({let_go!r}).exists())
"""


@pytest.mark.parametrize("seconds", [1, 1000])
def test_it_is_not_killed_while_the_runtime_holds_a_lock_but_not_waited_for_without_end(seconds: int) -> None:
    lock = f"{locks.DIRECTORY}/{locks.PREFIX}1"
    with Machine("default", "double") as machine:
        site, let_go = machine.home / "site", machine.home / "let-go"
        (site / "pymsalruntime").mkdir(parents=True)
        code = HOLDS.format(lock=lock, let_go=str(let_go), seconds=seconds)
        (site / "pymsalruntime/__init__.py").write_text(code)
        program = KILLED_WITH_A_LOCK.format(site=str(site), lock=lock, let_go=str(let_go))
        done = machine.run([sys.executable, "-c", program], timeout=LONG)
        assert done.stdout.split() == ["ended", "False", str(seconds == 1)], done.stderr


def test_it_is_given_named_variables_and_no_others(runtime: Runtime) -> None:
    runtime(TELLS)
    given = {name: f"/value-of-{name}" for name in ENVIRONMENT}
    loose = (
        "LD_PRELOAD",
        "LD_LIBRARY_PATH",
        "PYTHONPATH",
        "PYTHONSTARTUP",
        "PYTHONHOME",
        "AZURE_CLIENT_SECRET",
        "BASH_ENV",
    )
    seen = told(Child(prepare(environ={**given, **dict.fromkeys(loose, "/elsewhere")})))["environment"]
    seen.pop("LC_CTYPE", None)  # Python sets it by itself in the C locale (PEP 538)
    assert seen.pop("BROKERAUTH_STARTED_BY") == str(os.getpid())
    assert seen == given


def test_it_inherits_no_descriptor(runtime: Runtime, tmp_path: Path) -> None:
    runtime(TELLS)
    descriptor = os.open(tmp_path / "somebodys-file", os.O_CREAT | os.O_RDWR)
    os.set_inheritable(descriptor, True)
    seen = told(Child(prepare()))["descriptors"]
    os.close(descriptor)
    assert sorted(name.partition(":")[0] for name in seen if name != "anon_inode:[pidfd]") == [
        *["/dev/null"] * 3,
        *["pipe"] * 2,
    ]


def test_it_leaves_no_core_and_lets_nobody_look_in(runtime: Runtime) -> None:
    runtime(TELLS)
    seen = told(Child(prepare()))
    assert (seen["core"], seen["dumpable"]) == ([0, 0], 0)
    assert seen["leads_its_session"]
    assert seen["deaf_to_interrupts"]
    assert not [word for word in seen["cmdline"] if "vault" in word]


def test_it_imports_nothing_from_where_the_caller_happens_to_be(
    runtime: Runtime, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = runtime(TELLS)
    here = tmp_path / "here"
    here.mkdir()
    for name in ("json", "ctypes", "msal", "requests", "azext_brokerauth", "sitecustomize", "usercustomize"):
        (here / f"{name}.py").write_text(f"open({str(tmp_path / 'imported')!r}, 'w')\n")
    monkeypatch.chdir(here)
    seen = told(Child(prepare(environ={**os.environ, "PYTHONPATH": str(here)})))
    assert not (tmp_path / "imported").exists()
    assert (seen["isolated"], seen["directory"]) == (1, "/")
    assert not {"", ".", str(here)} & set(seen["path"])
    assert str(site) in seen["path"]


def test_a_directory_of_packages_hides_nothing_of_pythons_own(runtime: Runtime) -> None:
    """az's extension folder is such a directory: whatever lies there must not stand in for the standard library."""
    site = runtime(TELLS)
    (site / "colorsys.py").write_text("raise SystemExit('not the standard library')\n")
    assert Path(told(Child(prepare()))["colorsys"]).parent != site


@pytest.mark.parametrize("how", ["killed", "killed while its fork lives on", "exits at once"])
def test_nothing_outlives_the_parent_even_while_the_import_hangs(runtime: Runtime, tmp_path: Path, how: str) -> None:
    file = tmp_path / "pids"
    site = runtime(HANGS.format(told=str(file)))
    then = {
        "killed": "time.sleep(1000)",
        # The fork holds the parent's end of both pipes.
        "killed while its fork lives on": "os.fork() or print(os.getpid(), flush=True)\ntime.sleep(1000)",
        "exits at once": f"while not os.path.exists({str(file)!r}): time.sleep(0.02)\nos._exit(0)",
    }[how]
    command = [sys.executable, "-c", PARENT.format(site=str(site)) + then]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True) as parent:
        try:
            pids = pids_in(file)
            if how != "exits at once":
                assert not any(map(is_gone, pids))
                parent.kill()
            wait_until(lambda: all(map(is_gone, pids)), LONG)
        finally:
            os.killpg(parent.pid, signal.SIGKILL)


def test_it_outlives_the_thread_that_started_it(runtime: Runtime) -> None:

    runtime("raise OSError('no library')")
    started: list[Child] = []
    thread = threading.Thread(target=lambda: started.append(Child(prepare())))
    thread.start()
    thread.join()
    time.sleep(0.5)  # a death signal of the thread would come at once
    assert started[0].alive
    assert isinstance(started[0].ask(ASK, LONG), Failure)
    started[0].end()


def test_a_deadline_ends_it_with_all_it_started(runtime: Runtime, tmp_path: Path) -> None:
    file = tmp_path / "pids"
    runtime(HANGS.format(told=str(file)))
    process = Child(prepare())
    with pytest.raises(BrokerTimeoutError):
        process.ask(ASK, 5)
    wait_until(lambda: all(map(is_gone, pids_in(file))), LONG)
    assert not process.alive


WRITES = """
import os
pipes = [n for n in map(int, os.listdir("/proc/self/fd")) if n > 2 and os.path.exists(f"/proc/self/fd/{{n}}")]
for n in pipes:
    try:
        os.write(n, {what})
    except OSError:
        pass  # the pipe to read from
import time
time.sleep(1000)
"""


@pytest.mark.parametrize(
    "what",
    [
        "b'ping succeeded' + bytes([10])",
        'b\'{"number": 1, "type": "Answer"\' + bytes([10])',
        "b'x' * (1 << 20) + b'x' * 4096",
        "b'[' * 100000 + bytes([10])",
    ],
)
def test_nonsense_in_its_answers_ends_it_at_once_with_a_clear_error(runtime: Runtime, what: str) -> None:
    runtime(WRITES.format(what=what))
    process = Child(prepare())
    with pytest.raises(ChildEndedError, match="ended before it answered") as caught:
        process.ask(ASK, LONG)
    assert "wsl --shutdown" in in_words(caught.value.remedies, AZ)
    assert not process.alive


def test_a_request_over_the_limit_is_refused_and_the_next_one_is_not(runtime: Runtime) -> None:
    runtime("raise OSError('no library')")
    process = Child(prepare())
    with pytest.raises(InvalidInputError, match="over the limit of 1048576"):
        process.ask(replace(ASK, request=replace(REQUEST, claims="x" * (1 << 20))), LONG)
    assert isinstance(process.ask(ASK, LONG), Failure)
    process.end()


def test_out_of_memory_is_an_answer_and_others_are_still_served(runtime: Runtime) -> None:
    runtime("bytearray(1 << 60)")
    process = Child(prepare())
    for _ in range(2):
        answer = process.ask(ASK, LONG)
        assert isinstance(answer, Failure)
        assert "MemoryError" in answer.text
    process.end()


def test_a_python_that_cannot_be_started_is_an_error_with_a_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    with pytest.raises(BrokerNotReadyError, match=r"cannot be started: .*: No such file") as caught:
        Child(prepare())
    assert caught.value.remedies


def test_ending_it_closes_what_it_held(runtime: Runtime) -> None:
    runtime("raise OSError('no library')")
    before = len(os.listdir("/proc/self/fd"))
    kept = [Child(prepare()) for _ in range(5)]
    for process in kept:
        assert not isinstance(process.ask(ASK, LONG), Done)
        process.end()
    wait_until(lambda: len(os.listdir("/proc/self/fd")) == before, LONG)
