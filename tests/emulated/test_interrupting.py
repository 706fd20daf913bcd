"""Whoever waits for a hanging broker can leave at once, and leaves nothing behind."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from testbed.directory import ADA
from testbed.machine import Process
from testbed.scenarios import Scenario
from tests.emulated.session import BROKERAUTH, Session, read_all, send
from tests.waiting import wait_until

Start = Callable[..., Session]
SILENT, PICKER = "acquireTokenSilently", "acquireTokenInteractively"
A_SECOND = 3
"""Seconds that a test allows for what takes less than one on a machine that has nothing else to do."""
HANGS_IN = {"hang-on-start": "ping", "hang-on-silent": SILENT, "hang-on-prompt": PICKER}
GRAPH, VAULT = "https://graph.microsoft.com/.default", "https://vault.azure.net/.default"
CREDENTIAL = f"""
from azext_brokerauth import BrokerCredential
BrokerCredential().get_token("{VAULT}")
"""
PROGRAMS = {"command": [BROKERAUTH, "login"], "credential": [sys.executable, "-c", CREDENTIAL]}


def hanging(start: Start, name: str, command: list[str]) -> tuple[Session, Process]:
    """A program in the middle of the call that never comes back."""
    there = start(name)
    process = there.machine.popen(
        command, there.env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    wait_until(lambda: there.calls()[-1:] == [HANGS_IN[name]])
    time.sleep(0.1)  # the call is journalled before it hangs
    return there, process


def works_again(there: Session) -> None:
    """No lock of the runtime, no process and no record stands in the way."""
    wait_until(lambda: there.machine.processes() == [], A_SECOND)
    there.machine.set_scenario("default")
    assert there.tell("login")["username"] == ADA.username


@pytest.mark.any_runtime
@pytest.mark.parametrize(
    ("number", "program"),
    [
        (signal.SIGINT, "command"),
        (signal.SIGINT, "credential"),
        (signal.SIGTERM, "command"),
        pytest.param(signal.SIGTERM, "credential", marks=pytest.mark.full),
    ],
)
@pytest.mark.parametrize("name", HANGS_IN)
def test_a_signal_ends_it_within_a_second(start: Start, name: str, number: signal.Signals, program: str) -> None:
    there, process = hanging(start, name, PROGRAMS[program])
    send(process, number)
    process.wait(A_SECOND)
    said = process.communicate()
    if program == "command":
        assert (process.returncode, *said) == (128 + number, "", "")
    else:  # a program's signals are its own: Python's usual ends
        assert (process.returncode, said[0]) == (-number, "")
    works_again(there)


def takes_signals(pid: int) -> bool:
    """Has the program reached its first line, where it begins to handle SIGTERM? Before, Python itself decides."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    handled = next(line.split()[1] for line in status.splitlines() if line.startswith("SigCgt:"))
    return bool(int(handled, 16) >> (signal.SIGTERM - 1) & 1)


