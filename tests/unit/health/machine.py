"""A healthy machine for the checks that a test can spoil, and what check-health says of it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

from azext_brokerauth.errors.rendering import AZ
from azext_brokerauth.health import report
from azext_brokerauth.health.facts import Facts
from azext_brokerauth.health.probe import Probe, Python, Ran
from azext_brokerauth.keyring.secret_service import State
from azext_brokerauth.machine import View

SYSTEM32 = "/mnt/c/Windows/System32"
POWERSHELL = f"{SYSTEM32}/WindowsPowerShell/v1.0/powershell.exe"
PROXY = "/mnt/c/Program Files/WSL/msal.wsl.proxy.exe"
UBUNTU = 'ID=ubuntu\nID_LIKE=debian\nVERSION_ID="24.04"\nPRETTY_NAME="Ubuntu 24.04 LTS"\n'
WHEEL = "Wheel-Version: 1.0\nTag: cp312-cp312-manylinux_2_35_x86_64\n"
LIBRARIES = (
    *("libwebkit2gtk-4.1.so.0", "libfido2.so.1", "libcurl.so.4", "libubsan.so.1"),
    "libsecret-1.so.0",
)
WSL = "5.15.167.4-microsoft-standard-WSL2"
HUNG = Ran(None, problem="no answer in 5 s")


@dataclass(frozen=True)
class FakeView(View):
    platform: str = "linux"
    release: str = WSL
    environ: dict = field(default_factory=lambda: {"AZURE_CONFIG_DIR": "/nonexistent", "WSL_DISTRO_NAME": "Ubuntu"})
    paths: tuple = ("/run/WSL", "/usr/bin/wslinfo")

    def exists(self, path):
        return path in self.paths


@dataclass
class FakeProbe(Probe):
    """A healthy machine that can be spoilt."""

    view: View = field(default_factory=FakeView)
    python: Python = field(default_factory=lambda: Python("/usr/bin/python3", "cp312", "x86_64", "glibc 2.39"))
    uid: int = 1000
    files: dict = field(default_factory=dict)
    programs: dict = field(default_factory=dict)
    packages: dict = field(default_factory=lambda: {"msal": "1.39.0", "pymsalruntime": "0.20.7"})
    keyring: State = field(default_factory=lambda: State(collection="login"))
    lacking: tuple = ()
    keeps_keys: bool = True
    owners: dict = field(default_factory=dict)
    running: tuple = ()
    now: float = 1000.0
    times: dict = field(default_factory=dict)
    replies: dict = field(default_factory=dict)

    def exists(self, path):
        return path in self.files or any(file.startswith(f"{path}/") for file in self.files)

    def is_directory(self, path):
        return any(file.startswith(f"{path}/") for file in self.files) if path else False

    def public_list(self):
        return "certifi"

    def native_files(self, package):
        return [file for file in self.files if file.startswith(f"/site-packages/{package}/")]

    def changed(self, path):
        return self.times.get(path, 0.0)

    def started(self):
        return 100.0

    def fetch(self, url, trusted=""):
        reply = self.replies.get(trusted, "")
        if isinstance(reply, Exception):
            raise reply
        return reply

    def read(self, path, size=1 << 20):
        return self.files[path][:size] if path in self.files else None

    def names(self, directory):
        return sorted(Path(file).name for file in self.files if str(Path(file).parent) == directory)

    def facts(self, path):
        return self.owners.get(path)

    def run(self, *command, deadline=5.0):
        ran = self.programs.get(" ".join(map(str, command[:2])), self.programs.get(command[0]))
        return replace(ran, ended=self.now) if ran else Ran(None, problem="it does not start: No such file")

    def version(self, package):
        return self.packages.get(package, "")

    def requirements(self, package):
        return ["pymsalruntime<0.21,>=0.20; (platform_system == 'Linux') and extra == 'broker'"]

    def wheel(self, package):
        return WHEEL if package in self.packages else ""

    def secret_service(self):
        return self.keyring

    def lacking_programs(self):
        return self.lacking

    def kernel_keeps_keys(self):
        return self.keeps_keys

    def bus_names(self):
        return frozenset()

    def held_locks(self):
        return [path for path in sorted(self.files) if path.startswith("/dev/shm/sem.e165a065-")]  # noqa: S108

    def command_lines(self):
        return list(self.running)

    def pause(self, seconds):
        pass


def healthy_machine():
    cache = "".join(f"\t{name} (libc6,x86-64) => /usr/lib/{name}\n" for name in LIBRARIES)
    probe = FakeProbe()
    probe.files = {
        **{f"/usr/lib/{name}": b"" for name in LIBRARIES},
        **dict.fromkeys(("/usr/bin/wslinfo", "/sbin/ldconfig", PROXY, f"{SYSTEM32}/cmd.exe"), b""),
        "/etc/os-release": UBUNTU.encode(),
        "/etc/ssl/certs/ca-certificates.crt": b"",
    }
    probe.programs = {
        "/usr/bin/wslinfo --wsl-version": Ran(0, "2.5.10.0\n"),
        "/usr/bin/wslinfo --msal-proxy-path": Ran(0, f"{PROXY}\n"),
        "/usr/bin/wslinfo --networking-mode": Ran(0, "nat\n"),
        "/sbin/ldconfig -p": Ran(0, cache),
        f"{SYSTEM32}/cmd.exe": Ran(0, "Microsoft Windows"),
        f"{SYSTEM32}/dsregcmd.exe": Ran(0, " AzureAdJoined : YES\n AzureAdPrt : YES\n"),
        POWERSHELL: Ran(0, "brokerauth False 1 1000000\n"),
    }
    return probe


def with_environ(probe, **variables):
    """The same machine with more environment variables."""
    probe.view = replace(probe.view, environ={**probe.environ, **variables})
    return probe


def all_checks(probe, host=AZ, read_cache=list):
    """What the report says of each check, by its ID."""
    return {check["id"]: check for check in report.make(Facts(probe, read_cache), host)["checks"]}


def problems(probe, read_cache=list):
    """What the report says of each check that fails or warns, by its ID."""
    found = all_checks(probe, read_cache=read_cache)
    return {id: check for id, check in found.items() if check["severity"] in ("fail", "warn")}


def commands(check):
    return [remedy["command"] for remedy in check["remedies"]]
