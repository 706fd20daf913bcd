"""All checks, in the order in which to fix what they find."""

from __future__ import annotations

from azext_brokerauth.health.checks import certificates, keyring, machine, network, online, runtime, settings, windows
from azext_brokerauth.health.finding import Check
from azext_brokerauth.health.prerequisites import (
    broker_answers,
    broker_serves,
    device_is_joined,
    drive_is_mounted,
    dsregcmd_answers,
    libc_is_glibc,
    on_linux,
    on_wsl,
    policy_file_can_be_trusted,
    powershell_answers,
    runtime_is_a_linux_wheel,
    session_bus_answers,
    somebody_signed_in,
    windows_is_in_reach,
    windows_programs_start,
    wsl_has_proxy,
)

_WINDOWS = (on_wsl, drive_is_mounted, windows_programs_start)
_SESSION = (*_WINDOWS, powershell_answers)
_DEVICE = (*_WINDOWS, dsregcmd_answers)
_SERVED = (broker_serves,)

CHECKS = (
    Check("machine", "Machine", machine.machine),
    Check("wsl-version", "Machine", machine.wsl_version, needs=(on_wsl,)),
    Check("windows-drive", "Machine", machine.windows_drive, needs=(on_wsl,)),
    Check("interop", "Machine", machine.interop, needs=(on_wsl, windows_is_in_reach)),
    Check("proxy", "Machine", machine.proxy, needs=(on_wsl, windows_programs_start, wsl_has_proxy)),
    Check("networking", "Machine", machine.networking, needs=(on_wsl,)),
    Check("platform", "Runtime", runtime.platform, needs=_SERVED),
    Check("msal", "Runtime", runtime.msal, needs=_SERVED),
    Check("pymsalruntime", "Runtime", runtime.pymsalruntime, needs=_SERVED),
    Check("libraries", "Runtime", runtime.libraries, needs=(*_SERVED, runtime_is_a_linux_wheel, libc_is_glibc)),
    Check("runtime-locks", "Runtime", runtime.runtime_locks, needs=_SERVED),
    Check("certificates", "Runtime", certificates.certificates, needs=_SERVED),
    Check("authority", "Network", network.authority, needs=_SERVED),
    Check("user", "Keyring", keyring.user, needs=_SERVED),
    Check("keyring", "Keyring", keyring.keyring, needs=_SERVED),
    Check("linux-broker", "Keyring", keyring.linux_broker, needs=(*_SERVED, on_linux, session_bus_answers)),
    Check("windows-elevated", "Windows", windows.windows_elevated, needs=_SESSION),
    Check("windows-desktop", "Windows", windows.windows_desktop, needs=_SESSION),
    Check("device", "Windows", windows.device, needs=_DEVICE),
    Check("prt", "Windows", windows.prt, needs=(*_DEVICE, device_is_joined)),
    Check("clock", "Windows", windows.clock, needs=_SESSION),
    Check("system-file", "Settings", settings.policy_file),
    Check("settings", "Settings", settings.own_settings, needs=(policy_file_can_be_trusted,)),
    Check("accounts", "Settings", settings.accounts),
    Check("az-cache", "Settings", settings.az_cache, needs=(somebody_signed_in,)),
    Check("az-tokens", "Settings", settings.az_tokens),
    Check("redirect-uri", "Settings", settings.redirect_uri, needs=_SERVED),
)
ONLINE = (
    Check("broker", "Online", online.broker, needs=_SERVED),
    Check("token", "Online", online.token, needs=(*_SERVED, broker_answers)),
)
"""Those that ask the broker itself, after all others, where that is wanted."""
