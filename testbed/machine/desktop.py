"""The D-Bus session of the emulated machine, and the keyring on it."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from testbed.machine.layers import write
from testbed.machine.plan import UnfitHostError
from testbed.scenarios import Scenario

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

_PROGRAMS = ("dbus-daemon", "gnome-keyring-daemon")
_TESTBED = str(Path(__file__).parents[2])
_BROKEN = """\
#!{python} -I
import sys
sys.path.insert(0, {testbed!r})
from testbed.linux.broken_daemon import main
main({behaviour!r}, sys.argv)
"""


def start(directory: Path, home: str, keyring: str, required: bool) -> dict[str, str]:
    """Start the session's bus and its keyring, where the programs for them are installed.

    :param directory: the session's runtime directory, which must not exist.
    :param home: keeps the keyring's file.
    :param keyring: as in a scenario.
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
    if keyring == "no-bus":
        return session
    bus, configuration = directory / "bus", directory / "bus.conf"
    session["DBUS_SESSION_BUS_ADDRESS"] = f"unix:path={bus}"
    own = {"PATH": os.environ["PATH"], "HOME": home, **session}
    write(configuration, _CONFIGURATION.format(bus=bus))
    daemon = ["dbus-daemon", f"--config-file={configuration}", "--nofork", "--nopidfile"]
    running = subprocess.Popen(daemon, env=own, stdout=sys.stderr)
    _wait_for(bus.exists, "D-Bus")
    if keyring != "none":
        unlock = ["gnome-keyring-daemon", "--unlock", "--components=secrets"]
        subprocess.run(unlock, input=_UNLOCKING_INPUT, env=own, text=True, stdout=sys.stderr, check=True)
        _wait_for(lambda: _call(own, "org.freedesktop.DBus.Peer.Ping"), "keyring")
    if keyring == "locked":
        _call(own, "org.freedesktop.Secret.Service.Lock", f"array:objpath:{_SECRETS}/collection/login")
    if keyring == "hung":
        for comm in Path("/proc").glob("[0-9]*/comm"):
            if comm.read_text().startswith("gnome-keyring"):
                os.kill(int(comm.parent.name), signal.SIGSTOP)
    if keyring == "hung-bus":
        running.send_signal(signal.SIGSTOP)
    return session


class Daemons:
    """The programs that whoever wants a bus and a keyring of their own starts, as the scenario has them."""

    def __init__(self) -> None:
        # Those that the host has; the session runs on them already.
        self._installed = {name: Path(path).read_bytes() for name in _PROGRAMS if (path := shutil.which(name))}
        self._there = dict.fromkeys(_PROGRAMS, "installed")

    def arrange(self, scenario: Scenario) -> None:
        """Let them be there, be missing, or be of no use."""
        for name, behaviour in zip(_PROGRAMS, (scenario.dbus_daemon, scenario.keyring_daemon), strict=True):
            if behaviour == self._there[name]:
                continue
            self._there[name] = behaviour
            program = Path("/usr/bin") / name
            program.unlink(missing_ok=True)
            if behaviour == "absent" or (behaviour == "installed" and name not in self._installed):
                continue
            broken = _BROKEN.format(python=sys.executable, testbed=_TESTBED, behaviour=behaviour)
            program.write_bytes(self._installed[name] if behaviour == "installed" else broken.encode())
            program.chmod(0o755)


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
