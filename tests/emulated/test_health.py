"""check-health: on each machine that lacks something, exactly that is found, and what is printed mends it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from testbed.scenarios import Scenario
from tests.emulated.session import Session

Start = Callable[[Scenario | str], Session]

# scenario -> what fails, what warns, and the beginning of a remedy
BROKEN = {
    "default": ((), (), ""),
    "not-wsl": (("machine",), (), "az config set brokerauth.enable_broker_on_linux=true"),
    "native-linux": (("machine",), (), "az config set brokerauth.enable_broker_on_linux=true"),
    "docker-on-wsl": (("machine",), (), "Sign in under WSL 2 itself"),
    "wsl1": (("machine",), (), "wsl.exe --set-version Debian 2"),
    "custom-kernel": (("machine",), (), "In %UserProfile%\\.wslconfig"),
    "old-wsl": (("wsl-version",), (), "wsl.exe --update"),
    "no-interop": (("interop",), (), "sed -i '/^\\[interop\\]/"),
    "no-keyring": (("secret-service",), (), "read -rsp"),
    "locked-keyring": (("keyring-unlocked",), (), "read -rsp"),
    "missing-library": (("libraries",), (), "apt-get update"),
    "no-runtime": (("pymsalruntime",), (), ""),
    "mirrored-networking": ((), ("networking",), "If a sign-in is refused, set networkingMode=nat"),
    "elevated": ((), ("windows-elevated",), "Open WSL from a terminal that does not"),
    "session-0": ((), ("windows-desktop",), "Sign in once from a WSL window"),
    "unknown-device": ((), ("device",), "In Windows: Settings > Accounts"),
    "no-prt": ((), ("prt",), "Lock Windows"),
    "clock-behind": (("clock",), (), "hwclock --hctosys"),
}
PASSWORD = "testbed\n"  # noqa: S105  (of the emulated machine's keyring)


def report(there: Session, *words: str) -> dict[str, Any]:
    done = there.brokerauth("check-health", *words)
    told: dict[str, Any] = json.loads(done.stdout)
    assert done.returncode == (0 if told["healthy"] else 1)
    assert done.stderr == ""
    return told


def found(told: dict[str, Any], severity: str) -> tuple[str, ...]:
    return tuple(check["id"] for check in told["checks"] if check["severity"] == severity)


@pytest.mark.parametrize("name", BROKEN)
def test_exactly_what_is_broken_is_found(start: Start, runtime: str, name: str) -> None:
    failing, warning, remedy = BROKEN[name]
    if name == "missing-library" and runtime == "double":
        failing, remedy = (), ""  # the double is linked with nothing
    there = start(name)
    told = report(there)
    assert (found(told, "fail"), found(told, "warn")) == (failing, warning)
    assert bool(told["remedies"]) == bool(failing or warning)
    if remedy:
        assert told["remedies"][0]["command"].startswith(remedy)
    table = there.brokerauth("check-health", "--output", "table")
    assert table.stdout.count(" FAIL ") == len(failing)
    assert "\x1b" not in table.stdout
    for step in told["remedies"]:
        assert step["command"] in table.stdout


@pytest.mark.parametrize("name", ["no-keyring", "locked-keyring", "missing-library"])
def test_what_is_printed_mends_it(start: Start, runtime: str, name: str) -> None:
    if name == "missing-library" and runtime == "double":
        assert found(report(start(name)), "fail") == ()
        return
    there = start(name)
    told = report(there)
    assert len(found(told, "fail")) == 1
    block = there.brokerauth("check-health", "--output", "table").stdout.partition("# To mend it")[2]
    done = there.run(["bash", "-c", f"#{block}"], input=PASSWORD, timeout=120)
    assert done.returncode == 0, done.stderr
    mended = report(there)
    assert (found(mended, "fail"), found(mended, "warn")) == ((), ())
