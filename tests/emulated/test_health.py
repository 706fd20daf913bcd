"""check-health: on each machine that lacks something, exactly that is found, and what is printed fixes it."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shlex
import signal
import stat
import subprocess
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from testbed.directory import ADA, GRACE, KATHERINE
from testbed.scenarios import SCENARIOS, Scenario
from tests.emulated.session import AZ, BROKERAUTH, Session
from tests.inheritance import INHERITED

Start = Callable[[Scenario | str], Session]

# scenario -> what fails, what warns, and the beginning of a remedy
BROKEN = {
    "default": ((), (), ""),
    "not-wsl": (("machine",), (), "Sign in with: az login"),
    "native-linux": (("machine",), (), "Sign in with: az login"),
    "docker-on-wsl": (("machine",), (), "Sign in under WSL 2 itself"),
    "wsl1": (("machine",), (), "wsl.exe --set-version Debian 2"),
    "custom-kernel": (("machine",), (), "In Windows, remove the line that begins with kernel="),
    "old-wsl": (("wsl-version",), (), "wsl.exe --update"),
    "no-interop": (("interop",), (), "sed -i '/^\\[interop\\]/"),
    "no-keyring": ((), (), ""),
    "hung-session-bus": ((), (), ""),
    "no-keyring-packages": (("keyring",), (), "apt-get update"),
    "no-kernel-keyring": ((), ("keyring",), "Run it outside of the sandbox"),
    "missing-library": (("libraries",), (), "apt-get update"),
    "no-runtime": (("pymsalruntime",), (), ""),
    "mirrored-networking": ((), ("networking",), "If a sign-in is refused, set networkingMode=nat"),
    "elevated": ((), ("windows-elevated",), "Open WSL from a terminal that does not"),
    "session-0": ((), ("windows-desktop",), "Sign in once from a WSL window"),
    "unknown-device": ((), ("device",), "In Windows: Settings > Accounts"),
    "no-prt": ((), ("prt",), "Lock Windows"),
    "clock-behind": ((), ("clock",), "hwclock --hctosys"),
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
def test_exactly_what_is_broken_is_found(start: Start, name: str) -> None:
    failing, warning, remedy = BROKEN[name]
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
    table, _, block = done.stdout.partition(
        "# To fix it, run: brokerauth repair\n# Or do it yourself, in this order:\n"
    )
    assert [line.split()[1] for line in table.splitlines() if " FAIL " in line] == ["wsl-version"]
    assert "\x1b" not in table
    assert block.splitlines() == [
        *("# In PowerShell on Windows:", "#   wsl.exe --update", "#   wsl.exe --shutdown"),
        "# The broker itself was not asked. To ask it, run: brokerauth check-health --online",
    ]
    queried = there.brokerauth("check-health", "--query", "checks[?severity=='fail'].id", "--output", "tsv")
    assert (queried.returncode, queried.stdout) == (1, "wsl-version\n")
    assert on_a_terminal(there, BROKERAUTH, "check-health") == done.stdout
    for words, env in ((("-o", "json"), {}), (("--query", "@"), {}), ((), {"AZURE_CORE_OUTPUT": "json"})):
        shown = on_a_terminal(there, BROKERAUTH, "check-health", *words, **env)
        assert [c["id"] for c in json.loads(shown)["checks"] if c["severity"] == "fail"] == ["wsl-version"]


def on_a_terminal(there: Session, *command: str, **env: str) -> str:
    """What a command prints whose standard output is a terminal."""
    outer, inner = os.openpty()
    process = there.machine.popen(
        command, there.env | env, stdin=subprocess.DEVNULL, stdout=inner, stderr=subprocess.PIPE
    )
    os.close(inner)
    said = b""
    with contextlib.suppress(OSError):  # EIO: it has ended
        while piece := os.read(outer, 4096):
            said += piece
    os.close(outer)
    assert process.communicate(timeout=60)[1] == ""
    return said.decode().replace("\r\n", "\n")


@pytest.mark.any_runtime
def test_nothing_fails_where_people_can_sign_in_all_the_same(start: Start) -> None:
    """Each was taken away on the real runtime, and sign-in, the next process and sign-out went well."""
    there = start("clock-behind")
    there.run(["rm", "/mnt/c/Windows/System32/cmd.exe"]).check_returncode()
    told = report(there)
    assert (found(told, "fail"), found(told, "warn")) == ((), ("clock",))
    there.run(["mv", "/mnt/c/Windows", "/mnt/c/elsewhere"]).check_returncode()
    told = report(there)
    assert (found(told, "fail"), found(told, "warn")) == ((), ("windows-drive",))
    assert [step["command"] for step in told["remedies"]] == ["mkdir -p /mnt/c", "mount -t drvfs C: /mnt/c"]
    assert {check["id"]: check["severity"] for check in told["checks"]}["proxy"] == "pass"
    there.tell("login")
    there.tell("get-access-token")
    there.tell("logout", "--yes")
    there.run(["mv", "/mnt/c/elsewhere", "/mnt/c/Windows"]).check_returncode()
    # Ahead by more than a token lives, each has expired when it arrives.
    there.machine.set_scenario(replace(SCENARIOS["default"], clock_skew=-4000, token_lifetime=-400))
    told = report(there)
    assert found(told, "fail") == ("clock",)
    there.refuse("login")


FILE = "/etc/brokerauth/config"
HARM = {
    "a variable that cannot be used": ("true", {"AZURE_BROKERAUTH_SILENT_TIMEOUT": "zero"}, "silent_timeout"),
    "a value of the file that cannot be used": (
        "mkdir -p ~/.azure; printf '[brokerauth]\\nsilent_timeout = zero\\nno_such = 1\\n' > ~/.azure/config",
        {},
        "silent_timeout",
    ),
    "something else than is enforced": (
        "rm ~/.azure/config; mkdir -p /etc/brokerauth;"
        f" printf '[brokerauth]\\nfallback = none\\nenforced = fallback\\n' > {FILE}",
        {"AZURE_BROKERAUTH_FALLBACK": "browser"},
        "fallback",
    ),
    "no settings file": (f"rm {FILE}; mkdir -p ~/.azure; echo no settings > ~/.azure/config", {}, None),
    "no account file": (
        "rm ~/.azure/config; mkdir -m 700 -p ~/.azure/brokerauth; umask 77; echo x > ~/.azure/brokerauth/accounts.json",
        {},
        "",
    ),
}


@pytest.mark.any_runtime
def test_no_remedy_leads_back_to_what_it_is_for(start: Start) -> None:
    there = start("default")
    for harm, (make, env, shown) in HARM.items():
        there.run(["sh", "-c", make]).check_returncode()
        if shown != "":
            rows = json.loads(there.brokerauth("list-settings", **env).stdout)
            assert shown in [row["name"] for row in rows if row["problem"]], harm
        assert follow(there, ("login",), env), harm
        assert follow(there, ("check-health",), env), harm


OWN = r"config (?:un)?set \S+|[a-z-]+"
"""A command of ours that can be followed as it is written."""


def follow(there: Session, path: tuple[str, ...], env: dict[str, str]) -> bool:
    """Does a command fail? Then do what it says to do first, where that is a command of ours, until one goes well, or
    says what is to be done elsewhere. None may be met twice."""
    done = there.brokerauth(*shlex.split(path[-1]), **env)
    if done.returncode == 0:
        return False
    leads = re.findall(rf"(?<!then )[Rr]un: brokerauth ({OWN})", done.stderr)
    if path[-1] == "check-health":
        firsts = [check["remedies"][0]["command"] for check in json.loads(done.stdout)["checks"] if check["remedies"]]
        leads += re.findall(rf"^brokerauth ({OWN})", "\n".join(firsts), re.MULTILINE)
    for lead in leads:
        assert lead not in path, f"{' -> '.join(path)} -> {lead}: {done.stderr}"
        if lead != "repair":  # which says what it would do
            follow(there, (*path, lead), env)
    return True


@pytest.mark.any_runtime
@pytest.mark.parametrize("name", ["no-keyring", "locked-keyring"])
def test_what_is_printed_for_the_keyring_mends_it(start: Start, name: str) -> None:
    there = start(name)
    there.env["AZURE_BROKERAUTH_KEYRING"] = "session"
    run_the_block(there, input=PASSWORD)
    for pid, argv in there.machine.processes():
        assert argv[0] == "gnome-keyring-daemon"
        os.kill(pid, signal.SIGTERM)


@pytest.mark.full
def test_what_is_printed_for_a_library_mends_it(start: Start, tmp_path: Path) -> None:
    """With the package at hand, since no emulated machine reaches the distribution's server."""
    there = start("missing-library")
    archives = tmp_path / "archives"
    (archives / "partial").mkdir(parents=True)
    fetch = ["apt-get", "install", "--reinstall", "--download-only", "-y", f"-oDir::Cache::archives={archives}"]
    subprocess.run([*fetch, "libwebkit2gtk-4.1-0"], env=INHERITED.variables, check=True, capture_output=True)
    packages = [str(package) for package in archives.glob("*.deb")]
    there.run(["cp", *packages, "/var/cache/apt/archives/"]).check_returncode()
    run_the_block(there)


