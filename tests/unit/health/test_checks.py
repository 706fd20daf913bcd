"""The checks over a machine that is handed in: what is spoilt is found alone, with what fixes it."""

import json
import stat
from dataclasses import replace

import pytest

from azext_brokerauth.errors import SettingsError
from azext_brokerauth.errors.rendering import PLAIN
from azext_brokerauth.health import report
from azext_brokerauth.health.az_cache import CachedSignIn, UnreadableCacheError
from azext_brokerauth.health.facts import Facts
from azext_brokerauth.health.probe import FileFacts, Python, Ran
from azext_brokerauth.keyring.secret_service import State
from tests.unit.health.machine import (
    HUNG,
    POWERSHELL,
    PROXY,
    SYSTEM32,
    FakeView,
    all_checks,
    commands,
    problems,
    with_environ,
)

SYSTEM = ("/etc/brokerauth", "/etc/brokerauth/config")
LOCK = "/dev/shm/sem.e165a065-1"  # noqa: S108
ADA = {
    "username": "ada@contoso.com",
    "home_account_id": "a.t",
    "local_account_id": "a",
    "tenant": "t",
    "client_id": "04b07795-8ddb-461a-bbee-02f9e1bf7b46",
    "authority": "login.microsoftonline.com",
}


def test_a_healthy_machine_has_nothing_to_fix(healthy):
    assert problems(healthy) == {}


def without(library):
    return lambda probe: probe.files.pop(f"/usr/lib/{library}")


def set_to(name, value):
    return lambda probe: setattr(probe, name, value)


def say(program, ran):
    return lambda probe: probe.programs.update({program: ran})


def set_variable(**variables):
    return lambda probe: with_environ(probe, **variables)


@pytest.mark.parametrize(
    ("spoil", "check", "remedy"),
    [
        (without("libcurl.so.4"), "libraries", "sudo apt-get install -y libcurl4t64"),
        (without("libwebkit2gtk-4.1.so.0"), "libraries", "sudo apt-get install -y libwebkit2gtk-4.1-0"),
        (set_to("packages", {"msal": "1.39.0"}), "pymsalruntime", "pip install 'pymsalruntime<0.21,>=0.20'"),
        (set_to("packages", {"msal": "1.39.0", "pymsalruntime": "0.19.1"}), "pymsalruntime", "pip install"),
        (set_to("packages", {"msal": "1.39.0", "pymsalruntime": "0.20.5"}), "pymsalruntime", "install --upgrade"),
        (set_to("packages", {"msal": "1.20.0", "pymsalruntime": "0.20.7"}), "msal", "--upgrade 'msal[broker]"),
        (set_to("python", Python("p", "cp312", "aarch64", "glibc 2.39")), "platform", "x86_64"),
        (set_to("python", Python("p", "cp312", "x86_64", "")), "platform", "wsl.exe --install Ubuntu-24.04"),
        (set_to("python", Python("p", "cp312", "x86_64", "glibc 2.17")), "platform", "wsl.exe --install"),
        (say("/usr/bin/wslinfo --wsl-version", Ran(0, "2.4.12.0\n")), "wsl-version", "wsl.exe --update"),
        (say("/usr/bin/wslinfo --msal-proxy-path", HUNG), "proxy", "wsl.exe --update"),
        (lambda probe: probe.files.pop(PROXY), "proxy", "wsl.exe --update"),
        (say("/usr/bin/wslinfo --networking-mode", Ran(0, "mirrored\n")), "networking", "networkingMode=nat"),
        (say(f"{SYSTEM32}/cmd.exe", HUNG), "interop", "wsl.exe --shutdown"),
        (lambda probe: probe.files.pop(f"{SYSTEM32}/cmd.exe"), "windows-drive", "sudo mount -t drvfs C: /mnt/c"),
        (say(POWERSHELL, Ran(0, "brokerauth True 1 1000000\n")), "windows-elevated", "as administrator"),
        (say(POWERSHELL, Ran(0, "brokerauth False 0 1000000\n")), "windows-desktop", "from a WSL window"),
        (say(POWERSHELL, Ran(0, "brokerauth False 1 1400000\n")), "clock", "sudo hwclock --hctosys"),
        (say(f"{SYSTEM32}/dsregcmd.exe", Ran(0, " AzureAdJoined : NO\n")), "device", "Access work or school"),
        (say(f"{SYSTEM32}/dsregcmd.exe", Ran(0, " AzureAdJoined : YES\n")), "prt", "dsregcmd.exe /refreshprt"),
        (lambda probe: probe.files.update({LOCK: bytes(32)}), "runtime-locks", f"rm -f -- {LOCK}"),
        (set_to("owners", {"/etc/brokerauth/config": FileFacts(0, stat.S_IFREG | 0o664)}), "system-file", "chmod 644"),
        (set_to("owners", {"/etc/brokerauth/config": FileFacts(7, stat.S_IFREG | 0o644)}), "system-file", "chown root"),
        (set_to("owners", dict.fromkeys(SYSTEM, FileFacts(0, stat.S_IFREG | 0o777))), "system-file", "chmod 755"),
        (set_to("owners", {"/etc/brokerauth/config": FileFacts(0, stat.S_IFLNK | 0o777)}), "system-file", "rm --"),
        (set_variable(AZURE_BROKERAUTH_FALLBACK="fax"), "settings", "unset AZURE_BROKERAUTH_FALLBACK"),
        (
            set_variable(AZURE_BROKERAUTH_ENABLE_BROKER_ON_WSL="false"),
            "settings",
            "unset AZURE_BROKERAUTH_ENABLE_BROKER_ON_WSL",
        ),
    ],
)
def test_what_is_spoilt_is_found_alone_with_what_fixes_it(healthy, spoil, check, remedy):
    spoil(healthy)
    found = problems(healthy)
    assert list(found) == [check]
    assert remedy in "\n".join(commands(found[check]))


