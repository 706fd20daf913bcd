"""The Pythons of this machine on which brokerauth can be installed."""

from __future__ import annotations

import functools
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.inheritance import INHERITED

SUPPORTED = [(3, minor) for minor in range(10, 15)]


def _candidates() -> Iterator[str]:
    yield sys.executable
    yield "/usr/bin/python3"
    for major, minor in SUPPORTED:
        if found := shutil.which(f"python{major}.{minor}"):
            yield found
    versions = Path(INHERITED.variables.get("PYENV_ROOT") or Path(INHERITED.variables.get("HOME", "/")) / ".pyenv")
    yield from map(str, sorted(versions.glob("versions/*/bin/python3")))


@functools.cache
def pythons() -> dict[tuple[int, int], str]:
    """By version, the interpreter itself: not an environment's, nor one that chooses another by where it is called."""
    found: dict[tuple[int, int], str] = {}
    ask = "import ensurepip, sys, venv; print(sys._base_executable, *sys.version_info[:2])"
    for candidate in _candidates():
        done = subprocess.run([candidate, "-Ic", ask], text=True, capture_output=True, check=False)
        if told := re.fullmatch(r"(.+) (\d+) (\d+)\n", done.stdout):
            version = int(told[2]), int(told[3])
            if version in SUPPORTED:
                found.setdefault(version, told[1])
    return dict(sorted(found.items()))


def oldest() -> str:
    return pythons()[min(pythons())]


def newest() -> str:
    return pythons()[max(pythons())]
