"""The emulated machine shows the symptoms of the real ones, with the runtime and with its double."""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from testbed.machine import Machine
from testbed.machine.interpreters import default_runtime
from testbed.scenarios import SCENARIOS, from_json, load
from tests.waiting import wait_until

REPOSITORY = Path(__file__).parents[2]
RUNTIMES = ("double", "real") if default_runtime(sys.executable) == "real" else ("double",)
DOUBLE_FIRST = [pytest.param(each, marks=[] if each == "double" else [pytest.mark.full]) for each in RUNTIMES]

# What a plain program does: no line of it knows of the testbed.
SIGN_IN = """
import msal
def report(what, result):
    print(what, "token from " + result["token_source"] if result and "access_token" in result
          else result and result["error_description"], flush=True)
try:
    app = msal.PublicClientApplication(
        "04b07795-8ddb-461a-bbee-02f9e1bf7b46", authority="https://login.microsoftonline.com/organizations",
        enable_broker_on_wsl=True, enable_broker_on_linux={on_linux})
except Exception as error:
    raise SystemExit(f"{{type(error).__name__}}: {{error}}")
print("broker", bool(app._enable_broker), flush=True)
if app._enable_broker:
    scopes = ["https://management.azure.com/.default"]
    report("interactive", app.acquire_token_interactive(scopes, parent_window_handle=app.CONSOLE_WINDOW_HANDLE))
    for account in app.get_accounts():
        report("silent", app.acquire_token_silent_with_error(scopes, account, force_refresh=True))
"""

BROKERED = ["interactive token from broker", "silent token from broker"]
SILENT, PICKER = "acquireTokenSilently", "acquireTokenInteractively"
FIRST = ["ping", "getAccounts", SILENT]
NO_BROKER = "Broker is unavailable on this platform. We will fallback to non-broker."

# scenario -> what the program says after "broker True" (each a part of one line), the calls that reach the broker
SYMPTOMS: dict[str, tuple[list[str], list[str]]] = {
    "default": (BROKERED, FIRST),
    "interaction-required": (BROKERED, [*FIRST, PICKER]),
    "user-cancels": (["interactive User cancelled"], [*FIRST, PICKER]),
    "slow": (BROKERED, FIRST),
    "crash": (["Status: Response_Status.Status_Unexpected, Error code: 0, Tag: 495490195"], FIRST),
    "garbage": (
        ["responseJson is empty. Status: Response_Status.Status_Unexpected, Error code: 0, Tag: 507316096"],
        FIRST,
    ),
    "empty": (["Json response from the WSL proxy is empty. Status: Response_Status.Status_Unexpected"], FIRST),
    "half": (
        ["responseJson is empty. Status: Response_Status.Status_Unexpected, Error code: 0, Tag: 507316096"],
        FIRST,
    ),
    "half-crash": (["MethodCall terminated by signal 6. Status: Response_Status.Status_Unexpected"], FIRST),
    "twice": (["responseJson is empty. Status: Response_Status.Status_Unexpected"], FIRST),
    "megabyte": (BROKERED, FIRST),
    "oversized": (BROKERED, FIRST),
    "other-request": (
        ["declined scopes are present:'(pii)'. Status: Response_Status.Status_ApiContractViolation"],
        FIRST,
    ),
    "no-account": (["Status_UserCanceled"], [*FIRST, PICKER]),
    "no-network": (["Status: Response_Status.Status_NoNetwork"], FIRST),
    "account-unusable": (["Status: Response_Status.Status_AccountUnusable"], [*FIRST, PICKER]),
    "declined-scope": (
        ["declined scopes are present:'(pii)'. Status: Response_Status.Status_ApiContractViolation"],
        FIRST,
    ),
    "wrong-account": (BROKERED, FIRST),
    "no-keyring": (["was returned for API: 'EnumerateNoLock'. Status: Response_Status.Status_Unexpected"], FIRST),
    "no-session-bus": (["was returned for API: 'EnumerateNoLock'. Status: Response_Status.Status_Unexpected"], FIRST),
    "locked-keyring": (["interactive token from broker", "silent None"], FIRST),
    "native-linux": (BROKERED, ["getAccounts", SILENT]),
    "compliant-device-required": (BROKERED, FIRST),
}
# scenario -> the program's last word
NOT_BROKERED = {
    "not-wsl": "broker False",
    "wsl1": NO_BROKER,
    "docker-on-wsl": NO_BROKER,
    "custom-kernel": "broker False",
    "old-wsl": NO_BROKER,
    "no-interop": NO_BROKER,
    "missing-library": "OSError: libwebkit2gtk-4.1.so.0: cannot open shared object file: No such file or directory",
    "no-runtime": 'ImportError: You must install dependency by: pip install "msal[broker]>=1.33,<2"',
}
# scenario -> how the program cannot even make MSAL's application
UNREACHABLE = {"no-route": "Network is unreachable", "expired-certificate": "certificate has expired"}
# scenario -> who trusts the cloud, and how the program fails; tests/testbed/test_double.py has what the runtime says
ONE_STORE_ONLY = {"system-store-only": ("system", "CERTIFICATE_VERIFY_FAILED"), "bundle-only": ("requests", "")}
# scenario -> the call that does not come back
HANGING = {"hang-on-start": "ping", "hang-on-silent": SILENT, "hang-on-prompt": PICKER}
# scenario -> whether its bus is hung, or just its keyring
HUNG_KEYRING = {"hung-keyring": False, "hung-session-bus": True}
# What a program that asks for a token does not notice; tests/emulated/test_health.py shows what does.
UNFELT = ("stdout-noise", "mirrored-networking", "elevated", "session-0", "unknown-device", "no-prt", "clock-behind")
# Scenarios in which such a program fares as in no-keyring
AS_NO_KEYRING = ("no-keyring-packages", "no-kernel-keyring")