@pytest.mark.parametrize("tag", ["cp39", "cp313t", "cp315"])
def test_a_python_that_no_runtime_is_published_for_is_named_unless_it_has_one(healthy, tag):
    healthy.python = replace(healthy.python, tag=tag)
    assert problems(healthy) == {}
    healthy.packages = {"msal": "1.39.0"}
    found = problems(healthy)
    assert list(found) == ["platform", "pymsalruntime"]
    assert "with a Python that it is published for" in commands(found["platform"])[0]


NATIVE = "/site-packages/pymsalruntime/libmsalruntime.so"
LOADER = "LD_TRACE_LOADED_OBJECTS=1"
MISSING = """\tlinux-vdso.so.1 (0x00007ffd)
\tlibcurl.so.4 => not found
\tlibc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x00007f)
\tlibwebkit2gtk-4.1.so.0 => not found
\tlibgtk-3.so.0 => not found
"""


def test_the_loader_names_all_missing_libraries_at_once_with_their_packages(healthy):
    healthy.files[NATIVE] = b""
    healthy.programs["/usr/bin/env -i"] = Ran(0, "\tlibc.so.6 => /lib/libc.so.6 (0x00007f)\n")
    assert problems(healthy) == {}
    healthy.programs["/usr/bin/env -i"] = Ran(0, MISSING)
    found = problems(healthy)["libraries"]
    assert found["finding"] == (
        "Shared libraries are missing: libcurl.so.4 (libcurl4t64), libwebkit2gtk-4.1.so.0 (libwebkit2gtk-4.1-0),"
        " libgtk-3.so.0"
    )
    # One remedy: the packages that are known bring what belongs to them.
    assert commands(found)[-1] == "sudo apt-get install -y libcurl4t64 libwebkit2gtk-4.1-0"
    healthy.programs["/usr/bin/env -i"] = Ran(0, "\tlibgtk-3.so.0 => not found\n")
    (step,) = commands(problems(healthy)["libraries"])
    assert step == "Install, with the package manager of Ubuntu 24.04 LTS, what provides libgtk-3.so.0"
    healthy.programs["/usr/bin/env -i"] = Ran(1, stderr="no such file")
    assert all_checks(healthy)["libraries"]["severity"] == "skip"


def severities(probe, *ids):
    found = all_checks(probe)
    return {id: found[id]["severity"] for id in ids}


