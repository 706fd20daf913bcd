"""What a benchmark returns: rows for the goals, more tables, and plots."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """How far one goal is reached.

    :param goal: its key in `goals.GOALS`.
    :param held: what the goal limits.
    """

    goal: str
    held: float
    ours: str
    peer: str = "-"
    ratio: float | None = None


@dataclass(frozen=True)
class Table:
    """Figures that no goal limits."""

    title: str
    header: tuple[str, ...]
    lines: Sequence[tuple[str, ...]]
    note: str = ""


@dataclass(frozen=True)
class Spread:
    """A plot of whole processes: each run is a point.

    :param samples: by name: seconds of each run.
    """

    file: str
    title: str
    samples: dict[str, list[float]]


@dataclass(frozen=True)
class Curves:
    """A plot of what something costs against how much there is of it.

    :param curves: by name: how much, and seconds of each run.
    """

    file: str
    title: str
    of: str
    curves: dict[str, dict[int, list[float]]]


@dataclass(frozen=True)
class Result:
    """All that a benchmark found."""

    rows: tuple[Row, ...] = ()
    tables: tuple[Table, ...] = ()
    plots: tuple[Spread | Curves, ...] = ()

    def __add__(self, other: Result) -> Result:
        return Result(self.rows + other.rows, self.tables + other.tables, self.plots + other.plots)


def ratio(ours: Sequence[float], peer: Sequence[float]) -> float:
    """The median of the ratios of each pair, which ran one after the other."""
    return statistics.median(one / other for one, other in zip(ours, peer, strict=True))


def middle(seconds: Sequence[float]) -> str:
    """The median, in the unit that suits it."""
    value = statistics.median(seconds)
    for unit, factor in ("s", 1), ("ms", 1e3):
        if value * factor >= 1:
            return f"{value * factor:.3g} {unit}"
    return f"{value * 1e6:.3g} µs"


def megabytes(count: float) -> str:
    """Bytes in the unit of memory."""
    return f"{count / 1e6:.1f} MB"


def compared(goal: str, ours: Sequence[float], peer: Sequence[float]) -> Row:
    """A goal that limits the ratio."""
    found = ratio(ours, peer)
    return Row(goal, found, middle(ours), middle(peer), found)