def sign_in(scenario: str) -> list[str]:
    return [sys.executable, "-c", SIGN_IN.format(on_linux=scenario == "native-linux")]


def calls(machine: Machine) -> list[str]:
    return [line["method"] for line in machine.journal() if line["to"] == "broker"]


def test_every_scenario_has_its_symptom_here() -> None:
    felt = {*SYMPTOMS, *NOT_BROKERED, *UNREACHABLE, *ONE_STORE_ONLY, *HANGING, *HUNG_KEYRING}
    assert felt | {*UNFELT, *AS_NO_KEYRING, *DAEMONS} == set(SCENARIOS)


@pytest.mark.any_runtime
@pytest.mark.parametrize("runtime", RUNTIMES)
@pytest.mark.parametrize("name", SYMPTOMS)
def test_brokered(name: str, runtime: str) -> None:
    lines, expected_calls = SYMPTOMS[name]
    with Machine(dataclasses.replace(load(name), delay=0.5), runtime) as machine:
        done = machine.run(sign_in(name))
        said = done.stdout.splitlines()
        assert said[:1] == ["broker True"], done.stderr
        assert len(said) >= len(lines) + 1
        for line, expected in zip(said[1:], lines, strict=False):
            assert expected in line
        assert calls(machine)[: len(expected_calls)] == expected_calls
        assert machine.processes() == []


@pytest.mark.any_runtime
@pytest.mark.parametrize("runtime", RUNTIMES)
@pytest.mark.parametrize("name", NOT_BROKERED)
def test_not_brokered(name: str, runtime: str) -> None:
    with Machine(name, runtime) as machine:
        done = machine.run(sign_in(name))
        assert (done.stdout + done.stderr).splitlines()[-1] == NOT_BROKERED[name]
        assert calls(machine) == []


@pytest.mark.parametrize("name", UNREACHABLE)
def test_the_cloud_comes_and_goes(name: str) -> None:
    """The runtime has no part in it: MSAL reads the authority's metadata by itself."""
    with Machine(name, "double") as machine:
        assert UNREACHABLE[name] in machine.run(sign_in(name)).stderr
        machine.set_scenario("default")
        assert "token from broker" in machine.run(sign_in(name)).stdout
        machine.set_scenario(name)
        assert UNREACHABLE[name] in machine.run(sign_in(name)).stderr


