"""The archive for support: the report, versions, settings and the log of one try, with nothing secret in it."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import platform
import re
import secrets
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from knack.log import get_logger

from azext_brokerauth.errors import InvalidInputError
from azext_brokerauth.health.facts import Facts
from azext_brokerauth.health.probe import Probe
from azext_brokerauth.models import person
from azext_brokerauth.redaction import redact

_LOGGER = get_logger(__name__)
_PACKAGES = ("brokerauth", "msal", "pymsalruntime", "azure-cli", "knack", "azure-core", "azure-identity", "jeepney")
_PERSON = re.compile(r"[A-Za-z0-9._%+'-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+")
CONTENTS = {
    "report.json": "the findings of check-health",
    "versions.json": "versions of the packages, Python and the kernel",
    "settings.json": "the settings in force, and where each came from",
    "log.txt": "the log of one try of the broker, without tokens",
}


@dataclass
class Names:
    """Replaces what names a person by a hash, the same one for the same name within one archive.

    :param known: names and IDs that have no form of their own.
    """

    known: frozenset[str]
    _salt: bytes = field(default_factory=lambda: secrets.token_bytes(16))

    def hide(self, text: str) -> str:
        """The text with a hash for each name."""
        text = _PERSON.sub(lambda found: self._hash(found[0]), text)
        for name in sorted(self.known, key=len, reverse=True):
            text = re.sub(rf"(?<![\w-]){re.escape(name)}(?![\w-])", self._hash(name), text, flags=re.IGNORECASE)
        return text

    def _hash(self, name: str) -> str:
        # The salt is forgotten: whoever knows a name cannot look for it.
        return f"<person {hashlib.sha256(self._salt + name.lower().encode()).hexdigest()[:10]}>"


def names_of(facts: Facts) -> Names:
    """Everybody who could be named: those signed in, and this user's name and home directory."""
    known = {Path(os.path.expanduser("~")).name, facts.probe.environ.get("USER", "")} - {"root"}
    for account in facts.own.records.accounts:
        known |= {account.local_account_id, account.home_account_id, account.home_account_id.partition(".")[0]}
    return Names(frozenset(name for name in known if len(name) > 2))


def check(path: Path) -> None:
    """See that an archive could be written, before anything takes time.

    :raises InvalidInputError: it could not.
    """
    if os.path.lexists(path):
        raise InvalidInputError(
            f"--bundle: {path} exists already.", remedies=person("Name a file that does not exist.")
        )
    if not path.absolute().parent.is_dir():
        raise InvalidInputError(
            f"--bundle: the directory {path.absolute().parent} does not exist.",
            remedies=person("Make it, or name another."),
        )


def write(path: Path, report: Mapping[str, Any], log: str, facts: Facts, with_names: bool) -> None:
    """Write the archive, mode 0600, after saying on standard error what it holds.

    :param with_names: leave names and IDs of people as they are.
    :raises InvalidInputError: it cannot be written.
    """
    chosen = facts.own.settings
    texts = {
        "report.json": json.dumps(report, indent=1),
        "versions.json": json.dumps(versions(facts.probe), indent=1),
        "settings.json": json.dumps(
            {name: {"value": getattr(chosen, name), "origin": origin} for name, origin in chosen.origins},
            indent=1,
        ),
        "log.txt": log,
    }
    hide = (lambda text: text) if with_names else names_of(facts).hide
    people = "as they are" if with_names else "hashed"
    held = "".join(f"\n  {name}: {CONTENTS[name]}" for name in texts)
    _LOGGER.warning("Writing %s, with names and IDs of people %s:%s", path, people, held)
    try:
        # Exclusive: whatever appeared there meanwhile stays as it is.
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as stream, zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
                for name, text in texts.items():
                    archive.writestr(name, hide(redact(text, personal=False)))
        except BaseException:
            os.unlink(path)
            raise
    except OSError as error:
        raise InvalidInputError(f"--bundle: {path} cannot be written: {error.strerror}.") from error


def versions(probe: Probe) -> dict[str, str]:
    """The versions of everything that takes part; packages that are not installed are left out."""
    return {
        **{package: found for package in _PACKAGES if (found := probe.version(package))},
        "python": platform.python_version(),
        "kernel": probe.view.release,
        "libc": probe.python.libc,
    }


@contextmanager
def logged() -> Iterator[list[str]]:
    """The lines that this package logs meanwhile, without secrets."""
    lines: list[str] = []

    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(redact(self.format(record), personal=False))

    logger, keep = logging.getLogger("azext_brokerauth"), Keep(logging.DEBUG)
    keep.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
    level, propagate = logger.level, logger.propagate
    logger.addHandler(keep)
    logger.setLevel(logging.DEBUG)
    logger.propagate = False  # not to the terminal
    try:
        yield lines
    finally:
        logger.removeHandler(keep)
        logger.setLevel(level)
        logger.propagate = propagate
