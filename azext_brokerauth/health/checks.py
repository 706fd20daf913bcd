"""The checks: each looks at one condition and says what it found, and what mends it on this machine."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import cached_property

from azext_brokerauth import errors, settings
from azext_brokerauth.accounts import AccountStore, Records
from azext_brokerauth.broker import locks
from azext_brokerauth.health import distribution, windows
from azext_brokerauth.health.keyring import State, address
from azext_brokerauth.health.probe import Probe, Ran
from azext_brokerauth.settings import Settings
from azext_brokerauth.wsl import Kind, Machine, detect

OLDEST_WSL = (2, 4, 13)
"""The first release with the proxy to Windows' broker, says Microsoft's page on MSAL Python and WSL."""
SYSTEM_FILE = "/etc/brokerauth/config"
_WSLINFO = "/usr/bin/wslinfo"
_SKEW = 300.0
"""Seconds. A token may be refused as not yet valid, or as expired, when clocks differ by more."""


class Severity(Enum):
    PASS = "pass"  # noqa: S105
    WARN = "warn"
    FAIL = "fail"
    SKIP = "skip"


@dataclass(frozen=True)
class Remedy:
    """One step.

    :param shell: ``bash`` (in this distribution), ``powershell`` (in Windows), or ``person`` for what is no command.
    """

    shell: str
    command: str


@dataclass(frozen=True)
class Finding:
    """What a check found, in one line with its evidence."""

    severity: Severity
    text: str
    remedies: tuple[Remedy, ...] = ()


@dataclass(frozen=True)
class CachedSignIn:
    """An entry of az's token cache, without anything secret.

    :param kind: ``refresh token`` or ``account``.
    :param source: an account's ``account_source``; the broker's is ``broker``.
    """

    home_account_id: str
    kind: str
    source: str = ""


class UnreadableCacheError(Exception):
    """az's token cache cannot be looked at from here; the text says why."""


def bash(*commands: str) -> tuple[Remedy, ...]:
    return tuple(Remedy("bash", command) for command in commands)


def powershell(*commands: str) -> tuple[Remedy, ...]:
    return tuple(Remedy("powershell", command) for command in commands)


def person(text: str) -> tuple[Remedy, ...]:
    return (Remedy("person", text),)


RESTART = powershell("wsl.exe --shutdown")


class Look:
    """What several checks want to know of the machine, each found out once.

    :param read_cache: lists what az's token cache holds.
    """

    def __init__(self, probe: Probe, read_cache: Callable[[], Sequence[CachedSignIn]]) -> None:
        self.probe = probe
        self.read_cache = read_cache

    @cached_property
    def machine(self) -> Machine:
        return detect(self.probe.view)

    @cached_property
    def settings(self) -> Settings:
        """Those in force; the defaults where they cannot be read, of which the check ``settings`` tells."""
        try:
            return settings.load(environ=self.probe.environ)
        except errors.BrokerAuthError:
            return Settings()

    @cached_property
    def records(self) -> Records:
        try:
            return AccountStore(settings.config_directory(self.probe.environ)).read()
        except errors.SettingsError:
            return Records()

    @cached_property
    def on_linux(self) -> bool:
        """Native Linux, with Microsoft's broker for it chosen."""
        return self.machine.kind is Kind.LINUX and self.settings.enable_broker_on_linux

    @property
    def served(self) -> bool:
        return self.machine.kind is Kind.WSL2 or self.on_linux

    @cached_property
    def distribution(self) -> distribution.Distribution:
        return distribution.read(self.text("/etc/os-release"))

    @property
    def sudo(self) -> str:
        return "" if self.probe.uid == 0 else "sudo "

    @cached_property
    def wsl_conf(self) -> dict[str, str]:
        parser = windows.wsl_conf(self.text("/etc/wsl.conf"))
        return {f"{s}.{name}".lower(): str(value).strip() for s in parser.sections() for name, value in parser.items(s)}

    def text(self, path: str) -> str:
        return (self.probe.read(path) or b"").decode("utf-8", errors="replace")

    def wslinfo(self, option: str) -> Ran:
        if not self.probe.exists(_WSLINFO):
            return Ran(None, problem=f"{_WSLINFO} does not exist")
        return self.probe.run(_WSLINFO, option)

    @cached_property
    def wsl_version(self) -> tuple[int, ...]:
        return windows.version(self.wslinfo("--wsl-version").stdout)

    @property
    def wsl_is_old(self) -> bool:
        return bool(self.wsl_version) and self.wsl_version < OLDEST_WSL

    @cached_property
    def drive(self) -> str:
        """Where Windows' drive C: is; empty for nowhere."""
        root = self.wsl_conf.get("automount.root", "/mnt").strip("\"'").rstrip("/")
        candidates = windows.drive_mount(self.text("/proc/mounts")), f"{root}/c", "/mnt/c"
        return next((path for path in candidates if path and self.probe.exists(f"{path}/Windows/System32")), "")

    def in_windows(self, program: str, *arguments: str) -> Ran:
        path = f"{self.drive}/Windows/System32/{program}"
        return self.probe.run(path, *arguments) if self.drive else Ran(None, problem="drive C: is not mounted")

    @cached_property
    def interop(self) -> Ran:
        return self.in_windows("cmd.exe", "/d", "/c", "ver")

    @cached_property
    def no_windows(self) -> str:
        """Why no Windows program can be asked; empty where one can."""
        return "" if self.interop.status == 0 else "no Windows program can be started from here"

    @cached_property
    def powershell(self) -> Ran:
        script = ("-NoLogo", "-NoProfile", "-NonInteractive", "-Command", windows.SESSION_SCRIPT)
        return self.in_windows("WindowsPowerShell/v1.0/powershell.exe", *script)

    @property
    def windows_session(self) -> windows.WindowsSession | None:
        return windows.windows_session(self.powershell.stdout)

    @cached_property
    def device(self) -> dict[str, str] | Ran:
        ran = self.in_windows("dsregcmd.exe", "/status")
        facts = windows.device(ran.stdout) if ran.status == 0 else {}
        return facts if "AzureAdJoined" in facts else ran

    @cached_property
    def keyring(self) -> State:
        return self.probe.secret_service()


