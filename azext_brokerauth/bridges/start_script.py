"""How another tool starts a program of ours: by a command, or by its name, for which there may be a start script."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from azext_brokerauth import files
from azext_brokerauth.bridges import Home
from azext_brokerauth.bridges.edits import Edit
from azext_brokerauth.bridges.program import console_script

_START = Path(__file__).with_name("start.py")
_FIRST = "#!/bin/sh\n# Made by: brokerauth tool enable. Removed by: brokerauth tool disable.\n"


def command(program: str, tool: str) -> list[str]:
    """The words that start it from wherever and with whatever PATH: the console script, else this Python and a file.

    :param program: its name as a console script, such as ``git-credential-brokerauth``.
    :param tool: the module of :mod:`azext_brokerauth.bridges` that has its ``main``.
    """
    found = console_script(program)
    return [found] if found else [sys.executable, "-I", str(_START), tool]


def edits(home: Home, program: str, tool: str) -> list[Edit]:
    """The start script; nothing where PATH leads to the program that pip installed.

    :param program, tool: as for :func:`command`.
    """
    if not _is_needed(home, program):
        return []
    script = f'{_FIRST}exec {shlex.join(command(program, tool))} "$@"\n'.encode()
    return [
        Edit(
            home.programs / program, lambda _: script, _without, "a start script, since PATH does not lead to it", 0o755
        )
    ]


def leftovers(home: Home, program: str, recorded: Sequence[Path]) -> tuple[list[Edit], list[Path]]:
    """What removes the start script, wherever it was put, and the other files that were changed.

    :param recorded: all files that were changed.
    """
    places = dict.fromkeys([home.programs / program, *(path for path in recorded if path.name == program)])
    scripts = [Edit(path, lambda content: content, _without, "the start script") for path in places]
    return scripts, [path for path in recorded if path not in places]


def is_found(home: Home, program: str) -> bool:
    """Does PATH lead to the program, now or once the start script is there?"""
    return str(home.programs.absolute()) in _directories(home) or not _is_needed(home, program)


def found_as(home: Home, program: str) -> str:
    """The program as a tool finds it: by its name, else by its path."""
    return program if is_found(home, program) else str(home.programs.absolute() / program)


def _is_needed(home: Home, program: str) -> bool:
    found = shutil.which(program, path=os.pathsep.join(_directories(home)))
    return found is None or _is_ours(Path(found))


def _directories(home: Home) -> list[str]:
    """PATH's, without those that are another one in each directory: no program is taken from there."""
    return [part for part in home.environ.get("PATH", "").split(os.pathsep) if os.path.isabs(part)]


def _is_ours(path: Path) -> bool:
    try:
        return files.read_beyond_links(path).startswith(_FIRST.encode())
    except OSError:
        return False


def _without(content: bytes) -> bytes | None:
    return None if content.startswith(_FIRST.encode()) else content
