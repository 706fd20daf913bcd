"""docs/reference.md and the manual page say what the commands say of themselves. What only az has: tests/az."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from tests.unit.commands.helps import Command, of_brokerauth
from tests.unit.commands.reference import IN_AZ, PAGE, manual, page


@pytest.fixture(scope="module")
def commands() -> list[Command]:
    return of_brokerauth()


def test_the_page_is_as_the_commands_are(commands: list[Command]) -> None:
    assert PAGE.read_text(encoding="utf-8").partition(IN_AZ)[0] == page(commands), "run: make reference"


def test_every_command_and_option_has_words(commands: list[Command]) -> None:
    assert {command.name for command in commands} >= {"login", "tool enable", "config set", "exec"}
    assert [command.name for command in commands if not command.summary] == []
    assert [(each.name, one.names) for each in commands for one in each.options if not one.meaning] == []
    assert [each.name for each in commands if not (each.is_group or each.examples)] == []


def test_the_manual_page_has_every_command_and_is_set_without_a_warning(
    commands: list[Command], tmp_path: Path
) -> None:
    file = tmp_path / "brokerauth.1"
    file.write_text(manual(commands), encoding="utf-8")
    words = ["groff", "-K", "utf8", "-m", "man", "-T", "utf8", "-ww", "-rLL=100n", "-P-c", file]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    shown = re.sub(r".\x08", "", done.stdout).replace("\u2010\n", "-")
    for command in commands:
        assert re.search(rf"^ +{command.name}$", shown, re.MULTILINE), command.name
        for option in command.options:
            assert ", ".join(option.names) in shown
