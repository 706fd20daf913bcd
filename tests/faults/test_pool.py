"""Who shares a process of the broker, and for how long: it ends neither too early for the others, nor too late."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from azext_brokerauth.broker.messages import Failure, Reply, Step
from azext_brokerauth.broker.pool import Broker, Window
from azext_brokerauth.errors import BrokerAuthError, BrokerTimeoutError, ClosedError
from tests.faults.broker_process import ASK, HANGS, LONG, Runtime, is_gone, pids_in
from tests.waiting import wait_until

# In place of pymsalruntime: its import fails in a way that leaves the process as good as new, and tells which it was.
TELLS_PID = "import os\nraise MemoryError(str(os.getpid()))\n"
# The same, once it may.
WAITS = """
import os, time
from pathlib import Path
Path({began!r}).write_text(str(os.getpid()))
while not Path({go!r}).exists():
    time.sleep(0.02)
raise MemoryError(str(os.getpid()))
"""
FORKS = """
import gc, os, sys
sys.path.insert(0, {site!r})
from azext_brokerauth.broker.messages import AppOptions, Ask, Step
from azext_brokerauth.broker.pool import Broker
from azext_brokerauth.models import BrokerFlag, Target, TokenRequest
request = TokenRequest((), Target("app", "login.microsoftonline.com", "organizations"))
ask = Ask(Step.DEFAULT, request, AppOptions(BrokerFlag.WSL))
broker = Broker()
before = broker.ask(ask, {patience})
fork = os.fork()
if fork == 0:
    {then}
if os.waitpid(fork, 0)[1]:
    sys.exit("the fork failed")
print(before.text, "then", broker.ask(ask, {patience}).text)
broker.close()
"""


@pytest.fixture
def broker() -> Iterator[Broker]:
    broker = Broker()
    yield broker
    broker.close()


def pid_in(reply: Reply) -> int:
    assert isinstance(reply, Failure), reply
    return int(reply.text.split()[-1])


@pytest.mark.parametrize(
    "then",
    ["sys.exit(0)", "broker.close(); sys.exit(0)", "del broker; gc.collect(); sys.exit(0)"],
    ids=["exits", "closes the broker", "drops it"],
)
def test_a_fork_does_not_end_its_parents_process(runtime: Runtime, then: str) -> None:
    site = runtime(TELLS_PID)
    program = FORKS.format(site=str(site), then=then, patience=LONG)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=3 * LONG)
    assert done.returncode == 0, done.stderr
    before, _, after = done.stdout.strip().partition(" then ")
    assert before == after


def test_a_fork_has_a_process_of_its_own(runtime: Runtime) -> None:
    site = runtime(TELLS_PID)
    then = f"sys.exit(broker.ask(ask, {LONG}).text == before.text)"
    program = FORKS.format(site=str(site), then=then, patience=LONG)
    subprocess.run([sys.executable, "-c", program], check=True, timeout=3 * LONG)


def test_a_deadline_does_not_end_a_process_that_somebody_else_waits_for(
    runtime: Runtime, broker: Broker, tmp_path: Path
) -> None:
    began, go = tmp_path / "began", tmp_path / "go"
    runtime(WAITS.format(began=str(began), go=str(go)))
    replies: list[Reply] = []
    patient = threading.Thread(target=lambda: replies.append(broker.ask(ASK, 10 * LONG)))
    patient.start()
    wait_until(lambda: began.exists() and began.read_text(), LONG)
    pid = int(began.read_text())
    with pytest.raises(BrokerTimeoutError):
        broker.ask(ASK, 0.5)
    go.touch()
    patient.join(LONG)
    assert [pid_in(reply) for reply in replies] == [pid]
    wait_until(lambda: is_gone(pid), LONG)


@pytest.mark.parametrize("error", ["ModuleNotFoundError", "ImportError", "OSError", "RuntimeError"])
def test_a_runtime_that_failed_to_load_is_tried_again_in_another_process(
    runtime: Runtime, broker: Broker, error: str
) -> None:
    runtime(f"import os\nraise {error}(str(os.getpid()))")
    first, second = (pid_in(broker.ask(ASK, LONG)) for _ in range(2))
    assert first != second
    assert is_gone(first)


def test_one_process_serves_all_silent_requests_until_the_broker_is_closed(runtime: Runtime, broker: Broker) -> None:
    runtime(TELLS_PID)
    first, second = (pid_in(broker.ask(ASK, LONG)) for _ in range(2))
    assert first == second
    assert not is_gone(first)
    broker.close()
    wait_until(lambda: is_gone(first), LONG)
    with pytest.raises(ClosedError):
        broker.ask(ASK, LONG)


def test_closing_takes_an_open_prompt_away(runtime: Runtime, broker: Broker, tmp_path: Path) -> None:
    file = tmp_path / "pids"
    runtime(HANGS.format(told=str(file)))
    windows: list[Window] = []
    errors: list[BrokerAuthError] = []

    def prompt() -> None:
        try:
            broker.prompt(replace(ASK, step=Step.PROMPT), 10 * LONG, windows.append)
        except BrokerAuthError as error:
            errors.append(error)

    prompting = threading.Thread(target=prompt)
    prompting.start()
    pids = pids_in(file)
    broker.close()
    wait_until(lambda: all(map(is_gone, pids)), LONG)
    prompting.join(LONG)
    assert len(windows) == len(errors) == 1
