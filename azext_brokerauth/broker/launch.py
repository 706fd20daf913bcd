"""How the broker's process is started: with which Python, packages, variables and descriptors."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from collections.abc import Mapping
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
SHORT_OF_RESOURCES = person("Close programs, or raise the limits that the shell's ulimit -a shows, and try again.")


def launch(*, runtime: bool, log: bool, environ: Mapping[str, str] | None = None) -> subprocess.Popen[bytes]:
    """Start the broker's process, in a session of its own, with a pipe in each direction.

    :keyword runtime: is pymsalruntime needed? Not for a sign-in without the broker.
    :keyword log: have it send its log records along.
    :keyword environ: the variables to choose from; None: this process's.
    :raises BrokerNotReadyError: a package is not installed, or this Python cannot be started again.
    """
    if not sys.executable:
        raise BrokerNotReadyError(
            "The broker needs a Python interpreter of its own, and this program does not say where one is"
            " (sys.executable is empty).",
            remedies=person("Run the program with an ordinary Python interpreter."),
        )
    environ = os.environ if environ is None else environ
    host = Path(__file__).with_name("host.py")
    packages = ("msal", "pymsalruntime") if runtime else ("msal",)
    command = [sys.executable, "-I", str(host), str(os.getpid()), "log" if log else "quiet"]
    try:
        return subprocess.Popen(
            [*command, *_package_directories(packages)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={name: value for name, value in environ.items() if name in ENVIRONMENT},
            cwd="/" if os.name == "posix" else None,
            start_new_session=True,
        )
    except OSError as error:
        raise BrokerNotReadyError(
            f"The broker's process cannot be started: {error.strerror}.", remedies=SHORT_OF_RESOURCES
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
        found.add(str(Path(spec.origin).parents[1]))
    order = {os.path.realpath(path): index for index, path in reversed(list(enumerate(sys.path)))}
    return sorted(found, key=lambda path: order.get(os.path.realpath(path), len(order)))


def _why_no_wheel(name: str) -> str:
    """Wheels of pymsalruntime exist for few machines."""
    if name != "pymsalruntime" or sys.platform != "linux" or os.uname().machine == "x86_64":
        return ""
    return f" Microsoft publishes it for x86_64 Linux only, and this machine is {os.uname().machine}."