@pytest.mark.parametrize("moments", [12, pytest.param(120, marks=pytest.mark.full)])
def test_a_signal_may_come_at_any_moment(default: Session, moments: int) -> None:
    started = time.monotonic()
    default.tell("login")
    whole = time.monotonic() - started
    for moment in range(moments):
        number = (signal.SIGINT, signal.SIGTERM)[moment % 2]
        default.machine.set_scenario(("default", "hang-on-silent", "hang-on-start", "hang-on-prompt")[moment // 2 % 4])
        process = default.start("login")
        wait_until(
            lambda running=process: (
                running.poll() is not None or any(takes_signals(pid) for pid, _ in default.machine.processes())
            )
        )
        time.sleep(whole * moment / moments)
        if process.poll() is None:
            send(process, number)
        stdout, stderr = process.communicate(timeout=10)
        if process.returncode == 0:
            assert json.loads(stdout)["username"] == ADA.username
        elif process.returncode != -number:  # as Python's own end after our last line
            assert (process.returncode, stdout, stderr) == (128 + number, "", ""), f"moment {moment}"
        wait_until(lambda: default.machine.processes() == [], A_SECOND)
        kept = {file.name for file in (default.config / "brokerauth").iterdir()}
        assert kept == {"accounts.json", "accounts.lock"}
    works_again(default)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.any_runtime
def test_a_question_that_is_given_up_leaves_the_terminal_as_it_was(default: Session, number: signal.Signals) -> None:
    default.tell("login")
    ours, theirs = pty.openpty()
    before = termios.tcgetattr(theirs)
    process = default.machine.popen(
        [BROKERAUTH, "logout"], default.env, stdin=theirs, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout is not None
    asked = ""
    while "(y/n)" not in asked:
        asked += process.stdout.read(1)
    assert asked.startswith(f"Sign {ADA.username} out of brokerauth? Windows stays signed in. (y/n)")
    time.sleep(0.2)
    send(process, number)
    process.communicate(timeout=10)
    assert process.returncode == 128 + number
    assert termios.tcgetattr(theirs) == before
    os.close(ours)
    os.close(theirs)
    assert default.tell("show")["username"] == ADA.username


@pytest.mark.any_runtime
def test_a_signal_that_the_caller_ignores_stays_ignored(default: Session) -> None:
    # As for a command that a script starts with &.
    default.machine.set_scenario(Scenario(calls={SILENT: "slow"}, delay=1))
    process = default.machine.popen(
        ["sh", "-c", "trap '' INT; exec \"$@\"", "sh", BROKERAUTH, "login"],
        default.env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    wait_until(lambda: SILENT in default.calls())
    send(process, signal.SIGINT)
    assert json.loads(process.communicate(timeout=20)[0])["username"] == ADA.username


@pytest.mark.parametrize("name", HANGS_IN)
def test_nothing_outlives_a_parent_that_is_killed(start: Start, name: str) -> None:
    there, process = hanging(start, name, PROGRAMS["command"])
    process.kill()
    process.wait(A_SECOND)
    works_again(there)


def test_a_waiting_prompt_does_not_hold_up_silent_requests(start: Start) -> None:
    there = start(Scenario(calls={SILENT: ["interaction-required", "interaction-required", "answer"], PICKER: "hang"}))
    done = there.python(
        "import threading, time\n"
        "from azext_brokerauth import BrokerCredential\n"
        "credential = BrokerCredential(timeout=4)\n"
        "ended = []\n"
        "def prompt():\n"
        "    try:\n"
        f"        credential.get_token('{GRAPH}')\n"
        "    except Exception as error:\n"
        "        ended.append(type(error).__name__)\n"
        "waiting = threading.Thread(target=prompt)\n"
        "waiting.start()\n"
        f"while '{PICKER}' not in open({str(there.machine.home.parent / 'journal.jsonl')!r}).read():\n"
        "    time.sleep(0.02)\n"
        f"credential.get_token('{VAULT}')\n"
        "print('silent while prompting:', waiting.is_alive())\n"
        "waiting.join()\n"
        "print(ended)\n"
        "credential.close()\n",
    )
    assert done.stdout == "silent while prompting: True\n['ClientAuthenticationError']\n", done.stderr


def test_one_who_is_asked_does_not_hold_up_another_process(start: Start) -> None:
    there = start("default")
    there.tell("login")
    there.machine.set_scenario(Scenario(calls={PICKER: "hang"}))
    prompting = there.start("login", "--select-account")
    wait_until(lambda: PICKER in there.calls())
    assert there.claims("--resource", "https://vault.azure.net")["oid"] == ADA.home.object_id
    assert there.tell("show")["username"] == ADA.username
    assert prompting.poll() is None
    send(prompting, signal.SIGINT)
    prompting.wait(A_SECOND)


def test_a_prompt_ends_by_its_own_deadline(start: Start) -> None:
    there = start("hang-on-prompt")
    said = there.refuse("login", "--timeout", "1")
    assert "its prompt within 1 seconds" in said
    works_again(there)


@pytest.mark.any_runtime
@pytest.mark.parametrize("words", [["login"], ["login", "--only-show-errors"]])
def test_a_person_at_a_terminal_is_told_what_is_waited_for(default: Session, words: list[str]) -> None:
    default.machine.set_scenario("hang-on-prompt")
    ours, theirs = pty.openpty()
    process = default.machine.popen(
        [BROKERAUTH, *words],
        default.env | {"TERM": "xterm"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=theirs,
    )
    os.close(theirs)
    wait_until(lambda: PICKER in default.calls())
    time.sleep(2.5)
    send(process, signal.SIGINT)
    process.communicate(timeout=10)
    assert process.returncode == 130
    shown = read_all(ours)
    if len(words) > 1:
        assert shown == ""
        return
    assert re.search(r"\rAnswer the sign-in window in Windows; it may be behind this one \(4:5\d left\)", shown)
    assert shown.rpartition("Answer")[2].endswith("\r" + " " * 79 + "\r")
