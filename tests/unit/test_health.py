"""The checks over a machine that is handed in, and the readers of what other programs print."""

import json
import re
import stat
import subprocess
import threading
import time
from dataclasses import dataclass, field, replace
from pathlib import Path

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from azext_brokerauth.health import distribution, report, windows
from azext_brokerauth.health.bundle import Names
from azext_brokerauth.health.checks import CHECKS, Check, Finding, Look, Remedy, Severity
from azext_brokerauth.health.keyring import State
from azext_brokerauth.health.probe import FileFacts, Probe, Python, Ran
from azext_brokerauth.wsl import View

SYSTEM32 = "/mnt/c/Windows/System32"
PROXY = "/mnt/c/Program Files/WSL/msal.wsl.proxy.exe"
UBUNTU = 'ID=ubuntu\nID_LIKE=debian\nVERSION_ID="24.04"\nPRETTY_NAME="Ubuntu 24.04 LTS"\n'
WHEEL = "Wheel-Version: 1.0\nTag: cp312-cp312-manylinux_2_35_x86_64\n"
LIBRARIES = (
    *("libwebkit2gtk-4.1.so.0", "libfido2.so.1", "libcurl.so.4", "libubsan.so.1"),
    "libsecret-1.so.0",
)
SYSTEM = ("/etc/brokerauth", "/etc/brokerauth/config")
DOCUMENT = Path(__file__).parents[2] / "docs/check-health.md"


@dataclass
class Fake(Probe):
    """A healthy machine that can be spoilt."""

    view: View = field(default_factory=lambda: FakeView())
    python: Python = field(default_factory=lambda: Python("/usr/bin/python3", "cp312", "x86_64", "glibc 2.39"))
    uid: int = 1000
    files: dict = field(default_factory=dict)
    programs: dict = field(default_factory=dict)
    packages: dict = field(default_factory=lambda: {"msal": "1.39.0", "pymsalruntime": "0.20.7"})
    libraries: tuple = LIBRARIES
    keyring: State = field(default_factory=lambda: State(collection="login"))
    owners: dict = field(default_factory=dict)
    running: tuple = ()

    def exists(self, path):
        return path in self.files or any(file.startswith(f"{path}/") for file in self.files)

    def read(self, path, size=1 << 20):
        return self.files[path][:size] if path in self.files else None

    def names(self, directory):
        return sorted(Path(file).name for file in self.files if str(Path(file).parent) == directory)

    def facts(self, path):
        return self.owners.get(path)

    def run(self, *command, deadline=5.0):
        told = self.programs.get(" ".join(map(str, command[:2])), self.programs.get(command[0]))
        return replace(told, ended=1000.0) if told else Ran(None, problem="it does not start: No such file")

    def version(self, package):
        return self.packages.get(package, "")

    def requirements(self, package):
        return ["pymsalruntime<0.21,>=0.20; (platform_system == 'Linux') and extra == 'broker'"]

    def wheel(self, package):
        return WHEEL if package in self.packages else ""

    def secret_service(self):
        return self.keyring

    def bus_names(self):
        return frozenset()

    def command_lines(self):
        return list(self.running)

    def pause(self, seconds):
        pass


@dataclass(frozen=True)
class FakeView(View):
    platform: str = "linux"
    release: str = "5.15.167.4-microsoft-standard-WSL2"
    environ: dict = field(default_factory=lambda: {"AZURE_CONFIG_DIR": "/nonexistent", "WSL_DISTRO_NAME": "Ubuntu"})
    paths: tuple = ("/run/WSL", "/usr/bin/wslinfo")

    def exists(self, path):
        return path in self.paths


@pytest.fixture
def healthy():
    cache = "".join(f"\t{name} (libc6,x86-64) => /usr/lib/{name}\n" for name in LIBRARIES)
    probe = Fake()
    probe.files = {
        **{f"/usr/lib/{name}": b"" for name in LIBRARIES},
        **dict.fromkeys(("/usr/bin/wslinfo", "/sbin/ldconfig", PROXY, f"{SYSTEM32}/cmd.exe"), b""),
        "/etc/os-release": UBUNTU.encode(),
    }
    probe.programs = {
        "/usr/bin/wslinfo --wsl-version": Ran(0, "2.5.10.0\n"),
        "/usr/bin/wslinfo --msal-proxy-path": Ran(0, f"{PROXY}\n"),
        "/usr/bin/wslinfo --networking-mode": Ran(0, "nat\n"),
        "/sbin/ldconfig -p": Ran(0, cache),
        f"{SYSTEM32}/cmd.exe": Ran(0, "Microsoft Windows"),
        f"{SYSTEM32}/dsregcmd.exe": Ran(0, " AzureAdJoined : YES\n AzureAdPrt : YES\n"),
        f"{SYSTEM32}/WindowsPowerShell/v1.0/powershell.exe": Ran(0, "brokerauth False 1 1000000\n"),
    }
    return probe


