"""What others have put beside us, and what the program that uses us has set: sign-in and tokens work all the same."""

from __future__ import annotations

import pytest

from tests.emulated.session import Session

SEMAPHORE = "/dev/shm/sem.e165a065-planted"  # noqa: S108
PLANTED = {
    "a pipe": f"mkfifo {SEMAPHORE}",
    "a link to zeros": f"ln -s /dev/zero {SEMAPHORE}",
    "a directory": f"mkdir {SEMAPHORE}",
}
IGNORING = """
import signal
for number in (signal.SIGCHLD, signal.SIGHUP, signal.SIGTERM):
    signal.signal(number, signal.SIG_IGN)
signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals() - {signal.SIGINT})
from azext_brokerauth import BrokerCredential
with BrokerCredential(require_broker=True) as credential:
    print(len(credential.get_token("https://vault.azure.net/.default").token) > 100)
"""
SHIPPING = """
import logging
from azext_brokerauth import BrokerCredential
credential = BrokerCredential()
shipped = []
class Ship(logging.Handler):
    def emit(self, record):
        shipped.append(credential.get_token("https://storage.azure.com/.default").expires_on)
logging.getLogger("azext_brokerauth").addHandler(Ship())
logging.getLogger("azext_brokerauth").setLevel(logging.DEBUG)
for _ in range(3):
    credential.get_token("https://vault.azure.net/.default", claims='{"access_token":{"nbf":{"essential":true}}}')
credential.close()
print(bool(shipped))
"""


@pytest.mark.parametrize("plant", PLANTED)
def test_what_another_user_names_like_a_semaphore_of_the_runtime_stops_nobody(default: Session, plant: str) -> None:
    assert default.run(["sh", "-c", PLANTED[plant]]).returncode == 0
    assert default.tell("login")["source"] == "broker"
    checks = {check["id"]: check["severity"] for check in default.tell("check-health")["checks"]}
    assert checks["runtime-locks"] == "pass"
    assert default.tell("logout", "--yes") is None


def test_a_program_that_ignores_and_blocks_signals_gets_a_token(default: Session) -> None:
    done = default.python(IGNORING)
    assert (done.returncode, done.stdout) == (0, "True\n"), done.stderr


def test_a_program_whose_logs_are_shipped_with_our_tokens_does_not_hang(default: Session) -> None:
    done = default.python(SHIPPING)
    assert (done.returncode, done.stdout) == (0, "True\n"), done.stderr
