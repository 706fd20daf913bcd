"""The machine: is it WSL 2, with the way from it to Windows' account broker?"""

from __future__ import annotations

from azext_brokerauth.health.facts import Facts
from azext_brokerauth.health.finding import Finding, failed, passed, skipped, warned
from azext_brokerauth.health.remedies import RESTART, UPDATE_WSL, enable_in_wsl_conf
from azext_brokerauth.machine import Kind
from azext_brokerauth.models import configure, person, powershell, run, script

_BINARY_FORMATS = "/proc/sys/fs/binfmt_misc"
_FORMAT, _FORMAT_FILE = ":WSLInterop:M::MZ::/init:PF", "/usr/lib/binfmt.d/WSLInterop.conf"
_CHANGED = "/etc/wsl.conf was changed after this distribution started; it is read only at the start"


def machine(facts: Facts) -> Finding:
    """Is this WSL 2, or native Linux with its broker chosen?"""
    kind, evidence = facts.linux.machine.kind, facts.linux.machine.evidence
    if facts.served:
        return passed(f"{kind.value}: {evidence}")
    match kind:
        case Kind.WSL1:
            name = facts.probe.environ.get("WSL_DISTRO_NAME", "<distribution>")
            text = f"WSL 1, from which Windows' account broker cannot be reached: {evidence}"
            return failed(text, powershell("wsl.exe", "--set-version", name, "2"))
        case Kind.CUSTOM_KERNEL:
            text = f"WSL with a custom kernel, on which Microsoft's runtime does not see WSL: {evidence}"
            remove = person("In Windows, remove the line that begins with kernel= from %UserProfile%\\.wslconfig")
            return failed(text, remove + RESTART)
        case Kind.CONTAINER:
            text = f"A container on a WSL kernel, from which Windows cannot be reached: {evidence}"
            return failed(text, person("Sign in under WSL 2 itself, outside of the container"))
    without_broker = person("Sign in with: az login")
    if kind is Kind.LINUX:
        # For a person, and not to be pasted with the other commands: it is a choice.
        choice = "Or, for Microsoft's broker for Linux,"
        without_broker += configure("set", "brokerauth.enable_broker_on_linux=true", text=choice)
    what = "native Linux" if kind is Kind.LINUX else kind.value
    return failed(f"This is {what}, not WSL: {evidence}", without_broker)


def wsl_version(facts: Facts) -> Finding:
    """Does WSL have the proxy to Windows' broker?"""
    if not facts.wsl.version:
        text = f"WSL's version is not known: {facts.wsl.wslinfo('--wsl-version').why}"
        if facts.probe.exists(facts.wsl.proxy):
            return passed(f"{text}. It has the proxy to Windows' broker all the same")
        return failed(text, UPDATE_WSL)
    shown = ".".join(map(str, facts.wsl.version))
    if facts.wsl.is_old:
        return failed(f"WSL is {shown}; Windows' account broker can be reached from 2.4.13 on", UPDATE_WSL)
    return passed(f"WSL is {shown}, at least 2.4.13")


def windows_drive(facts: Facts) -> Finding:
    """Is Windows' drive C: mounted? Its programs are started from there."""
    if facts.wsl.drive:
        return passed(f"Windows' drive C: is at {facts.wsl.drive}")
    # The proxy to the broker may be in reach all the same, and is all that a sign-in needs of Windows.
    found = warned if facts.wsl.proxy_starts else failed
    if facts.linux.wsl_conf.get("automount.enabled", "true").lower() == "false":
        text = "/etc/wsl.conf keeps Windows' drives from being mounted"
        return found(text, enable_in_wsl_conf(facts.linux, "automount", "enabled") + RESTART)
    text = "Windows' drive C: is not mounted: /proc/mounts and /mnt/c do not show it"
    if facts.linux.awaits_restart:
        return found(f"{text}. {_CHANGED}", RESTART)
    place = f"{facts.linux.drives}/c"
    # https://learn.microsoft.com/windows/wsl/wsl-config#automount-settings
    mount = run(*facts.linux.sudo, "mkdir", "-p", place) + run(*facts.linux.sudo, "mount", "-t", "drvfs", "C:", place)
    return found(text, mount)


def interop(facts: Facts) -> Finding:
    """Can a Windows program be started? To start one tells more than any setting."""
    entries = [name for name in ("WSLInterop", "WSLInterop-late") if facts.probe.exists(f"{_BINARY_FORMATS}/{name}")]
    if facts.wsl.interop.status == 0:
        return passed(f"Windows programs start{f' (by {entries[0]})' if entries else ''}")
    if facts.wsl.proxy_starts:
        return passed(f"The proxy to Windows' broker starts, although cmd.exe does not: {facts.wsl.interop.why}")
    program = f"{facts.wsl.drive}/Windows/System32/cmd.exe"
    text = f"Windows programs cannot be started: {program}: {facts.wsl.interop.why}"
    if facts.linux.wsl_conf.get("interop.enabled", "true").lower() == "false":
        enable = enable_in_wsl_conf(facts.linux, "interop", "enabled")
        return failed(f"{text}. /etc/wsl.conf switches them off", enable + RESTART)
    if facts.linux.awaits_restart:
        return failed(f"{text}. {_CHANGED}", RESTART)
    if not entries and facts.probe.exists(f"{_BINARY_FORMATS}/register"):
        tee = " ".join((*facts.linux.sudo, "tee"))
        is_done = _FORMAT in facts.linux.text(_FORMAT_FILE)
        register = () if is_done else script(f"echo '{_FORMAT}' | {tee} {_FORMAT_FILE}")
        return failed(f"{text}. {_BINARY_FORMATS} has no WSLInterop", register + RESTART)
    socket = facts.probe.environ.get("WSL_INTEROP", "")
    if socket and not facts.probe.exists(socket):
        return failed(f"{text}. WSL_INTEROP names {socket}, which is gone", person("Open a new WSL window"))
    return failed(text, RESTART)


def proxy(facts: Facts) -> Finding:
    """Does wslinfo name the proxy to the broker, and does it exist?"""
    path = facts.wsl.proxy
    if not path:
        why = facts.wsl.wslinfo("--msal-proxy-path").why
        return failed(f"wslinfo does not name the proxy to Windows' account broker: {why}", UPDATE_WSL)
    if not facts.probe.exists(path):
        return failed(f"The proxy to Windows' account broker is missing: {path}", UPDATE_WSL)
    return passed(f"The proxy is {path}")


def networking(facts: Facts) -> Finding:
    """Is the networking mirrored? With it, Conditional Access has refused compliant devices
    (https://github.com/microsoft/azure-devops-mcp/issues/776)."""
    answer = facts.wsl.wslinfo("--networking-mode")
    mode = answer.stdout.strip()
    if answer.status != 0 or not mode:
        return skipped(f"wslinfo does not name the networking mode: {answer.why}")
    if mode == "mirrored":
        text = "The networking mode is mirrored: Conditional Access is known to refuse compliant devices then"
        change = "If a sign-in is refused, set networkingMode=nat below [wsl2] in %UserProfile%\\.wslconfig"
        return warned(text, person(change) + RESTART)
    return passed(f"The networking mode is {mode}")
