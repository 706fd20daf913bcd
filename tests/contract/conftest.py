"""Runs the observations on machines, the kinds of one scenario at the same time."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from testbed.machine import Machine

REPOSITORY = Path(__file__).parents[2]


@dataclass(frozen=True)
class Observed:
    """What one program saw.

    :param seen: by observation: what it returned, or how it failed.
    :param loud: this project's log messages above DEBUG.
    :param said: all log messages, exceptions with their chains, and reprs.
    :param modules: what the program had imported at its end.
    """

    seen: dict[str, Any]
    loud: list[str]
    said: list[str]
    modules: list[str]


def observe(machine: Machine, kinds: Sequence[str], names: Sequence[str], **env: str) -> dict[str, Observed]:
    """By kind. Whatever they see, no secret may be in anything they say, and no user name in anything said aloud.

    Each asks the broker, whatever an earlier one was given.
    """
    env = {"AZURE_BROKERAUTH_TOKEN_CACHE": "memory", **env}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    observations = [sys.executable, "-m", "tests.contract.observations"]
    programs = {kind: machine.popen([*observations, kind, *names], env, REPOSITORY, **pipes) for kind in kinds}
    observed = {}
    for kind, program in programs.items():
        with program:
            told, complaint = program.communicate(timeout=120)
        assert program.returncode == 0, complaint
        observed[kind] = Observed(**json.loads(told))
    ledger = machine.ledger.read_text() if machine.ledger.exists() else ""  # there is none before the first token
    secrets = [line.split(" ", 1)[1] for line in ledger.splitlines()]
    for kind, one in observed.items():
        if kind != "peer":
            assert not [text for text in one.said if any(secret in text for secret in secrets)]
            assert not [text for text in one.loud if "@contoso.com" in text]
    return observed


@pytest.fixture(scope="module")
def machine_in(runtime: str) -> Iterator[Callable[[str], Machine]]:
    """A machine in a scenario: the running one wherever that can change into it."""
    running: list[Machine] = []

    def get(scenario: str) -> Machine:
        if running:
            try:
                running[0].set_scenario(scenario)
            except ValueError:
                running.pop().__exit__(None, None, None)
        if not running:
            running.append(Machine(scenario, runtime).__enter__())
        return running[0]

    yield get
    for machine in running:
        machine.__exit__(None, None, None)
