"""What the emulated machine tells the double."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

_DIRECTORY = Path("/run/testbed")
LINUX_BROKER = str(_DIRECTORY / "linux-broker")
"""The program that takes the place of the broker on native Linux's D-Bus; only such a machine has it."""


def scenario() -> dict[str, Any]:
    """The fields of the scenario that holds now."""
    fields: dict[str, Any] = json.loads((_DIRECTORY / "scenario.json").read_text())
    return fields