def run_the_block(there: Session, input: str = "") -> None:
    """Paste what is printed below the table into a shell; then nothing may be wrong any more."""
    assert len(found(report(there), "fail")) == 1
    block = there.brokerauth("check-health", "--output", "table").stdout.partition("# To fix it")[2]
    done = there.run(["bash", "-c", f"#{block}"], input=input, timeout=300)
    assert done.returncode == 0, done.stderr
    fixed = report(there)
    assert (found(fixed, "fail"), found(fixed, "warn")) == ((), ())


@pytest.mark.any_runtime
@pytest.mark.parametrize(
    ("name", "check"),
    [
        pytest.param("no-runtime", "pymsalruntime", marks=ANY),
        pytest.param("wsl1", "machine", marks=ANY),
        ("old-wsl", "wsl-version"),
        pytest.param("no-interop", "interop", marks=ANY),
        ("missing-library", "libraries"),
    ],
)
def test_a_command_that_fails_names_the_check(start: Start, name: str, check: str) -> None:
    there = start(name)
    said = there.refuse("login")
    assert check in said.partition("see the check ")[2].partition(")")[0]
    assert "run: brokerauth check-health" in said
    assert check in found(report(there), "fail")


@pytest.mark.any_runtime
def test_online_tries_the_broker_without_a_window(start: Start) -> None:
    there = start("default")
    told = report(there, "--online")
    assert told["healthy"]
    broker, token = told["checks"][-2:]
    assert (broker["severity"], token["severity"]) == ("pass", "pass")
    assert broker["finding"].endswith(f"knows {', '.join(sorted(p.username for p in (ADA, GRACE, KATHERINE)))}")
    assert ADA.username in token["finding"]
    assert "acquireTokenInteractively" not in there.calls()
    there.machine.set_scenario("interaction-required")
    told = report(there, "--online")
    assert (found(told, "warn"), told["remedies"]) == (
        ("token",),
        [{"shell": "bash", "command": "brokerauth login"}],
    )
    assert "acquireTokenInteractively" not in there.calls()
    there.machine.set_scenario("account-unusable")
    told = report(there, "--online")
    assert found(told, "fail") == ("token",)
    repair = told["remedies"][0]["command"]
    assert "repair the account" in repair
    assert repair.removesuffix(".") in there.refuse("login")


