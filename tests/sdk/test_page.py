"""The examples for SDK authors run as they are printed on the pages, and the keyword tables are complete."""

from __future__ import annotations

import inspect
import re
import sys
from fnmatch import fnmatch
from pathlib import Path

import pytest

from azext_brokerauth import BrokerCredential
from azext_brokerauth.keywords import NO_EFFECT
from testbed.machine import Machine

HERE = Path(__file__).parents[2]
PAGE = (HERE / "docs" / "sdk.md").read_text()
EXAMPLES = {
    "README.md": ["contoso.vault.azure.net"],
    "docs/sdk.md": [*("contoso.vault.azure.net",) * 3, "fabrikam.vault.azure.net", "['app', 'network']"],
}
"""The pages with examples, and what each example prints."""


def snippets(page: Path) -> list[str]:
    return re.findall(r"^```python\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL)


def test_no_page_has_an_example_that_is_not_run() -> None:
    pages = [*HERE.glob("*.md"), *(HERE / "docs").rglob("*.md")]
    counted = {str(page.relative_to(HERE)): len(snippets(page)) for page in pages if snippets(page)}
    of_recipes = counted.pop("docs/recipes.md")  # tests/emulated/test_recipes.py runs them, some with other tools
    assert of_recipes
    assert counted == {page: len(results) for page, results in EXAMPLES.items()}


@pytest.mark.parametrize(
    ("page", "number", "result"),
    [(page, number, result) for page, results in EXAMPLES.items() for number, result in enumerate(results)],
)
def test_an_example_works_as_it_stands(machine: Machine, page: str, number: int, result: str) -> None:
    done = machine.run([sys.executable, "-c", snippets(HERE / page)[number]])
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.strip().removeprefix("hello from ") == result


def test_every_keyword_is_in_a_table() -> None:
    keywords = PAGE.partition("## Keywords")[2].partition("## What differs")[0]
    named = set(re.findall(r"`([a-z_*]+)`", "\n".join(re.findall(r"^\|[^|]+\|", keywords, re.MULTILINE))))
    named |= {f"enable_broker_on{end}" for end in named if end.startswith("_")}
    parameters = inspect.signature(BrokerCredential.__init__).parameters.values()
    taken = {p.name for p in parameters if p.kind is p.KEYWORD_ONLY} | NO_EFFECT
    assert {keyword for keyword in taken if not any(fnmatch(keyword, name) for name in named)} == set()