def look_at(probe):
    """Every check that is no pass and no skip."""
    look = Look(probe, list)
    found = {check.id: check.run(look) for check in CHECKS}
    return {id: finding for id, finding in found.items() if finding.severity in (Severity.FAIL, Severity.WARN)}


def commands(finding):
    return [remedy.command for remedy in finding.remedies]


def test_a_healthy_machine_has_nothing_to_mend(healthy):
    assert look_at(healthy) == {}


def without(library):
    return lambda probe: probe.files.pop(f"/usr/lib/{library}")


def set_to(name, value):
    return lambda probe: setattr(probe, name, value)


def say(program, ran):
    return lambda probe: probe.programs.update({program: ran})


HUNG = Ran(None, problem="no answer in 5 s")


@pytest.mark.parametrize(
    ("spoil", "check", "remedy"),
    [
        (without("libcurl.so.4"), "libraries", "sudo apt-get install -y libcurl4t64"),
        (without("libwebkit2gtk-4.1.so.0"), "libraries", "sudo apt-get install -y libwebkit2gtk-4.1-0"),
        (set_to("packages", {"msal": "1.39.0"}), "pymsalruntime", "pip install 'pymsalruntime<0.21,>=0.20'"),
        (set_to("packages", {"msal": "1.39.0", "pymsalruntime": "0.19.1"}), "pymsalruntime", "pip install"),
        (set_to("packages", {"msal": "1.20.0", "pymsalruntime": "0.20.7"}), "msal", "--upgrade 'msal[broker]"),
        (set_to("python", Python("p", "cp39", "x86_64", "glibc 2.39")), "platform", "Python"),
        (set_to("python", Python("p", "cp313t", "x86_64", "glibc 2.39")), "platform", "Python"),
        (set_to("python", Python("p", "cp312", "aarch64", "glibc 2.39")), "platform", "x86_64"),
        (set_to("python", Python("p", "cp312", "x86_64", "")), "platform", "wsl.exe --install Ubuntu-24.04"),
        (set_to("python", Python("p", "cp312", "x86_64", "glibc 2.17")), "platform", "wsl.exe --install"),
        (set_to("keyring", State(bus_problem="no file")), "session-bus", "systemd=true"),
        (set_to("keyring", State(service_problem="nobody")), "secret-service", "apt-get install -y gnome-keyring"),
        (set_to("keyring", State()), "keyring", "gnome-keyring-daemon"),
        (set_to("keyring", State(collection="login", locked=True)), "keyring-unlocked", "gnome-keyring-daemon"),
        (set_to("keyring", State(collection="login", write_problem="no")), "keyring-write", "gnome-keyring-daemon"),
        (say("/usr/bin/wslinfo --wsl-version", HUNG), "wsl-version", "wsl.exe --update"),
        (say("/usr/bin/wslinfo --msal-proxy-path", HUNG), "proxy", "wsl.exe --update"),
        (lambda probe: probe.files.pop(PROXY), "proxy", "wsl.exe --update"),
        (say(f"{SYSTEM32}/cmd.exe", HUNG), "interop", "wsl.exe --shutdown"),
        (lambda probe: probe.files.pop(f"{SYSTEM32}/cmd.exe"), "windows-drive", "wsl.exe --shutdown"),
        (lambda probe: probe.files.update({"/dev/shm/sem.e165a065-1": bytes(32)}), "runtime-locks", "rm -f --"),  # noqa: S108
        (set_to("owners", {"/etc/brokerauth/config": FileFacts(0, stat.S_IFREG | 0o664)}), "system-file", "chmod 644"),
        (set_to("owners", {"/etc/brokerauth/config": FileFacts(7, stat.S_IFREG | 0o644)}), "system-file", "chown root"),
        (set_to("owners", dict.fromkeys(SYSTEM, FileFacts(0, stat.S_IFREG | 0o777))), "system-file", "chmod 755"),
        (set_to("owners", {"/etc/brokerauth/config": FileFacts(0, stat.S_IFLNK | 0o777)}), "system-file", "rm --"),
    ],
)
def test_what_is_spoilt_is_found_alone_with_what_mends_it(healthy, spoil, check, remedy):
    spoil(healthy)
    found = look_at(healthy)
    assert list(found) == [check]
    assert remedy in "\n".join(commands(found[check]))