Run = Callable[[Look], Finding]


@dataclass(frozen=True)
class Check:
    id: str
    group: str
    run: Run


CHECKS: list[Check] = []
"""In the order in which to mend what they find."""


def _check(id: str, group: str, *, needs: str = "") -> Callable[[Run], Run]:
    """Add a check.

    :param needs: ``wsl``: only where Windows' broker serves. ``broker``: where any broker does. ``windows``: where
        Windows' programs can be started as well.
    """

    def add(function: Run) -> Run:
        def run(look: Look) -> Finding:
            # needs: what a check elsewhere already says is broken is not said again.
            if needs and (not look.served or (needs in ("wsl", "windows") and look.machine.kind is not Kind.WSL2)):
                return _skip(f"this is {look.machine.kind.value}")
            if needs == "windows" and look.no_windows:
                return _skip(look.no_windows)
            return function(look)

        CHECKS.append(Check(id, group, run))
        return function

    return add


def _pass(text: str) -> Finding:
    return Finding(Severity.PASS, text)


def _skip(text: str) -> Finding:
    return Finding(Severity.SKIP, text)


def _warn(text: str, remedies: tuple[Remedy, ...]) -> Finding:
    return Finding(Severity.WARN, text, remedies)


def _fail(text: str, remedies: tuple[Remedy, ...]) -> Finding:
    return Finding(Severity.FAIL, text, remedies)


# ---- the machine -----------------------------------------------------------------------------------------------------


@_check("machine", "Machine")
def machine(look: Look) -> Finding:
    """Is this WSL 2, or native Linux with its broker chosen?"""
    kind, evidence = look.machine.kind, look.machine.evidence
    if look.served:
        return _pass(f"{kind.value}: {evidence}")
    name = look.probe.environ.get("WSL_DISTRO_NAME", "<distribution>")
    match kind:
        case Kind.WSL1:
            text = f"WSL 1, from which Windows' account broker cannot be reached: {evidence}"
            return _fail(text, powershell(f"wsl.exe --set-version {name} 2"))
        case Kind.CUSTOM_KERNEL:
            text = f"WSL with a custom kernel, on which Microsoft's runtime does not see WSL: {evidence}"
            mend = person("In %UserProfile%\\.wslconfig of Windows remove the line that begins with kernel=")
            return _fail(text, mend + RESTART)
        case Kind.CONTAINER:
            text = f"A container on a WSL kernel, from which Windows cannot be reached: {evidence}"
            return _fail(text, person("Sign in under WSL 2 itself, outside of the container"))
        case Kind.LINUX:
            # Not to be pasted along with the rest: it is a choice.
            choice = "Or, for Microsoft's broker for Linux: az config set brokerauth.enable_broker_on_linux=true"
            return _fail(f"Not under WSL: {evidence}", person("Sign in with: az login") + person(choice))
    return _fail(f"Not under WSL: {evidence}", person("Sign in with: az login"))


