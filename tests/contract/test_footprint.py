"""What importing the credential costs a program."""

from __future__ import annotations

import re
import sys
from pathlib import Path

from benchmarks.import_time import OURS, added, measure

RECORD = Path(__file__).parents[2] / "benchmarks" / "README.md"


def test_the_package_alone_brings_in_nothing_of_azures() -> None:
    _, modules = measure("import azext_brokerauth")
    assert not {"azure.core", "azure.identity", "knack", "msal"} & modules


def test_the_credential_adds_only_what_the_record_shows() -> None:
    recorded = re.search(r"^Ours adds: (.+)$", RECORD.read_text(), re.MULTILINE)
    assert recorded, RECORD

    def others(modules: list[str]) -> set[str]:
        """Without the standard library, which differs between versions of Python."""
        return {name for name in modules if name.partition(".")[0] not in sys.stdlib_module_names}

    assert others(added()) == others(recorded[1].split(", "))
    assert "msal" not in measure(OURS)[1]
