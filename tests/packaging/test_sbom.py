"""The list of what an installed brokerauth consists of: it is complete, about this wheel, and names no machine."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from azext_brokerauth import __version__
from tests.inheritance import INHERITED

HERE = Path(__file__).parents[2]


@pytest.mark.full
def test_the_list_names_the_wheel_and_all_that_is_installed_with_it() -> None:
    make = ["/usr/bin/env", "make", "sbom"]
    done = subprocess.run(make, cwd=HERE, env=INHERITED.variables, text=True, capture_output=True)
    assert done.returncode == 0, done.stdout + done.stderr
    text = (HERE / f"dist/brokerauth-{__version__}.cdx.json").read_text()
    told = json.loads(text)
    assert told["bomFormat"] == "CycloneDX"
    subject = told["metadata"]["component"]
    assert (subject["name"], subject["version"]) == ("brokerauth", __version__)
    packages = {part["purl"].partition("@")[0].removeprefix("pkg:pypi/") for part in told["components"]}
    # Each package that comes along is needed by another one, down from brokerauth itself.
    needs = {entry["ref"]: entry.get("dependsOn", []) for entry in told["dependencies"]}
    reached, new = set(), {subject["bom-ref"]}
    while new:
        reached |= new
        new = {part for ref in new for part in needs[ref]} - reached
    assert {part["bom-ref"] for part in told["components"]} == reached - {subject["bom-ref"]}
    assert {"msal", "knack", "azure-core", "azure-identity", "jeepney"} <= packages
    assert str(HERE) not in text
    assert "file:" not in text