def test_in_az_the_runtime_is_the_extensions_and_msal_is_azs(healthy):
    extension = "/home/ada/.azure/cliextensions/brokerauth"
    healthy.python = replace(healthy.python, extension=extension)
    healthy.packages = {"msal": "1.20.0"}
    found = look_at(healthy)
    assert commands(found["msal"]) == ["az upgrade"]
    (install,) = commands(found["pymsalruntime"])
    assert install.startswith(f"/usr/bin/python3 -m pip install --upgrade --target {extension} ")


@pytest.mark.parametrize(
    "before",
    [
        "",
        "[boot]\n[user]\ndefault=ada",
        "[user]\ndefault=ada\n\n[Boot]\ncommand=true # systemd=false\n[network]\nhostname=x\n",
        "[boot]\nSystemd = false\n[interop]\nenabled=true\n",
        "[boot]\ncommand = service cron start\n  systemd=false",
    ],
)
def test_what_is_printed_for_wsl_conf_changes_one_value(healthy, tmp_path, before):
    healthy.keyring = State(bus_problem="no file")
    healthy.uid = 0
    healthy.files |= {"/etc/wsl.conf": before.encode(), "/usr/bin/dbus-daemon": b""}
    file = tmp_path / "wsl.conf"
    file.write_text(before)
    edit = commands(look_at(healthy)["session-bus"])[0]
    subprocess.run(["/bin/sh", "-c", edit.replace("/etc/wsl.conf", str(file))], check=True, capture_output=True)
    was, now = (
        {(section.lower(), *item) for section in parser.sections() for item in parser.items(section)}
        for parser in map(windows.wsl_conf, (before, file.read_text()))
    )
    assert now - was == {("boot", "systemd", "true")}
    assert was - now <= {("boot", "systemd", "false")}


def test_interop_that_came_late_is_healthy(healthy):
    healthy.files["/proc/sys/fs/binfmt_misc/WSLInterop-late"] = b"enabled\n"
    look = Look(healthy, list)
    finding = next(check for check in CHECKS if check.id == "interop").run(look)
    assert (finding.severity, "WSLInterop-late" in finding.text) == (Severity.PASS, True)


def test_a_lock_is_left_alone_while_a_broker_is_at_work(healthy):
    healthy.files["/dev/shm/sem.e165a065-1"] = bytes(32)  # noqa: S108
    healthy.running = ("/usr/bin/python3 -I /x/azext_brokerauth/broker/host.py 1 quiet",)
    assert look_at(healthy) == {}


def test_root_by_sudo_is_warned_of_and_root_by_login_is_not(healthy):
    healthy.uid = 0
    assert look_at(healthy) == {}
    healthy.view = FakeView(environ={**healthy.environ, "SUDO_USER": "ada"})
    assert list(look_at(healthy)) == ["user"]


@pytest.mark.parametrize(
    ("release", "first"),
    [
        ('ID=debian\nVERSION_ID="12"', "apt-get install -y libcurl4 libwebkit2gtk-4.1-0"),
        ('ID=debian\nVERSION_ID="13"', "apt-get install -y libcurl4t64 libwebkit2gtk-4.1-0"),
        ("ID=fedora\nVERSION_ID=42", "dnf install -y libcurl webkit2gtk4.1"),
        ('ID="opensuse-tumbleweed"\nID_LIKE="opensuse suse"', "zypper install -y libcurl4 libwebkit2gtk-4_1-0"),
        ("ID=arch", "pacman -S --noconfirm curl webkit2gtk-4.1"),
        ("ID=nixos", "Install, with the package manager of nixos, what provides libwebkit2gtk-4.1.so.0, libcurl.so.4"),
    ],
)
def test_packages_are_named_for_this_distribution(healthy, release, first):
    healthy.uid = 0
    healthy.files["/etc/os-release"] = release.encode()
    without("libcurl.so.4")(healthy)
    without("libwebkit2gtk-4.1.so.0")(healthy)
    assert first in commands(look_at(healthy)["libraries"])


def test_the_report_has_the_documented_schema(healthy):
    schema = json.loads(re.search(r"```json schema\n(.*?)```", DOCUMENT.read_text(), re.DOTALL)[1])
    healthy.keyring = State(collection="login", locked=True)
    told = report.make(Look(healthy, list), "brokerauth")
    jsonschema.validate(told, schema)
    assert not told["healthy"]
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**told, "surprise": 1}, schema)


def test_every_check_is_documented():
    documented = re.findall(r"^\| `([a-z-]+)` \|", DOCUMENT.read_text(), re.MULTILINE)
    assert [*(check.id for check in CHECKS), "broker", "token"] == documented


