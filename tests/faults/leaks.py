"""Looks for every secret that the stand-ins issued, in what is on disk and in what processes show of themselves."""

from __future__ import annotations

import contextlib
import hashlib
import os
import threading
from collections.abc import Iterator
from pathlib import Path

from testbed.machine import Machine

_INTERVAL = 0.05
"""Seconds between two looks at the processes."""
_OF_TESTS = ("testbed-", "pytest-of-")


class Sampler:
    """Keeps what the machine's programs show in `/proc/*/cmdline` and `/proc/*/environ` while it is open."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._seen: dict[bytes, bytes] = {}
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Sampler:
        self._temporaries = _temporaries()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    @property
    def seen(self) -> list[bytes]:
        return list(self._seen.values())

    def new_temporaries(self) -> set[Path]:
        """What has come to the temporary directories since, but for the tests' own."""
        return {path for path in _temporaries() - self._temporaries if not path.name.startswith(_OF_TESTS)}

    def _watch(self) -> None:
        while True:
            for pid, argv in self._machine.processes():
                self._keep(b"\0".join(os.fsencode(word) for word in argv))
                # Gone by now, or made undumpable, as the broker's process makes itself.
                with contextlib.suppress(FileNotFoundError, ProcessLookupError, PermissionError):
                    self._keep(Path(f"/proc/{pid}/environ").read_bytes())
            if self._over.wait(_INTERVAL):
                return

    def _keep(self, shown: bytes) -> None:
        self._seen[hashlib.sha256(shown).digest()] = shown


def _temporaries() -> set[Path]:
    return {path for directory in ("/tmp", "/var/tmp") for path in Path(directory).iterdir()}  # noqa: S108


def secrets(machine: Machine) -> list[bytes]:
    """Every token, refresh token and code that the stand-ins handed out."""
    if not machine.ledger.exists():
        return []
    return [line.split()[1] for line in machine.ledger.read_bytes().splitlines()]


def found(machine: Machine, *said: str, sampler: Sampler | None = None, allowed: tuple[Path, ...] = ()) -> list[str]:
    """The places where a secret lies open: files of the home, temporary files, processes, and anything said.

    :param said: what programs wrote.
    :param allowed: files where SECURITY.md says that tokens are.
    """
    issued = secrets(machine)
    shown = {f"something said: {text[:60]!r}": text.encode() for text in said}
    shown |= {f"a process: {text[:60]!r}": text for text in (sampler.seen if sampler else [])}
    shown |= {str(path): content for path, content in _files(machine, sampler) if path not in allowed}
    return [place for place, content in shown.items() if any(secret in content for secret in issued)]


def _files(machine: Machine, sampler: Sampler | None) -> Iterator[tuple[Path, bytes]]:
    """The home's files, and what has come to the temporary directories while the sampler was open."""
    for root in [machine.home, *(sampler.new_temporaries() if sampler else [])]:
        # The machine shares the temporary directories with its host, where other programs come and go; os.walk passes
        # over a directory that has just gone.
        below = (Path(directory, name) for directory, _, names in os.walk(root) for name in names)
        for path in [root, *below]:
            with contextlib.suppress(OSError):
                if path.is_file() and not path.is_symlink():
                    yield path, path.read_bytes()
