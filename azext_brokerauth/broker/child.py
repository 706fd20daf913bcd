"""One running broker process: asks it, holds every deadline, and ends it with all that it has started."""

from __future__ import annotations

import atexit
import os
import select
import signal
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from dataclasses import dataclass, field
from typing import BinaryIO, cast

from azext_brokerauth.broker import locks
from azext_brokerauth.broker.launch import SHORT_OF_RESOURCES, Launch, start
from azext_brokerauth.broker.messages import (
    Answer,
    Ask,
    Done,
    Failure,
    Hello,
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
    ClosedError,
    InvalidInputError,
)
from azext_brokerauth.errors.troubles import Trouble
from azext_brokerauth.models import person, powershell
from azext_brokerauth.speaker import Logger

_LOGGER = Logger(__name__)

INTRODUCTION = 15.0
"""Seconds in which the process has to say that it is one of ours. A Python starts in a fraction of one; a program that
takes itself for the interpreter never says so."""
_END = locks.GRACE + locks.PATIENCE + 1.0
"""Seconds that the guard may take to end the process before both are killed."""
_LOOK = 0.2
"""Seconds after which one who sends looks whether the process is being ended."""
_FAILED_TO_LOAD = (
    *(Trouble.RUNTIME_MISSING, Trouble.LIBRARY_MISSING, Trouble.NO_BROKER),
    *(Trouble.KEYRING_MISSING, Trouble.KEYRING),
)
_IF_IT_STAYS = AGAIN + powershell("wsl", "--shutdown", text="If this keeps happening,")


class ChildEndedError(BrokerFailedError):
    """The process ended before it answered."""


@dataclass(eq=False)
class _Call:
    """One request that waits for its answer.

    :param user: who asked, so that all of theirs can be given up at once.
    """

    user: object
    answer: Future[Reply] = field(default_factory=Future)


