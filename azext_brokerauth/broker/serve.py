"""The broker process's work: a thread for each request, until the parent ends or falls silent."""

from __future__ import annotations

import ctypes
import logging
import os
import signal
import sys
import threading
import time
from typing import Any, BinaryIO

from azext_brokerauth.broker.messages import (
    AppOptions,
    Ask,
    Failure,
    Hello,
    Log,
    Message,
    MessageError,
    Notice,
    Reply,
    Step,
    decode,
    encode,
    read_line,
)
from azext_brokerauth.errors.troubles import Trouble
from azext_brokerauth.keyring.choice import SESSION
from azext_brokerauth.keyring.lease import Lease
from azext_brokerauth.machine import Kind, detect
from azext_brokerauth.models import Target
from azext_brokerauth.redaction import redact

IDLE = 20
"""Seconds without a request after which the process ends by itself; the next request starts another. A program asks
for its tokens within seconds of each other, and they live for an hour."""
_BUS = "DBUS_SESSION_BUS_ADDRESS"
_UNEXPECTED = "Status_Unexpected"
"""How the runtime answers where its keyring is gone."""
_LOSING = 0.2
"""Seconds in which it is known that a keyring is gone."""
_ALONE = (
    "The keyring of this sign-in ends with this program, because {why}. Accounts other than Windows' own must sign in"
    " again for each program."
)
_LOGGER = logging.getLogger(__name__)


def main(requests: int, answers: int, *, log: bool, keyring: str) -> None:
    """Answer requests until the parent closes them or falls silent.

    :param requests: descriptor to read messages from.
    :param answers: descriptor to write messages to.
    :param log: send log records, redacted, along with the answers.
    :param keyring: as the setting of this name.
    """
    _harden()
    # Microsoft's runtime uses the session's keyring on every other machine, as does its broker on native Linux.
    lease = Lease(keyring if detect().kind is Kind.WSL2 else SESSION, os.environ)
    server = _Server(os.fdopen(answers, "wb", buffering=0), lease)
    server.send(0, Hello(os.getpid()))
    threading.Thread(target=_leave_when_idle, args=(server,), daemon=True, name="idle").start()
    if log:
        server.forward_logs()
    server.run(os.fdopen(requests, "rb"))
    while server.busy():
        # To leave now would leave a proxy that hangs behind: the guard ends both.
        time.sleep(0.02)


def _leave_when_idle(server: _Server) -> None:
    while not server.idle():
        time.sleep(1)
    os._exit(0)


