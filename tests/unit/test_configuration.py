"""`brokerauth config`: settings for machines without az, in the file that az would use."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

BROKERAUTH = str(Path(sys.executable).with_name("brokerauth"))


def run(home: Path, *words: str, **env: str) -> subprocess.CompletedProcess[str]:
    env = {"HOME": str(home), "PATH": os.environ["PATH"]} | env
    return subprocess.run([BROKERAUTH, *words], env=env, cwd=home, capture_output=True, text=True, check=False)


def in_force(home: Path) -> dict[str, object]:
    done = run(home, "list-settings")
    assert done.returncode == 0, done.stderr
    return {setting["name"]: setting["value"] for setting in json.loads(done.stdout)}


def refused(home: Path, *words: str) -> str:
    done = run(home, *words)
    assert (done.returncode, done.stdout) == (1, ""), done.stderr
    return done.stderr


def test_what_is_set_is_in_force_until_it_is_unset_and_nothing_else_changes(tmp_path: Path) -> None:
    config = tmp_path / ".azure/config"
    config.parent.mkdir()
    config.write_text("[cloud]\nname = AzureCloud\n\n[brokerauth]\nprompt_timeout = 60\n")
    done = run(tmp_path, "config", "set", "tenant_id=contoso.com", "brokerauth.enable_broker_on_linux=true")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    found = in_force(tmp_path)
    assert (found["tenant_id"], found["enable_broker_on_linux"], found["prompt_timeout"]) == ("contoso.com", True, 60)
    assert "name = AzureCloud" in config.read_text()
    assert config.stat().st_mode & 0o777 == 0o600
    assert run(tmp_path, "config", "unset", "tenant_id", "brokerauth.enable_broker_on_linux").returncode == 0
    found = in_force(tmp_path)
    assert (found["tenant_id"], found["enable_broker_on_linux"]) == ("organizations", False)


def test_the_switch_that_is_azs_own_can_be_set_too(tmp_path: Path) -> None:
    assert run(tmp_path, "config", "set", "core.enable_broker_on_wsl=false").returncode == 0
    assert in_force(tmp_path)["enable_broker_on_wsl"] is False


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("silent_timeout=zero", "brokerauth.silent_timeout cannot be 'zero': use a number of seconds above 0."),
        ("tennant_id=x", "There is no setting 'tennant_id'."),
        ("core.output=table", "There is no setting 'core.output'."),
        ("tenant_id", "'tenant_id' is not NAME=VALUE."),
        ("login_hint=100%ada", "login_hint cannot be '100%ada'"),
    ],
)
def test_what_no_command_would_accept_later_is_not_written(tmp_path: Path, word: str, said: str) -> None:
    assert said in refused(tmp_path, "config", "set", "fallback=browser", word)
    assert not (tmp_path / ".azure/config").exists()


def test_a_value_that_stops_every_command_can_be_set_right_and_taken_away(tmp_path: Path) -> None:
    """What an error says is what is typed."""
    config = tmp_path / ".azure/config"
    config.parent.mkdir()
    config.write_text("[brokerauth]\nsilent_timeout = zero\nno_such = 1\n")
    assert "brokerauth.silent_timeout in" in run(tmp_path, "show").stderr
    assert run(tmp_path, "config", "set", "silent_timeout=20").returncode == 0
    assert "run: brokerauth config unset brokerauth.no_such" in run(tmp_path, "show").stderr.replace("Run", "run")
    assert run(tmp_path, "config", "unset", "brokerauth.no_such").returncode == 0
    assert in_force(tmp_path)["silent_timeout"] == 20