WHO_TRUSTS = """
import requests, ssl, urllib.error, urllib.request
where = "https://login.microsoftonline.com/organizations/v2.0/.well-known/openid-configuration"
def ask_requests():
    requests.get(where)
def ask_system():
    context = ssl.create_default_context(cafile="/etc/ssl/certs/ca-certificates.crt")
    urllib.request.urlopen(where, context=context)
for ask in (ask_requests, ask_system):
    try:
        ask()
        print(ask.__name__[4:])
    except OSError:
        pass
"""


@pytest.mark.parametrize("runtime", RUNTIMES)
@pytest.mark.parametrize("name", ONE_STORE_ONLY)
def test_an_authority_is_in_one_of_the_two_stores_of_certificates(name: str, runtime: str) -> None:
    trusting, problem = ONE_STORE_ONLY[name]
    with Machine(name, runtime) as machine:
        assert machine.run([sys.executable, "-c", WHO_TRUSTS], check=True).stdout.split() == [trusting]
        done = machine.run(sign_in(name))
        assert problem in done.stderr
        assert ("token from broker" in done.stdout) is not bool(problem)
        with pytest.raises(ValueError, match="trust cannot change"):
            machine.set_scenario("default")


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"calls": {"acquireTokenSilently": "explode"}}, "behaviour 'explode' is not one of answer, slow"),
        ({"calls": {"acquireTokenSilently": ["answer", "explode"]}}, "behaviour 'explode'"),
        ({"calls": {"acquireToken": "hang"}}, "method 'acquireToken' is not one of ping"),
        ({"calls": {"ping": {"status": 3}}}, "error"),
        ({"accounts": ["nobody@contoso.com"]}, "username 'nobody@contoso.com'"),
        ({"picks": "nobody@contoso.com"}, "username 'nobody@contoso.com'"),
        ({"keyring": "lost"}, "keyring 'lost'"),
        ({"dbus_daemon": "sleeps"}, "dbus_daemon 'sleeps'"),
        ({"keyring_daemon": "sleeps"}, "keyring_daemon 'sleeps'"),
        ({"kernel_keyring": "full"}, "kernel_keyring 'full'"),
        ({"runtime_package": "old"}, "runtime_package 'old'"),
        ({"cloud": "down"}, "cloud 'down'"),
        ({"trust": "nowhere"}, "trust 'nowhere'"),
        ({"machine": "mac"}, "machine 'mac'"),
        ({"base": "worst"}, "no scenario named 'worst'"),
        ({"speed": 3}, "no speed"),
    ],
)
def test_a_scenario_that_means_nothing_is_refused(fields: dict[str, object], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        from_json(fields)


@pytest.mark.parametrize("runtime", RUNTIMES)
@pytest.mark.parametrize("name", HANGING)
def test_hanging(name: str, runtime: str, tmp_path: Path) -> None:
    with Machine(name, runtime) as machine, (tmp_path / "said").open("w+") as said:
        process = machine.popen(sign_in(name), stdout=said, stderr=said)
        wait_until(lambda: calls(machine)[-1:] == [HANGING[name]])
        time.sleep(0.2)
        process.send_signal(signal.SIGINT)
        with pytest.raises(subprocess.TimeoutExpired):  # it ignores Ctrl-C while it starts; later, it blocks at its end
            process.wait(0.5)
        assert ("KeyboardInterrupt" in (tmp_path / "said").read_text()) == (name != "hang-on-start")
        process.kill()
        process.wait(1)
        # Killing the program leaves the proxy.
        assert [argv[2] for _, argv in machine.processes()] == [HANGING[name]]


@pytest.mark.parametrize("runtime", DOUBLE_FIRST)
@pytest.mark.parametrize("name", HUNG_KEYRING)
def test_a_keyring_that_answers_nobody_holds_up_the_runtime(name: str, runtime: str) -> None:
    ask = ["dbus-send", "--session", "--print-reply", "--dest=org.freedesktop.DBus", "/", "org.freedesktop.DBus.GetId"]
    with Machine(name, runtime) as machine:
        with pytest.raises(subprocess.TimeoutExpired) if HUNG_KEYRING[name] else contextlib.nullcontext():
            machine.run(ask, timeout=1, check=True)
        process = machine.popen(sign_in(name), stdout=subprocess.DEVNULL)
        wait_until(lambda: calls(machine) == FIRST)
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.5)


