"""repair: broken machines become healthy by one command, and what only Windows can do is told as it is to be typed."""

from __future__ import annotations

import configparser
import json
import os
import signal
import subprocess
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from testbed.directory import ADA
from testbed.scenarios import Scenario
from tests.emulated.session import BROKERAUTH, Session, read_all
from tests.waiting import wait_until

# The real runtime too in make test-full.
pytestmark = pytest.mark.any_runtime


def parsed(text: str) -> dict[str, dict[str, str]]:
    """What a settings file says, however it is laid out."""
    parser = configparser.ConfigParser()
    parser.read_string(text)
    return {name: dict(parser.items(name)) for name in parser.sections()}


Start = Callable[[Scenario | str], Session]
ANY = pytest.mark.any_runtime
UNFINISHED = 4
DOUBLE = Path(__file__).parents[2] / "testbed/runtime/pymsalruntime"
APT_GET = """#!/bin/sh
# A stand-in: no emulated machine reaches the distribution's server. It installs by putting back what was taken away.
echo "apt-get $*" >> /run/apt.log
if [ "$1" = install ]; then
    find /lib /usr/lib -name '.taken-away-*' 2>/dev/null | while read -r file; do
        mv "$file" "$(dirname "$file")/$(basename "$file" | sed s/^.taken-away-//)"
    done
fi
echo "the packages are there"
"""
SEMAPHORE = "/dev/shm/sem.e165a065-6178-4c90-aa1d-5cb947e484f4:0"  # noqa: S108


def repair(there: Session, *words: str, status: int = 0, **env: str) -> dict[str, Any]:
    """What the command printed; the text for people goes to the attribute of that name."""
    done = there.brokerauth("repair", "--yes", *words, **env)
    assert done.returncode == status, done.stdout + done.stderr
    told: dict[str, Any] = json.loads(done.stdout)
    assert told["ready"] is (status == 0)
    return {**told, "said": done.stderr}


def done(told: dict[str, Any]) -> list[str]:
    return [step["command"] for step in told["done"]]


def left(told: dict[str, Any]) -> list[str]:
    return [step["command"] for step in told["left"]]


def put(there: Session, path: str, text: str) -> None:
    write = f'mkdir -p "$(dirname {path})" && cat > {path} && chmod 755 {path}'
    there.run(["sh", "-c", write], input=text).check_returncode()


def read(there: Session, path: str) -> str:
    return there.run(["cat", path]).stdout


def signs_in(there: Session) -> bool:
    return bool(there.tell("login")["username"] == ADA.username)


def test_missing_libraries_are_installed_and_nothing_is_done_twice(start: Start, runtime: str) -> None:
    there = start("missing-library")
    put(there, "/usr/bin/apt-get", APT_GET)
    plan = there.brokerauth("repair", "--dry-run")
    assert plan.returncode == UNFINISHED
    assert "apt-get install" in plan.stdout
    assert read(there, "/run/apt.log") == ""
    told = repair(there)
    assert [command.split()[:2] for command in done(told)] == [["apt-get", "update"], ["apt-get", "install"]]
    assert "libwebkit2gtk-4.1-0" in done(told)[1]
    assert "libraries: Shared libraries are missing: libwebkit2gtk-4.1.so.0" in told["said"]
    assert "the packages are there" in told["said"]
    assert runtime == "double" or signs_in(there)  # the double is linked with nothing, and only claims to lack it
    log = read(there, "/run/apt.log")
    assert done(repair(there)) == []
    assert read(there, "/run/apt.log") == log


@ANY
def test_a_missing_python_package_is_installed(start: Start, tmp_path: Path) -> None:
    there = start("no-runtime")
    # With the package at hand: pip takes its configuration from these variables, as from pip.conf.
    with zipfile.ZipFile(tmp_path / "pymsalruntime-0.20.7-py3-none-any.whl", "w") as wheel:
        for file in DOUBLE.glob("*.py"):
            wheel.write(file, f"pymsalruntime/{file.name}")
        about = "pymsalruntime-0.20.7.dist-info"
        wheel.writestr(f"{about}/METADATA", "Metadata-Version: 2.1\nName: pymsalruntime\nVersion: 0.20.7\n")
        wheel.writestr(f"{about}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{about}/RECORD", "")
    hostile = tmp_path / "pip"
    hostile.mkdir()
    (hostile / "__main__.py").write_text("raise SystemExit('not me')")
    env = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(tmp_path), "PYTHONPATH": str(tmp_path)}
    told = repair(there, **env)
    assert [command.partition(" -m ")[2].split()[0] for command in done(told)] == ["pip"]
    assert signs_in(there)


@ANY
def test_interop_is_switched_on_in_wsl_conf_which_keeps_the_rest_and_the_restart_is_the_persons(start: Start) -> None:
    there = start("no-interop")
    put(
        there,
        "/etc/wsl.conf",
        "# of the team\n[user]\ndefault = ada\n[interop]\nenabled = false\nappendWindowsPath = no",
    )
    told = repair(there, status=UNFINISHED)
    assert [command.split()[0] for command in done(told)] == ["sed"]
    text = read(there, "/etc/wsl.conf")
    assert "# of the team\n[user]\ndefault = ada\n[interop]\nenabled=true\nappendWindowsPath = no" in text
    assert left(told) == ["wsl.exe --shutdown"]
    assert "wsl.exe --shutdown   (ends every distribution" in told["said"]
    assert "Then run: brokerauth repair" in told["said"]
    again = repair(there, status=UNFINISHED)
    assert (done(again), left(again)) == ([], ["wsl.exe --shutdown"])
    assert read(there, "/etc/wsl.conf") == text


