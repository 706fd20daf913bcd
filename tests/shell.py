"""A person's commands on an emulated machine, and how what they print is read."""

from __future__ import annotations

import abc
import json
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from testbed.machine import Machine
from tests.tokens import claims_of


def printed(done: subprocess.CompletedProcess[str], silent: bool = True) -> Any:
    """The JSON that a command which succeeded printed; None when it printed nothing.

    :param silent: nothing may be on stderr.
    """
    assert done.returncode == 0, done.stderr
    assert not (silent and done.stderr), done.stderr
    return json.loads(done.stdout) if done.stdout else None


@dataclass
class Shell(abc.ABC):
    """Commands of one program on one machine."""

    machine: Machine
    silent: ClassVar[bool] = True
    """A command that succeeds leaves stderr empty."""
    get_access_token: ClassVar[tuple[str, ...]] = ("get-access-token",)
    """The command that prints a token."""

    @abc.abstractmethod
    def command(self, *words: str, **more: Any) -> subprocess.CompletedProcess[str]:
        """Run the program with these arguments.

        :param more: how, and variables for its environment.
        """

    @property
    def config(self) -> Path:
        """az's configuration directory, where this project keeps its files too."""
        return self.machine.home / ".azure"

    def tell(self, *words: str, **more: Any) -> Any:
        """What a command that succeeds prints."""
        return printed(self.command(*words, **more), self.silent)

    def refuse(self, *words: str, status: int = 1, **more: Any) -> str:
        """What a command that fails says, with nothing on stdout."""
        done = self.command(*words, **more)
        assert (done.returncode, done.stdout) == (status, ""), done.stderr
        return done.stderr

    def claims(self, *words: str, **more: Any) -> dict[str, Any]:
        """The claims of the token that the program prints."""
        return claims_of(self.tell(*self.get_access_token, *words, **more)["accessToken"])
