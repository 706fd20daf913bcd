"""Our side of the broker's process: starts it, holds every deadline, and ends it with all it has started."""

from __future__ import annotations

import atexit
import importlib.util
import logging
import os
import signal
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from pathlib import Path
from typing import BinaryIO, cast

from azext_brokerauth.broker import locks
from azext_brokerauth.broker.messages import (
    Answer,
    Ask,
    Done,
    Failure,
    Log,
    MessageError,
    Notice,
    Step,
    Trouble,
    decode,
    encode,
    read_line,
)
from azext_brokerauth.errors import (
    BrokerFailedError,
    BrokerNotReadyError,
    BrokerTimeoutError,
    ClosedError,
    InvalidInputError,
)

_LOGGER = logging.getLogger(__name__)

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


_SHORT_OF_RESOURCES = "Close programs, or raise the limits that the shell's ulimit -a shows, and try again."


_FAILED_TO_LOAD = (Trouble.RUNTIME_MISSING, Trouble.LIBRARY_MISSING, Trouble.NO_BROKER)


class ProcessEndedError(BrokerFailedError):
    """The process ended before it answered."""


class BrokerProcess:
    """One running broker process. It starts when made, and any number of threads may ask it at once.

    :param runtime: is pymsalruntime needed? Not for a sign-in without the broker.
    :raises BrokerNotReadyError: a package is not installed, or this Python cannot be started again.
    """

    def __init__(self, environ: Mapping[str, str] | None = None, *, runtime: bool = True) -> None:
        environ = os.environ if environ is None else environ
        if not sys.executable:
            raise BrokerNotReadyError(
                "The broker needs a Python interpreter of its own, and this program does not say where one is"
                " (sys.executable is empty).",
                remedy="Run the program with an ordinary Python interpreter.",
            )
        self.owner = os.getpid()
        self.notify: Callable[[str], None] = _LOGGER.warning
        """Is given what a person must read while a request is under way."""
        packages = ("msal", "pymsalruntime") if runtime else ("msal",)
        self._waiting: dict[int, Future[Answer | Done | Failure]] = {}
        self._lock = threading.Lock()
        self._last_number = 0
        self._retired = False
        self._over = False
        log = _LOGGER.isEnabledFor(logging.DEBUG)
        host = Path(__file__).with_name("host.py")
        command = [sys.executable, "-I", str(host), str(self.owner), "log" if log else "quiet"]
        try:
            self._process = subprocess.Popen(
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
                f"The broker's process cannot be started: {error.strerror}.", remedy=_SHORT_OF_RESOURCES
            ) from error
        _LOGGER.debug("started the broker's process %d", self._process.pid)
        try:
            threading.Thread(target=self._read, daemon=True, name=f"broker-{self._process.pid}").start()
        except RuntimeError as error:  # the system gives no more threads
            self.end()
            raise BrokerNotReadyError(
                f"The broker's process cannot be listened to: {error}.", remedy=_SHORT_OF_RESOURCES
            ) from error
        _RUNNING.add(self)

    @property
    def alive(self) -> bool:
        """Can it still be asked? A forked copy of its parent cannot: the pipes are not its own."""
        return self.owner == os.getpid() and not self._retired and self._process.poll() is None

    def ask(self, ask: Ask, timeout: float) -> Answer | Done | Failure:
        """Send one request and wait for its answer.

        :param timeout: seconds.
        :raises BrokerTimeoutError: no answer in time. The process takes no more requests, and is ended, with whatever
            hung in it, as soon as nobody else waits for it.
        :raises ProcessEndedError: the process ended before it answered.
        :raises InvalidInputError: the request is longer than a message may be.
        """
        answer: Future[Answer | Done | Failure] = Future()
        with self._lock:
            self._last_number += 1
            number = self._last_number
            self._waiting[number] = answer
        try:
            self._send(encode(number, ask))
            reply = answer.result(timeout)
            # What was missing may be there next time; a runtime that has failed to load is not loaded anew.
            self._retired |= isinstance(reply, Failure) and reply.trouble in _FAILED_TO_LOAD
            return reply
        except MessageError as error:
            raise InvalidInputError(
                f"The request is too long: {error}.", remedy="Ask for fewer scopes, or with a shorter claims challenge."
            ) from error
        except BrokenPipeError:
            raise self._ended() from None
        except (TimeoutError, FutureTimeoutError):
            self._retired = True
            if ask.step in (Step.BROWSER, Step.DEVICE_CODE):
                raise BrokerTimeoutError(
                    f"The sign-in by {ask.step.value} was not finished within {timeout:g} seconds, and was ended.",
                    remedy="Try again.",
                ) from None
            what = "its prompt" if ask.step is Step.PROMPT else "a silent request"
            raise BrokerTimeoutError(
                f"The broker did not answer {what} within {round(timeout, 1):g} seconds, and was ended.",
                remedy="Try again. If it stays so, run in PowerShell: wsl --shutdown",
            ) from None
        finally:
            self._waiting.pop(number, None)
            if self._retired and not self._waiting:
                self.end()

    def end(self) -> None:
        """Let the process leave by itself for :data:`locks.GRACE` seconds, then kill it and everything that it started,
        such as a hanging proxy, at a moment at which the runtime holds no lock. Requests under way fail."""
        self._retired = True
        if self.owner != os.getpid():
            return
        with self._lock:
            if self._over:
                return
            self._over = True
            stdin = cast(BinaryIO, self._process.stdin)
            try:
                stdin.close()
            except BrokenPipeError:
                _LOGGER.debug("the broker's process %d was already gone", self._process.pid)
            try:
                self._process.wait(locks.GRACE)
            except subprocess.TimeoutExpired:
                _LOGGER.debug("the broker's process %d did not leave by itself", self._process.pid)
            try:
                if os.name == "posix":
                    self._stop_without_locks()
                    # The group outlives its leader as long as anything in it runs.
                    os.killpg(self._process.pid, signal.SIGKILL)
                else:
                    self._process.kill()
            except (ProcessLookupError, PermissionError):  # PermissionError: macOS, when only zombies are left
                _LOGGER.debug("nothing was left of the broker's process %d", self._process.pid)
            self._process.wait()
        _RUNNING.discard(self)

    def _stop_without_locks(self) -> None:
        deadline = time.monotonic() + locks.PATIENCE
        while self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGSTOP)  # else it might take a lock before the kill
            time.sleep(0.005)
            if not locks.any_held() or time.monotonic() > deadline:
                return
            os.killpg(self._process.pid, signal.SIGCONT)
            time.sleep(0.02)

    def _send(self, line: bytes) -> None:
        with self._lock:
            stdin = cast(BinaryIO, self._process.stdin)
            if self._over:
                raise BrokenPipeError
            stdin.write(line)
            stdin.flush()

    def _read(self) -> None:
        stream = cast(BinaryIO, self._process.stdout)
        try:
            while line := read_line(stream):
                number, message = decode(line)
                if isinstance(message, Log):
                    _LOGGER.log(message.level, "%s", message.text)
                elif isinstance(message, Notice):
                    self.notify(message.text)
                elif isinstance(message, (Answer, Done, Failure)) and (answer := self._waiting.pop(number, None)):
                    answer.set_result(message)
        except MessageError as error:
            _LOGGER.debug("ending the broker's process %d: %s", self._process.pid, error)
        finally:
            self.end()
            stream.close()
            while self._waiting:
                _, answer = self._waiting.popitem()
                answer.set_exception(self._ended())

    def _ended(self) -> ProcessEndedError:
        status = self._process.wait()
        told = f"signal {-status}" if status < 0 else f"exit code {status}"
        return ProcessEndedError(
            f"The broker's process ended before it answered ({told}).",
            remedy="Try again. If it stays so, run in PowerShell: wsl --shutdown",
        )