@ANY
def test_a_lock_that_a_killed_runtime_left_is_removed(start: Start) -> None:
    there = start("default")
    there.run(["sh", "-c", f"head -c 32 /dev/zero > {SEMAPHORE}"])
    assert done(repair(there)) == [f"rm -f -- {SEMAPHORE}"]
    assert signs_in(there)


@ANY
def test_a_broken_settings_file_is_put_aside_and_kept(start: Start) -> None:
    there = start("default")
    file = there.config / "config"
    file.parent.mkdir()
    file.write_text("[core]\ncollect_telemetry = no\nnot a setting\n")
    assert "run: brokerauth repair" in there.refuse("login")
    assert done(repair(there)) == [f"mv --backup=numbered -- {file} {file}.broken"]
    assert "collect_telemetry = no" in file.with_name("config.broken").read_text()
    kept = "[core]\nsilent_timeout = of others\n[brokerauth]\nprompt_timeout = 30\n"
    file.write_text(kept + "Silent_Timeout = zero\n")
    assert done(repair(there)) == ["brokerauth config unset brokerauth.silent_timeout"]
    assert parsed(file.read_text()) == parsed(kept)
    assert signs_in(there)


def tells(there: Session, steps: list[str], status: int = UNFINISHED) -> None:
    """Nothing is run, and these steps are told as they are to be typed."""
    told = repair(there, status=status)
    assert done(told) == []
    assert [step["command"] for step in told["left"] or told["advised"]] == steps
    for step in steps:
        assert f"  {step}" in told["said"]


@ANY
def test_what_only_windows_or_a_person_can_do_is_told_as_it_is_to_be_typed(start: Start) -> None:
    there = start("old-wsl")
    tells(there, ["wsl.exe --update", "wsl.exe --shutdown"])
    there.machine.set_scenario("elevated")
    tells(there, ["Open WSL from a terminal that does not run as administrator"], status=0)
    there.machine.set_scenario("unknown-device")
    tells(there, ["In Windows: Settings > Accounts > Access work or school > Connect"], status=0)


@ANY
def test_a_kernel_of_ones_own_is_for_windows_to_take_away(start: Start) -> None:
    line = "In Windows, remove the line that begins with kernel= from %UserProfile%\\.wslconfig"
    tells(start("custom-kernel"), [line, "wsl.exe --shutdown"])


@ANY
def test_a_command_that_fails_stops_everything_and_is_named(start: Start) -> None:
    there = start("missing-library")
    put(there, "/usr/bin/apt-get", "#!/bin/sh\necho no server answers >&2\nexit 100\n")
    there.run(["sh", "-c", f"head -c 32 /dev/zero > {SEMAPHORE}"])
    failed = there.brokerauth("repair", "--yes")
    assert (failed.returncode, failed.stdout) == (1, "")
    assert "no server answers" in failed.stderr
    assert "apt-get update ended with exit code 100. It was meant to fix libraries" in failed.stderr
    assert "To go on from here, run: brokerauth repair" in failed.stderr
    put(there, "/usr/bin/apt-get", APT_GET)
    assert len(done(repair(there))) == 3


@ANY
def test_it_asks_first_and_refuses_where_nobody_can_be_asked(start: Start) -> None:
    there = start("default")
    there.run(["sh", "-c", f"head -c 32 /dev/zero > {SEMAPHORE}"])
    said = there.refuse("repair")
    assert "there is no terminal to ask at" in said
    assert "--yes" in said
    for answer, status in (("n\n", UNFINISHED), ("y\n", 0)):
        outer, inner = os.openpty()
        asked = there.machine.popen(
            [BROKERAUTH, "repair", "-o", "json"], there.env, stdin=inner, stdout=subprocess.PIPE, stderr=inner
        )
        os.write(outer, answer.encode())
        printed, _ = asked.communicate(timeout=60)
        os.close(inner)
        shown = read_all(outer)
        assert asked.returncode == status, shown
        assert "Run this? (y/n)" in shown
        assert json.loads(printed)["ready"] is (status == 0)


@ANY
def test_ctrl_c_waits_for_the_command_and_leaves_what_repair_can_finish(start: Start) -> None:
    there = start("missing-library")
    slow = APT_GET.replace(
        'echo "apt-get', "trap 'echo not in the middle' INT\ntouch /run/busy\nsleep 3\necho \"apt-get"
    )
    put(there, "/usr/bin/apt-get", slow)
    process = there.start("repair", "--yes")
    wait_until(lambda: there.run(["test", "-e", "/run/busy"]).returncode == 0, 60)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130, said
    assert "Waiting for apt-get to end" in said
    assert read(there, "/run/apt.log") == "apt-get update\n"
    put(there, "/usr/bin/apt-get", APT_GET)
    assert len(done(repair(there))) == 2


@ANY
def test_in_az_it_is_the_same(start: Start) -> None:
    there = start("old-wsl")
    there.run(["sh", "-c", f"head -c 32 /dev/zero > {SEMAPHORE}"])
    ended = there.az("brokerauth", "repair", "--yes", "--only-show-errors")
    assert ended.returncode == UNFINISHED, ended.stderr
    told = json.loads(ended.stdout)
    assert done(told) == [f"rm -f -- {SEMAPHORE}"]
    assert left(told) == ["wsl.exe --update", "wsl.exe --shutdown"]
    assert "Then run: az brokerauth repair" in ended.stderr
