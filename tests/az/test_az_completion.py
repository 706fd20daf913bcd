"""The Tab key in az, asked as argcomplete's shell code asks."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from tests.az.session import CLI
from tests.unit.test_completion import ACCOUNT, asked


@pytest.mark.parametrize(
    ("option", "expected"),
    [("--username", "ada@contoso.com"), pytest.param("--fallback", "device-code", marks=pytest.mark.full)],
)
def test_the_tab_key_offers_accounts_and_choices_in_az_too(tmp_path: Path, option: str, expected: str) -> None:
    records = tmp_path / "config/brokerauth/accounts.json"
    records.parent.mkdir(parents=True, mode=0o700)
    records.write_text(json.dumps({"version": 1, "current": "a", "accounts": [ACCOUNT]}))
    env = {
        "HOME": str(tmp_path),
        "PATH": os.environ["PATH"],
        "AZURE_CONFIG_DIR": str(tmp_path / "config"),
        "AZURE_EXTENSION_DIR": str(CLI.extension.parent),
    }
    answer = tmp_path / "answer"
    line = f"az brokerauth login {option} "
    done = subprocess.run(
        [CLI.program], env=env | asked(line, answer), cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0
    assert "Traceback" not in done.stderr
    assert expected in answer.read_text().split()
