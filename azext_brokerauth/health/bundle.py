"""The archive for support: the report, versions, settings and the log of one try, with nothing secret in it."""

from __future__ import annotations

import io
import json
import logging
import os
import platform
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from knack.log import get_logger

from azext_brokerauth import files
from azext_brokerauth.errors import InvalidInputError
from azext_brokerauth.health.facts import Facts
from azext_brokerauth.health.names import Names, names_of
from azext_brokerauth.health.probe import Probe
from azext_brokerauth.models import person
from azext_brokerauth.redaction import redact

_LOGGER = get_logger(__name__)
_PACKAGES = ("brokerauth", "msal", "pymsalruntime", "azure-cli", "knack", "azure-core", "azure-identity", "jeepney")
_FIXED = frozenset(["schemaVersion", "version", "machine", "id", "group", "severity", "shell"])
"""Fields of the report with values of ours, which a user may be called like."""
CONTENTS = {
    "report.json": "the findings of check-health",
    "versions.json": "versions of the packages, Python and the kernel",
    "settings.json": "the settings in force, and where each came from",
    "log.txt": "the log of one try of the broker, without tokens",
}


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
            remedies=person("Create it, or name another directory."),
        )


def write(path: Path, report: Mapping[str, Any], log: str, facts: Facts, with_names: bool) -> None:
    """Write the archive, mode 0600, after saying on standard error what it holds.

    :param with_names: leave names and IDs of people as they are.
    :raises InvalidInputError: it cannot be written.
    """
    chosen = facts.own.settings
    values = {name: {"value": getattr(chosen, name), "origin": origin} for name, origin in chosen.origins}
    names = None if with_names else names_of(facts)
    # Before anything becomes JSON, which spells many a letter in another way.
    texts = {
        "report.json": json.dumps(_safe(report, names), indent=1),
        "versions.json": json.dumps(_safe(versions(facts.probe), names), indent=1),
        "settings.json": json.dumps(_safe(values, names), indent=1),
        "log.txt": str(_safe(log, names)),
    }
    people = "as they are" if with_names else "hashed"
    held = "".join(f"\n  {name}: {CONTENTS[name]}" for name in texts)
    _LOGGER.warning("Writing %s, with names and IDs of people %s:%s", path, people, held)
    try:
        with files.Directory(path.parent) as directory:
            # Whatever appeared there meanwhile stays as it is.
            directory.create(path.name, _zipped(texts))
    except OSError as error:
        raise InvalidInputError(f"--bundle: {path} cannot be written: {error.strerror}.") from error


def _zipped(texts: Mapping[str, str]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in texts.items():
            archive.writestr(name, text.encode(errors="replace"))
    return stream.getvalue()


def _safe(value: Any, names: Names | None) -> Any:
    """A value of JSON without secrets and, where there are ``names``, with nobody's name. Names of fields stay."""
    if isinstance(value, str):
        # Secrets first: a name can be a part of one.
        text = redact(value, personal=False)
        return names.hide(text) if names else text
    if isinstance(value, Mapping):
        return {name: each if name in _FIXED else _safe(each, names) for name, each in value.items()}
    return [_safe(each, names) for each in value] if isinstance(value, (list, tuple)) else value


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
