"""check-health: on each machine that lacks something, exactly that is found, and what is printed mends it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
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
TIED = ("default", "missing-library", "no-runtime")
"""Scenarios in which the runtime makes a difference."""
ANY = pytest.mark.any_runtime
PASSWORD = "testbed\n"  # noqa: S105  (of the emulated machine's keyring)


def report(there: Session, *words: str) -> dict[str, Any]:
    done = there.brokerauth("check-health", *words)
    told: dict[str, Any] = json.loads(done.stdout)
    assert done.returncode == (0 if told["healthy"] else 1)
    assert done.stderr == ""
    return told


def found(told: dict[str, Any], severity: str) -> tuple[str, ...]:
    return tuple(check["id"] for check in told["checks"] if check["severity"] == severity)


@pytest.mark.parametrize("name", [name if name in TIED else pytest.param(name, marks=ANY) for name in BROKEN])
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


@pytest.mark.any_runtime
def test_the_table_can_be_scanned_and_its_end_pasted(start: Start) -> None:
    there = start("old-wsl")
    done = there.brokerauth("check-health", "--output", "table")
    assert done.returncode == 1
    table, _, block = done.stdout.partition("# To mend it, in this order:\n")
    assert [line.split()[1] for line in table.splitlines() if " FAIL " in line] == ["wsl-version"]
    assert "\x1b" not in table
    assert block.splitlines() == ["# In PowerShell on Windows:", "#   wsl.exe --update", "#   wsl.exe --shutdown"]
    queried = there.brokerauth("check-health", "--query", "checks[?severity=='fail'].id", "--output", "tsv")
    assert (queried.returncode, queried.stdout) == (1, "wsl-version\n")


@pytest.mark.any_runtime
@pytest.mark.parametrize("name", ["no-keyring", "locked-keyring"])
def test_what_is_printed_for_the_keyring_mends_it(start: Start, name: str) -> None:
    there = start(name)
    run_the_block(there, input=PASSWORD)
    for pid, argv in there.machine.processes():
        assert argv[0] == "gnome-keyring-daemon"
        os.kill(pid, signal.SIGTERM)


@pytest.mark.full
def test_what_is_printed_for_a_library_mends_it(start: Start, runtime: str, tmp_path: Path) -> None:
    """With the package at hand, since no emulated machine reaches the distribution's server."""
    there = start("missing-library")
    if runtime == "double":
        assert found(report(there), "fail") == ()
        return
    archives = tmp_path / "archives"
    (archives / "partial").mkdir(parents=True)
    fetch = ["apt-get", "install", "--reinstall", "--download-only", "-y", f"-oDir::Cache::archives={archives}"]
    subprocess.run([*fetch, "libwebkit2gtk-4.1-0"], check=True, capture_output=True)
    packages = [str(package) for package in archives.glob("*.deb")]
    there.run(["cp", *packages, "/var/cache/apt/archives/"]).check_returncode()
    run_the_block(there)


def run_the_block(there: Session, input: str = "") -> None:
    """Paste what is printed below the table into a shell; then nothing may be wrong any more."""
    assert len(found(report(there), "fail")) == 1
    block = there.brokerauth("check-health", "--output", "table").stdout.partition("# To mend it")[2]
    done = there.run(["bash", "-c", f"#{block}"], input=input, timeout=300)
    assert done.returncode == 0, done.stderr
    mended = report(there)
    assert (found(mended, "fail"), found(mended, "warn")) == ((), ())
