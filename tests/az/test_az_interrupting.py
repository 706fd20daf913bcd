"""Ctrl-C and SIGTERM while az waits for the broker."""

from __future__ import annotations

import os
import pty
import re
import signal
import subprocess
import time

import pytest

from tests.az.session import Terminal
from tests.emulated.session import read_all, send
from tests.waiting import wait_until

SILENT = "acquireTokenSilently"


@pytest.mark.any_runtime
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize(
    "words",
    [
        ["brokerauth", "get-access-token", "--only-show-errors"],
        ["account", "get-access-token"],
    ],
)
def test_a_signal_ends_az_at_once(signed_in: Terminal, words: list[str], number: signal.Signals) -> None:
    there = signed_in
    there.machine.set_scenario("hang-on-silent")
    process = there.machine.popen(
        [there.cli.program, *words, "--resource", "https://vault.azure.net"],
        there.env,
        there.directory,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    wait_until(lambda: SILENT in [call["method"] for call in there.broker_calls()], 20)
    time.sleep(0.1)  # the call is journalled before it hangs
    send(process, number)
    process.wait(3)
    assert (process.returncode, *process.communicate()) == (128 + number, "", "")
    wait_until(lambda: there.machine.processes() == [], 3)


@pytest.mark.any_runtime
def test_a_person_at_a_terminal_is_told_what_az_waits_for(signed_in: Terminal) -> None:
    there = signed_in
    there.machine.set_scenario("hang-on-prompt")
    ours, theirs = pty.openpty()
    process = there.machine.popen(
        [there.cli.program, "brokerauth", "login", "--select-account"],
        there.env | {"TERM": "xterm"},
        there.directory,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=theirs,
    )
    os.close(theirs)
    wait_until(lambda: "acquireTokenInteractively" in [call["method"] for call in there.broker_calls()], 20)
    time.sleep(2.5)
    send(process, signal.SIGINT)
    process.communicate(timeout=10)
    assert process.returncode == 130
    where = r"\rAnswer the sign-in window in Windows; it may be behind this one \(4:5\d left\)"
    assert re.search(where, read_all(ours))
