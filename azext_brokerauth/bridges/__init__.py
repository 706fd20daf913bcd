"""Other tools, and how each gets its tokens from us: one file a tool, and one line here.

A bridge never prompts. It fails fast, says why in the tool's own way, and names ``login``.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from azext_brokerauth.bridges.edits import Edit

TOOLS: tuple[str, ...] = ()
"""The tools, each the name of the module here that has its ``BRIDGE``."""


@dataclass(frozen=True)
class Home:
    """Where a tool's files are.

    :param path: the home directory.
    :param environ: the variables that tools look at, such as ``XDG_CONFIG_HOME``.
    """

    path: Path
    environ: Mapping[str, str] = field(repr=False)


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
        """The changes that set it up.

        :raises ~azext_brokerauth.errors.BrokerAuthError: it cannot be set up here; why is said.
        """
        raise NotImplementedError


def load(name: str) -> Bridge:
    """The bridge of a tool.

    :param name: one of :data:`TOOLS`.
    """
    found: Bridge = importlib.import_module(f"azext_brokerauth.bridges.{name}").BRIDGE
    return found