def test_a_check_that_hangs_is_left_behind_and_fails(healthy):
    over = threading.Event()
    hanging = Check("hangs", "Group", lambda look: over.wait(60) and None)
    quick = Check("quick", "Group", lambda look: Finding(Severity.PASS, "fine"))
    started = time.monotonic()
    found = report.check_all(Look(healthy, list), [hanging, quick], deadline=0.2)
    over.set()
    assert [finding.severity for finding in found] == [Severity.FAIL, Severity.PASS]
    assert time.monotonic() - started < 30


def test_wsl_is_restarted_once_after_all_that_needs_it():
    restart, unlock = Remedy("powershell", "wsl.exe --shutdown"), Remedy("bash", "u")
    install = Remedy("bash", "install")
    found = [
        Finding(Severity.FAIL, "a", (Remedy("powershell", "update"), restart)),
        Finding(Severity.WARN, "b", (Remedy("person", "look"),)),
        Finding(Severity.FAIL, "c", (install, restart, unlock)),
    ]
    assert [r.command for r in report.in_order(found)] == ["update", "install", "wsl.exe --shutdown", "u", "look"]


def test_a_program_that_hangs_is_killed_and_named():
    ran = Probe().run("/bin/sleep", "60", deadline=0.2)
    assert (ran.status, ran.problem) == (None, "no answer in 0.2 s")
    assert "No such file" in Probe().run("/nonexistent/program").why


def test_windows_programs_that_write_utf16_are_read():
    printed = Probe().run("/usr/bin/printf", r"a\0b\0\r\0\n\0").stdout
    assert printed == "ab\n"


@pytest.mark.parametrize("text", ["", "{}", '{"RefreshToken": [1], "Account": {"a": 1}}'])
def test_a_cache_of_az_without_sign_ins_has_none(tmp_path, text):
    (tmp_path / "msal_token_cache.json").write_text(text)
    assert report.read_cache_file({"AZURE_CONFIG_DIR": str(tmp_path)}) == []


@pytest.mark.parametrize("text", ["[]", "null", "{"])
def test_a_damaged_cache_of_az_is_said_to_be_unreadable(tmp_path, text):
    (tmp_path / "msal_token_cache.json").write_text(text)
    with pytest.raises(report.UnreadableCacheError, match="az's token cache"):
        report.read_cache_file({"AZURE_CONFIG_DIR": str(tmp_path)})


def test_names_are_hashed_alike_within_one_archive_and_unlike_in_another():
    hidden = Names(frozenset({"ada"})).hide("ada@contoso.com ADA@contoso.com /home/ada/x Canada")
    first, second, rest = re.match(r"(<person \w+>) (<person \w+>) (.*)", hidden).groups()
    assert first == second
    assert rest.startswith("/home/<person ")
    assert rest.endswith("/x Canada")
    assert Names(frozenset()).hide("ada@contoso.com") != Names(frozenset()).hide("ada@contoso.com")


@given(st.text())
def test_readers_take_any_text(text):
    distribution.read(text).install(["x"], sudo="")
    windows.windows_session(text)
    windows.drive_mount(text)
    windows.wsl_conf(text).sections()
    assert all(isinstance(value, str) for value in windows.device(text).values())
    assert all(isinstance(number, int) for number in windows.version(text))


@given(st.dictionaries(st.from_regex(r"[A-Za-z]{1,20}", fullmatch=True), st.sampled_from(["YES", "NO"])))
def test_the_device_is_read_from_whatever_surrounds_it(facts):
    lines = [f"{name:>30} : {value}" for name, value in facts.items()]
    banner = "+-----+\r\n| Device State |\r\n+-----+\r\n\r\n"
    assert windows.device(banner + "\r\n".join(lines)) == facts


@given(st.lists(st.integers(0, 999_999_999), min_size=2, max_size=5))
def test_versions_are_read_and_ordered_by_number(numbers):
    assert windows.version(".".join(map(str, numbers)) + "\n") == tuple(numbers)


@pytest.mark.parametrize(
    ("mounts", "where"),
    [
        (r"C:\134 /mnt/c 9p rw,aname=drvfs;path=C:\;uid=1000 0 0", "/mnt/c"),
        (r"C: /windows\040drives/c drvfs rw 0 0", "/windows drives/c"),
        (r"drvfsa /c virtiofs rw 0 0", ""),
        (r"D:\134 /mnt/d 9p rw,aname=drvfs;path=D:\ 0 0", ""),
        ("drivers /usr/lib/wsl/drivers 9p ro 0 0", ""),
    ],
)
def test_the_windows_drive_is_found_wherever_it_is_mounted(mounts, where):
    assert windows.drive_mount(f"proc /proc proc rw 0 0\n{mounts}\n") == where
