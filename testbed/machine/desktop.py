"""The D-Bus session of the emulated machine, and the keyring on it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from testbed.machine.layers import write
from testbed.machine.plan import UnfitHostError

_UNLOCKING_INPUT = "testbed"
"""The keyring's password."""
_SECRETS = "/org/freedesktop/secrets"
_DEADLINE = 5.0
"""Seconds that a service may take to appear."""
# No directories of services: a keyring that the scenario does not have must not start itself.
_CONFIGURATION = """\
<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>session</type>
  <listen>unix:path={bus}</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/>
    <allow eavesdrop="true"/>
    <allow own="*"/>
  </policy>
</busconfig>
"""


def start(directory: Path, home: str, keyring: str, required: bool) -> dict[str, str]:
    """Start the session's bus and its keyring, where the programs for them are installed.

    :param directory: the session's runtime directory, which must not exist.
    :param home: keeps the keyring's file.
    :param keyring: `unlocked`, `locked` or `none`.
    :param required: do not do without.
    :return: the variables that tell a program of them.
    :raises UnfitHostError: a program is missing although required, or does not start.
    """
    directory.mkdir(parents=True, mode=0o700)
    session = {"XDG_RUNTIME_DIR": str(directory)}
    programs = ("dbus-daemon", "dbus-send", "gnome-keyring-daemon")
    if missing := [program for program in programs if shutil.which(program) is None]:
        if required:
            raise UnfitHostError(f"{' and '.join(missing)} missing: apt install dbus gnome-keyring, or use the double")
        return session
    bus, configuration = directory / "bus", directory / "bus.conf"
    session["DBUS_SESSION_BUS_ADDRESS"] = f"unix:path={bus}"
    own = {"PATH": os.environ["PATH"], "HOME": home, **session}
    write(configuration, _CONFIGURATION.format(bus=bus))
    daemon = ["dbus-daemon", f"--config-file={configuration}", "--nofork", "--nopidfile"]
    subprocess.Popen(daemon, env=own, stdout=sys.stderr)
    _wait_for(bus.exists, "D-Bus")
    if keyring != "none":
        unlock = ["gnome-keyring-daemon", "--unlock", "--components=secrets"]
        subprocess.run(unlock, input=_UNLOCKING_INPUT, env=own, text=True, stdout=sys.stderr, check=True)
        _wait_for(lambda: _call(own, "org.freedesktop.DBus.Peer.Ping"), "keyring")
    if keyring == "locked":
        _call(own, "org.freedesktop.Secret.Service.Lock", f"array:objpath:{_SECRETS}/collection/login")
    return session


def _call(environment: dict[str, str], method: str, *arguments: str) -> bool:
    """Call the keyring; whether it answered."""
    call = ["dbus-send", "--session", "--print-reply", "--dest=org.freedesktop.secrets", _SECRETS, method]
    return subprocess.run([*call, *arguments], env=environment, capture_output=True).returncode == 0


def _wait_for(is_there: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + _DEADLINE
    while not is_there():
        if time.monotonic() > deadline:
            raise UnfitHostError(f"the session's {what} did not start within {_DEADLINE:.0f} s")
        time.sleep(0.002)
