"""`az brokerauth login --fallback` makes an ordinary sign-in of az's own, and says so."""

from __future__ import annotations

import json
import stat
import subprocess
import sys

import pytest

from testbed.directory import ADA
from tests.az.conftest import Start
from tests.az.session import Terminal
from tests.emulated.test_fallback import APPROVE, BROWSER

pytestmark = pytest.mark.any_runtime


def login(there: Terminal, *words: str, **env: str) -> subprocess.CompletedProcess[str]:
    with there.machine.popen([sys.executable, "-c", APPROVE], there.env) as approving:
        try:
            return there.az("brokerauth", "login", *words, timeout=120, **env)
        finally:
            approving.kill()


def assert_az_s_own(there: Terminal, done: subprocess.CompletedProcess[str], source: str) -> None:
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert (told["username"], told["source"]) == (ADA.username, source)
    assert told["subscriptions"]
    assert "will NOT be device-bound" in done.stderr
    assert there.tell("account", "show-broker")["tokenSource"] == "refreshToken"
    assert there.tell("brokerauth", "list") == []
    assert "deviceid" not in there.claims("--resource", "https://vault.azure.net")


def test_a_device_code_signs_az_in_where_the_broker_fails(new_terminal: Start) -> None:
    there = new_terminal("crash")
    done = login(there, "--fallback", "device-code")
    assert "enter the code" in done.stderr
    assert_az_s_own(there, done, "device-code")


def test_a_browser_signs_az_in_where_the_broker_fails(new_terminal: Start) -> None:
    there = new_terminal("crash")
    program = there.directory / "ada"
    program.write_text(
        BROWSER.format(python=sys.executable, more=f"&as_user={ADA.username}", shown=there.directory / "shown.html")
    )
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    done = there.az("brokerauth", "login", "--fallback", "browser", timeout=120, BROWSER=f"{program} %s &")
    assert_az_s_own(there, done, "browser")


def test_without_the_option_az_opens_nothing_and_is_not_signed_in(new_terminal: Start) -> None:
    there = new_terminal("crash")
    assert "did not give a usable answer" in there.refuse("brokerauth", "login")
    assert there.token_endpoint_calls() == []
