"""What the tests of package feeds share: a machine for each file of tests, and a home for each test."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.emulated.session import Session, session


@pytest.fixture(scope="module")
def machine(runtime: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    with session("default", runtime, tmp_path_factory.mktemp(runtime)) as there:
        there.env |= {"PIP_CONFIG_FILE": os.devnull, "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
        yield there


@pytest.fixture
def nobody(machine: Session, tmp_path: Path) -> Iterator[Session]:
    """Nobody has signed in, in a home of this test's own. No program leaves a token in it."""
    machine.env |= {"HOME": str(tmp_path), "AZURE_CONFIG_DIR": str(tmp_path / ".azure")}
    machine.machine.clear_journal()
    yield machine
    machine.check_stored(tmp_path)


@pytest.fixture
def there(nobody: Session) -> Session:
    """Ada has signed in."""
    nobody.tell("login")
    nobody.machine.clear_journal()
    return nobody
