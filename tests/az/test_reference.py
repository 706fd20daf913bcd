"""The end of docs/reference.md says what the real az says of our commands."""

from __future__ import annotations

from pathlib import Path

from tests.az.session import CLI
from tests.unit.commands.helps import of_brokerauth
from tests.unit.commands.reference import IN_AZ, PAGE, az_commands, in_az


def test_the_end_of_the_page_is_as_az_is(tmp_path: Path) -> None:
    told = az_commands(Path(CLI.python), CLI.extension.parent, tmp_path)
    _, heading, rest = PAGE.read_text(encoding="utf-8").partition(IN_AZ)
    assert heading + rest == in_az(told, of_brokerauth()), "run: make reference"
