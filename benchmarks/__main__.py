"""`python -m benchmarks [--rounds N] [NAME ...]`: runs the benchmarks, all of them unless some are named.

A run of all writes RESULTS.md and the plots beside this file; one of some only prints what it found.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from benchmarks import commands, credentials, crowds, keyrings, many, steps, traces
from benchmarks.place import is_busy
from benchmarks.plots import draw
from benchmarks.report import report
from benchmarks.results import Result

BENCHMARKS: dict[str, Callable[[int], Result]] = {
    "commands": commands.run,
    "warm": credentials.warm,
    "cold": credentials.cold,
    "loop": credentials.loop,
    "imports": credentials.imports,
    "memory": credentials.memory,
    "threads": crowds.threads,
    "processes": crowds.processes,
    "az-at-once": crowds.az_at_once,
    "scopes": crowds.scopes,
    "left": traces.left,
    "http": traces.http,
    "entries": many.entries,
    "accounts": many.accounts,
    "keyrings": keyrings.run,
    "instructions": steps.instructions,
    "modules": steps.modules,
}
HERE = Path(__file__).parent


def main() -> None:
    parser = argparse.ArgumentParser(prog="make bench")
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(BENCHMARKS))
    parser.add_argument("--rounds", type=int, default=20, help="how often each of a pair runs")
    asked = parser.parse_args()
    if unknown := set(asked.names) - set(BENCHMARKS):
        parser.error(f"there is no benchmark {', '.join(sorted(unknown))}; there are {', '.join(BENCHMARKS)}")
    found, before = Result(), is_busy()
    for name in asked.names or BENCHMARKS:
        started = time.monotonic()
        found += BENCHMARKS[name](asked.rounds)
        print(f"{name}: {time.monotonic() - started:.0f} s", file=sys.stderr)
    loads = before, is_busy()
    if asked.names:
        print(report(replace(found, plots=()), asked.rounds, loads))
        return
    draw(found.plots, HERE)
    (HERE / "RESULTS.md").write_text(report(found, asked.rounds, loads))


if __name__ == "__main__":
    main()
