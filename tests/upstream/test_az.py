"""What is assumed of az: `make upstream` asks the newest one, `make test` the one it is pinned to."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
from packaging.specifiers import SpecifierSet

from tests.az.session import CLI

HERE = Path(__file__).parents[2]
ASKED = """
import ast, importlib, inspect, json, pathlib, sys, textwrap
from importlib.metadata import version

import azure.cli.core
from azure.cli.core.auth import identity, msal_credentials

def of_application(kind):
    tree = ast.parse(textwrap.dedent(inspect.getsource(kind)))
    return {
        found.attr
        for found in ast.walk(tree)
        if isinstance(found, ast.Attribute) and getattr(found.value, "attr", "") == "_msal_app"
    }

core = pathlib.Path(azure.cli.core.__file__).parent
said = [str(file.relative_to(core)) for file in core.rglob("*.py") if "enable_broker_on_wsl" in file.read_text("utf-8")]
sys.path.append(sys.argv[1])
from azext_brokerauth.azcli.hook import Hook
print(json.dumps({
    "why not": Hook().attach(),
    "says enable_broker_on_wsl": said,
    "used": sorted(of_application(identity.Identity) | of_application(msal_credentials.UserCredential)),
    "msal": version("msal"),
}))
"""
USED = {
    *("acquire_token_interactive", "acquire_token_silent_with_error", "get_accounts"),
    *("acquire_token_by_device_flow", "acquire_token_by_username_password", "initiate_device_flow", "remove_account"),
    *("authority", "CONSOLE_WINDOW_HANDLE"),
}
"""What az uses of MSAL's application for people: the first three the facade answers, all others MSAL itself."""


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    assert CLI.program
    env = {"PATH": os.environ["PATH"], "HOME": str(tmp_path_factory.mktemp("home"))}
    command = [CLI.python, "-Ic", ASKED, str(CLI.extension)]
    done = subprocess.run(command, env=env, text=True, capture_output=True)
    assert done.returncode == 0, done.stderr
    facts: dict[str, Any] = json.loads(done.stdout)
    return facts


def test_the_facade_still_fits(told: dict[str, Any]) -> None:
    assert told["why not"] == ""


def test_az_has_no_setting_of_its_own_for_the_broker_under_wsl(told: dict[str, Any]) -> None:
    # Once it has, brokerauth steps aside where it sees that (hook.py): look how az does it, and say it in docs/az.md.
    assert told["says enable_broker_on_wsl"] == []


def test_az_asks_msal_for_nothing_that_passes_the_facade_by(told: dict[str, Any]) -> None:
    new = set(told["used"]) - USED
    assert new == set(), "Would it give tokens of accounts that signed in through the broker? See azcli/facade.py."


def test_the_msal_of_az_is_one_that_is_supported(told: dict[str, Any]) -> None:
    assert told["msal"] in SpecifierSet(">=1.36,<2")
