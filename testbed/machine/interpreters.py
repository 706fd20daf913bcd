"""What is known of a Python interpreter before the machine runs it."""

from __future__ import annotations

import functools
import json
import os
import shutil
import subprocess
from pathlib import Path

_DEADLINE = 10.0
"""Seconds that finding out whether the real runtime loads may take."""


@functools.cache
def default_runtime(python: str) -> str:
    """`real` where this Python can load the runtime and the machine can have what it needs, else `double`."""
    if not all(map(shutil.which, ("dbus-daemon", "dbus-send", "gnome-keyring-daemon"))):
        return "double"
    # A RuntimeError, or silence until the deadline, is the runtime looking for a broker: then it is loaded.
    test = """if True:
        import sys
        try:
            import pymsalruntime
        except (ImportError, OSError):
            sys.exit(1)
        except RuntimeError:
            pass
    """
    try:
        loads = subprocess.run([python, "-c", test], capture_output=True, timeout=_DEADLINE).returncode != 1
    except subprocess.TimeoutExpired:
        loads = True
    return "real" if loads else "double"


@functools.cache
def site_packages_of(python: str) -> list[Path]:
    """The directories in which this Python has installed packages."""
    command = [python, "-Ic", "import json, site; print(json.dumps(site.getsitepackages()))"]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return [directory for directory in map(Path, json.loads(told)) if directory.is_dir()]


def interpreter_of(program: str) -> str | None:
    """The Python that runs this program: itself, or the one its first line names. None for any other program."""
    found = shutil.which(program)
    if found is None:
        return None
    with open(found, "rb") as file:
        start = file.readline(256)
    words = os.fsdecode(start[2:]).split() if start.startswith(b"#!") else [found]
    if words and Path(words[0]).name == "env":
        words = words[1:]
    python = shutil.which(words[0]) if words else None
    return python if python and Path(python).name.startswith("python") else None
