"""How the broker's process is started: with which Python, packages, variables and descriptors."""

from __future__ import annotations

import errno
import importlib.util
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from azext_brokerauth.errors import BrokerNotReadyError
from azext_brokerauth.models import person, run

ENVIRONMENT = frozenset(
    [
        # Whose session this is, and where the broker is reached.
        *("HOME", "PATH", "LANG", "LC_ALL", "XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS"),
        *("DISPLAY", "WAYLAND_DISPLAY", "WSL_INTEROP", "WSL_DISTRO_NAME"),
        # How a browser is opened, for a sign-in without the broker (webbrowser).
        "BROWSER",
        # How the authority is reached (https://requests.readthedocs.io, "Proxies" and "SSL Cert Verification").
        *("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "no_proxy", "all_proxy"),
        *("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR"),
        # What Windows needs to start any program.
        *("SYSTEMROOT", "USERPROFILE", "APPDATA", "LOCALAPPDATA", "TEMP"),
    ]
)
"""The only variables that the broker's process is given. Above all no LD_* and no PYTHON*."""
SHORT_OF_RESOURCES = person("Close programs, or raise the limits that `ulimit -a` shows. Then try again.")


_MARK = "BROKERAUTH_STARTED_BY"
"""Set in the broker's process, to the parent's process ID: such a process never starts another one."""
_NO_PROGRAM = (errno.ENOENT, errno.EACCES, errno.ENOEXEC, errno.ENOTDIR, errno.ELOOP)
_ORDINARY_PYTHON = person("Run the program with an ordinary Python interpreter.")


@dataclass(frozen=True)
class Launch:
    """What starts a process of the broker; two that are equal start the same.

    :param command: the words of its command line, but for the parent's process ID.
    :param environment: its variables.
    """

    command: tuple[str, ...]
    environment: tuple[tuple[str, str], ...]


def prepare(
    *, runtime: bool = True, log: bool = False, keyring: str = "auto", environ: Mapping[str, str] | None = None
) -> Launch:
    """Find out how to start the broker's process.

    :keyword runtime: is pymsalruntime needed? Not for a sign-in without the broker.
    :keyword log: have it send its log records along.
    :keyword keyring: as the setting of this name. Only the runtime has a use for one.
    :keyword environ: the variables to choose from; None: this process's.
    :raises BrokerNotReadyError: a package is not installed, or this program has no Python to start.
    """
    environ = os.environ if environ is None else environ
    host = Path(__file__).with_name("host.py")
    if reason := _why_no_interpreter(host, environ):
        raise BrokerNotReadyError(
            f"The broker needs a Python interpreter of its own, and {reason}.", remedies=_ORDINARY_PYTHON
        )
    packages: tuple[str, ...] = ("msal", "pymsalruntime") if runtime else ("msal",)
    if not runtime or sys.platform != "linux":
        keyring = "session"
    if keyring != "session":
        packages += ("jeepney",)
    words = (sys.executable, "-I", str(host), "log" if log else "quiet", keyring)
    return Launch(
        (*words, *_package_directories(packages)),
        tuple(sorted((name, value) for name, value in environ.items() if name in ENVIRONMENT)),
    )


def _why_no_interpreter(host: Path, environ: Mapping[str, str]) -> str:
    """Why ``sys.executable`` cannot run our file; empty where it should be able to."""
    if _MARK in environ:
        return "this program is the broker's process itself, which never starts another one"
    if not sys.executable:
        return "this program does not know where Python is (sys.executable is empty)"
    if getattr(sys, "frozen", False):
        return f"this program is packed (frozen): {sys.executable} would start it again, not Python"
    if not host.is_file():
        return f"brokerauth is inside an archive, from which no process can be started ({host})"
    return ""


def start(launch: Launch) -> subprocess.Popen[bytes]:
    """Start the broker's process, in a session of its own, with a pipe in each direction.

    :raises BrokerNotReadyError: it cannot be started.
    """
    executable, isolated, host, *rest = launch.command
    try:
        return subprocess.Popen(
            [executable, isolated, host, str(os.getpid()), *rest],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**dict(launch.environment), _MARK: str(os.getpid())},
            cwd="/" if os.name == "posix" else None,
            start_new_session=True,
        )
    except OSError as error:
        no_program = error.errno in _NO_PROGRAM
        raise BrokerNotReadyError(
            f"The broker's process cannot be started: {executable}: {error.strerror}.",
            remedies=_ORDINARY_PYTHON if no_program else SHORT_OF_RESOURCES,
        ) from error


def _package_directories(names: tuple[str, ...]) -> list[str]:
    """Where this process would import our package and those named from, in the order of its own ``sys.path``.

    The broker's process runs isolated, which leaves out user sites and az's extension folder.

    :raises BrokerNotReadyError: one is not installed.
    """
    found = {str(Path(__file__).resolve().parents[2])}
    for name in names:
        spec = importlib.util.find_spec(name)
        if spec is None or not spec.origin:
            raise BrokerNotReadyError(
                f"The Python package {name} is not installed for {sys.executable}.{_why_no_wheel(name)}",
                remedies=run(sys.executable, "-m", "pip", "install", name),
                check=name,
            )
        found.add(_absolute(str(Path(spec.origin).parents[1])))
    order = {os.path.realpath(_absolute(path)): index for index, path in reversed(list(enumerate(sys.path)))}
    return sorted(found, key=lambda path: order.get(os.path.realpath(path), len(order)))


def _absolute(path: str) -> str:
    """The path from the root. Where the working directory is gone nothing can be relative to it: any other will do."""
    try:
        return os.path.abspath(path)
    except OSError:
        return os.path.join(os.sep, path)


def _why_no_wheel(name: str) -> str:
    """Wheels of pymsalruntime exist for few machines."""
    if name != "pymsalruntime" or sys.platform != "linux" or os.uname().machine == "x86_64":
        return ""
    return f" Microsoft publishes it for x86_64 Linux only, and this machine is {os.uname().machine}."
