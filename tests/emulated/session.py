"""A person's session on the emulated machine: runs commands, and sees to what must hold whatever they do."""

from __future__ import annotations

import contextlib
import os
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from testbed.machine import Machine, Process
from testbed.scenarios import Scenario
from tests.shell import Shell, printed
from tests.waiting import wait_until

BROKERAUTH = str(Path(sys.executable).with_name("brokerauth"))
_AZ_HOME = Path(__file__).parents[2] / ".az"
AZ = _AZ_HOME / "az"
"""The Azure CLI that `make az` installs, with the extension as a user has it."""
_OPENERS = (
    *("wslview", "xdg-open", "www-browser", "x-www-browser", "sensible-browser", "firefox", "google-chrome", "lynx"),
    *("explorer.exe", "powershell.exe", "cmd.exe", "msedge.exe"),
)
"""Whatever could open a browser from WSL."""
_RECORDER = '#!/bin/sh\necho "$0 $*" >> "{record}"\n'


@dataclass
class Session(Shell):
    """`brokerauth` on one machine, and az beside it.

    :param opened: gets a line for each browser that anything tried to open.
    """

    opened: Path
    env: dict[str, str]
    elsewhere: bool = False
    """A sign-in without the broker is expected."""
    _said: list[str] = field(default_factory=list)

    def run(
        self, command: Sequence[str], *, input: str | None = None, timeout: float = 40, **env: str
    ) -> subprocess.CompletedProcess[str]:
        """Run any program. Its output is looked through for secrets when the session ends."""
        done = self.machine.run(command, input, timeout, env=self.env | env)
        assert "Traceback" not in done.stderr, done.stderr
        self._said.append(done.stderr if "get-access-token" in command else done.stdout + done.stderr)
        return done

    def command(self, *words: str, **more: Any) -> subprocess.CompletedProcess[str]:
        return self.brokerauth(*words, **more)

    def brokerauth(self, *words: str, **more: Any) -> subprocess.CompletedProcess[str]:
        return self.run([BROKERAUTH, *words], **more)

    def az(self, *words: str, **more: Any) -> subprocess.CompletedProcess[str]:
        return self.run([str(AZ), *words], AZURE_CONFIG_DIR=str(self.config), **more)

    def tell_in_az(self, *words: str) -> Any:
        """What the command prints in az; --only-show-errors leaves stderr empty there."""
        return printed(self.az("brokerauth", *words, "--only-show-errors"))

    def python(self, code: str, **more: Any) -> subprocess.CompletedProcess[str]:
        return self.run([sys.executable, "-c", code], **more)

    def start(self, *words: str) -> Process:
        """Start a command, in a process group of its own as a shell does."""
        return self.machine.popen(
            [BROKERAUTH, *words], self.env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )

    def calls(self, to: str = "broker") -> list[str]:
        return [entry["method"] for entry in self.machine.journal() if entry["to"] == to]

    def secrets(self) -> list[str]:
        ledger = self.machine.ledger
        return [line.split()[1] for line in ledger.read_text().splitlines()] if ledger.exists() else []

    def check(self) -> None:
        """The promises that hold in every scenario."""
        wait_until(lambda: self.machine.processes() == [], 12)  # a private keyring lingers
        if not self.elsewhere:
            self._check_only_the_broker()
        self.check_stored(self.machine.home)
        for secret in self.secrets():
            assert not [said for said in self._said if secret in said]
        ours = self.config / "brokerauth"
        for entry in [ours, *ours.rglob("*")] if ours.exists() else []:
            assert stat.S_IMODE(entry.stat().st_mode) == (0o700 if entry.is_dir() else 0o600), entry

    def check_stored(self, home: Path) -> None:
        """No file in this directory holds a secret in the clear."""
        files = [file for file in home.rglob("*") if file.is_file()]
        stored = [file.read_bytes() for file in files]
        for secret in self.secrets():
            assert not [file for file, content in zip(files, stored, strict=True) if secret.encode() in content]

    def _check_only_the_broker(self) -> None:
        assert not self.opened.exists(), f"a browser was opened: {self.opened.read_text()}"
        discovery = ("configuration", "discovery/instance")
        assert not [m for m in self.calls("entra") if not m.startswith("GET ") or not m.endswith(discovery)]


@contextlib.contextmanager
def session(scenario: Scenario | str, runtime: str, directory: Path) -> Iterator[Session]:
    """A new machine, with a fresh home, and a record of every browser that anything opens."""
    programs = directory / "bin"
    programs.mkdir(parents=True, exist_ok=True)
    opened = directory / "opened"
    for name in _OPENERS:
        (programs / name).write_text(_RECORDER.format(record=opened))
        (programs / name).chmod(0o755)
    env = {"PATH": f"{programs}:{os.environ['PATH']}", "BROWSER": f"{programs}/firefox", "DISPLAY": ":0"}
    # The extension has a runtime of its own, which is to be as the scenario says too.
    extension = _AZ_HOME / "cliextensions/brokerauth"
    with Machine(scenario, runtime, python=[extension] if extension.exists() else []) as machine:
        there = Session(machine, opened, env)
        yield there
        there.check()


def send(process: Process, number: signal.Signals) -> None:
    """Send a signal to the command's whole process group, as a terminal does."""
    for pid in Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split():
        os.killpg(int(pid), number)


def read_all(terminal: int) -> str:
    """What was written to a terminal whose other end is closed by now. Closes this end."""
    said = b""
    with contextlib.suppress(OSError):  # EIO: all has been read
        while piece := os.read(terminal, 4096):
            said += piece
    os.close(terminal)
    return said.decode()