def test_without_drive_c_the_proxy_that_wslinfo_names_is_what_counts(healthy):
    del healthy.files[f"{SYSTEM32}/cmd.exe"]
    ids = ("windows-drive", "interop", "proxy")
    assert severities(healthy, *ids) == {"windows-drive": "fail", "interop": "skip", "proxy": "skip"}
    healthy.programs[PROXY] = Ran(1, stderr="no method")
    assert severities(healthy, *ids) == {"windows-drive": "warn", "interop": "pass", "proxy": "pass"}
    healthy.times["/etc/wsl.conf"] = 101.0
    assert commands(problems(healthy)["windows-drive"]) == ["wsl.exe --shutdown"]
    healthy.files["/etc/wsl.conf"] = b"[automount]\nenabled=false\n"
    edit, restart = commands(problems(healthy)["windows-drive"])
    assert (edit.split()[:2], restart) == (["sudo", "sed"], "wsl.exe --shutdown")


def test_a_cmd_that_does_not_start_is_well_where_the_proxy_does(healthy):
    healthy.programs[f"{SYSTEM32}/cmd.exe"] = Ran(None, problem="it does not start: Permission denied")
    healthy.programs[PROXY] = Ran(1)
    assert problems(healthy) == {}
    assert "although cmd.exe does not" in all_checks(healthy)["interop"]["finding"]


def test_a_wsl_that_does_not_tell_its_version_is_well_where_it_has_the_proxy(healthy):
    healthy.programs["/usr/bin/wslinfo --wsl-version"] = HUNG
    assert problems(healthy) == {}
    del healthy.files[PROXY]
    assert list(problems(healthy)) == ["wsl-version", "proxy"]


@pytest.mark.parametrize(
    ("skew", "severity"), [(0, "pass"), (200, "pass"), (-7200, "warn"), (1800, "warn"), (3600, "fail")]
)
def test_a_clock_fails_where_tokens_would_arrive_expired(healthy, skew, severity):
    healthy.programs[POWERSHELL] = Ran(0, f"brokerauth False 1 {(1000 - skew) * 1000 if skew <= 1000 else 0}\n")
    healthy.now = 1000.0 if skew <= 1000 else float(skew)
    assert all_checks(healthy)["clock"]["severity"] == severity


@pytest.mark.parametrize(
    ("view", "environ", "first"),
    [
        (
            {"release": "4.4.0-19041-Microsoft"},
            {"WSL_DISTRO_NAME": "Ada's Linux"},
            "wsl.exe --set-version 'Ada''s Linux' 2",
        ),
        ({"release": "4.4.0-19041-Microsoft"}, {}, "wsl.exe --set-version <distribution> 2"),
        ({"release": "6.6.0-custom"}, {}, "In Windows, remove the line"),
        ({"paths": ()}, {}, "Sign in under WSL 2 itself"),
        ({"release": "6.1.0-debian", "paths": ()}, {}, "Sign in with: az login"),
        ({"platform": "darwin"}, {}, "Sign in with: az login"),
    ],
)
def test_another_machine_is_named_and_nothing_else_fails(healthy, view, environ, first):
    healthy.view = FakeView(environ={"AZURE_CONFIG_DIR": "/nonexistent", **environ}, **view)
    found = problems(healthy)
    assert list(found) == ["machine"]
    assert commands(found["machine"])[0].startswith(first)


def test_native_linux_is_offered_its_own_broker_as_a_choice_and_not_to_paste(healthy):
    healthy.view = FakeView(release="6.1.0-debian", paths=(), environ={"AZURE_CONFIG_DIR": "/nonexistent"})
    choice = all_checks(healthy)["machine"]["remedies"][1]
    assert choice["shell"] == "person"
    assert choice["command"].endswith("az config set brokerauth.enable_broker_on_linux=true")


@pytest.mark.parametrize(
    ("os_release", "command"),
    [
        ("ID=ubuntu", "sudo apt-get install -y microsoft-identity-broker"),
        ("ID=rhel", "sudo dnf install -y microsoft-identity-broker"),
        ('ID=arch\nPRETTY_NAME="Arch {Linux}"', "Microsoft publishes no broker for Arch {Linux}"),
    ],
)
def test_the_broker_of_native_linux_is_installed_where_there_is_one(healthy, os_release, command):
    healthy.view = FakeView(release="6.1.0-debian", paths=(), environ={"AZURE_CONFIG_DIR": "/nonexistent"})
    with_environ(healthy, AZURE_BROKERAUTH_ENABLE_BROKER_ON_LINUX="true")
    healthy.files["/etc/os-release"] = os_release.encode()
    found = problems(healthy)
    assert list(found) == ["linux-broker"]
    assert commands(found["linux-broker"]) == [command]


