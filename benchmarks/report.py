"""Writes RESULTS.md, all of it."""

from __future__ import annotations

import json
import os
import platform
import subprocess
from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path

from benchmarks.goals import GOALS
from benchmarks.place import OURS, PEERS
from benchmarks.results import Result, Row, Table
from testbed.machine.interpreters import default_runtime
from tests.az.session import CLI

_PACKAGES = (
    *("brokerauth", "azure-cli", "azure-identity", "azure-identity-broker", "azure-core", "msal", "pymsalruntime"),
    *("knack", "cryptography"),
)
_VERSIONS = """
import json, sys
from importlib import metadata
found = {each.metadata["Name"].lower(): each.version for each in metadata.distributions()}
print(json.dumps({name: found.get(name, "-") for name in sys.argv[1:]}))
"""


def report(result: Result, rounds: int, loads: Sequence[float]) -> str:
    """The page.

    :param loads: of the machine, before and after.
    """
    met = [row for row in result.rows if row.held <= GOALS[row.goal].at_most]
    parts = [
        "# Results",
        f"Written by `make bench ROUNDS={rounds}` on {datetime.now(timezone.utc):%Y-%m-%d}; [README.md](README.md) "
        "says how. Compare the ratios, never the times: a ratio is the median of the ratios of pairs, each of which "
        "ran one after the other on the emulated machine.",
        f"## Goals: {len(met)} of {len(result.rows)} met",
        _goals(result.rows),
        *(_section(table) for table in result.tables),
        *(["## Plots"] if result.plots else []),
        *(f"![{plot.title}]({plot.file})" for plot in result.plots),
        _section(_machine(loads)),
        _section(_versions()),
    ]
    return "\n\n".join(parts) + "\n"


def _goals(rows: Sequence[Row]) -> str:
    order = list(GOALS)
    header = ("work", "ours", "peer", "ratio", "goal", "met", "why not")
    return table_of(header, [_line(row) for row in sorted(rows, key=lambda row: order.index(row.goal))])


def _line(row: Row) -> tuple[str, ...]:
    goal = GOALS[row.goal]
    ratio = "-" if row.ratio is None else f"{row.ratio:.2f}"
    verdict = ("yes", "") if row.held <= goal.at_most else ("**no**", goal.missed)
    return goal.work, row.ours, row.peer, ratio, goal.limit, *verdict


def _section(table: Table) -> str:
    return "\n\n".join(filter(None, [f"## {table.title}", table.note, table_of(table.header, table.lines)]))


def table_of(header: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (header, ["---"] * len(header), *lines))


def _machine(loads: Sequence[float]) -> Table:
    cores = next(
        (line.split(":")[1].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")), "unknown"
    )
    memory = next(int(line.split()[1]) for line in _lines("/proc/meminfo") if line.startswith("MemTotal:"))
    system = platform.freedesktop_os_release()["PRETTY_NAME"]
    kernel = ".".join(platform.release().split(".")[:2])
    lines = [
        ("processor", f"{cores}, {os.cpu_count()} cores"),
        ("memory", f"{memory / 1e6:.0f} GB"),
        ("system", f"{system}, Linux {kernel}"),
        ("Python", platform.python_version()),
        ("runtime of the emulated machine", default_runtime(PEERS)),
        ("load before and after", " and ".join(f"{load:.1f}" for load in loads)),
    ]
    return Table("Machine", ("", ""), lines)


def _lines(path: str) -> list[str]:
    return Path(path).read_text().splitlines()


def _versions() -> Table:
    found = []
    for side in (OURS, PEERS, CLI.python):
        command = [side, "-Ic", _VERSIONS, *_PACKAGES]
        found.append(json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout))
    lines = [(name, *(each[name] for each in found)) for name in _PACKAGES]
    return Table("Versions", ("", "ours", "peers", "az"), lines)
