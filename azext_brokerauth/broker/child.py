"""One running broker process: asks it, holds every deadline, and ends it with all that it has started."""

from __future__ import annotations

import atexit
import logging
import os
import signal
import subprocess
import threading
import time
import weakref
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from typing import BinaryIO, cast

from azext_brokerauth.broker import locks
from azext_brokerauth.broker.launch import SHORT_OF_RESOURCES, launch
from azext_brokerauth.broker.messages import (
    Answer,
    Ask,
    Done,
    Failure,
    Log,
    MessageError,
    Notice,
    Reply,
    Step,
    decode,
    encode,
    read_line,
)
from azext_brokerauth.errors import (
    AGAIN,
    BrokerFailedError,
    BrokerNotReadyError,
    BrokerTimeoutError,
    InvalidInputError,
)
from azext_brokerauth.errors.troubles import Trouble
from azext_brokerauth.models import person, powershell

_LOGGER = logging.getLogger(__name__)

_FAILED_TO_LOAD = (Trouble.RUNTIME_MISSING, Trouble.LIBRARY_MISSING, Trouble.NO_BROKER)
_IF_IT_STAYS = AGAIN + powershell("wsl", "--shutdown", text="If it stays so,")


class ChildEndedError(BrokerFailedError):
    """The process ended before it answered."""


class Child:
    """A broker process. It starts when made, and any number of threads may ask it at once.

    :keyword runtime: is pymsalruntime needed? Not for a sign-in without the broker.
    :keyword notify: is given what a person must read while a request is under way.
    :keyword environ: the variables that it may have some of; None: this process's.
    :raises BrokerNotReadyError: a package is not installed, or this Python cannot be started again.
    """

    def __init__(
        self,
        *,
        runtime: bool = True,
        notify: Callable[[str], None] = _LOGGER.warning,
        environ: Mapping[str, str] | None = None,
    ) -> None:
        self._owner = os.getpid()
        self._notify = notify
        self._waiting: dict[int, Future[Reply]] = {}
        self._lock = threading.Lock()
        self._last_number = 0
        self._retired = False
        self._ending = False
        self._sending = threading.Lock()
        self._ended = threading.Event()
        self._process = launch(runtime=runtime, log=_LOGGER.isEnabledFor(logging.DEBUG), environ=environ)
        _LOGGER.debug("started the broker's process %d", self._process.pid)
        try:
            threading.Thread(target=self._read, daemon=True, name=f"broker-{self._process.pid}").start()
        except RuntimeError as error:  # the system gives no more threads
            self.end()
            raise BrokerNotReadyError(
                f"The broker's process cannot be listened to: {error}.", remedies=SHORT_OF_RESOURCES
            ) from error
        _RUNNING.add(self)

    @property
    def alive(self) -> bool:
        """Can it still be asked? A forked copy of its parent cannot: the pipes are not its own."""
        return self._owner == os.getpid() and not self._retired and self._process.poll() is None

    def ask(self, ask: Ask, timeout: float) -> Reply:
        """Send one request and wait for its answer.

        :param timeout: seconds.
        :raises BrokerTimeoutError: no answer in time. The process takes no more requests, and is ended, with whatever
            hung in it, as soon as nobody else waits for it.
        :raises ChildEndedError: the process ended before it answered.
        :raises InvalidInputError: the request is longer than a message may be.
        """
        answer: Future[Reply] = Future()
        with self._lock:
            self._last_number += 1
            number = self._last_number
            self._waiting[number] = answer
        try:
            self._send(encode(number, ask))
            reply = answer.result(timeout)
            # What was missing may be there next time; a runtime that has failed to load is not loaded again.
            self._retired |= isinstance(reply, Failure) and reply.trouble in _FAILED_TO_LOAD
            return reply
        except MessageError as error:
            raise InvalidInputError(
                f"The request is too long: {error}.",
                remedies=person("Ask for fewer scopes, or with a shorter claims challenge."),
            ) from error
        except BrokenPipeError:
            raise self._ended_error() from None
        except (TimeoutError, FutureTimeoutError):
            self._retired = True
            raise _timeout_error(ask.step, timeout) from None
        finally:
            self._waiting.pop(number, None)
            if self._retired and not self._waiting:
                self.end()

    def end(self) -> None:
        """Let the process leave by itself for :data:`locks.GRACE` seconds, then kill it and everything that it started,
        such as a hanging proxy, at a moment at which the runtime holds no lock. Requests under way fail."""
        self._retired = True
        if self._owner != os.getpid():
            return
        with self._lock:
            first, self._ending = not self._ending, True
        if not first:
            self._ended.wait()
            return
        try:
            self._end()
        finally:
            self._ended.set()
            _RUNNING.discard(self)

    def _end(self) -> None:
        self._close_requests()
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

    def _close_requests(self) -> None:
        with self._sending:
            try:
                cast(BinaryIO, self._process.stdin).close()
            except BrokenPipeError:
                _LOGGER.debug("the broker's process %d was already gone", self._process.pid)

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
        with self._sending:
            if self._ending:
                raise BrokenPipeError
            stdin = cast(BinaryIO, self._process.stdin)
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
                    self._notify(message.text)
                elif isinstance(message, (Answer, Done, Failure)) and (answer := self._waiting.pop(number, None)):
                    answer.set_result(message)
        except MessageError as error:
            _LOGGER.debug("ending the broker's process %d: %s", self._process.pid, error)
        finally:
            self.end()
            stream.close()
            while self._waiting:
                _, answer = self._waiting.popitem()
                answer.set_exception(self._ended_error())

    def _ended_error(self) -> ChildEndedError:
        status = self._process.wait()
        told = f"signal {-status}" if status < 0 else f"exit code {status}"
        return ChildEndedError(f"The broker's process ended before it answered ({told}).", remedies=_IF_IT_STAYS)


def _timeout_error(step: Step, timeout: float) -> BrokerTimeoutError:
    if step.is_fallback:
        return BrokerTimeoutError(
            f"The sign-in by {step.value} was not finished within {timeout:g} seconds, and was ended.", remedies=AGAIN
        )
    what = "its prompt" if step is Step.PROMPT else "a silent request"
    return BrokerTimeoutError(
        f"The broker did not answer {what} within {round(timeout, 1):g} seconds, and was ended.", remedies=_IF_IT_STAYS
    )


_RUNNING: weakref.WeakSet[Child] = weakref.WeakSet()


@atexit.register
def _end_all() -> None:
    for child in list(_RUNNING):
        child.end()