def test_interop_that_came_late_is_healthy(healthy):
    healthy.files["/proc/sys/fs/binfmt_misc/WSLInterop-late"] = b"enabled\n"
    interop = all_checks(healthy)["interop"]
    assert (interop["severity"], "WSLInterop-late" in interop["finding"]) == ("pass", True)


def test_interop_is_switched_on_registered_or_reached_again(healthy):
    healthy.programs[f"{SYSTEM32}/cmd.exe"] = HUNG
    with_environ(healthy, WSL_INTEROP="/run/WSL/1_interop")
    assert commands(problems(healthy)["interop"]) == ["Open a new WSL window"]
    healthy.files["/proc/sys/fs/binfmt_misc/register"] = b""
    file = "/usr/lib/binfmt.d/WSLInterop.conf"
    register = f"echo ':WSLInterop:M::MZ::/init:PF' | sudo tee {file}"
    assert commands(problems(healthy)["interop"]) == [register, "wsl.exe --shutdown"]
    healthy.files[file] = b":WSLInterop:M::MZ::/init:PF\n"
    assert commands(problems(healthy)["interop"]) == ["wsl.exe --shutdown"]
    healthy.files["/etc/wsl.conf"] = b"[interop]\nenabled=false\n"
    assert commands(problems(healthy)["interop"])[0].startswith("sudo sed -i '/^\\[interop\\]/I")


# state -> why it does not serve, and what makes it serve
USELESS = {
    State(bus_problem="no file"): ("there is no session bus (no file)", "systemd=true"),
    State(service_problem="nobody"): ("no keyring answers on the session bus (nobody)", "install -y gnome-keyring"),
    State(): ("the session has no default keyring", "gnome-keyring-daemon --replace --unlock"),
    State(collection="login", locked=True): (
        "the session's keyring 'login' is locked",
        "gnome-keyring-daemon --replace --unlock",
    ),
    State(collection="login", write_problem="no"): (
        "the session's keyring 'login' does not keep what is written to it (no)",
        "gnome-keyring-daemon --replace --unlock",
    ),
}


@pytest.mark.parametrize("state", USELESS)
def test_a_keyring_of_the_session_that_does_not_serve_fails_only_where_it_is_chosen(healthy, state):
    why, remedy = USELESS[state]
    healthy.keyring = state
    assert problems(healthy) == {}
    assert all_checks(healthy)["keyring"]["finding"] == f"A private keyring is used, because {why}"
    with_environ(healthy, AZURE_BROKERAUTH_KEYRING="session")
    found = problems(healthy)
    assert list(found) == ["keyring"]
    assert found["keyring"]["severity"] == "fail"
    assert remedy in "\n".join(commands(found["keyring"]))


def test_the_sessions_keyring_is_named_where_it_is_used_and_not_looked_at_where_it_is_not(healthy):
    used = "The session's keyring 'login' is used: it is unlocked and keeps what is written"
    for chosen in ("auto", "session"):
        with_environ(healthy, AZURE_BROKERAUTH_KEYRING=chosen)
        assert all_checks(healthy)["keyring"]["finding"] == used
    with_environ(healthy, AZURE_BROKERAUTH_KEYRING="private")
    healthy.secret_service = None
    assert (
        all_checks(healthy)["keyring"]["finding"] == "A private keyring is used, because the setting keyring is private"
    )


@pytest.mark.parametrize("state", USELESS)
def test_missing_programs_fail_only_where_they_are_needed(healthy, state):
    healthy.lacking = ("dbus-daemon", "gnome-keyring-daemon")
    with_environ(healthy, PATH="/nowhere")
    assert problems(healthy) == {}
    healthy.keyring = state
    found = problems(healthy)
    assert list(found) == ["keyring"]
    assert "dbus-daemon, gnome-keyring-daemon" in found["keyring"]["finding"]
    assert commands(found["keyring"]) == ["sudo apt-get update", "sudo apt-get install -y dbus gnome-keyring"]