@pytest.mark.any_runtime
def test_online_ends_although_the_broker_hangs(start: Start) -> None:
    there = start("hang-on-start")
    told = report(there, "--online")
    assert found(told, "fail") == ("broker",)
    assert found(told, "skip")[-1] == "token"
    there.machine.set_scenario("hang-on-silent")
    there.env["AZURE_BROKERAUTH_SILENT_TIMEOUT"] = "3"
    assert found(report(there, "--online"), "fail") == ("token",)


@pytest.mark.any_runtime
def test_an_archive_for_support_names_nobody_and_holds_no_secret(start: Start, tmp_path: Path) -> None:
    there = start("default")
    there.tell("login")
    for words, hidden in (([], True), (["--with-names"], False)):
        file = tmp_path / f"{hidden}.zip"
        done = there.brokerauth("check-health", "--bundle", str(file), *words)
        assert done.returncode == 0
        listed = [line.split(":")[0].strip() for line in done.stderr.splitlines()[1:]]
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        with zipfile.ZipFile(file) as archive:
            assert archive.namelist() == listed
            texts = {name: archive.read(name).decode() for name in listed}
        held = "".join(texts.values())
        assert (ADA.username in held) is not hidden
        assert not [secret for secret in there.secrets() if secret in held]
        assert "started the broker's process" in texts["log.txt"]
        assert json.loads(texts["report.json"])["healthy"]
    before = file.read_bytes()
    assert "exists already" in there.refuse("check-health", "--bundle", str(file))
    assert file.read_bytes() == before
    assert "does not exist" in there.refuse("check-health", "--bundle", str(tmp_path / "no/such.zip"))
    assert "--with-names" in there.refuse("check-health", "--with-names")