SIGN_IN_TWICE_WITH_A_KEYRING_OF_ONES_OWN = """
export XDG_DATA_HOME=$1/data DBUS_SESSION_BUS_ADDRESS=unix:path=$1/bus
dbus-daemon --session --address=$DBUS_SESSION_BUS_ADDRESS --fork 2>/dev/null
printf %s "$2" | gnome-keyring-daemon --unlock --components=secrets >/dev/null
"$0" -c "$3"
"$0" -c "$4"
"""


@pytest.mark.parametrize("runtime", DOUBLE_FIRST)
def test_the_runtime_takes_the_keyring_on_the_bus_that_it_is_told_of(runtime: str, tmp_path: Path) -> None:
    """And knows nobody once that is lost, or locked since its password is."""
    read_account = (
        "import pymsalruntime as p; c = p.CallbackData(); "
        "p.read_account_by_id('a0000000-0000-4000-8000-0000000000a1', '78ab0f00-f4eb-4da8-9041-7742460f95ed', "
        "c.complete); c.signal.wait(); print(c.result.get_error() or c.result.get_account().get_user_name())"
    )
    own = ["sh", "-c", SIGN_IN_TWICE_WITH_A_KEYRING_OF_ONES_OWN, sys.executable]
    with Machine("no-keyring", runtime) as machine:
        for place, password in ((tmp_path / "1", "one"), (tmp_path / "2", "another")):
            place.mkdir()
            done = machine.run([*own, str(place), password, sign_in("")[2], read_account])
            assert done.stdout.splitlines() == ["broker True", *BROKERED, "ada@contoso.com"]
        for place, password, code in ((tmp_path / "1", "wrong", read_account), (tmp_path / "3", "one", read_account)):
            place.mkdir(exist_ok=True)
            for left in place.glob("bus*"):
                left.unlink()
            assert "ada" not in machine.run([*own, str(place), password, code, "pass"]).stdout


ASK_BUS = """
import socket, sys
bus = socket.socket(socket.AF_UNIX)
bus.connect(sys.argv[1])
bus.settimeout(0.5)
bus.send(b"\\0AUTH\\r\\n")
print(bus.recv(8))
"""
ASK_KEYRING = [
    "dbus-send",
    "--session",
    "--print-reply",
    "--reply-timeout=500",
    "--dest=org.freedesktop.secrets",
    "/",
    "a.b.c",
]
# scenario -> what the daemon answers, and its end when it is asked to end (None: only SIGKILL ends it)
DAEMONS: dict[str, tuple[str, int | None]] = {
    "dbus-daemon-hangs": ("", None),
    "dbus-daemon-deaf": ("TimeoutError", None),
    "dbus-daemon-dies": ("", 1),
    "dbus-daemon-nonsense": ("b'nonsense'", -signal.SIGTERM),
    "keyring-daemon-hangs": ("", None),
    "keyring-daemon-deaf": ("NoReply", None),
    "keyring-daemon-dies": ("", 1),
    "keyring-daemon-nonsense": ('string "nonsense"', -signal.SIGTERM),
}


