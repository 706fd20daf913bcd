"""Microsoft's own runtime when memory, descriptors or its session bus run out: a clear error, and it recovers."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from testbed.machine import Machine
from testbed.scenarios import SCENARIOS
from tests.conftest import RUNTIMES
from tests.emulated.session import BROKERAUTH, Session
from tests.waiting import wait_until

pytestmark = pytest.mark.skipif("real" not in RUNTIMES, reason="Microsoft publishes no runtime for this machine")
HEALTHY = dataclasses.replace(SCENARIOS["default"], token_lifetime=240)  # nothing is answered from a cache
SESSION = {"AZURE_BROKERAUTH_KEYRING": "session", "AZURE_BROKERAUTH_TOKEN_CACHE": "az"}
"""The session's keyring, and no older token in place of an error."""
# Inside the machine's own process namespace, where no other program of this host is seen.
END_DESKTOP = """
import os, signal
from pathlib import Path
for comm in Path("/proc").glob("[0-9]*/comm"):
    if comm.read_text().startswith(("dbus-daemon", "gnome-keyring")):
        os.kill(int(comm.parent.name), signal.SIGKILL)
"""


@pytest.fixture
def there(tmp_path: Path) -> Iterator[Session]:
    with Machine(HEALTHY, "real") as machine:
        there = Session(machine, tmp_path / "opened", {"BROWSER": "/bin/false"})
        there.tell("login")
        yield there
        wait_until(lambda: machine.processes() == [], 20)


def limited(there: Session, limit: str) -> str:
    done = there.run(["prlimit", limit, BROKERAUTH, "get-access-token"], timeout=90)
    assert (done.returncode, done.stdout) == (1, ""), done.stderr
    return done.stderr


def test_too_little_memory_is_not_taken_for_a_missing_package(there: Session) -> None:
    said = limited(there, f"--as={250 << 20}")
    assert "There is not enough memory to load Microsoft's runtime" in said
    assert ".wslconfig" in said
    assert "apt-get" not in said
    assert there.tell("get-access-token")


@pytest.mark.parametrize("limit", [12, pytest.param(13, marks=pytest.mark.full)])
@pytest.mark.parametrize("keyring", ["session", "private"])
def test_too_few_descriptors_end_the_broker_and_not_the_caller(there: Session, keyring: str, limit: int) -> None:
    """How many the runtime has open at once is a matter of time: about so many are enough every other time."""
    env = {**SESSION, "AZURE_BROKERAUTH_KEYRING": keyring}
    done = there.run(["prlimit", f"--nofile={limit}", BROKERAUTH, "get-access-token"], timeout=90, **env)
    if done.returncode == 0:
        assert json.loads(done.stdout)["accessToken"]
    else:
        assert (done.returncode, done.stdout) == (1, "")
        why = ("broker's process ended before it answered", "did not give a usable answer", "could not be started: ")
        assert any(each in done.stderr for each in why), done.stderr
        assert "ry again" in done.stderr
    assert there.tell("get-access-token")


def test_too_few_descriptors_to_start_the_broker_are_named(there: Session) -> None:
    said = limited(there, "--nofile=10")
    assert "The broker's process cannot be started" in said
    assert "Too many open files" in said
    assert there.tell("get-access-token")


def test_a_session_bus_that_goes_away_in_the_middle_is_no_hang(there: Session) -> None:
    there.machine.set_scenario(dataclasses.replace(HEALTHY, calls={"acquireTokenSilently": "slow"}, delay=2))
    there.machine.clear_journal()
    pipe = subprocess.PIPE
    with there.machine.popen([BROKERAUTH, "get-access-token"], there.env, stdout=pipe, stderr=pipe) as running:
        wait_until(lambda: "acquireTokenSilently" in there.calls(), 30)
        time.sleep(0.2)  # the call is journalled before it is answered
        there.machine.run([sys.executable, "-c", END_DESKTOP], check=True)
        _, said = running.communicate(timeout=90)
    # What it needed of the bus it may have had by then.
    assert running.returncode == 0 or (said.startswith("ERROR: ") and "keyring" in said)
    there.machine.set_scenario(HEALTHY)
    for words, why in ((["get-access-token"], "(setting keyring)"), (["login"], "a keyring named 'login'")):
        assert why in there.refuse(*words, timeout=90, **SESSION)
    for words in (["get-access-token"], ["login"]):  # which go on with a keyring of their own
        assert there.tell(*words, timeout=90)
