"""Other tools, and how each gets its tokens from us: one file a tool, and one line here.

A bridge never prompts. It fails fast, says why in the tool's own way, and names ``login``.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    # What a tool starts pays for nothing of this.
    from pathlib import Path

    from azext_brokerauth.bridges.edits import Edit
    from azext_brokerauth.settings import Settings

TOOLS: tuple[str, ...] = ("az", "git", "kubectl", "docker", "pip", "cargo")
"""The tools, each the name of the module here with its ``BRIDGE``, and ``main()`` where the tool starts a program."""

MARGIN = 60
"""Seconds before a token's end from which a tool that keeps it is to ask for another. By then ours has been renewed
(``tokens.renewal``), so that the tool is not given the same one."""


@dataclass(frozen=True)
class Home:
    """Where a tool's files are.

    :param path: the home directory.
    :param environ: the variables that tools look at, such as ``XDG_CONFIG_HOME``.
    :param programs: where a program of ours is put that the tool finds by PATH: ``~/.local/bin``, or ``--directory``.
    """

    path: Path
    environ: Mapping[str, str] = field(repr=False)
    programs: Path


class Bridge:
    """What makes a tool get its tokens from us.

    :param name: the tool's, as ``tool enable --name`` takes it.
    :param serves: what it gets tokens for, one clause.
    :param programs: the tool's own programs, one of which must be installed for it to be of use; empty for none.
    """

    name: str = ""
    serves: str = ""
    programs: tuple[str, ...] = ()

    def edits(self, home: Home) -> list[Edit]:
        """The changes that set it up, one for a file.

        :raises ~azext_brokerauth.errors.BrokerAuthError: it cannot be set up here; why is said.
        """
        raise NotImplementedError

    def leftovers(self, home: Home, recorded: Sequence[Path]) -> list[Edit]:
        """What has to be taken back, also where it cannot be set up any more, or where other variables were in force.

        :param recorded: the files that were changed. One that nobody has changed since needs no edit.
        """
        return self.edits(home)

    def notes(self, home: Home) -> list[str]:
        """What the person still has to do or to know when it is set up; a sentence each."""
        return []

    def why_not(self, chosen: Settings) -> str:
        """Which setting keeps tokens from it, a clause; empty for none."""
        return chosen.why_not_tool(self.name)


def load(name: str) -> Bridge:
    """The bridge of a tool.

    :param name: one of :data:`TOOLS`.
    """
    found: Bridge = importlib.import_module(f"azext_brokerauth.bridges.{name}").BRIDGE
    return found