def test_a_kernel_that_keeps_no_key_is_a_warning_that_says_what_it_costs(healthy):
    healthy.keeps_keys = False
    assert problems(healthy) == {}
    healthy.keyring = State(collection="login", locked=True)
    found = problems(healthy)
    assert [(id, check["severity"]) for id, check in found.items()] == [("keyring", "warn")]
    assert "accounts other than Windows' own must sign in again" in found["keyring"]["finding"]
    assert commands(found["keyring"])


def test_native_linux_wants_the_sessions_keyring_whatever_is_set(healthy):
    healthy.view = replace(healthy.view, release="6.1.0-debian", paths=())
    with_environ(healthy, AZURE_BROKERAUTH_ENABLE_BROKER_ON_LINUX="true", AZURE_BROKERAUTH_KEYRING="private")
    healthy.bus_names = lambda: frozenset({"com.microsoft.identity.broker1"})
    healthy.lacking = ("dbus-daemon",)
    assert problems(healthy) == {}
    healthy.keyring = State(collection="login", locked=True)
    assert list(problems(healthy)) == ["keyring"]
    assert "gnome-keyring-daemon --replace --unlock" in commands(problems(healthy)["keyring"])[0]


def test_the_session_bus_that_exists_is_named(healthy):
    healthy.keyring = State(bus_problem="refused")
    healthy.files["/run/user/1000/bus"] = b""
    with_environ(healthy, DBUS_SESSION_BUS_ADDRESS="unix:path=/gone", AZURE_BROKERAUTH_KEYRING="session")
    found = problems(healthy)["keyring"]
    assert commands(found) == ["export DBUS_SESSION_BUS_ADDRESS=unix:path=/run/user/1000/bus"]


def test_a_lock_is_left_alone_while_a_broker_is_at_work(healthy):
    healthy.files[LOCK] = bytes(32)
    healthy.running = ("/usr/bin/python3 -I /x/azext_brokerauth/broker/host.py 1 quiet",)
    assert problems(healthy) == {}


def test_root_by_sudo_is_warned_of_and_root_by_login_is_not(healthy):
    healthy.uid = 0
    assert problems(healthy) == {}
    with_environ(healthy, SUDO_USER="ada")
    assert list(problems(healthy)) == ["user"]


def test_in_az_the_runtime_is_the_extensions_and_msal_is_azs(healthy):
    extension = "/home/ada/.azure/cliextensions/brokerauth"
    healthy.python = replace(healthy.python, extension=extension)
    healthy.packages = {"msal": "1.20.0"}
    found = problems(healthy)
    assert commands(found["msal"]) == ["az upgrade"]
    (install,) = commands(found["pymsalruntime"])
    assert install.startswith(f"/usr/bin/python3 -m pip install --upgrade --target {extension} ")


def test_a_broker_that_the_file_switches_off_is_switched_on_in_the_file(healthy, tmp_path):
    (tmp_path / "config").write_text("[brokerauth]\nenable_broker_on_wsl = false\n")
    with_environ(healthy, AZURE_CONFIG_DIR=str(tmp_path))
    found = problems(healthy)
    assert list(found) == ["settings"]
    assert commands(found["settings"]) == ["az config set brokerauth.enable_broker_on_wsl=true"]


def test_the_settings_error_brings_its_own_remedy(healthy, tmp_path):
    (tmp_path / "config").write_text("[brokerauth]\nno_such = x\n")
    with_environ(healthy, AZURE_CONFIG_DIR=str(tmp_path))
    found = problems(healthy)["settings"]
    assert found["remedies"] == [{"shell": "bash", "command": "az config unset brokerauth.no_such"}]


def test_a_damaged_account_file_is_removed_and_the_sign_in_repeated(healthy):
    facts = Facts(with_environ(healthy, AZURE_CONFIG_DIR="/home/ada/my azure"), list)
    facts.own.records_or_error = SettingsError("The account file is damaged.")
    (check,) = (check for check in report.make(facts, PLAIN)["checks"] if check["severity"] == "fail")
    assert (check["id"], check["finding"]) == ("accounts", "The account file is damaged.")
    assert commands(check) == ["rm -- '/home/ada/my azure/brokerauth/accounts.json'", "brokerauth login"]


def sign_in(healthy, tmp_path, **changes):
    (tmp_path / "brokerauth").mkdir(exist_ok=True)
    body = {"version": 1, "current": "a.t", "accounts": [{**ADA, **changes}]}
    (tmp_path / "brokerauth/accounts.json").write_text(json.dumps(body))
    return with_environ(healthy, AZURE_CONFIG_DIR=str(tmp_path))