def _harden() -> None:
    """Let no other process of the user look into this memory, which holds tokens (prctl(2), PR_SET_DUMPABLE), and
    leave Ctrl-C to the parent."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if sys.platform == "linux":
        pr_set_dumpable = 4
        ctypes.CDLL(None).prctl(pr_set_dumpable, 0, 0, 0, 0)


class _Server:
    """The state of one broker process: MSAL's applications, and the pipe that all threads answer on."""

    def __init__(self, answers: BinaryIO, lease: Lease) -> None:
        self._answers = answers
        self._lease = lease
        self._writing = threading.Lock()
        self._building = threading.Lock()
        self._applications: dict[tuple[Target, AppOptions, bool], Any] = {}
        self._guard = os.getppid()
        self._told = False
        self._pending: set[int] = set()
        self._last_request = time.monotonic()

    def busy(self) -> bool:
        """Is a request under way?"""
        return bool(self._pending)

    def idle(self) -> bool:
        """Has nobody asked for anything for :data:`IDLE` seconds?"""
        return not self._pending and time.monotonic() - self._last_request > IDLE

    def forward_logs(self) -> None:
        """Send what is logged here to the parent."""
        logging.getLogger().addHandler(_Forward(self))
        for name in ("msal", __name__):
            logging.getLogger(name).setLevel(logging.DEBUG)

    def run(self, stream: BinaryIO) -> None:
        """Answer each request in a thread of its own, until the stream ends."""
        while line := read_line(stream):
            number, message = decode(line)
            if not isinstance(message, Ask):
                raise MessageError(f"a {type(message).__name__} is not a request")
            self._pending.add(number)
            self._last_request = time.monotonic()
            if sys.platform == "darwin" and message.step is Step.PROMPT:
                self._answer(number, message)  # macOS shows windows from the main thread only
            else:
                thread = threading.Thread(target=self._answer, args=(number, message), daemon=True)
                try:
                    thread.start()
                except RuntimeError as error:  # the system gives no more threads
                    self.send(number, Failure(Trouble.NONSENSE, str(error)))
                    self._pending.discard(number)

    def send(self, number: int, message: Message) -> None:
        """Write one message, whole, whichever thread it comes from."""
        line = encode(number, message)
        with self._writing:
            while line:
                line = line[self._answers.write(line) :]

    def _answer(self, number: int, ask: Ask) -> None:
        try:
            reply = self._carry_out(ask)
        except Exception as error:  # noqa: BLE001
            # Nothing may be lost here: the parent would wait for an answer until its deadline.
            reply = Failure(Trouble.NONSENSE, redact(f"{type(error).__name__}: {error}"))
        failed = isinstance(reply, Failure) and reply.trouble is Trouble.REFUSED and _UNEXPECTED in reply.text
        if failed and self._lease.wait_until_lost(_LOSING):
            return  # the guard is ending this process, and the request is made again in another one
        try:
            self.send(number, reply)
        except MessageError as error:
            self.send(number, Failure(Trouble.NONSENSE, str(error)))
        finally:
            self._pending.discard(number)

    def _carry_out(self, ask: Ask) -> Reply:
        try:
            from azext_brokerauth.broker import msal_app
        except ModuleNotFoundError as error:
            return Failure(Trouble.RUNTIME_MISSING, str(error))
        try:
            if ask.step.is_fallback:
                return msal_app.without_broker(ask, lambda text: self.send(0, Notice(text)))
            request = ask.request
            built = (request.target, ask.options, request.enable_cae)
            with self._building:
                application = self._applications.get(built)
                if application is None:
                    application = msal_app.build(request.target, ask.options, enable_cae=request.enable_cae)
                    self._applications[built] = application
            # Only now: a keyring starts while the runtime is loaded, which does not use it yet.
            return self._without_keyring(ask) or msal_app.answer(application, ask)
        except msal_app.NoTokenError as error:
            return error.failure

    def _without_keyring(self, ask: Ask) -> Failure | None:
        """Have the runtime use the keyring that was found; why it cannot, where there is none."""
        given = self._lease.given()
        if given.problem:
            return Failure(Trouble.KEYRING_MISSING if given.missing else Trouble.KEYRING, given.problem)
        with self._building:
            if not self._told:
                self._told = True
                _LOGGER.debug("the %s keyring is used, because %s", given.kind, given.reason)
            if given.address and os.environ.get(_BUS) != given.address:
                os.environ[_BUS] = given.address
                threading.Thread(target=self._leave_with_keyring, daemon=True, name="keyring").start()
        if given.alone and ask.step is Step.PROMPT:
            self.send(0, Notice(_ALONE.format(why=given.alone)))
        return None

    def _leave_with_keyring(self) -> None:
        """End when the keyring does: the runtime knows nobody any more, and the next process has another keyring."""
        self._lease.wait_until_lost()
        if self.busy() and os.getppid() == self._guard:
            os.kill(self._guard, signal.SIGTERM)  # which sees to it that the runtime holds no lock
        else:
            os._exit(0)


class _Forward(logging.Handler):
    """Sends log records to the parent."""

    def __init__(self, server: _Server) -> None:
        super().__init__(logging.DEBUG)
        self._server = server

    def emit(self, record: logging.LogRecord) -> None:
        """Send the record, redacted."""
        self._server.send(0, Log(record.levelno, redact(f"{record.name}: {record.getMessage()}")))
