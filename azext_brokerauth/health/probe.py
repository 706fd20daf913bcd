"""The machine as the checks see it: files, programs under a deadline, packages, the keyring. Tests have their own."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import re
import signal
import stat
import subprocess
import sys
import sysconfig
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from azext_brokerauth.broker import locks
from azext_brokerauth.health import parsing
from azext_brokerauth.health.once import Answers
from azext_brokerauth.keyring import choice, kernel, programs, secret_service
from azext_brokerauth.keyring.lease import KEY
from azext_brokerauth.machine import View

DEADLINE = 5.0
"""Seconds that a program may take, such as ``wslinfo``, which is known to hang
(https://github.com/microsoft/WSL/issues/12714)."""
_REAPING = 0.3
"""Seconds that a killed program has to end. One in an uninterruptible wait is left to the kernel."""


@dataclass(frozen=True)
class Ran:
    """How a program ended.

    :param status: its exit code; None when it did not start or did not end.
    :param problem: why it did not start or end, one clause; empty otherwise.
    :param ended: epoch seconds.
    """

    status: int | None
    stdout: str = ""
    stderr: str = ""
    problem: str = ""
    ended: float = 0.0

    @property
    def why(self) -> str:
        """Why it did not succeed, one clause."""
        said = " ".join((self.stderr or self.stdout).split())[:200]
        return self.problem or f"exit code {self.status}{f', {said}' if said else ''}"


@dataclass(frozen=True)
class FileFacts:
    """What the file system says of a path, symbolic links not followed.

    :param mode: type and permissions, as ``os.lstat().st_mode``.
    """

    owner: int
    mode: int

    @property
    def is_regular(self) -> bool:
        """Is it a file, and no directory, link, pipe or device?"""
        return stat.S_ISREG(self.mode)


@dataclass(frozen=True)
class Python:
    """The Python that would load the runtime.

    :param tag: its ABI as in a wheel's name, such as ``cp311``.
    :param libc: such as ``glibc 2.36``; empty for a C library that is not GNU's.
    :param extension: in az, the folder of our extension, which has packages of its own; empty outside of az.
    """

    executable: str = sys.executable
    tag: str = ""
    architecture: str = ""
    libc: str = ""
    extension: str = ""

    @classmethod
    def here(cls) -> Python:
        """The Python that runs this."""
        tag = f"{sys.implementation.cache_tag or 'unknown'}".replace("cpython-", "cp")
        if sysconfig.get_config_var("Py_GIL_DISABLED"):
            tag += "t"
        return cls(sys.executable, tag, platform.machine(), _libc(), _extension())


def _libc() -> str:
    try:
        return os.confstr("CS_GNU_LIBC_VERSION") or ""
    except (AttributeError, ValueError, OSError):  # musl and the other platforms have no such name
        return ""


def _extension() -> str:
    """az installs an extension, with what it needs and its metadata, into a folder of its name."""
    folder = Path(__file__).resolve().parents[2]
    return str(folder) if folder.name == "brokerauth" and any(folder.glob("brokerauth-*.dist-info")) else ""


@dataclass
class Probe:
    """The real machine.

    :param uid: the effective user.
    """

    view: View = field(default_factory=View)
    python: Python = field(default_factory=Python.here)
    uid: int = field(default_factory=lambda: os.geteuid() if hasattr(os, "geteuid") else -1)

    def __post_init__(self) -> None:
        self._programs = Answers()

    @property
    def environ(self) -> Mapping[str, str]:
        """The environment of this process."""
        return self.view.environ

    def exists(self, path: str) -> bool:
        """Is there anything at the end of this path?"""
        return os.path.exists(path)

    def is_directory(self, path: str) -> bool:
        """Is there a directory at the end of this path?"""
        return os.path.isdir(path)

    def public_list(self) -> str:
        """The file of authorities that Python's requests trusts where no variable names others; empty without it."""
        try:
            import certifi
        except ImportError:
            return ""
        return certifi.where()

    def read(self, path: str, size: int = 1 << 20) -> bytes | None:
        """The beginning of a file; None where it cannot be read."""
        try:
            with open(path, "rb") as stream:
                return stream.read(size)
        except OSError:
            return None

    def names(self, directory: str) -> list[str]:
        """The names in a directory, sorted; none where it cannot be read."""
        try:
            return sorted(os.listdir(directory))
        except OSError:
            return []

    def facts(self, path: str) -> FileFacts | None:
        """What the file system says of a path; None where there is nothing.

        :raises OSError: it does not say.
        """
        try:
            found = os.lstat(path)
        except (FileNotFoundError, NotADirectoryError):
            return None
        return FileFacts(found.st_uid, found.st_mode)

    def changed(self, path: str) -> float:
        """When a file was changed last (epoch seconds); 0 where that is not known."""
        try:
            return os.stat(path).st_mtime
        except OSError:
            return 0.0

    def started(self) -> float:
        """When this distribution started, which is when its first process did (epoch seconds); 0 where that is not
        known (proc_pid_stat(5))."""
        try:
            ticks = int((self.read("/proc/1/stat") or b"").rpartition(b")")[2].split()[19])
            return time.time() - time.clock_gettime(time.CLOCK_BOOTTIME) + ticks / os.sysconf("SC_CLK_TCK")
        except (IndexError, ValueError, OSError, AttributeError):
            return 0.0

    def fetch(self, url: str, trusted: str = "") -> str:
        """Ask an HTTPS server as MSAL does: through the proxies, and with the certificates, that the environment names.

        :param trusted: a file of authorities to trust instead; empty for those.
        :returns: who signed the server's certificate; empty where that cannot be told.
        :raises OSError: there was no answer.
        """
        import requests  # as MSAL has it

        with (
            requests.Session() as session,
            session.get(url, timeout=DEADLINE, verify=trusted or True, stream=True, allow_redirects=False) as answer,
        ):
            connection = getattr(answer.raw, "connection", None)
            certificate: Mapping[str, Any] = getattr(getattr(connection, "sock", None), "getpeercert", dict)() or {}
        return parsing.called(certificate.get("issuer", ()))

    def run(self, *command: str, deadline: float = DEADLINE) -> Ran:
        """Run a program, by its absolute path, once for all who ask.

        :param deadline: seconds; then it is killed with everything that it started.
        """
        return self._programs.get(command, partial(_run, command, deadline))

    def version(self, package: str) -> str:
        """The version of an installed Python package; empty where it is not installed."""
        try:
            return importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            return ""

    def requirements(self, package: str) -> Sequence[str]:
        """What a Python package says that it needs, as in its metadata."""
        try:
            return importlib.metadata.requires(package) or ()
        except importlib.metadata.PackageNotFoundError:
            return ()

    def wheel(self, package: str) -> str:
        """The ``WHEEL`` file of an installed Python package; empty where there is none."""
        try:
            return importlib.metadata.distribution(package).read_text("WHEEL") or ""
        except importlib.metadata.PackageNotFoundError:
            return ""

    def native_files(self, package: str) -> list[str]:
        """The paths of an installed Python package's shared objects; none where it is not installed."""
        try:
            files = importlib.metadata.distribution(package).files or ()
        except importlib.metadata.PackageNotFoundError:
            return []
        return sorted(str(file.locate()) for file in files if re.search(r"\.so(\.\d+)*$", file.name))

    def secret_service(self) -> secret_service.State:
        """The state of the session's keyring, tried out."""
        return choice.look_in_time(self.environ, self.uid)

    def lacking_programs(self) -> tuple[str, ...]:
        """Which programs that a private keyring needs are not installed."""
        return programs.missing(self.environ)

    def kernel_keeps_keys(self) -> bool:
        """Does the kernel keep the key of a private keyring? Where there is none, it is made, as by a sign-in."""
        return kernel.key(KEY) is not None

    def bus_names(self) -> frozenset[str]:
        """The names on the session bus, those that can be started included."""
        return secret_service.bus_names(self.environ, self.uid)

    def held_locks(self) -> list[str]:
        """The paths of this user's semaphores of the runtime that are locked."""
        return locks.held()

    def command_lines(self) -> list[str]:
        """The command lines of the programs that run."""
        lines = [self.read(f"/proc/{name}/cmdline") or b"" for name in self.names("/proc") if name.isdigit()]
        return [os.fsdecode(line.replace(b"\0", b" ")) for line in lines if line]

    def pause(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)


def _run(command: Sequence[str], deadline: float) -> Ran:
    try:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            # A Windows program complains on being started in a directory that Windows does not have.
            cwd=Path(command[0]).parent,
            start_new_session=True,
        )
    except OSError as error:
        return Ran(None, problem=f"it does not start: {error.strerror}", ended=time.time())
    try:
        stdout, stderr = process.communicate(timeout=deadline)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        try:
            process.communicate(timeout=_REAPING)
        except subprocess.TimeoutExpired:
            return Ran(None, problem=f"no answer in {deadline:g} s, and it cannot be killed", ended=time.time())
        return Ran(None, problem=f"no answer in {deadline:g} s", ended=time.time())
    return Ran(process.returncode, _text(stdout), _text(stderr), ended=time.time())


def _text(output: bytes) -> str:
    """Some Windows programs write UTF-16 into a pipe."""
    encoding = "utf-16-le" if output[1:2] == b"\0" else "utf-8"
    return output.decode(encoding, errors="replace").replace("\r\n", "\n")