class Child:
    """A broker process. It starts when made, and any number of threads may ask it at once.

    :param launch: how it is started.
    :param notify: is given what a person must read while a request is under way, and must not wait for anything.
    :raises BrokerNotReadyError: it cannot be started.
    """

    def __init__(self, launch: Launch, notify: Callable[[str], None] = _LOGGER.warning) -> None:
        self._owner = os.getpid()
        self._notify = notify
        self._waiting: dict[int, _Call] = {}
        self._lock = threading.Lock()
        self._last_number = 0
        self._retired = False
        self._ending = False
        self._sending = threading.Lock()
        self._ended = threading.Event()
        self._introduced = threading.Event()
        self._worker = 0
        self._process = start(launch)
        self._stdin = cast(BinaryIO, self._process.stdin)
        if os.name == "posix":
            os.set_blocking(self._stdin.fileno(), False)
        _LOGGER.debug("started the broker's process %d", self._process.pid)
        try:
            threading.Thread(target=self._read, daemon=True, name=f"broker-{self._process.pid}").start()
        except RuntimeError as error:  # the system gives no more threads
            self.end()
            raise BrokerNotReadyError(
                f"The answers of the broker's process cannot be read: {error}.", remedies=SHORT_OF_RESOURCES
            ) from error
        _RUNNING.add(self)

    @property
    def alive(self) -> bool:
        """Can it still be asked? A forked copy of its parent cannot: the pipes are not its own."""
        return self._owner == os.getpid() and not self._retired and self._process.poll() is None

    def ask(self, ask: Ask, timeout: float, user: object = None) -> Reply:
        """Send one request and wait for its answer.

        :param timeout: seconds, sending included.
        :param user: who asks, for :meth:`give_up`.
        :raises BrokerTimeoutError: no answer in time. The process takes no more requests, and is ended, with whatever
            hung in it, as soon as nobody else waits for it.
        :raises BrokerNotReadyError: what was started is not the broker's process.
        :raises ChildEndedError: the process ended before it answered.
        :raises InvalidInputError: the request is longer than a message may be.
        :raises ClosedError: the user gave it up.
        """
        deadline = time.monotonic() + timeout
        call = _Call(user)
        with self._lock:
            self._last_number += 1
            number = self._last_number
            self._waiting[number] = call
        try:
            line = encode(number, ask)
            self._meet(deadline)
            self._send(line, deadline)
            reply = call.answer.result(max(0.0, deadline - time.monotonic()))
            # What was missing may be there next time; a process loads its runtime and looks for a keyring but once.
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

    def give_up(self, user: object) -> None:
        """Fail the requests of one who asks no more, and nobody else's."""
        for call in list(self._waiting.values()):
            if call.user is user and not call.answer.done():
                call.answer.set_exception(ClosedError("The broker was closed."))

    def end(self) -> None:
        """End the process and everything that it started, such as a hanging proxy. Its guard lets it leave by itself
        for :data:`locks.GRACE` seconds, and kills it at a moment at which the runtime holds no lock. Requests under way
        fail. No lock is needed for it that one who sends could hold."""
        self._retired = True
        if self._owner != os.getpid():
            return
        with self._lock:
            first, self._ending = not self._ending, True
        if not first:
            self._ended.wait(2 * _END)
            return
        try:
            self._end()
        finally:
            self._ended.set()
            _RUNNING.discard(self)

    def _end(self) -> None:
        if self._sending.acquire(blocking=False):
            self._close_stdin()
            self._sending.release()
        if os.name == "posix":
            self._process.terminate()  # a fork of ours may hold the pipe: the guard is told as well
        try:
            self._process.wait(_END)
        except subprocess.TimeoutExpired:
            _LOGGER.debug("the guard of the broker's process %d did not end it", self._process.pid)
            self._kill()
        self._process.wait()
        self._kill_rest()
        with self._sending:  # whoever sent has found the pipe broken
            self._close_stdin()

    def _kill(self) -> None:
        self._kill_rest()
        self._process.kill()

    def _kill_rest(self) -> None:
        """What a guard that was killed itself has left behind."""
        if os.name == "posix" and self._worker:
            try:
                os.killpg(self._worker, signal.SIGKILL)
            except (ProcessLookupError, PermissionError):  # PermissionError: macOS, when only zombies are left
                return

    def _close_stdin(self) -> None:
        try:
            self._stdin.close()
        except (BrokenPipeError, BlockingIOError):
            _LOGGER.debug("the broker's process %d was already gone", self._process.pid)

    def _meet(self, deadline: float) -> None:
        """Wait until the process has said that it is one of ours.

        :raises BrokerNotReadyError: it does not say so.
        """
        if self._introduced.wait(min(INTRODUCTION, max(0.0, deadline - time.monotonic()))):
            return
        if time.monotonic() >= deadline:
            raise TimeoutError
        self._retired = True
        raise BrokerNotReadyError(
            f"{sys.executable} was started as the broker's process, but did not answer within {INTRODUCTION:g}"
            " seconds. It is probably not an ordinary Python interpreter.",
            remedies=person("Run the program with an ordinary Python interpreter."),
        )

    def _send(self, line: bytes, deadline: float) -> None:
        """:raises TimeoutError, BrokenPipeError: it is not read in time, or by nobody any more."""
        if not self._sending.acquire(timeout=max(0.0, deadline - time.monotonic())):
            raise TimeoutError
        try:
            rest = memoryview(line)
            while rest:
                if self._ending:
                    raise BrokenPipeError
                rest = rest[self._write_some(rest, deadline) :]
        except ValueError:  # closed meanwhile
            raise BrokenPipeError from None
        finally:
            self._sending.release()

    def _write_some(self, rest: memoryview, deadline: float) -> int:
        try:
            return os.write(self._stdin.fileno(), rest)
        except BlockingIOError:
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError from None
            writable = select.poll()  # select.select cannot look at descriptors above 1023
            writable.register(self._stdin, select.POLLOUT)
            writable.poll(1000 * min(_LOOK, left))
            return 0

    def _read(self) -> None:
        stream = cast(BinaryIO, self._process.stdout)
        try:
            while line := read_line(stream):
                number, message = decode(line)
                if isinstance(message, Hello):
                    self._worker = message.pid
                    self._introduced.set()
                elif isinstance(message, Log):
                    _LOGGER.log(message.level, "%s", message.text)
                elif isinstance(message, Notice):
                    self._notify(message.text)
                elif isinstance(message, (Answer, Done, Failure)) and (call := self._waiting.pop(number, None)):
                    _answer(call, message)
        except MessageError as error:
            _LOGGER.debug("ending the broker's process %d: %s", self._process.pid, error)
        finally:
            self.end()
            stream.close()
            self._introduced.set()
            while self._waiting:
                _, call = self._waiting.popitem()
                _answer(call, self._ended_error())

    def _ended_error(self) -> ChildEndedError:
        status = self._process.wait()
        told = f"signal {-status}" if status < 0 else f"exit code {status}"
        return ChildEndedError(f"The broker's process ended before it answered ({told}).", remedies=_IF_IT_STAYS)


def _answer(call: _Call, outcome: Reply | Exception) -> None:
    if call.answer.done():  # given up
        return
    if isinstance(outcome, Exception):
        call.answer.set_exception(outcome)
    else:
        call.answer.set_result(outcome)


def _timeout_error(step: Step, timeout: float) -> BrokerTimeoutError:
    if step.is_fallback:
        return BrokerTimeoutError(
            f"The sign-in by {step.value} was not finished within {timeout:g} seconds, so it was stopped.",
            remedies=AGAIN,
        )
    what = "its prompt" if step is Step.PROMPT else "a silent request"
    return BrokerTimeoutError(
        f"The broker did not answer {what} within {round(timeout, 1):g} seconds, so it was stopped.",
        remedies=_IF_IT_STAYS,
    )


_RUNNING: weakref.WeakSet[Child] = weakref.WeakSet()


@atexit.register
def _end_all() -> None:
    for child in list(_RUNNING):
        child.end()