@pytest.mark.any_runtime
def test_an_older_sign_in_in_the_cache_of_az_is_found(start: Start) -> None:
    there = start("default")
    account = there.tell("login")
    old = {"home_account_id": account["homeAccountId"], "secret": "never shown"}
    (there.config / "msal_token_cache.json").write_text(json.dumps({"RefreshToken": {"any": old}}))
    told = report(there)
    assert found(told, "warn") == ("az-cache",)
    assert told["remedies"][0]["command"] == f"az logout --username {ADA.username}"
    assert "never shown" not in json.dumps(told)


@pytest.mark.any_runtime
def test_a_lock_that_a_killed_runtime_left_is_found_and_removed(start: Start) -> None:
    there = start("default")
    semaphore = "/dev/shm/sem.e165a065-6178-4c90-aa1d-5cb947e484f4:0"  # noqa: S108
    there.run(["sh", "-c", f"head -c 32 /dev/zero > {semaphore}"])
    told = report(there)
    assert found(told, "fail") == ("runtime-locks",)
    there.run(["sh", "-c", told["remedies"][0]["command"]])
    assert report(there)["healthy"]


@pytest.mark.any_runtime
@pytest.mark.parametrize(
    ("make", "fix"),
    [
        ("ln -s /etc/passwd {}", "rm -- {}"),
        ("echo [brokerauth] > {}; chown 1234 {}", "chown root: {}"),
        ("echo [brokerauth] > {}; chmod 666 {}", "chmod 644 {}"),
    ],
)
def test_a_file_for_the_whole_machine_that_others_can_write_is_found(start: Start, make: str, fix: str) -> None:
    file = "/etc/brokerauth/config"
    there = start("default")
    there.run(["sh", "-c", f"mkdir -p /etc/brokerauth && {make.replace('{}', file)}"]).check_returncode()
    told = report(there)
    assert found(told, "fail") == ("system-file",)
    commands = [step["command"] for step in told["remedies"] if step["shell"] == "bash"]
    assert fix.replace("{}", file) in commands
    there.run(["sh", "-c", "; ".join(commands)]).check_returncode()
    assert found(report(there), "fail") == ()


@pytest.mark.any_runtime
def test_native_linux_that_is_chosen_is_healthy_with_its_broker_alone(start: Start, runtime: str) -> None:
    there = start("native-linux")
    done = there.brokerauth("check-health", AZURE_BROKERAUTH_ENABLE_BROKER_ON_LINUX="true")
    # The double reaches the broker by a program, and not over D-Bus.
    assert found(json.loads(done.stdout), "fail") == (("linux-broker",) if runtime == "double" else ())


@pytest.mark.any_runtime
def test_az_says_the_same_in_its_own_manner(start: Start) -> None:
    there = start("old-wsl")
    done = there.az("brokerauth", "check-health", "--only-show-errors")
    assert (done.returncode, done.stderr) == (1, "")
    told = json.loads(done.stdout)
    assert found(told, "fail") == ("wsl-version",)
    queried = there.az("brokerauth", "check-health", "--query", "healthy", "--only-show-errors")
    assert (queried.returncode, queried.stdout) == (1, "false\n")
    table = there.az("brokerauth", "check-health", "--output", "table", "--only-show-errors")
    assert "#   wsl.exe --update\n" in table.stdout
    words = (str(AZ), "brokerauth", "check-health", "--only-show-errors")
    config = {"AZURE_CONFIG_DIR": str(there.config)}
    assert on_a_terminal(there, *words, **config) == table.stdout
    assert on_a_terminal(there, *words, **config, AZURE_CORE_OUTPUT="none") == ""
    there.machine.set_scenario("default")
    assert there.az("brokerauth", "check-health", "--only-show-errors").returncode == 0
