"""What a test run is started with, made the same for every run: signals, umask, variables.

A run in the background (`nohup make test`, `make test &`) has signals ignored, and a run from somebody's shell has that
person's settings. What a test starts inherits them, unless the run itself is rid of them first.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_KEPT = ("PATH", "USER", "LOGNAME", "SHELL", "TMPDIR", "VIRTUAL_ENV")
_KEPT_PREFIXES = ("PYTEST_",)
_PYTHONS_OWN = (signal.SIGPIPE, signal.SIGXFSZ)
"""Python ignores them from its start on, and subprocess restores them."""


def _ignored() -> list[int]:
    return [
        int(number)
        for number in signal.valid_signals()
        if signal.getsignal(number) is signal.SIG_IGN and number not in _PYTHONS_OWN
    ]


@dataclass
class Inheritance:
    """What this run was started with.

    :param variables: for what a test installs: only they tell the way to a package.
    :param ignored: the signals that it goes on to ignore.
    """

    variables: dict[str, str] = field(default_factory=lambda: dict(os.environ))
    ignored: list[int] = field(default_factory=_ignored)

    def to_worker(self) -> dict[str, Any]:
        """As it crosses to a process that runs some of the tests, which inherits from this one."""
        return {"variables": self.variables, "ignored": self.ignored}

    def take_over(self, given: Mapping[str, Any]) -> None:
        """Be what another process's is."""
        self.variables, self.ignored = given["variables"], given["ignored"]

    def put_away(self) -> None:
        """Keep it from all that this process starts."""
        for number in self.ignored:
            # A program begins with a signal ignored that its parent ignores, but not with one that its parent handles.
            # Who ignores SIGCHLD is not told how a program ended.
            signal.signal(number, signal.SIG_DFL if number == signal.SIGCHLD else lambda *_: None)
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        os.umask(0o022)
        self._home = tempfile.mkdtemp(prefix="testbed-home-")
        mine = {name: value for name, value in os.environ.items() if name in _KEPT or name.startswith(_KEPT_PREFIXES)}
        mine |= {"HOME": self._home, "XDG_CACHE_HOME": str(self._cache()), "LANG": "C.UTF-8", "TERM": "dumb"}
        os.environ.clear()
        os.environ.update(mine)

    def end(self) -> None:
        """Remove what putting it away has made."""
        shutil.rmtree(self._home, ignore_errors=True)

    def _cache(self) -> Path:
        """What is compiled and installed for tests is kept from one run to the next."""
        home = Path(self.variables.get("HOME", ""))
        if not home.is_absolute() or not home.is_dir():
            home = Path(pwd.getpwuid(os.getuid()).pw_dir)
        return Path(self.variables.get("XDG_CACHE_HOME") or home / ".cache")


INHERITED = Inheritance()