@pytest.mark.parametrize(
    ("entries", "warns"),
    [
        ([], False),
        ([CachedSignIn("a.t", "refresh token")], True),
        ([CachedSignIn("a.t", "account", "broker")], False),
        ([CachedSignIn("a.t", "account", "authorization_code")], True),
        ([CachedSignIn("somebody.else", "refresh token")], False),
    ],
)
def test_an_older_sign_in_of_ours_in_azs_cache_is_warned_of(healthy, tmp_path, entries, warns):
    sign_in(healthy, tmp_path)
    found = problems(healthy, read_cache=lambda: entries)
    assert list(found) == (["az-cache"] if warns else [])


BROKERED = [CachedSignIn("a.t", "account", "broker"), CachedSignIn("a.t", "access token")]


@pytest.mark.parametrize(
    ("variables", "entries", "warns"),
    [
        ({}, BROKERED, ""),
        ({"AZURE_BROKERAUTH_TOKEN_CACHE": "memory"}, BROKERED, "AZURE_BROKERAUTH_TOKEN_CACHE is memory"),
        ({"AZURE_BROKERAUTH_SEED_AZ_CACHE": "no"}, BROKERED, "AZURE_BROKERAUTH_SEED_AZ_CACHE is false"),
        ({"AZURE_BROKERAUTH_TOKEN_CACHE": "memory"}, BROKERED[:1], ""),
        # A later sign-in by browser: az's own affair.
        ({"AZURE_BROKERAUTH_TOKEN_CACHE": "memory"}, [*BROKERED, CachedSignIn("a.t", "refresh token")], ""),
    ],
)
def test_tokens_in_azs_cache_from_before_a_setting_that_wants_none_there_are_found(
    healthy, tmp_path, variables, entries, warns
):
    with_environ(healthy, AZURE_CONFIG_DIR=str(tmp_path), **variables)
    found = problems(healthy, read_cache=lambda: entries)
    assert list(found) == (["az-tokens"] if warns else [])
    if warns:
        assert "1 older token(s)" in found["az-tokens"]["finding"]
        assert warns in found["az-tokens"]["finding"]
        assert commands(found["az-tokens"]) == ["az brokerauth list"]


@pytest.mark.parametrize(
    ("name", "shown"), [("ada@contoso.com", "ada@contoso.com"), ("o'hara@contoso.com", "'o'\"'\"'hara@contoso.com'")]
)
def test_each_host_spells_its_own_sign_in(healthy, tmp_path, name, shown):
    sign_in(healthy, tmp_path, username=name)

    def cache():
        return [CachedSignIn("a.t", "refresh token")]

    logout = f"az logout --username {shown}"
    assert commands(problems(healthy, cache)["az-cache"]) == [logout, f"az brokerauth login --username {shown}"]
    plain = all_checks(healthy, PLAIN, cache)["az-cache"]
    assert commands(plain) == [logout, f"brokerauth login --username {shown}"]


def test_a_cache_of_az_that_cannot_be_read_is_skipped_with_the_reason(healthy, tmp_path):
    def unreadable():
        raise UnreadableCacheError("it is encrypted")

    sign_in(healthy, tmp_path)
    found = all_checks(healthy, read_cache=unreadable)["az-cache"]
    assert (found["severity"], found["finding"]) == ("skip", "it is encrypted")


@pytest.mark.parametrize(
    ("variables", "uri"),
    [
        ({}, "ms-appx-web://Microsoft.AAD.BrokerPlugin/11111111-2222-3333-4444-555555555555"),
        (
            {"AZURE_BROKERAUTH_ENABLE_BROKER_ON_LINUX": "true"},
            "https://login.microsoftonline.com/common/oauth2/nativeclient",
        ),
    ],
)
def test_an_application_of_ones_own_is_told_its_redirect_uri(healthy, variables, uri):
    with_environ(healthy, AZURE_BROKERAUTH_CLIENT_ID="11111111-2222-3333-4444-555555555555", **variables)
    if variables:
        healthy.view = replace(healthy.view, release="6.1.0-debian", paths=())
    found = all_checks(healthy)["redirect-uri"]
    assert (found["severity"], found["finding"].rpartition(" ")[2]) == ("skip", uri)
