"""The pages of this project, as tests read them: code blocks with what a comment says of each, links and anchors."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
PAGES = sorted([*REPOSITORY.glob("*.md"), *(REPOSITORY / "docs").rglob("*.md")])
_FENCE = re.compile(r"^( *)```(.*)$")
_NOTE = re.compile(r"^ *<!-- (.+) -->$")
_NOTES = {
    ("README.md", "make demo                # needs"): "run by tests/testbed/test_demo.py",
    ("README.md", "sudo apt-get install"): "run by tests/emulated/test_keyring_in_use.py",
    ("README.md", "$ az login --use-device-code"): "run by tests/az/test_signin.py",
    ("README.md", "from azure.identity"): "run by tests/sdk/test_page.py",
    ("README.md", "make test"): "not run: this is what runs the tests",
    ("docs/tools.md", "brokerauth tool list"): "run by tests/unit/test_tools.py",
    ("docs/tools.md", "[credential"): "run by tests/unit/test_tools.py",
    ("docs/tools.md", "$ brokerauth tool enable --name git"): "run by tests/emulated/test_git.py",
    ("docs/tools.md", "$ brokerauth tool enable --name kubectl"): "run by tests/emulated/test_kubectl.py",
    ("docs/tools.md", "$ brokerauth tool list"): "run by tests/emulated/feeds/test_keyring.py",
    ("docs/tools.md", "$ brokerauth tool enable --name cargo"): "run by tests/emulated/feeds/test_without_keyring.py",
}
"""What is said of blocks by page and first line, where no comment stands before them."""
_SHELL = ("bash", "console", "sh")


@dataclass(frozen=True)
class Block:
    """A code block.

    :param page: the page, as a path in the repository.
    :param line: where it begins.
    :param language: what stands behind its fence.
    :param note: what the comment in the line before it says; empty where there is none.
    """

    page: str
    line: int
    language: str
    text: str
    note: str = ""

    @property
    def first(self) -> str:
        """Its first line."""
        return self.text.partition("\n")[0]

    @property
    def is_for_the_runner(self) -> bool:
        """Is it a shell's, and does nothing say that it is run elsewhere, or why it is not?"""
        return (self.language in _SHELL or self.first.startswith("$ ")) and not self.note

    @property
    def commands(self) -> list[tuple[str, list[str]]]:
        """Each command, and the lines that it is shown to print. A block without prompts is one command."""
        if "$ " not in self.text:
            return [(self.text, [])]
        runs = re.split(r"^\$ ", self.text, flags=re.MULTILINE)[1:]
        return [(run.splitlines()[0], run.splitlines()[1:]) for run in runs]


def name_of(page: Path) -> str:
    """A page's path in the repository."""
    return str(page.relative_to(REPOSITORY))


def blocks_of(page: Path) -> list[Block]:
    """The code blocks of a page."""
    found, before, opened = [], "", None
    for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), 1):
        fence = _FENCE.match(line)
        if opened:
            indent, start, language, note, text = opened
            if fence and not fence[2]:
                note = note or _noted(name_of(page), text[0] if text else "")
                found.append(Block(name_of(page), start, language, "\n".join(text), note))
                opened = None
            else:
                text.append(line.removeprefix(indent))
        elif fence:
            note = _NOTE.match(before)
            opened = (fence[1], number, fence[2], note[1] if note else "", [])
        before = line
    assert opened is None, f"{page}: a block has no end"
    return found


def _noted(page: str, first: str) -> str:
    return next((note for (where, words), note in _NOTES.items() if page == where and first.startswith(words)), "")


def without_blocks(page: Path) -> list[str]:
    """The lines of a page that are in no code block."""
    kept, inside = [], False
    for line in page.read_text(encoding="utf-8").splitlines():
        if _FENCE.match(line):
            inside = not inside
        elif not inside:
            kept.append(line)
    return kept


def links_of(page: Path) -> list[str]:
    """Where a page links to."""
    text = re.sub(r"`[^`\n]*`", "", "\n".join(without_blocks(page)))
    return re.findall(r"\]\(([^)\s]+)\)", text)


def anchors_of(page: Path) -> set[str]:
    """What a link to this page may end with: its headings, spelt as GitHub spells them, and anchors of its own."""
    lines = without_blocks(page)
    anchors = set(re.findall(r'<a id="([^"]+)"></a>', "\n".join(lines)))
    count: Counter[str] = Counter()
    for line in lines:
        if heading := re.match(r"#+ (.+)$", line):
            words = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading[1]).lower()
            slug = re.sub(r"[^\w\- ]", "", words).strip().replace(" ", "-")
            anchors.add(f"{slug}-{count[slug]}" if count[slug] else slug)
            count[slug] += 1
    return anchors