def test_daemons_that_are_of_no_use(tmp_path: Path) -> None:
    """Whoever starts a bus or a keyring besides those of the session finds them as the scenario says."""
    with Machine("no-keyring", "double") as machine:
        for name, (answer, end) in DAEMONS.items():
            machine.set_scenario(name)
            own = tmp_path / name
            command = ["dbus-daemon", f"--address=unix:path={own}"]
            ask = [sys.executable, "-c", ASK_BUS, str(own)]
            if name.startswith("keyring"):
                command = ["gnome-keyring-daemon", "--unlock", "--foreground"]
                ask = ASK_KEYRING
            daemon = machine.popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            wait_until(lambda: answer in str(machine.run(ask)))  # noqa: B023  (called at once)
            if end is None:
                wait_until(lambda: ignores(daemon, signal.SIGTERM))  # noqa: B023  (called at once)
                daemon.kill()
            elif end < 0:
                daemon.terminate()
            assert daemon.wait(20) == (end or -signal.SIGKILL)
        machine.set_scenario("no-keyring")
        assert "D-Bus" in machine.run(["dbus-daemon", "--version"], check=True).stdout
    with Machine("no-keyring-packages", "double") as machine:
        for program in ("dbus-daemon", "gnome-keyring-daemon"):
            assert machine.run(["sh", "-c", f"command -v {program}"]).stdout == ""


def ignores(process: subprocess.Popen[str], number: int) -> bool:
    """Does the program on the machine ignore this signal?"""
    ignored = 0
    for program in Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split():  # none at first
        fields = dict(line.split(":", 1) for line in Path(f"/proc/{program}/status").read_text().splitlines())
        ignored = int(fields["SigIgn"], 16)
    return bool(ignored >> (number - 1) & 1)


KEYS = """
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
SYS_add_key, SYS_keyctl, SEARCH, USER_KEYRING = 248, 250, 10, ctypes.c_int(-4)
found = libc.syscall(SYS_keyctl, SEARCH, USER_KEYRING, b"user", b"testbed", 0)
print(found > 0, libc.syscall(SYS_add_key, b"user", b"testbed", b"x", 1, USER_KEYRING) > 0, ctypes.get_errno())
"""


def test_the_kernel_keeps_the_keys_of_a_machine_until_it_ends_unless_it_refuses() -> None:
    for _ in range(2):
        with Machine("default", "double") as machine:
            for first in (True, False):
                said = machine.run([sys.executable, "-c", KEYS], check=True).stdout.split()
                assert said[:2] == [str(not first), "True"]
                assert not first or said[2] == str(errno.ENOKEY)
    with Machine("no-kernel-keyring", "double") as machine:
        assert machine.run([sys.executable, "-c", KEYS], check=True).stdout.split() == [
            "False",
            "False",
            str(errno.EPERM),
        ]


def test_noise() -> None:
    with Machine("stdout-noise", "double") as machine:
        assert machine.run(sign_in("stdout-noise")).stdout.startswith("ping msal.wsl.proxy.exe success\n")


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_a_new_scenario_holds_from_the_next_call_on(runtime: str) -> None:
    with Machine("no-network", runtime) as machine:
        assert "Status_NoNetwork" in machine.run(sign_in("default")).stdout
        machine.set_scenario("default")
        machine.clear_journal()
        assert "interactive token from broker" in machine.run(sign_in("default")).stdout
        assert calls(machine) == FIRST
        with pytest.raises(ValueError, match="keyring cannot change"):
            machine.set_scenario("no-keyring")


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_what_the_runtime_keeps_is_in_the_home_and_never_in_the_clear(tmp_path: Path, runtime: str) -> None:
    read_account = (
        "import pymsalruntime as p; c = p.CallbackData(); "
        "p.read_account_by_id('a0000000-0000-4000-8000-0000000000a1', '78ab0f00-f4eb-4da8-9041-7742460f95ed', "
        "c.complete); c.signal.wait(); print(c.result.get_error() or c.result.get_account().get_user_name())"
    )
    with Machine("default", runtime, home=tmp_path) as machine:
        machine.run(sign_in("default"))
        secrets = [line.split()[1].encode() for line in machine.ledger.read_text().splitlines()]
        files = [file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()]
        assert secrets
        assert files
        assert not [1 for secret in secrets for content in files if secret in content]
    with Machine("default", runtime, home=tmp_path) as machine:
        assert machine.run([sys.executable, "-c", read_account]).stdout == "ada@contoso.com\n"


