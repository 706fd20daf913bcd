"""The page of results is of the benchmarks as they are: it was not edited, and nothing was added without a run."""

import re
from pathlib import Path

from benchmarks.goals import GOALS

DIRECTORY = Path(__file__).parents[2] / "benchmarks"
PAGE = (DIRECTORY / "RESULTS.md").read_text()


def test_the_page_has_a_line_for_each_goal():
    assert [goal.work for goal in GOALS.values() if f"| {goal.work} |" not in PAGE] == []


def test_the_page_shows_each_plot_and_nothing_of_the_place_where_it_was_made():
    assert set(re.findall(r"\]\((\S+\.svg)\)", PAGE)) == {file.name for file in DIRECTORY.glob("*.svg")}
    assert not re.search(r"/(home|root|tmp|work|srv|opt)/", PAGE)