def _in_wsl_conf(look: Look, section: str, name: str) -> tuple[Remedy, ...]:
    """Set a value of ``/etc/wsl.conf`` to true: where it stands, else below its section, else in a new one."""
    begin = f"/^\\[{section}\\]/I"
    if f"{section}.{name}" in look.wsl_conf:
        edit = f"{begin},/^\\[/s/^[[:space:]]*{name}[[:space:]]*=.*/{name}=true/I"
    elif re.search(rf"^\[{section}\]", look.text("/etc/wsl.conf"), re.MULTILINE | re.IGNORECASE):
        edit = f"{begin}a {name}=true"
    else:
        return bash(f"printf '\\n[{section}]\\n{name}=true\\n' | {look.sudo}tee -a /etc/wsl.conf")
    return bash(f"{look.sudo}sed -i '{edit}' /etc/wsl.conf")


@_check("wsl-version", "Machine", needs="wsl")
def wsl_version(look: Look) -> Finding:
    """Has WSL the proxy to Windows' broker?"""
    told = look.wslinfo("--wsl-version")
    update = powershell("wsl.exe --update") + RESTART
    if not look.wsl_version:
        return _fail(f"WSL's version cannot be told: {told.why}", update)
    shown = ".".join(map(str, look.wsl_version))
    if look.wsl_is_old:
        return _fail(f"WSL is {shown}; Windows' account broker is reached from 2.4.13 on", update)
    return _pass(f"WSL is {shown}, at least 2.4.13")


@_check("windows-drive", "Machine", needs="wsl")
def windows_drive(look: Look) -> Finding:
    """Is Windows' drive C: there, through which its programs are started?"""
    if look.drive:
        return _pass(f"Windows' drive C: is at {look.drive}")
    if look.wsl_conf.get("automount.enabled", "true").lower() == "false":
        text = "/etc/wsl.conf keeps Windows' drives from being mounted"
        return _fail(text, _in_wsl_conf(look, "automount", "enabled") + RESTART)
    return _fail("Windows' drive C: is not mounted: /proc/mounts and /mnt/c do not show it", RESTART)


@_check("interop", "Machine", needs="wsl")
def interop(look: Look) -> Finding:
    """Can a Windows program be started? Starting one tells more than any setting."""
    if not look.drive:
        return _skip("drive C: is not mounted")
    formats = "/proc/sys/fs/binfmt_misc"
    entries = [name for name in ("WSLInterop", "WSLInterop-late") if look.probe.exists(f"{formats}/{name}")]
    if look.interop.status == 0:
        return _pass(f"Windows programs start{f' (by {entries[0]})' if entries else ''}")
    text = f"Windows programs cannot be started: {look.drive}/Windows/System32/cmd.exe: {look.interop.why}"
    if look.wsl_conf.get("interop.enabled", "true").lower() == "false":
        return _fail(f"{text}. /etc/wsl.conf switches them off", _in_wsl_conf(look, "interop", "enabled") + RESTART)
    if not entries and look.probe.exists(f"{formats}/register"):
        file = "/usr/lib/binfmt.d/WSLInterop.conf"
        write = f"echo ':WSLInterop:M::MZ::/init:PF' | {look.sudo}tee {file}"
        return _fail(f"{text}. {formats} has no WSLInterop", bash(write) + RESTART)
    stale = look.probe.environ.get("WSL_INTEROP", "")
    if stale and not look.probe.exists(stale):
        return _fail(f"{text}. WSL_INTEROP names {stale}, which is gone", person("Open a new WSL window"))
    return _fail(text, RESTART)


@_check("proxy", "Machine", needs="windows")
def proxy(look: Look) -> Finding:
    """Does wslinfo name the proxy to the broker, and does it exist?"""
    if look.wsl_is_old:
        return _skip("WSL is older than the proxy")
    told = look.wslinfo("--msal-proxy-path")
    path = told.stdout.strip()
    update = powershell("wsl.exe --update") + RESTART
    if told.status != 0 or not path:
        return _fail(f"wslinfo does not name the proxy to Windows' account broker: {told.why}", update)
    if not look.probe.exists(path):
        return _fail(f"The proxy to Windows' account broker is missing: {path}", update)
    return _pass(f"The proxy is {path}")


