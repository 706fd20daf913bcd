"""A message bus of our own, and a keyring on it: two programs that live and die with the process that starts them."""

from __future__ import annotations

import contextlib
import ctypes
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

from azext_brokerauth.keyring import secret_service
from azext_brokerauth.keyring.programs import BUS, KEYRING, PATH, find
from azext_brokerauth.keyring.secret_service import State

_LOOK = 0.004
"""Seconds between two looks at what is starting."""
_ANSWER = 2.0
"""Seconds for each answer of the bus and the keyring."""
_PDEATHSIG = 1

# No directories of services: whatever somebody asks for, this bus starts nothing.
_CONFIGURATION = """\
<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>session</type>
  <listen>unix:path={bus}</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow send_destination="*"/>
    <allow receive_sender="*"/>
    <allow own="*"/>
  </policy>
</busconfig>
"""


class DaemonError(Exception):
    """They do not serve; the text says why, one clause.

    :param stored: is what is wrong with what they keep on disk, or where?
    """

    def __init__(self, reason: str, *, stored: bool = False) -> None:
        super().__init__(reason)
        self.stored = stored


class Daemons:
    """The two programs.

    :param sockets: a directory that nobody else can enter, with a short path.
    :param store: the directory that holds the keyring's files.
    :param password: what the keyring is encrypted with.
    :param environ: the variables of the session.
    """

    def __init__(self, sockets: Path, store: Path, password: str, environ: Mapping[str, str]) -> None:
        self.address = f"unix:path={sockets}/bus"
        self._sockets, self._store, self._password = sockets, store, password
        self._programs = {name: find(name, environ) or name for name in (BUS, KEYRING)}
        # Of the session they get nothing: above all no other bus, and no other home with keyrings in it.
        self._environ = {
            "PATH": environ.get("PATH") or PATH,
            "HOME": str(store),
            "XDG_DATA_HOME": str(store),
            "XDG_RUNTIME_DIR": str(sockets),
            "DBUS_SESSION_BUS_ADDRESS": self.address,
        }
        self.running: dict[str, subprocess.Popen[bytes]] = {}
        self._talk = contextlib.ExitStack()

    def start(self) -> None:
        """Start them, and wait until the keyring keeps what is written. Whoever calls has the deadline.

        :raises DaemonError: they do not start, or serve no keyring.
        """
        try:
            self._start()
        except OSError as error:
            raise DaemonError(f"the private message bus does not answer: {error or 'no answer in time'}") from error
        except (LookupError, TypeError, ValueError, AttributeError) as error:
            raise DaemonError("what answers on the private message bus is not a keyring") from error

    def _start(self) -> None:
        configuration = self._sockets / "bus.conf"
        configuration.write_text(_CONFIGURATION.format(bus=self._sockets / "bus"))
        self._run(BUS, f"--config-file={configuration}", "--nofork", "--nopidfile", "--nosyslog")
        self._connect()
        self._unlock()
        if self._state().locked:
            # Made with this password, and not opened by it: damaged. What it kept cannot be had any more.
            self._stop(KEYRING)
            shutil.rmtree(self._store / "keyrings", ignore_errors=True)
            self._unlock()
        state = self._state()
        if problem := state.bus_problem or state.service_problem:
            raise DaemonError(f"the private keyring does not answer: {problem}")
        if state.locked or not state.collection or state.write_problem:
            told = state.write_problem or ("it is locked" if state.collection else "it has no default keyring")
            raise DaemonError(f"the private keyring does not keep what is written to it: {told}", stored=True)

    def problem(self) -> str:
        """Why the keyring does not serve any more, one clause; empty while it does."""
        try:
            return "" if secret_service.serves(self._call) else "it is locked"
        except (OSError, secret_service.ServiceError) as error:
            return str(error) or "no answer in time"
        except (LookupError, TypeError, ValueError, AttributeError):
            return "its answer is not one of a Secret Service"

    def end(self) -> None:
        """End both, the keyring first."""
        self._talk.close()
        for name in (KEYRING, BUS):
            self._stop(name)

    def _run(self, name: str, *words: str, given: bytes = b"") -> None:
        try:
            self.running[name] = subprocess.Popen(
                [self._programs[name], *words],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env=self._environ,
                cwd="/",
                preexec_fn=_end_with_parent,
            )
        except OSError as error:
            raise DaemonError(f"{name} cannot be started: {error.strerror}") from error
        stdin = self.running[name].stdin
        if stdin is not None:
            with contextlib.suppress(BrokenPipeError), stdin:
                stdin.write(given)

    def _connect(self) -> None:
        while True:
            self._check(BUS)
            try:
                talk = secret_service.connection({"DBUS_SESSION_BUS_ADDRESS": self.address}, os.getuid(), _ANSWER)
                self._call = self._talk.enter_context(talk)
                return
            except (FileNotFoundError, ConnectionRefusedError):
                time.sleep(_LOOK)
            except OSError as error:
                raise DaemonError(f"the private message bus does not answer: {error}") from error

    def _unlock(self) -> None:
        """Start the keyring, which makes or unlocks its collection with the password on its standard input."""
        words = ("--foreground", "--unlock", "--components=secrets", f"--control-directory={self._sockets}")
        self._run(KEYRING, *words, given=self._password.encode())
        while True:
            self._check(KEYRING)
            with contextlib.suppress(secret_service.ServiceError):  # nobody has the name yet
                if secret_service.has_default(self._call):
                    return
            time.sleep(_LOOK)

    def _state(self) -> State:
        return secret_service.state(self._call)

    def _check(self, name: str) -> None:
        """:raises DaemonError: it has ended."""
        for each in dict.fromkeys((name, BUS)):
            if (status := self.running[each].poll()) is not None:
                told = f"signal {-status}" if status < 0 else f"exit code {status}"
                raise DaemonError(f"{each} ended ({told})")

    def _stop(self, name: str) -> None:
        if process := self.running.pop(name, None):
            process.kill()  # its files are replaced whole, and it may be stopped
            process.wait()


def _end_with_parent() -> None:
    """In the new process. Its parent has one thread, which PR_SET_PDEATHSIG means (prctl(2))."""
    ctypes.CDLL(None).prctl(_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
