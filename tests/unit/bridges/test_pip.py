"""pip's entry among the tools: there is nothing to edit, and it tells whether the keyring that is found has us."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from azext_brokerauth.bridges import TOOLS, Home, load
from azext_brokerauth.errors import SettingsError
from azext_brokerauth.errors.rendering import PLAIN, in_words

PIP = load("pip")


def home_with_keyring(directory: Path, interpreter: Path | str) -> Home:
    """A keyring is on PATH, which this Python runs."""
    (directory / "keyring").write_text(f"#!{interpreter}\n")
    (directory / "keyring").chmod(0o755)
    return Home(directory, {"PATH": str(directory)}, directory)


@pytest.mark.parametrize("name", [name for name in TOOLS if name in ("pip", "cargo")])
def test_it_is_on_the_list(name: str) -> None:
    assert load(name).name == name


def test_beside_us_keyring_finds_us_and_there_is_nothing_to_edit(tmp_path: Path) -> None:
    assert PIP.edits(home_with_keyring(tmp_path, sys.executable)) == []
    assert PIP.edits(Home(tmp_path, {"PATH": ""}, tmp_path)) == []  # the tests have it beside us


def test_what_uv_wants_besides_is_said(tmp_path: Path) -> None:
    (note,) = PIP.notes(Home(tmp_path, {}, tmp_path))
    assert "UV_KEYRING_PROVIDER" in note


def test_a_keyring_of_its_own_has_us_once_brokerauth_is_put_in(tmp_path: Path) -> None:
    home = home_with_keyring(tmp_path, tmp_path / "venv/bin/python")
    with pytest.raises(SettingsError) as told:
        PIP.edits(home)
    told_to = in_words(told.value.remedies, PLAIN)
    assert "pipx inject keyring 'brokerauth[cli]'" in told_to
    assert "uv tool install keyring --with 'brokerauth[cli]'" in told_to
    (tmp_path / "venv/lib/python3.12/site-packages/brokerauth-1.0.dist-info").mkdir(parents=True)
    assert PIP.edits(home) == []