LOOK = """
import glob, json, os, platform, socket, subprocess, sys
def ask(*command):
    try:
        done = subprocess.run(command, capture_output=True, text=True)
        return done.stdout.strip() or done.returncode
    except OSError as error:
        return type(error).__name__
here = [p for p in ("/.dockerenv", "/mnt/c", "/mnt/wsl", "/proc/sys/fs/binfmt_misc/WSLInterop") if os.path.exists(p)]
interop = os.environ.get("WSL_INTEROP")
if interop:
    socket.socket(socket.AF_UNIX).connect(interop)
print(json.dumps({
    "release": platform.uname().release, "uname": ask("uname", "-r"),
    "version": open("/proc/version").read().split()[2],
    "proxy path": ask("wslinfo", "--msal-proxy-path", "-n"), "WSL version": ask("wslinfo", "--wsl-version"),
    "networking": ask("wslinfo", "--networking-mode"), "here": here, "distro": os.environ.get("WSL_DISTRO_NAME"),
    "proxy": os.path.exists("/mnt/c/Program Files/WSL/msal.wsl.proxy.exe"),
}))
"""
WSL2 = "5.15.167.4-microsoft-standard-WSL2"
PROXY = "/mnt/c/Program Files/WSL/msal.wsl.proxy.exe"
MARKS = ["/mnt/c", "/mnt/wsl", "/proc/sys/fs/binfmt_misc/WSLInterop"]
NOWHERE = "FileNotFoundError"


@pytest.mark.parametrize(
    ("name", "release", "proxy_path", "version", "networking", "marks", "distro", "proxy"),
    [
        ("default", WSL2, PROXY, "2.5.10.0", "nat", MARKS, "Debian", True),
        ("old-wsl", WSL2, 1, "2.3.26.0", "nat", MARKS, "Debian", True),
        ("no-interop", WSL2, 1, "2.5.10.0", 1, MARKS[:2], "Debian", True),
        ("wsl1", "4.4.0-19041-Microsoft", 1, "2.5.10.0", "wsl1", MARKS, "Debian", False),
        ("custom-kernel", "6.6.87-custom", PROXY, "2.5.10.0", "nat", MARKS, "Debian", True),
        ("docker-on-wsl", WSL2, NOWHERE, NOWHERE, NOWHERE, ["/.dockerenv"], None, False),
        ("not-wsl", "6.1.0-28-amd64", NOWHERE, NOWHERE, NOWHERE, [], None, False),
        ("native-linux", "6.1.0-28-amd64", NOWHERE, NOWHERE, NOWHERE, [], None, False),
    ],
)
def test_looks(
    name: str,
    release: str,
    proxy_path: str | int,
    version: str,
    networking: str | int,
    marks: list[str],
    distro: str | None,
    proxy: bool,
) -> None:
    with Machine(name, "double") as machine:
        seen = json.loads(machine.run([sys.executable, "-c", LOOK], check=True).stdout)
    if not Path("/proc/sys/fs/binfmt_misc").is_dir():
        marks = [mark for mark in marks if "binfmt" not in mark]
    assert seen == {
        **{"release": release, "version": release, "uname": release, "proxy path": proxy_path},
        **{"WSL version": version, "networking": networking, "here": marks, "distro": distro, "proxy": proxy},
    }


def test_a_windows_program_without_interop_is_no_program_of_linux() -> None:
    with Machine("no-interop", "double") as machine:
        code = f"import subprocess; subprocess.run([{PROXY!r}])"
        assert "Exec format error" in machine.run([sys.executable, "-c", code]).stderr


