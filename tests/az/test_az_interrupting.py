"""Ctrl-C and SIGTERM while az waits for the broker."""

from __future__ import annotations

import signal
import subprocess
import time

import pytest

from tests.az.session import Terminal
from tests.emulated.session import send, wait_until

SILENT = "acquireTokenSilently"


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