_RUNNING: weakref.WeakSet[BrokerProcess] = weakref.WeakSet()


@atexit.register
def _end_all() -> None:
    for process in list(_RUNNING):
        process.end()


class Broker:
    """The broker as the core sees it: one process for silent requests, and one for each prompt, so that a prompt that
    waits for a person neither blocks silent requests nor ends with them."""

    def __init__(self, start: Callable[[], BrokerProcess] = BrokerProcess) -> None:
        self._start = start
        self._lock = threading.Lock()
        self._silent: BrokerProcess | None = None
        self._prompting: set[BrokerProcess] = set()
        self._closed = False

    def ask(self, ask: Ask, timeout: float) -> Answer | Done | Failure:
        """Ask without a window. A process that ends under a request is replaced once.

        :param timeout: seconds, for everything together.
        :raises BrokerTimeoutError: no answer in time.
        :raises BrokerFailedError: the process ended twice before it answered.
        :raises BrokerNotReadyError: no process can be started.
        :raises ClosedError: after :meth:`close`.
        """
        deadline = time.monotonic() + timeout
        try:
            return self._running().ask(ask, timeout)
        except ProcessEndedError as error:
            _LOGGER.debug("asking once more: %s", error)
            return self._running().ask(ask, max(0.0, deadline - time.monotonic()))

    def prompt(self, ask: Ask, timeout: float, started: Callable[[BrokerProcess], None]) -> Answer | Done | Failure:
        """Ask in a process of its own, which ends with the answer.

        :param timeout: seconds.
        :param started: is given the process, so that another thread can end the prompt by ending it.
        :raises: as :meth:`ask`.
        """
        with self._lock:
            self._check_open()
            process = self._start() if ask.step is Step.PROMPT else BrokerProcess(runtime=False)
            self._prompting.add(process)
        try:
            started(process)
            return process.ask(ask, timeout)
        finally:
            self._prompting.discard(process)
            process.end()

    def close(self) -> None:
        """End all processes for good."""
        with self._lock:
            self._closed = True
            processes = [*self._prompting, *([self._silent] if self._silent else [])]
        for process in processes:
            process.end()

    def _running(self) -> BrokerProcess:
        with self._lock:
            self._check_open()
            if self._silent is None or not self._silent.alive:
                self._silent = self._start()
            return self._silent

    def _check_open(self) -> None:
        if self._closed:
            raise ClosedError("The broker was closed.")


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
                remedy=f"Run: {sys.executable} -m pip install {name}",
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
