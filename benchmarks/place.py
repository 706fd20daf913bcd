"""The emulated machine on which we and our peers do the same work, in turn."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from testbed.machine import Machine
from testbed.machine.interpreters import site_packages_of
from testbed.scenarios import Scenario
from tests.az.session import CLI, Terminal

ROOT = Path(__file__).resolve().parents[1]
OURS = str(ROOT / ".bench/ours/bin/python")
PEERS = sys.executable
"""Each side's Python, with nothing installed but what a user of it has."""
BROKERAUTH = str(ROOT / ".bench/ours/bin/brokerauth")
ARM = "https://management.azure.com/.default"
PROGRAMS = str(Path(__file__).with_name("programs.py"))
_STOPWATCH = str(Path(__file__).with_name("stopwatch.py"))
_LONGEST = 1800
"""Seconds that a race may take."""


@dataclass(frozen=True)
class Work:
    """A program to be measured.

    :param times: how many of it are started at once.
    :param may_fail: some of it may fail, and are counted.
    :param remove: the files (patterns) that are removed before each run, which is then a cold one.
    """

    argv: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict)
    times: int = 1
    may_fail: bool = False
    remove: tuple[str, ...] = ()


@dataclass(frozen=True)
class Run:
    """How a work went.

    :param seconds: until each of its programs ended, the last one last.
    :param failed: how many of them failed.
    :param out: what each wrote on stdout.
    :param err: and on stderr.
    """

    seconds: list[float]
    failed: int
    out: list[str]
    err: list[str]

    @property
    def whole(self) -> float:
        """Seconds until all had ended."""
        return self.seconds[-1]

    @property
    def told(self) -> Any:
        """What its only program printed."""
        return json.loads(self.out[0])


@dataclass(frozen=True)
class Place:
    """One machine."""

    terminal: Terminal

    @property
    def machine(self) -> Machine:
        return self.terminal.machine

    @property
    def kept(self) -> tuple[str, ...]:
        """The tokens that our processes share, as patterns."""
        directory = self.machine.home / ".cache/brokerauth"
        return (f"{directory}/[0-9a-f]*[0-9a-f]",)

    def sign_in(self) -> None:
        """As a person does who does not use az."""
        self.run(Work((BROKERAUTH, "login")))

    def sign_in_to_az(self) -> None:
        self.terminal.tell("brokerauth", "login", timeout=_LONGEST)

    def stock(self) -> dict[str, str]:
        """Variables with which az is without us. It has its own copy of the signed-in az's files, as they are now."""
        config = self.machine.home / ".azure-stock"
        shutil.copytree(self.terminal.config, config, dirs_exist_ok=True)
        for index in config.glob("*Index.json"):  # in which we are
            index.unlink()
        return self.alone(config)

    def alone(self, config: Path) -> dict[str, str]:
        """Variables with which az is without us, and signed in as the files of this directory say."""
        return {"AZURE_CONFIG_DIR": str(config), "AZURE_EXTENSION_DIR": str(self.machine.home / "no-extensions")}

    def run(self, work: Work) -> Run:
        return self.race({"": work}, 1)[""][0]

    def race(self, works: Mapping[str, Work], rounds: int, pause: float = 0.0) -> dict[str, list[Run]]:
        """Run each work once in each round.

        :param pause: seconds before each run, in which what the one before has started may end.
        """
        asked = {"rounds": rounds, "pause": pause, "works": {name: asdict(work) for name, work in works.items()}}
        command = [PEERS, _STOPWATCH]
        done = self.machine.run(command, json.dumps(asked), _LONGEST, self.terminal.env, cwd=self.terminal.directory)
        if done.returncode != 0:
            raise RuntimeError(done.stderr)
        return {name: [Run(**run) for run in runs] for name, runs in json.loads(done.stdout).items()}

    def calls(self, to: str, method: str = "") -> int:
        """How many calls of a method have reached a stand-in since the journal was cleared."""
        return sum(entry["to"] == to and entry["method"].startswith(method) for entry in self.machine.journal())


@contextlib.contextmanager
def place(scenario: Scenario | str = "default") -> Iterator[Place]:
    """A new machine, with Microsoft's runtime where this system can load it."""
    directories = [CLI.extension, *site_packages_of(CLI.python), *site_packages_of(OURS)]
    with tempfile.TemporaryDirectory() as directory, Machine(scenario, python=directories) as machine:
        yield Place(Terminal(machine, Path(directory)))


def seconds_of(runs: list[Run]) -> list[float]:
    return [run.whole for run in runs]


def is_busy() -> float:
    """The load of the last minute: programs that wanted a core."""
    return os.getloadavg()[0]
