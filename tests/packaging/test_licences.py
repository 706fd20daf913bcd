"""The licences of what is installed with brokerauth: known, allowed, and written down."""

from __future__ import annotations

import re
from importlib.metadata import Distribution, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

PAGE = Path(__file__).parents[2] / "docs/licences.md"
ALLOWED = ("Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "ISC", "MIT", "MIT-0", "MPL-2.0", "PSF-2.0", "Python-2.0")
"""Whoever installs brokerauth may use these at work, and needs nobody's consent for it. MPL-2.0 asks something of those
alone who change certifi's own file."""
NOT_OPEN_SOURCE = {"pymsalruntime": "Microsoft Software License Terms"}
"""Microsoft's runtime: each user gets it from PyPI, it is not in the wheel, and nobody here looks into it."""
_SPELT = {
    "apache software license": "Apache-2.0",
    "mit license": "MIT",
    "mozilla public license 2.0 (mpl 2.0)": "MPL-2.0",
    "python software foundation license": "PSF-2.0",
}
"""Older metadata says it in words. Which licence "BSD" is, they do not tell."""


def brought(name: str, extras: frozenset[str], seen: set[tuple[str, frozenset[str]]]) -> dict[str, Distribution]:
    """What pip installs with it on this machine, by name, and itself."""
    if (name, extras) in seen:
        return {}
    seen.add((name, extras))
    here = distribution(name)
    found = {name: here}
    for line in here.requires or ():
        wanted = Requirement(line)
        if wanted.marker is None or any(wanted.marker.evaluate({"extra": extra}) for extra in extras or {""}):
            found |= brought(canonicalize_name(wanted.name), frozenset(wanted.extras), seen)
    return found


def licence_of(package: Distribution) -> str:
    """As SPDX writes it, from the metadata."""
    told = package.metadata
    if expression := told.get("License-Expression"):
        return expression
    classifiers = [
        text.rpartition(" :: ")[2] for text in told.get_all("Classifier", ()) if text.startswith("License ::")
    ]
    words = [text for text in (*classifiers, told.get("License", "")) if text and text != "OSI Approved"]
    return _SPELT.get(words[0].lower(), words[0].partition("\n")[0]) if words else ""


def installed() -> dict[str, str]:
    packages = brought("brokerauth", frozenset({"cli", "sdk"}), set())
    del packages["brokerauth"]
    return {name: NOT_OPEN_SOURCE.get(name) or licence_of(package) for name, package in packages.items()}


def test_the_licences_of_what_is_installed_with_it_are_allowed() -> None:
    allowed = {*ALLOWED, *NOT_OPEN_SOURCE.values()}
    others = {
        name: licence
        for name, licence in installed().items()
        if not any({*choice.split(" AND ")} <= allowed for choice in licence.split(" OR "))
    }
    assert others == {}


def test_the_page_of_licences_is_true() -> None:
    rows = re.findall(r"^\| `([^`]+)` \| ([^|]+?) \|", PAGE.read_text(), re.MULTILINE)
    told = dict(rows)
    assert len(told) == len(rows)
    here = installed()
    # Another Python and another machine bring a few more, which the page may name.
    assert {name: told.get(name) for name in here} == here


def test_the_runtimes_licence_is_still_microsofts() -> None:
    files = [file for name in NOT_OPEN_SOURCE if name in installed() for file in distribution(name).files or ()]
    for licence in [file.read_text().upper() for file in files if file.name.upper().startswith("LICENSE")]:
        assert "MICROSOFT SOFTWARE LICENSE TERMS" in licence
