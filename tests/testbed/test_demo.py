"""The first commands of README.md: the demo, with the stand-in for the runtime and with Microsoft's own."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.inheritance import INHERITED

HERE = Path(__file__).parents[2]
FIRST = (HERE / "README.md").read_text(encoding="utf-8").partition("```bash\n")[2].partition("```")[0]
DEMO = [line.partition(" #")[0].split() for line in FIRST.splitlines()]

pytestmark = [pytest.mark.full]


@pytest.mark.parametrize("words", DEMO, ids=" ".join)
def test_a_newcomer_sees_a_sign_in_and_a_program_that_uses_it(words: list[str]) -> None:
    # The packages are there: nothing is installed while other tests run.
    make = [words[0], "--old-file=system", "--old-file=.venv/bin/.demo", *words[1:]]
    environment = INHERITED.variables | {"PATH": os.environ["PATH"]}
    done = subprocess.run(make, cwd=HERE, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "ada@contoso.com" in done.stdout
    assert "Entra's token endpoint 0 times." in done.stdout