def test_the_caller_neither_reaches_in_nor_is_reached(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_CLIENT_SECRET", "the caller's")
    hosts, wslinfo = Path("/etc/hosts").read_text(), Path("/usr/bin/wslinfo").exists()
    with Machine("default", "double") as machine:
        script = 'echo $AZURE_CLIENT_SECRET $GIVEN; pwd; echo x >> /etc/hosts; touch "$HOME/kept"; cat'
        done = machine.run(["sh", "-c", script], input="typed", env={"GIVEN": "given"})
        assert done.stdout == f"given\n{Path.cwd()}\ntyped"
        assert (machine.home / "kept").exists()
        assert (Path("/etc/hosts").read_text(), Path("/usr/bin/wslinfo").exists()) == (hosts, wslinfo)
    assert not machine.home.exists()


def test_the_stand_ins_are_trusted_under_their_real_names() -> None:
    code = (
        "import urllib.request as r;"
        "print(r.urlopen('https://login.microsoftonline.com/organizations/v2.0/.well-known/openid-configuration').status)"
    )
    with Machine("default", "double") as machine:
        assert machine.run([sys.executable, "-c", code]).stdout == "200\n"
        assert machine.journal()[0]["to"] == "entra"


def test_another_directory_gets_the_double(tmp_path: Path) -> None:
    (tmp_path / "pymsalruntime").mkdir()
    (tmp_path / "pymsalruntime" / "__init__.py").write_text("raise ImportError('not this one')")
    code = "import pymsalruntime, importlib.metadata as m; print(pymsalruntime.__file__, m.version('pymsalruntime'))"
    with Machine("default", "double", python=[tmp_path]) as machine:
        done = machine.run([sys.executable, "-c", code], env={"PYTHONPATH": str(tmp_path)})
        assert done.stdout == f"{tmp_path}/pymsalruntime/__init__.py 0.20.7\n"
    assert os.listdir(tmp_path / "pymsalruntime") == ["__init__.py"]


def test_a_program_that_takes_too_long_is_killed_and_all_end_with_the_machine() -> None:
    with Machine("default", "double") as machine:
        with pytest.raises(subprocess.TimeoutExpired):
            machine.run(["sleep", "60"], timeout=0.2)
        assert machine.processes() == []
        process = machine.popen(["sh", "-c", "setsid sleep 60 & sleep 60"])
        wait_until(lambda: len(machine.processes()) == 3)
        left = [pid for pid, _ in machine.processes()]
    assert process.wait(1) == -signal.SIGKILL
    assert not [pid for pid in left if Path(f"/proc/{pid}").exists()]


def command_line(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "testbed", *arguments], cwd=REPOSITORY, capture_output=True, text=True, timeout=60
    )


def test_command_line() -> None:
    done = command_line(
        "--runtime", "double", "--scenario", "wsl1", "--", "sh", "-c", "wslinfo --networking-mode; exit 7"
    )
    assert (done.stdout, done.stderr, done.returncode) == ("wsl1\n", "", 7)
    assert command_line("--runtime", "double", "--", "sh", "-c", "kill -9 $$").returncode == 128 + 9
    assert set(SCENARIOS) == {line.split()[0] for line in command_line("--list").stdout.splitlines()}


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ([], "no COMMAND: put it after --"),
        (["--scenario", "nowhere", "--", "true"], "no scenario named 'nowhere'"),
        (["--python", "/nowhere", "--", "true"], "no such directory: /nowhere"),
    ],
)
def test_command_line_refuses_in_one_line(arguments: list[str], problem: str) -> None:
    done = command_line(*arguments)
    assert done.returncode == 2
    assert done.stderr.startswith(f"testbed: {problem}")
    assert done.stderr.count("\n") == 1


def test_a_terminated_command_line_leaves_nothing(tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "testbed",
        "--runtime",
        "double",
        "--",
        "sh",
        "-c",
        f"echo $HOME > {tmp_path}/home; sleep 60",
    ]
    process = subprocess.Popen(command, cwd=REPOSITORY)
    wait_until(lambda: (tmp_path / "home").exists() and (tmp_path / "home").read_text() != "")
    process.terminate()
    assert process.wait(10) == 128 + signal.SIGTERM
    assert not Path((tmp_path / "home").read_text().strip()).parent.exists()
