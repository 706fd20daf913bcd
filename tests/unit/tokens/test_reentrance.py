"""Other people's code in the middle of ours: log handlers and signal handlers that ask for a token themselves."""

from __future__ import annotations

import logging
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest

from azext_brokerauth.speaker import SPEAKER
from azext_brokerauth.tokens import Prompt, Tokens
from tests.unit.tokens.machine import NETWORK, SCOPE, Broker, tokens_of

LONG = 30


@pytest.fixture
def broker() -> Iterator[Broker]:
    broker = Broker()
    yield broker
    broker.gate.set()


class Shipper(logging.Handler):
    """Ships each record to where a token is needed."""

    def __init__(self, tokens: Tokens) -> None:
        super().__init__(logging.DEBUG)
        self.tokens = tokens
        self.shipped: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.tokens.get(SCOPE, Prompt.NEVER)
        self.shipped.append(record.getMessage())


@pytest.fixture
def ships(broker: Broker) -> Iterator[Shipper]:
    shipper = Shipper(tokens_of(broker))
    logger = logging.getLogger("azext_brokerauth")
    level = logger.level
    logger.addHandler(shipper)
    yield shipper
    logger.removeHandler(shipper)
    logger.setLevel(level)


def in_time(call: object) -> list[object]:
    """What a call returns, unless it hangs."""
    returned: list[object] = []
    thread = threading.Thread(target=lambda: returned.append(call()), daemon=True)  # type: ignore[operator]
    thread.start()
    thread.join(LONG)
    assert not thread.is_alive(), "it hangs"
    return returned


def test_a_log_handler_that_asks_for_the_same_token_hangs_nobody(ships: Shipper) -> None:
    logging.getLogger("azext_brokerauth").setLevel(logging.DEBUG)
    assert in_time(lambda: ships.tokens.get(SCOPE, Prompt.NEVER).value) == ["token 1"]
    SPEAKER.flush(LONG)
    assert any("step for" in text for text in ships.shipped)


def test_a_log_handler_that_asks_when_a_renewal_fails_hangs_nobody(ships: Shipper, broker: Broker) -> None:
    ships.tokens.get(SCOPE, Prompt.NEVER)
    broker.now += 3600 - 299
    broker.replies = [NETWORK]
    assert in_time(lambda: ships.tokens.get(SCOPE, Prompt.NEVER).value) == ["token 1"]
    SPEAKER.flush(LONG)
    assert [text for text in ships.shipped if text.startswith("The token could not be renewed")]


def test_what_a_log_handler_makes_us_say_is_not_said_or_it_would_never_end(ships: Shipper) -> None:
    logging.getLogger("azext_brokerauth").setLevel(logging.DEBUG)
    ships.tokens.get(SCOPE, Prompt.NEVER)
    SPEAKER.flush(LONG)
    said = len(ships.shipped)
    SPEAKER.flush(LONG)
    assert len(ships.shipped) == said


INTERRUPTED = """
import faulthandler, random, signal, time
faulthandler.dump_traceback_later(60, exit=True)
from azext_brokerauth.tokens import Prompt
from tests.unit.tokens.machine import SCOPE, Broker, tokens_of
broker = Broker()
tokens = tokens_of(broker)
handled = 0
def handler(number, frame):
    global handled
    tokens.get(SCOPE, Prompt.NEVER)
    handled += 1
    signal.setitimer(signal.ITIMER_REAL, random.uniform(0.0001, 0.002))
signal.signal(signal.SIGALRM, handler)
signal.setitimer(signal.ITIMER_REAL, 0.001)
until = time.monotonic() + 3
while time.monotonic() < until:
    broker.now += 3600  # every token is old
    tokens.get(SCOPE, Prompt.NEVER)
signal.signal(signal.SIGALRM, signal.SIG_IGN)
print("handled" if handled > 20 else handled)
"""


def test_a_signal_handler_that_asks_for_a_token_hangs_nobody() -> None:
    done = subprocess.run([sys.executable, "-c", INTERRUPTED], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "handled\n"), done.stderr
