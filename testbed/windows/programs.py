"""What the programs at the Linux-to-Windows border do when somebody starts them."""

from __future__ import annotations

import contextlib
import json
import os
import socketserver
import struct
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from testbed.journal import Journal
from testbed.scenarios import Scenario
from testbed.windows.broker import Broker

STATE = Path("/run/testbed")
"""The testbed's own files on the machine; a product has no business with them."""
WSLINFO = Path("/usr/bin/wslinfo")
PROXY = Path("/mnt/c/Program Files/WSL/msal.wsl.proxy.exe")
_SYSTEM = Path("/mnt/c/Windows/System32")
CMD = _SYSTEM / "cmd.exe"
DSREGCMD = _SYSTEM / "dsregcmd.exe"
POWERSHELL = _SYSTEM / "WindowsPowerShell/v1.0/powershell.exe"
ON_WINDOWS = (PROXY, CMD, DSREGCMD, POWERSHELL)
"""The programs that Linux needs interop for. A new one goes here, and into the table in `machine/init.py`."""
LINUX_BROKER = STATE / "linux-broker"
"""The double's way to the native Linux broker; the real runtime takes D-Bus."""

_WSLINFO_USAGE = """wslinfo usage:
    --networking-mode
        Display current networking mode.

    --wsl-version
        Display the version of the WSL package.

    -n
        Do not print a newline."""


@dataclass(frozen=True)
class Outcome:
    """What a started program does, in this order: waits, writes, ends."""

    stdout: bytes = b""
    stderr: bytes = b""
    status: int = 0
    delay: float = 0.0
    """Seconds."""
    then: str = "exit"
    """`exit`, `hang` or `crash`."""

    def orders(self) -> bytes:
        """The outcome as the orders that `program.c` reads."""
        end = {"exit": (b"x", self.status), "hang": (b"h", 0), "crash": (b"c", 0)}[self.then]
        texts = [(b"o", self.stdout), (b"e", self.stderr)]
        writes = [struct.pack("!cI", letter, len(text)) + text for letter, text in texts]
        return b"".join(writes) + struct.pack("!cI", *end)


Program = Callable[[list[str]], Outcome]
"""From the arguments (argv[0] left out) to the outcome."""


def proxy(broker: Broker, via: str) -> Program:
    """The program that carries one call to the account broker: `--method M --cid UUID --requestJson JSON`."""

    def run(arguments: list[str]) -> Outcome:
        given = dict(zip(arguments[::2], arguments[1::2], strict=False))
        if "--method" not in given:
            return _no("no method is given")
        method = given["--method"]
        # The runtime pings with `{{}}`, which is no JSON.
        request = {} if method == "ping" else json.loads(given["--requestJson"])
        action = broker.answer(method, given["--cid"], request, via)
        return Outcome(action.output, delay=action.delay, then=action.then)

    return run


def wslinfo(scenario: Callable[[], Scenario], journal: Journal) -> Program:
    """The same questions, answers and failures as https://github.com/microsoft/WSL/blob/master/src/linux/init/wslinfo.cpp."""

    def answer(option: str) -> Outcome:
        now = scenario()
        if option in ("--wsl-version", "--version"):
            return Outcome(now.wsl_version.encode())
        if option == "--networking-mode":
            if now.machine == "wsl1":
                return Outcome(b"wsl1")
            return Outcome(now.networking.encode()) if now.interop else _no("Failed to query the networking mode.")
        if option == "--msal-proxy-path" and _version(now) >= (2, 4, 13):
            if now.machine == "wsl1" or not now.interop:
                return _no("No value found.")
            return Outcome(str(PROXY).encode())
        return _no(_WSLINFO_USAGE)

    def run(arguments: list[str]) -> Outcome:
        options = [a for a in arguments if a != "-n"]
        outcome = answer(options[0] if len(options) == 1 else "")
        journal.write("wslinfo", " ".join(arguments), status=outcome.status)
        newline = b"\n" if outcome.stdout and "-n" not in arguments else b""
        return Outcome(outcome.stdout + newline, outcome.stderr, outcome.status)

    return run


def cmd(arguments: list[str]) -> Outcome:
    """Windows' command line interpreter: `ver` is all that it knows."""
    if arguments[-1:] == ["ver"]:
        return Outcome(b"\r\nMicrosoft Windows [Version 10.0.26100.1]\r\n")
    return _no(f"'{arguments[-1:]}' is not recognized as an internal or external command,")


def dsregcmd(scenario: Callable[[], Scenario]) -> Program:
    """The device's state, in the form of
    https://learn.microsoft.com/entra/identity/devices/troubleshoot-device-dsregcmd."""

    def run(arguments: list[str]) -> Outcome:
        state = scenario().device
        facts = {
            "AzureAdJoined": state in ("joined", "no-prt"),
            "EnterpriseJoined": False,
            "DomainJoined": False,
            "WorkplaceJoined": state == "registered",
            "AzureAdPrt": state == "joined",
        }
        lines = [f"{name:>20} : {'YES' if value else 'NO'}\r\n" for name, value in facts.items()]
        return Outcome(("\r\n" + "".join(lines)).encode())

    return run


def powershell(scenario: Callable[[], Scenario]) -> Program:
    """Answers every script as if it asked for elevation, session and time, each after the word that it begins with."""

    def run(arguments: list[str]) -> Outcome:
        now = scenario()
        milliseconds = int((time.time() + now.clock_skew) * 1000)
        return Outcome(f"brokerauth {now.elevated} {now.windows_session} {milliseconds}\r\n".encode())

    return run


def _no(text: str) -> Outcome:
    return Outcome(stderr=f"{text}\n".encode(), status=1)


def _version(scenario: Scenario) -> tuple[int, ...]:
    return tuple(int(part) for part in scenario.wsl_version.split("."))


def serve(programs: dict[str, Program]) -> socketserver.BaseServer:
    """Answer every start of a program; the caller keeps `serve_forever` going.

    :param programs: by the name under which they are started.
    """

    class Start(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            path, *arguments = os.fsdecode(self.rfile.read()).split("\0")[:-1]
            outcome = programs[Path(path).name](arguments)
            time.sleep(outcome.delay)
            with contextlib.suppress(BrokenPipeError):  # killed while it waited
                self.wfile.write(outcome.orders())

    class Server(socketserver.ThreadingUnixStreamServer):
        daemon_threads = True
        request_queue_size = 128

        def handle_error(self, request: Any, client_address: Any) -> None:
            """Tell a fault of the testbed to whoever started the program, who can show it."""
            request.sendall(_no(traceback.format_exc()).orders())

    return Server(str(STATE / "windows.sock"), Start)