@_check("networking", "Machine", needs="wsl")
def networking(look: Look) -> Finding:
    """Mirrored networking has made Conditional Access refuse compliant devices
    (https://github.com/microsoft/azure-devops-mcp/issues/776)."""
    told = look.wslinfo("--networking-mode")
    mode = told.stdout.strip()
    if told.status != 0 or not mode:
        return _skip(f"wslinfo does not tell the networking mode: {told.why}")
    if mode == "mirrored":
        return _warn(
            "The networking mode is mirrored, with which Conditional Access is known to refuse compliant devices",
            person("If a sign-in is refused, set networkingMode=nat below [wsl2] in %UserProfile%\\.wslconfig")
            + RESTART,
        )
    return _pass(f"The networking mode is {mode}")


# ---- the runtime -----------------------------------------------------------------------------------------------------


@_check("platform", "Runtime", needs="broker")
def platform(look: Look) -> Finding:
    """Does Microsoft publish a runtime for this Python?"""
    python = look.probe.python
    shown = f"{python.tag} on {python.architecture} with {python.libc or 'a C library that is not glibc'}"
    if python.architecture != "x86_64":
        return _fail(
            f"Microsoft publishes its runtime for x86_64 Linux only; this Python is {shown}",
            person("Use a Windows machine with an x86_64 processor, or az login"),
        )
    glibc = windows.version(python.libc.removeprefix("glibc"))
    if not glibc:
        musl = look.probe.exists("/lib/ld-musl-x86_64.so.1")
        return _fail(
            f"Microsoft publishes its runtime for glibc only; this Python is {shown}{' (musl)' if musl else ''}",
            powershell("wsl.exe --install Ubuntu-24.04"),
        )
    if glibc < (2, 24):
        return _fail(
            f"The runtime needs glibc 2.24; this Python is {shown}", powershell("wsl.exe --install Ubuntu-24.04")
        )
    if python.tag not in ("cp310", "cp311", "cp312", "cp313", "cp314"):
        return _fail(
            f"Microsoft publishes its runtime for CPython 3.10 to 3.14; this is {shown}",
            person("Use az or brokerauth with a Python that it is published for"),
        )
    return _pass(shown)


def _pip(look: Look, *what: str) -> tuple[Remedy, ...]:
    """Commands that install Python packages where this program finds them."""
    python = look.probe.python
    where = ("--upgrade", "--target", python.extension) if python.extension else ()
    return bash(shlex.join([python.executable, "-m", "pip", "install", *where, *what]))


@_check("msal", "Runtime", needs="broker")
def msal(look: Look) -> Finding:
    """Is msal there, and new enough to use the broker under WSL?"""
    found = look.probe.version("msal")
    # In az it is az's own.
    mend = bash("az upgrade") if look.probe.python.extension else _pip(look, "--upgrade", "msal[broker]>=1.36,<2")
    if not found:
        return _fail(f"msal is not installed for {look.probe.python.executable}", mend)
    if not (1, 36) <= windows.version(found) < (2,):
        return _fail(f"msal is {found}; 1.36 or newer, and older than 2, is needed", mend)
    return _pass(f"msal {found}")


@_check("pymsalruntime", "Runtime", needs="broker")
def pymsalruntime(look: Look) -> Finding:
    """Is Microsoft's runtime there, in a release that this msal goes with?"""
    from packaging.requirements import Requirement

    found = look.probe.version("pymsalruntime")
    wanted = [
        requirement
        for requirement in map(Requirement, look.probe.requirements("msal"))
        if requirement.name == "pymsalruntime"
        and (requirement.marker is None or requirement.marker.evaluate({"extra": "broker"}))
    ]
    install = _pip(look, *([f"pymsalruntime{wanted[0].specifier}"] if wanted else ["pymsalruntime>=0.18,<0.21"]))
    if not found:
        if not look.probe.python.libc or look.probe.python.architecture != "x86_64":
            return _skip("pymsalruntime is not published for this platform")
        return _fail(f"pymsalruntime is not installed for {look.probe.python.executable}", install)
    if wanted and not wanted[0].specifier.contains(found, prereleases=True):
        text = f"pymsalruntime is {found}; msal {look.probe.version('msal')} needs {wanted[0].specifier}"
        return _fail(text, install)
    return _pass(f"pymsalruntime {found}")


