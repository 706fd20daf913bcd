"""What crosses between the outside of the emulated machine and its first process."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Plan:
    """The machine that is wanted. All paths are absolute and exist."""

    scenario: dict[str, Any]
    runtime: str
    """`real` or `double`."""
    world: str
    """A private directory for what the testbed keeps while the machine runs."""
    home: str
    journal: str
    python: tuple[str, ...]
    """The site-packages directories in which the runtime is to be what the scenario says."""
    programs: dict[str, str]
    """`uname_shim`, `keys_shim` and `windows_program`, compiled."""


@dataclass(frozen=True)
class Ready:
    """The first process has done what it was told."""

    environment: dict[str, str] = field(default_factory=dict)
    """What a program on this machine finds in its environment."""
    problem: str = ""
    """Why it has not: one sentence for the person at the keyboard."""


class UnfitHostError(Exception):
    """This host cannot be made to look like the scenario; the text is one sentence that says what is missing."""
