"""The examples on the page for SDK authors run as they are printed there, and its keyword tables are complete."""

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

PAGE = (Path(__file__).parents[2] / "docs" / "sdk.md").read_text()
EXAMPLES = dict(re.findall(r"^### ([^\n]+)\n.*?```python\n(.*?)```", PAGE, re.MULTILINE | re.DOTALL))
RESULTS = ("contoso.vault.azure.net",) * 3 + ("fabrikam.vault.azure.net", "['app', 'network']")


def test_there_are_five_examples() -> None:
    assert len(EXAMPLES) == len(RESULTS)


@pytest.mark.parametrize(("title", "result"), [*zip(EXAMPLES, RESULTS, strict=True)])
def test_an_example_works(machine: Machine, title: str, result: str) -> None:
    done = machine.run([sys.executable, "-c", EXAMPLES[title]])
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.strip().removeprefix("hello from ") == result


def test_every_keyword_is_in_a_table() -> None:
    keywords = PAGE.partition("## Keywords")[2].partition("## What differs")[0]
    named = set(re.findall(r"`([a-z_*]+)`", "\n".join(re.findall(r"^\|[^|]+\|", keywords, re.MULTILINE))))
    named |= {f"enable_broker_on{end}" for end in named if end.startswith("_")}
    parameters = inspect.signature(BrokerCredential.__init__).parameters.values()
    taken = {p.name for p in parameters if p.kind is p.KEYWORD_ONLY} | NO_EFFECT
    assert {keyword for keyword in taken if not any(fnmatch(keyword, name) for name in named)} == set()
