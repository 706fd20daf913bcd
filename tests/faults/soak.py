"""A program for the emulated machine: many requests through one credential, one after the other and all at once.

`soak.py SEQUENTIAL CONCURRENT DEADLINE` tells on stdout, as JSON, how each of them ended and what was left of them.
"""

import contextlib
import json
import logging
import os
import re
import sys
import threading
import time
from collections import Counter
from pathlib import Path

from azure.core.exceptions import ClientAuthenticationError

from azext_brokerauth import BrokerCredential

logging.basicConfig(level=logging.DEBUG, stream=sys.stderr)


def held() -> dict[str, list[str]]:
    """What this process holds of the system."""
    me = Path("/proc/self")
    children, descriptors = [], []
    for task in (me / "task").iterdir():
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # a thread that has just ended
            children += (task / "children").read_text().split()
    for descriptor in os.listdir(me / "fd"):
        with contextlib.suppress(FileNotFoundError):  # the listing's own
            descriptors.append(re.sub(r"\d+", "N", os.readlink(me / "fd" / descriptor)))
    return {
        "descriptors": sorted(descriptors),
        "threads": sorted(thread.name.rstrip("0123456789") for thread in threading.enumerate()),
        "children": ["a process" for _ in children],
    }


def settled() -> dict[str, list[str]]:
    """What is held once threads that have answered are gone: for a second nothing has changed."""
    last, since = held(), time.monotonic()
    while time.monotonic() - since < 1:
        time.sleep(0.05)
        if (now := held()) != last:
            last, since = now, time.monotonic()
    return last


def ask(credential: BrokerCredential, number: int, ended: list[tuple[str, float]]) -> None:
    # A claims challenge, which our cache does not answer; and each its own, where requests are not to be served as one.
    claims = json.dumps({"access_token": {"nbf": {"essential": True, "value": str(number)}}})
    started = time.monotonic()
    try:
        told = "token" if credential.get_token("https://vault.azure.net/.default", claims=claims).token else "nothing"
    except ClientAuthenticationError as error:
        known = "did not give a usable answer" in str(error) and "wsl --shutdown" in str(error)
        told = "clear error" if known else f"error: {error}"
    except Exception as error:  # noqa: BLE001  (that there is one is what the test is after)
        told = f"unclear: {type(error).__name__}: {error}"
    ended.append((told, time.monotonic() - started))


sequential, concurrent, deadline = int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
ended: list[tuple[str, float]] = []
with BrokerCredential(silent_timeout=deadline, disable_automatic_authentication=True) as warm:
    warm.get_token("https://vault.azure.net/.default")  # whatever is imported and opened once for all
before = settled()
with BrokerCredential(silent_timeout=deadline, disable_automatic_authentication=True) as credential:
    for number in range(sequential):
        ask(credential, number % 10, ended)
    at_work = settled()
    callers = [threading.Thread(target=ask, args=(credential, sequential + n, ended)) for n in range(concurrent)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    still_at_work = settled()
after = settled()
sys.stdout.write(
    json.dumps(
        {
            "ended": Counter(told for told, _ in ended),
            "longest": max(seconds for _, seconds in ended),
            "at_work": [at_work, still_at_work],
            "held": [before, after],
        }
    )
)