@_check("libraries", "Runtime", needs="broker")
def libraries(look: Look) -> Finding:
    """Are the shared libraries there that the runtime is linked with?

    Looked up in the dynamic linker's cache, by the published list. The runtime itself is neither loaded nor opened.
    """
    wheel = look.probe.wheel("pymsalruntime")
    if look.probe.version("pymsalruntime") and "manylinux" not in wheel:
        return _skip("the installed pymsalruntime is not one of Microsoft's wheels for Linux")
    glibc = windows.version(look.probe.python.libc.removeprefix("glibc"))
    if not glibc:
        return _skip("there is no runtime for this C library")
    newer = "manylinux_2_35" in wheel if wheel else glibc >= (2, 35)
    needed = (distribution.WEBKIT["4.1" if newer else "4.0"], *distribution.OTHER_LIBRARIES)
    ldconfig = next((path for path in ("/sbin/ldconfig", "/usr/sbin/ldconfig") if look.probe.exists(path)), "")
    told = look.probe.run(ldconfig, "-p") if ldconfig else Ran(None, problem="there is no ldconfig")
    if told.status != 0:
        return _skip(f"the dynamic linker's cache cannot be read: {told.why}")
    # A library in the cache may have been removed since.
    cached = re.findall(r"^\s*(\S+) \([^)]*x86-64[^)]*\) => (.+)$", told.stdout, re.MULTILINE)
    present = {name for name, path in cached if look.probe.exists(path)}
    missing = [name for name in needed if name not in present]
    if not missing:
        return _pass(f"All {len(needed)} shared libraries are there, {needed[0]} among them")
    return _fail(f"Shared libraries are missing: {', '.join(missing)}", _packages(look, missing))


def _packages(look: Look, things: Sequence[str]) -> tuple[Remedy, ...]:
    """Install the packages of libraries and programs, or name what is looked for where they are not known."""
    named = {thing: look.distribution.package(thing) for thing in things}
    # dpkg keeps one such file for each package it believes to be there.
    lists = "/var/lib/dpkg/info"
    damaged = any(look.probe.exists(f"{lists}/{p}{a}.list") for p in named.values() if p for a in ("", ":amd64"))
    commands = bash(*look.distribution.install((p for p in named.values() if p), sudo=look.sudo, damaged=damaged))
    unknown = [thing for thing, package in named.items() if not package]
    if unknown or not commands:
        what = ", ".join(unknown or things)
        commands += person(f"Install, with the package manager of {look.distribution.name}, what provides {what}")
    return commands


@_check("runtime-locks", "Runtime", needs="broker")
def runtime_locks(look: Look) -> Finding:
    """Has a runtime that was killed left one of its named semaphores locked? Then every call hangs."""
    stuck = _locked(look, [name for name in look.probe.names(locks.DIRECTORY) if name.startswith(locks.PREFIX)])
    if stuck and any("broker/host.py" in line for line in look.probe.command_lines()):
        return _skip("a process of the broker is at work")
    if stuck:
        look.probe.pause(0.3)  # another program's runtime may have held it for a moment
        stuck = _locked(look, stuck)
    if not stuck:
        return _pass("The runtime has left no lock behind")
    files = shlex.join(f"{locks.DIRECTORY}/{name}" for name in stuck)
    return _fail(
        f"{len(stuck)} lock(s) that the runtime takes were left locked by a process that is gone, so that calls hang",
        bash(f"rm -f -- {files}"),
    )


def _locked(look: Look, names: Sequence[str]) -> list[str]:
    return [name for name in names if look.probe.read(f"{locks.DIRECTORY}/{name}", 4) == locks.LOCKED]


# ---- the session and its keyring -------------------------------------------------------------------------------------


@_check("user", "Keyring", needs="broker")
def user(look: Look) -> Finding:
    """Is this the user's own session, and not another's borrowed with sudo?"""
    invoker = look.probe.environ.get("SUDO_USER", "")
    if look.probe.uid == 0 and invoker not in ("", "root"):
        return _warn(
            f"Running as root with sudo, where {invoker}'s keyring and sign-ins are out of reach",
            person("Run without sudo"),
        )
    return _pass(f"User {look.probe.uid}, in a session of its own")


