"""The pages: each code block is run or says why not, and each link leads somewhere."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path

import pytest

from tests.documents import PAGES, REPOSITORY, Block, anchors_of, blocks_of, links_of, name_of, without_blocks

BY_PAGE = pytest.mark.parametrize("page", PAGES, ids=name_of)
WHY_NOT = ("needs Windows", "needs systemd", "no command", "this is what runs the tests")
"""How a reason begins for which a block is not run."""
HOW = """
A block of `console`, `bash` or `sh` is run by tests/emulated/test_documents.py as it stands. Any other needs one of
these in the line before it:
<!-- run by tests/FOLDER/test_FILE.py -->   that test names the page, and runs what it shows
<!-- not run: needs Windows ... -->         only Windows, or a program that is not to be had here, can run it
<!-- not run: no command ... -->            it is a picture, or a part of a file"""


def wrong(block: Block) -> str:
    """What is wrong with how a block is accounted for; empty where nothing is."""
    if block.is_for_the_runner:
        return ""
    kind, _, what = block.note.partition(": ") if block.note.startswith("not run") else block.note.partition(" by ")
    if kind == "not run":
        return "" if what.startswith(WHY_NOT) else f"{what!r} is no reason"
    if kind != "run":
        return "nothing runs it"
    test = REPOSITORY / what
    if not (test.is_file() and test.name.startswith("test_")):
        return f"there is no test {what}"
    return "" if Path(block.page).name in test.read_text(encoding="utf-8") else f"{what} does not name the page"


@BY_PAGE
def test_each_code_block_is_run_or_says_why_not(page: Path) -> None:
    found = {f"{block.page}:{block.line}": problem for block in blocks_of(page) if (problem := wrong(block))}
    assert found == {}, HOW


@BY_PAGE
def test_no_code_block_hides_behind_four_spaces(page: Path) -> None:
    lines = ["", *without_blocks(page)]
    assert [line for before, line in pairwise(lines) if not before and line[:4] == "    "] == []


@BY_PAGE
def test_each_link_leads_somewhere(page: Path) -> None:
    lost = []
    for link in links_of(page):
        if re.match(r"[a-z]+:", link):
            continue
        place, _, anchor = link.partition("#")
        there = (page.parent / place).resolve() if place else page
        found = there.exists() and there.is_relative_to(REPOSITORY)
        if not found or (anchor and (there.suffix != ".md" or anchor not in anchors_of(there))):
            lost.append(link)
    assert lost == []


def test_each_claim_of_the_comparison_has_its_source() -> None:
    text = (REPOSITORY / "docs/comparison.md").read_text(encoding="utf-8")
    claims, _, listed = text.partition("\n## Sources\n")
    lines = pairwise(claims.splitlines())
    rows = [line for line, following in lines if line.startswith("| ") and not following.startswith("|---")]
    cells = [cell for row in rows for cell in row.strip("| ").split(" | ")[1:]]
    assert len(cells) > 50
    assert [cell for cell in cells if not re.search(r"(\[[A-Z]\d\]|`(tests|docs)/[^`]+`)$", cell)] == []
    assert {*re.findall(r"\[([A-Z]\d)\]", claims)} == {*re.findall(r"^\| ([A-Z]\d) \| ", listed, re.MULTILINE)}
    assert [path for path in re.findall(r"`((?:tests|docs)/[^`]+)`", text) if not (REPOSITORY / path).exists()] == []


def test_each_page_is_reached_from_the_first() -> None:
    reached, left = set(), [REPOSITORY / "README.md"]
    while left:
        page = left.pop()
        if page not in reached and page.suffix == ".md":
            reached.add(page)
            left += [(page.parent / link.partition("#")[0]).resolve() for link in links_of(page) if ":" not in link]
    assert [name_of(page) for page in PAGES if page not in reached and page.name != "SECURITY.md"] == []
