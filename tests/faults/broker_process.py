"""What the tests of the broker's process share: a request, stand-ins for the runtime, and what they tell."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from azext_brokerauth.broker.child import Child
from azext_brokerauth.broker.messages import AppOptions, Ask, Failure, Step
from azext_brokerauth.errors.troubles import Trouble
from azext_brokerauth.models import BrokerFlag, Target, TokenRequest
from tests.waiting import wait_until

LONG = 60
"""Seconds that nothing here comes near, on any machine."""
REQUEST = TokenRequest(
    ("https://vault.azure.net/.default",), Target("app", "login.microsoftonline.com", "organizations")
)
ASK = Ask(Step.DEFAULT, REQUEST, AppOptions(BrokerFlag.WSL))

# In place of pymsalruntime: what it does when it is imported into the broker's process, as the real one is.
TELLS = """
import colorsys, ctypes, json, os, resource, signal, sys
descriptors = []
for number in os.listdir("/proc/self/fd"):
    try:
        descriptors.append(os.readlink(f"/proc/self/fd/{number}"))
    except FileNotFoundError:
        pass  # the listing's own
raise OSError(json.dumps({
    "environment": dict(os.environ),
    "descriptors": descriptors,
    "core": resource.getrlimit(resource.RLIMIT_CORE),
    "dumpable": ctypes.CDLL(None).prctl(3, 0, 0, 0, 0),
    "isolated": sys.flags.isolated,
    "directory": os.getcwd(),
    "leads_its_session": os.getsid(0) == os.getpid() == os.getpgid(0),
    "deaf_to_interrupts": signal.getsignal(signal.SIGINT) == signal.SIG_IGN,
    "path": sys.path,
    "colorsys": colorsys.__file__,
    "cmdline": open("/proc/self/cmdline").read().split(chr(0)),
    "ignored": [number for number in signal.valid_signals() if signal.getsignal(number) is signal.SIG_IGN],
    "blocked": list(signal.pthread_sigmask(signal.SIG_BLOCK, ())),
}))
"""
# Starts a program, as the real one starts a proxy, and hangs in its import.
HANGS = """
import os, subprocess, time
from pathlib import Path
proxy = subprocess.Popen(["sleep", "1000"])
Path({told!r}).write_text(f"{{os.getpid()}} {{proxy.pid}}")
time.sleep(1000)
"""
PARENT = """
import sys, threading, os, time
sys.path.insert(0, {site!r})
from azext_brokerauth.broker.child import Child
from azext_brokerauth.broker.launch import prepare
from azext_brokerauth.broker.messages import AppOptions, Ask, Step
from azext_brokerauth.models import BrokerFlag, Target, TokenRequest
request = TokenRequest((), Target("app", "login.microsoftonline.com", "organizations"))
ask = Ask(Step.DEFAULT, request, AppOptions(BrokerFlag.WSL))
process = Child(prepare())
def wait():
    process.ask(ask, 1000)
threading.Thread(target=wait, daemon=True).start()
"""
# Holds one of the runtime's locks for a while, and hangs.
HOLDS = """
import time
from pathlib import Path
lock = Path({lock!r})
lock.write_bytes(bytes(32))
time.sleep({seconds})
Path({let_go!r}).touch()
lock.write_bytes(bytes([1]) + bytes(31))
time.sleep(1000)
"""
Runtime = Callable[[str], Path]


def told(process: Child) -> dict[str, Any]:
    """What TELLS says."""
    answer = process.ask(ASK, LONG)
    process.end()
    assert isinstance(answer, Failure)
    assert answer.trouble is Trouble.LIBRARY_MISSING, answer
    facts: dict[str, Any] = json.loads(answer.text)
    return facts


def is_gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


def pids_in(file: Path) -> list[int]:
    wait_until(lambda: file.exists() and len(file.read_text().split()) == 2, LONG)
    return [int(pid) for pid in file.read_text().split()]