@_check("session-bus", "Keyring", needs="broker")
def session_bus(look: Look) -> Finding:
    """Is there a D-Bus session, through which the runtime reaches the keyring?"""
    where = address(look.probe.environ, look.probe.uid)
    if not look.keyring.bus_problem:
        return _pass(f"The session bus is at {where}")
    text = f"There is no D-Bus session: {look.keyring.bus_problem} ({where})"
    runtime = f"/run/user/{look.probe.uid}/bus"
    if look.probe.exists(runtime) and where != f"unix:path={runtime}":
        return _fail(text, bash(f"export DBUS_SESSION_BUS_ADDRESS=unix:path={runtime}"))
    remedies = () if look.probe.exists("/usr/bin/dbus-daemon") else _packages(look, ["dbus-daemon"])
    if look.wsl_conf.get("boot.systemd", "false").lower() != "true" and look.machine.kind is Kind.WSL2:
        remedies += _in_wsl_conf(look, "boot", "systemd")
    return _fail(text, remedies + RESTART)


_UNLOCK = (
    "read -rsp 'Password of the keyring: ' password"
    ' && printf %s "$password" | gnome-keyring-daemon --replace --unlock --components=secrets; unset password'
)
"""Creates the keyring named login with this password where it does not exist, and unlocks it where it does. A daemon
that runs already unlocks nothing for another: it is replaced."""


@_check("secret-service", "Keyring", needs="broker")
def secret_service(look: Look) -> Finding:
    """Does a keyring answer? The runtime keeps its accounts there; without it, silent sign-in finds nobody."""
    if look.keyring.bus_problem:
        return _skip("there is no D-Bus session")
    if not look.keyring.service_problem:
        return _pass("The keyring (Secret Service) answers")
    text = f"No keyring (Secret Service) answers on the session bus: {look.keyring.service_problem}"
    missing = [] if look.probe.exists("/usr/bin/gnome-keyring-daemon") else ["gnome-keyring-daemon"]
    # The order matters, says Microsoft's page: packages, restart, keyring.
    install = _packages(look, [*missing, "libsecret-1.so.0"]) + RESTART if missing else ()
    return _fail(text, install + bash(_UNLOCK))


def _no_service(look: Look) -> str:
    if look.keyring.bus_problem or look.keyring.service_problem:
        return "no keyring answers"
    return ""


@_check("keyring", "Keyring", needs="broker")
def keyring(look: Look) -> Finding:
    """Is there a default keyring?"""
    if reason := _no_service(look):
        return _skip(reason)
    if look.keyring.collection:
        return _pass(f"The default keyring is {look.keyring.collection!r}")
    return _fail("There is no default keyring, which is usually the one named 'login'", bash(_UNLOCK))


@_check("keyring-unlocked", "Keyring", needs="broker")
def keyring_unlocked(look: Look) -> Finding:
    """Is it unlocked?"""
    if reason := _no_service(look) or ("" if look.keyring.collection else "there is no default keyring"):
        return _skip(reason)
    if look.keyring.locked:
        return _fail(f"The keyring {look.keyring.collection!r} is locked", bash(_UNLOCK))
    return _pass(f"The keyring {look.keyring.collection!r} is unlocked")


@_check("keyring-write", "Keyring", needs="broker")
def keyring_write(look: Look) -> Finding:
    """Does it keep what is written, tried with an item that is deleted again?"""
    state = look.keyring
    if reason := _no_service(look) or ("" if state.collection else "there is no default keyring"):
        return _skip(reason)
    if state.locked:
        return _skip("the keyring is locked")
    if state.write_problem:
        text = f"The keyring does not keep what is written: {state.write_problem}"
        return _fail(text, bash(_UNLOCK))
    return _pass("A test item was written, read and deleted")


@_check("linux-broker", "Keyring", needs="broker")
def linux_broker(look: Look) -> Finding:
    """On native Linux: is Microsoft's broker on the session bus?"""
    if not look.on_linux:
        return _skip("the broker is Windows'")
    if look.keyring.bus_problem:
        return _skip("there is no D-Bus session")
    name = "com.microsoft.identity.broker1"
    if name in look.probe.bus_names():
        return _pass(f"{name} is on the session bus")
    command = {"debian": "apt-get install -y", "fedora": "dnf install -y"}.get(look.distribution.family)
    text = f"Microsoft's broker for Linux ({name}) is not on the session bus"
    if command is None:
        return _fail(text, person(f"Microsoft publishes no broker for {look.distribution.name}"))
    return _fail(text, bash(f"{look.sudo}{command} microsoft-identity-broker"))


