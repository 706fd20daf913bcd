"""The matrix as docs/faults.md shows it. `python -m tests.faults.table` writes it anew."""

from __future__ import annotations

import re
from pathlib import Path

from tests.conftest import RUNTIMES
from tests.faults.expected import FAULTS, HOMES, PICKER, SIGN_IN, SIGN_OUT, TOKEN, state
from tests.faults.ways import WAYS

PAGE = Path(__file__).parents[2] / "docs/faults.md"
_BEGIN, _END = "<!-- made by: python -m tests.faults.table -->\n", "<!-- end -->\n"


def size(runtimes: int = len(RUNTIMES)) -> str:
    """How large the matrix is, in words."""
    cells = len(WAYS) * len(FAULTS) * len(HOMES) * runtimes
    return f"{len(WAYS)} ways in x {len(FAULTS)} faults x {len(HOMES)} homes x {runtimes} runtimes = {cells} cells"


def is_cell(test: str) -> bool:
    """Is a test, by pytest's name for it, a cell of the matrix?"""
    return test.startswith("tests/faults/test_matrix.py::Test")


def markdown() -> str:
    """The ways in and the faults, each with what comes of it. Where both runtimes exist."""
    lines = [f"{size(2)}.\n", "| way in | wants |", "|---|---|"]
    lines += [f"| `{way.name}` | {way.wants} |" for way in WAYS]
    wanted = (TOKEN, SIGN_IN, PICKER, SIGN_OUT)
    lines += ["", f"| fault | {' | '.join(wanted)} |", "|---|" + "---|" * len(wanted)]
    for name, fault in FAULTS.items():
        ends = [problem.error.__name__ if (problem := fault.of(wants)) else "succeeds" for wants in wanted]
        if fault.sign_out:
            ends[-1] = "succeeds, with a warning"
        what = "the kernel kills the broker's process" if fault.killing else state(name).description
        if fault.keyring:
            what = f"where a private keyring is wanted, gnome-keyring-daemon does no more than `{fault.keyring}`"
        lines.append(f"| `{name}`: {what} | {' | '.join(ends)} |")
    return "\n".join(lines) + "\n"


def put_in(page: str) -> str:
    """The page with the table as it is now."""
    return re.sub(f"(?<={_BEGIN}).*(?={_END})", lambda _: markdown(), page, flags=re.DOTALL)


if __name__ == "__main__":
    PAGE.write_text(put_in(PAGE.read_text()))
