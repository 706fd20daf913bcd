"""Draws the plots, as files that change only where the figures do."""

from __future__ import annotations

import statistics
from collections.abc import Iterable
from pathlib import Path

import matplotlib as mpl

from benchmarks.results import Curves, Spread

mpl.use("svg")
mpl.rcParams.update({"svg.hashsalt": "brokerauth", "svg.fonttype": "none", "font.size": 9, "axes.grid": True})
mpl.rcParams.update({"grid.alpha": 0.3, "axes.spines.top": False, "axes.spines.right": False})

from matplotlib import pyplot as plt  # noqa: E402  (after it was told how to draw)

_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
"""Told apart by all eyes: Okabe and Ito's."""
_MARKERS = "osD^v<"


def draw(plots: Iterable[Spread | Curves], directory: Path) -> None:
    for plot in plots:
        figure = _spread(plot) if isinstance(plot, Spread) else _curves(plot)
        figure.savefig(directory / plot.file, metadata={"Date": None, "Creator": None}, bbox_inches="tight")
        plt.close(figure)


def _spread(plot: Spread) -> plt.Figure:
    figure, axes = plt.subplots(figsize=(7, 0.6 + 0.42 * len(plot.samples)))
    names = list(plot.samples)
    for line, name in enumerate(names):
        taken = sorted(1000 * seconds for seconds in plot.samples[name])
        heights = [line + 0.25 * ((number % 5) - 2) / 2 for number in range(len(taken))]
        axes.plot(taken, heights, "o", markersize=3, alpha=0.5, color=_COLOURS[line % len(_COLOURS)])
        median = statistics.median(taken)
        axes.plot([median, median], [line - 0.35, line + 0.35], color="black", linewidth=1.5)
    axes.set_yticks(range(len(names)), names)
    axes.invert_yaxis()
    axes.set_xlim(left=0)
    axes.set(title=plot.title, xlabel="milliseconds, whole process; each point a run, the bar their median")
    return figure


def _curves(plot: Curves) -> plt.Figure:
    figure, axes = plt.subplots(figsize=(7, 3.2))
    for number, (name, costs) in enumerate(plot.curves.items()):
        colour, counts = _COLOURS[number], list(costs)
        medians = [1000 * statistics.median(runs) for runs in costs.values()]
        lows, highs = zip(*map(_most, costs.values()), strict=True)
        axes.plot(counts, medians, marker=_MARKERS[number], markersize=4, color=colour, label=name)
        axes.fill_between(counts, lows, highs, color=colour, alpha=0.15, linewidth=0)
    counts = sorted({count for costs in plot.curves.values() for count in costs})
    axes.set_xscale("log")
    axes.set_xticks(counts, [f"{count:,}" for count in counts])
    axes.minorticks_off()
    axes.set_ylim(bottom=0)
    axes.set(title=plot.title, xlabel=f"{plot.of}; the line is the median, the band most runs", ylabel="milliseconds")
    axes.legend(frameon=False)
    return figure


def _most(runs: list[float]) -> tuple[float, float]:
    """The least and the most of all but the tenth at each end."""
    without = len(runs) // 10
    kept = sorted(runs)[without : len(runs) - without]
    return 1000 * kept[0], 1000 * kept[-1]