# ---- Windows ---------------------------------------------------------------------------------------------------------


@_check("windows-elevated", "Windows", needs="windows")
def windows_elevated(look: Look) -> Finding:
    """An elevated terminal keeps the account picker from showing
    (https://github.com/AzureAD/microsoft-authentication-library-for-python/issues/810)."""
    told = look.windows_session
    if told is None:
        return _skip(f"PowerShell does not tell: {look.powershell.why}")
    if told.elevated:
        return _warn(
            "This terminal runs as administrator, from which Windows' account picker may not show",
            person("Open WSL from a terminal that does not run as administrator"),
        )
    return _pass("The terminal does not run as administrator")


@_check("windows-desktop", "Windows", needs="windows")
def windows_desktop(look: Look) -> Finding:
    """Has the Windows session a desktop for the picker? That of ssh has none."""
    told = look.windows_session
    if told is None:
        return _skip(f"PowerShell does not tell: {look.powershell.why}")
    if told.number == 0:
        return _warn(
            "WSL runs in Windows' session 0 (ssh or a service), which has no desktop to show a window on",
            person("Sign in once from a WSL window on Windows' desktop; tokens are then had silently"),
        )
    return _pass(f"WSL runs in Windows' session {told.number}, which has a desktop")


@_check("device", "Windows", needs="windows")
def device(look: Look) -> Finding:
    """Is the Windows device joined to, or registered with, an organization?"""
    facts = look.device
    if isinstance(facts, Ran):
        return _skip(f"dsregcmd.exe does not tell: {facts.why}")
    states = {"AzureAdJoined": "joined to Microsoft Entra", "WorkplaceJoined": "registered with Microsoft Entra"}
    true = [text for name, text in states.items() if facts.get(name, "").upper() == "YES"]
    if true:
        return _pass(f"Windows is {' and '.join(true)}")
    return _warn(
        "Windows is neither joined to nor registered with Microsoft Entra: policies that want a known device refuse",
        person("In Windows: Settings > Accounts > Access work or school > Connect"),
    )


@_check("prt", "Windows", needs="windows")
def prt(look: Look) -> Finding:
    """Has Windows a primary refresh token, with which it signs in silently?"""
    facts = look.device
    if isinstance(facts, Ran):
        return _skip(f"dsregcmd.exe does not tell: {facts.why}")
    if facts.get("AzureAdJoined", "").upper() != "YES":
        return _skip("only a joined device has one that dsregcmd.exe tells of")
    if facts.get("AzureAdPrt", "").upper() == "YES":
        return _pass("Windows has a primary refresh token")
    return _warn(
        "Windows has no primary refresh token, so that it cannot sign in silently",
        person("Lock Windows and unlock it with your password or PIN, while it has a network")
        + powershell("dsregcmd.exe /refreshprt"),
    )


@_check("clock", "Windows", needs="windows")
def clock(look: Look) -> Finding:
    """Do both clocks tell the same time? After a sleep, WSL's may be behind."""
    told = look.windows_session
    if told is None:
        return _skip(f"PowerShell does not tell: {look.powershell.why}")
    skew = look.powershell.ended - told.time
    if abs(skew) > _SKEW:
        way = "ahead of" if skew > 0 else "behind"
        return _fail(
            f"The clock is {abs(skew):.0f} s {way} Windows', and tokens seem not valid yet or expired",
            bash(f"{look.sudo}hwclock --hctosys") + RESTART,
        )
    return _pass(f"The clock is within {_SKEW:.0f} s of Windows'")


# ---- settings and sign-ins -------------------------------------------------------------------------------------------


