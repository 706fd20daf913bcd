"""What must be so before a check can look: each gives the reason why it is not, or an empty string where it is."""

from __future__ import annotations

from collections.abc import Callable

from azext_brokerauth.health.facts import Facts
from azext_brokerauth.machine import Kind
from azext_brokerauth.settings import POLICY_FILE

Prerequisite = Callable[[Facts], str]


def broker_serves(facts: Facts) -> str:
    """A broker serves this kind of machine: Windows' under WSL 2, or the chosen one of native Linux."""
    return "" if facts.served else f"this is {facts.linux.machine.kind.value}"


def on_wsl(facts: Facts) -> str:
    """The machine is WSL 2."""
    kind = facts.linux.machine.kind
    return "" if kind is Kind.WSL2 else f"this is {kind.value}"


def on_linux(facts: Facts) -> str:
    """The broker is the one of native Linux."""
    return "" if facts.on_linux else "the broker is Windows'"


def wsl_has_proxy(facts: Facts) -> str:
    """The release of WSL brings the proxy to Windows' broker."""
    return "WSL is older than the proxy" if facts.wsl.is_old else ""


def drive_is_mounted(facts: Facts) -> str:
    """Windows' drive C: can be reached."""
    return "" if facts.wsl.drive else "drive C: is not mounted"


def windows_is_in_reach(facts: Facts) -> str:
    """There is a Windows program to start: one of Windows' own, or the proxy."""
    return "" if facts.wsl.drive or facts.wsl.proxy_starts else "drive C: is not mounted"


def windows_programs_start(facts: Facts) -> str:
    """Windows programs can be started."""
    return "" if facts.wsl.starts_windows_programs else "no Windows program can be started from here"


def powershell_answers(facts: Facts) -> str:
    """PowerShell has told about the Windows session."""
    return "" if facts.windows.has_session else f"PowerShell gives no answer: {facts.windows.powershell.why}"


def dsregcmd_answers(facts: Facts) -> str:
    """``dsregcmd.exe`` has told about the device."""
    return "" if facts.windows.device else f"dsregcmd.exe gives no answer: {facts.windows.dsregcmd.why}"


def device_is_joined(facts: Facts) -> str:
    """Windows is joined to Microsoft Entra."""
    joined = facts.windows.device["AzureAdJoined"].upper() == "YES"
    return "" if joined else "dsregcmd.exe shows one for a joined device only"


def runtime_is_a_linux_wheel(facts: Facts) -> str:
    """The installed runtime, if there is one, is a wheel of Microsoft's for Linux."""
    if facts.runtime.version and "manylinux" not in facts.runtime.wheel:
        return "the installed pymsalruntime is not one of Microsoft's wheels for Linux"
    return ""


def libc_is_glibc(facts: Facts) -> str:
    """Python uses the C library that the runtime is published for."""
    return "" if facts.runtime.glibc else "there is no runtime for this C library"


def session_bus_answers(facts: Facts) -> str:
    """There is a D-Bus session."""
    return "there is no D-Bus session" if facts.keyring.bus_problem else ""


def policy_file_can_be_trusted(facts: Facts) -> str:
    """Nobody but root can have written the policy file."""
    return f"{POLICY_FILE} cannot be trusted" if facts.own.policy_file.problem else ""


def somebody_signed_in(facts: Facts) -> str:
    """An account signed in through the broker."""
    return "" if facts.own.records.accounts else "nobody has signed in through the broker"


def broker_answers(facts: Facts) -> str:
    """The broker's process answered when it was tried."""
    return "the broker gave no answer" if facts.attempt.known is None else ""
