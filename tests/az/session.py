"""A person at a terminal with the real Azure CLI, on an emulated machine."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from testbed.machine import Machine
from testbed.machine.interpreters import site_packages_of
from testbed.scenarios import Scenario
from tests.inheritance import INHERITED
from tests.shell import Shell

REPOSITORY = Path(__file__).resolve().parents[2]
QUICK = {"AZURE_BROKERAUTH_SILENT_TIMEOUT": "4", "AZURE_BROKERAUTH_PROMPT_TIMEOUT": "4"}


@dataclass(frozen=True)
class Cli:
    """An Azure CLI in a folder of its own, as `make az` and `make az-oldest` make it."""

    folder: Path

    @property
    def program(self) -> str:
        assert (self.folder / "az").exists(), f"{self.folder} is missing: run make az az-oldest"
        return str(self.folder / "az")

    @property
    def python(self) -> str:
        return str(self.folder / "venv/bin/python")

    @property
    def extension(self) -> Path:
        return self.folder / "cliextensions/brokerauth"


CLI = Cli(REPOSITORY / INHERITED.variables.get("AZ_UNDER_TEST", ".az"))
OLDEST = Cli(REPOSITORY / ".az/oldest")


def machine_for(scenario: Scenario | str, runtime: str, cli: Cli = CLI) -> Machine:
    """A machine where this Azure CLI can load the runtime."""
    assert cli.program
    return Machine(scenario, runtime, python=[cli.extension, *site_packages_of(cli.python)])


@dataclass
class Terminal(Shell):
    """Runs az. What a token is good for is never in what it prints, but where a token was asked for."""

    directory: Path
    cli: Cli = CLI
    env: dict[str, str] = field(default_factory=dict)
    silent = False  # az has warnings of its own
    get_access_token = ("account", "get-access-token")

    def __post_init__(self) -> None:
        self.env = {
            "AZURE_CONFIG_DIR": str(self.config),
            "AZURE_EXTENSION_DIR": str(self.cli.extension.parent),
            "AZURE_CORE_COLLECT_TELEMETRY": "false",
            "PATH": f"{self.cli.folder}:{os.environ['PATH']}",
            "BROWSER": "/bin/false",
        } | self.env

    def run(self, command: Sequence[str], *, timeout: float = 60, **env: str) -> subprocess.CompletedProcess[str]:
        done = self.machine.run(command, timeout=timeout, env=self.env | env, cwd=self.directory)
        assert "Traceback" not in done.stderr, done.stderr
        return done

    def command(self, *words: str, **more: Any) -> subprocess.CompletedProcess[str]:
        return self.az(*words, **more)

    def az(self, *words: str, **more: Any) -> subprocess.CompletedProcess[str]:
        return self.run([self.cli.program, *words], **more)

    def broker_calls(self) -> list[dict[str, Any]]:
        """Every token request that reached the broker, oldest first."""
        return [e for e in self.machine.journal() if e["to"] == "broker" and e["method"].startswith("acquireToken")]

    def token_endpoint_calls(self) -> list[str]:
        return [e["method"] for e in self.machine.journal() if e["to"] == "entra" and "/token" in e["method"]]

    def sign_in_by_device_code(self, **more: Any) -> subprocess.CompletedProcess[str]:
        """`az login --use-device-code`, with the code approved as soon as it waits."""
        approve = [sys.executable, "-c", _APPROVE]
        with self.machine.popen(approve, self.env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE) as approving:
            try:
                return self.az("login", "--use-device-code", **more)
            finally:
                approving.kill()


_APPROVE = """
import time, requests
while requests.post("https://login.microsoftonline.com/testbed/approve").status_code != 200:
    time.sleep(0.1)
"""
