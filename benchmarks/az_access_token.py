"""`az account get-access-token` with the extension and without it, token cached: what the extension costs.

Run it with the project's Python after `make az`: `.venv/bin/python -m benchmarks.az_access_token [PAIRS]`.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from pathlib import Path

from tests.az.session import Terminal, machine_for

LIMIT = 1.25
"""How many times as long it may take."""


def main(pairs: int) -> int:
    """:returns: 1 when the extension costs more than it may."""
    with tempfile.TemporaryDirectory() as directory, machine_for("default", "double") as machine:
        there = Terminal(machine, Path(directory))
        there.tell("brokerauth", "login")
        without = {"AZURE_EXTENSION_DIR": str(Path(directory) / "no-extensions")}
        for env in (without, {}):  # az makes an index of its commands first
            seconds(there, env)
        both = [(seconds(there, without), seconds(there, {})) for _ in range(pairs)]
    stock, ours = (statistics.median(column) for column in zip(*both, strict=True))
    ratio = statistics.median(after / before for before, after in both)
    sys.stdout.write(f"az {stock:.3f} s, with the extension {ours:.3f} s: {ratio:.2f} times (limit {LIMIT})\n")
    return int(ratio > LIMIT)


def seconds(there: Terminal, env: dict[str, str]) -> float:
    """How long one command takes, as whoever starts it sees it."""
    started = time.perf_counter()
    assert there.az("account", "get-access-token", "--output", "none", **env).returncode == 0
    return time.perf_counter() - started


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 15))