@_check("system-file", "Settings")
def system_file(look: Look) -> Finding:
    """Is the fleet's file one that only root can have written?"""
    directory = SYSTEM_FILE.rpartition("/")[0]
    try:
        facts, around = look.probe.facts(SYSTEM_FILE), look.probe.facts(directory)
    except OSError as error:
        return _fail(f"{SYSTEM_FILE} cannot be looked at: {error.strerror}", bash(f"{look.sudo}ls -ld {SYSTEM_FILE}"))
    if facts is None:
        return _pass(f"{SYSTEM_FILE} does not exist: nothing is set for the whole machine")
    if around and (around.owner != 0 or around.mode & 0o022):
        text = (
            f"{directory} belongs to user {around.owner} with mode {around.mode & 0o777:o}: not root alone can write it"
        )
        return _fail(text, bash(f"{look.sudo}chown root: {directory}", f"{look.sudo}chmod 755 {directory}"))
    if not facts.is_regular:
        text = f"{SYSTEM_FILE} is not a regular file"
        return _fail(text, bash(f"{look.sudo}rm -- {SYSTEM_FILE}") + person("Have it installed anew"))
    if facts.owner != 0:
        text = f"{SYSTEM_FILE} belongs to user {facts.owner} and not to root"
        return _fail(text, bash(f"{look.sudo}chown root: {SYSTEM_FILE}", f"{look.sudo}chmod 644 {SYSTEM_FILE}"))
    if facts.mode & 0o022:
        text = f"{SYSTEM_FILE} can be written by others (mode {facts.mode & 0o777:o})"
        return _fail(text, bash(f"{look.sudo}chmod 644 {SYSTEM_FILE}"))
    return _pass(f"{SYSTEM_FILE} is root's, mode {facts.mode & 0o777:o}")


@_check("settings", "Settings")
def own_settings(look: Look) -> Finding:
    """Can the settings be read, and do they leave the broker on?"""
    if system_file(look).severity is Severity.FAIL:
        return _skip(f"{SYSTEM_FILE} cannot be trusted")
    try:
        chosen = settings.load(environ=look.probe.environ)
    except errors.BrokerAuthError as error:
        return _fail(str(error), person(error.remedy or "Mend that setting"))
    if look.machine.kind is Kind.WSL2 and not (chosen.enable_broker_on_wsl or chosen.enable_broker_on_linux):
        origin = chosen.origins["enable_broker_on_wsl"]
        text = f"The broker is switched off: {origin} is false"
        if origin.startswith("the environment variable "):
            return _fail(text, bash(f"unset {origin.rpartition(' ')[2]}"))
        return _fail(text, bash(f"az config set {origin.partition(' in ')[0]}=true"))
    changed = sorted(name for name, origin in chosen.origins.items() if origin != "default")
    return _pass(f"Settings that are not the default: {', '.join(changed) or 'none'}")


@_check("accounts", "Settings")
def accounts(look: Look) -> Finding:
    """Can the file of those signed in be read?"""
    try:
        records = AccountStore(settings.config_directory(look.probe.environ)).read()
    except errors.SettingsError as error:
        path = settings.config_directory(look.probe.environ) / "brokerauth/accounts.json"
        remedy = bash(f"rm -- {shlex.quote(str(path))}", "az brokerauth login")
        return _fail(str(error), remedy)
    return _pass(f"{len(records.accounts)} account(s) signed in through the broker")


@_check("az-cache", "Settings")
def az_cache(look: Look) -> Finding:
    """Does az's cache hold an older sign-in of somebody who signs in through the broker? Its refresh token can be
    used by whoever reads it, and MSAL would redeem it in place of asking the broker."""
    ours = {account.home_account_id: account.username for account in look.records.accounts}
    if not ours:
        return _skip("nobody has signed in through the broker")
    try:
        cached = [entry for entry in look.read_cache() if entry.home_account_id in ours]
    except UnreadableCacheError as error:
        return _skip(str(error))
    old = {e.home_account_id for e in cached if e.kind == "refresh token" or e.source not in ("", "broker")}
    if not old:
        return _pass("az's token cache holds no sign-in by browser or device code of these accounts")
    names = sorted(ours[home_account_id] for home_account_id in old)
    steps = [step for name in names for step in (f"az logout --username {shlex.quote(name)}", _login(name))]
    return _warn(f"az's token cache holds a refresh token or an older sign-in of {', '.join(names)}", bash(*steps))


def _login(name: str) -> str:
    return f"az brokerauth login --username {shlex.quote(name)}"


@_check("redirect-uri", "Settings", needs="broker")
def redirect_uri(look: Look) -> Finding:
    """Which redirect URI does the application need? Whether it has it, only Entra can tell."""
    client_id = look.settings.client_id
    if client_id == settings.AZURE_CLI_CLIENT_ID:
        return _pass("Azure CLI's own application has the broker's redirect URI")
    uri = (
        "https://login.microsoftonline.com/common/oauth2/nativeclient"
        if look.on_linux
        else f"ms-appx-web://Microsoft.AAD.BrokerPlugin/{client_id}"
    )
    return _skip(f"only a sign-in shows whether application {client_id} has the redirect URI {uri}")
