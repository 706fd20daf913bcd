"""What WSL, Windows' own programs and versions say: pure functions over text."""

from __future__ import annotations

import configparser
import re
from collections.abc import Iterable
from dataclasses import dataclass

MARK = "brokerauth"
SESSION_SCRIPT = (
    # One start of PowerShell, which is slow, for three answers.
    "$u=New-Object Security.Principal.WindowsPrincipal([Security.Principal.WindowsIdentity]::GetCurrent());"
    f"'{MARK} '+$u.IsInRole([Security.Principal.WindowsBuiltInRole]::Administrator)+' '"
    "+[Diagnostics.Process]::GetCurrentProcess().SessionId+' '+[DateTimeOffset]::UtcNow.ToUnixTimeMilliseconds()"
)


@dataclass(frozen=True)
class WindowsSession:
    """The Windows session that WSL's programs run in.

    :param number: 0 is the one of services and of ssh, which has no desktop.
    :param time: epoch seconds on Windows' clock.
    """

    elevated: bool
    number: int
    time: float


def windows_session(output: str) -> WindowsSession | None:
    """What :data:`SESSION_SCRIPT` printed; None for anything else."""
    told = re.search(rf"^{MARK} (True|False) (\d{{1,9}}) (\d{{1,15}})\s*$", output, re.MULTILINE)
    return WindowsSession(told[1] == "True", int(told[2]), int(told[3]) / 1000) if told else None


def device(output: str) -> dict[str, str]:
    """The ``Name : VALUE`` lines of ``dsregcmd /status``
    (https://learn.microsoft.com/entra/identity/devices/troubleshoot-device-dsregcmd)."""
    return dict(re.findall(r"^[ \t]*([A-Za-z]+)[ \t]*:[ \t]*(\S.*?)?[ \t]*\r?$", output, re.MULTILINE))


def version(text: str) -> tuple[int, ...]:
    """A version's numbers; empty where the text is not one."""
    told = re.match(r"\s*(\d{1,9}(?:\.\d{1,9})+)", text)
    return tuple(int(number) for number in told[1].split(".")) if told else ()


def drive_mount(mounts: str) -> str:
    """Where ``/proc/mounts`` says that Windows' drive C: is mounted; empty where it does not.

    WSL mounts it as drvfs on WSL 1, and as 9p or virtiofs on WSL 2.
    """
    for line in mounts.splitlines():
        source, _, rest = line.partition(" ")
        words = rest.split(" ")
        if len(words) < 3 or words[1] not in ("9p", "drvfs", "virtiofs"):
            continue
        if re.match(r"C:(\\134|\\)?$", source, re.IGNORECASE) or re.search(r"path=C:\\", words[2], re.IGNORECASE):
            return re.sub(r"\\([0-7]{3})", lambda octal: chr(int(octal[1], 8)), words[0])
    return ""


def missing_libraries(traced: str) -> list[str]:
    """The libraries that the dynamic loader does not find, as it lists them (ld.so(8), ``LD_TRACE_LOADED_OBJECTS``)."""
    return re.findall(r"^\s*(\S+) => not found\s*$", traced, re.MULTILINE)


def called(subject: Iterable[Iterable[tuple[str, str]]]) -> str:
    """What the subject or issuer of a certificate is called, in the form of :mod:`ssl`; empty for nobody."""
    parts = {name: value for relative in subject for name, value in relative}
    return next(
        (parts[key] for key in ("commonName", "organizationalUnitName", "organizationName") if key in parts), ""
    )


def wsl_conf(text: str) -> configparser.RawConfigParser:
    """``/etc/wsl.conf`` (https://learn.microsoft.com/windows/wsl/wsl-config); empty where it cannot be read."""
    parser = configparser.RawConfigParser(strict=False, allow_no_value=True)
    try:
        parser.read_string(text)
    except (configparser.Error, AttributeError):
        # AttributeError: configparser cannot continue a name that has no value.
        return configparser.RawConfigParser()
    return parser
