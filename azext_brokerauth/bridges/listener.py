"""The listener of ``exec``: HTTP on one address of this machine, for those who know its key.

Python's own server reads the requests. What is limited here is how long and how large one may be, how many may be open,
and what may be in one.
"""

from __future__ import annotations

import contextlib
import functools
import io
import json
import math
import socket
import socketserver
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from http.server import BaseHTTPRequestHandler
from typing import Any

from azext_brokerauth.bridges import azd, managed_identity
from azext_brokerauth.bridges.calls import Call, Get, Reply, Terms, malformed, refusal
from azext_brokerauth.bridges.peers import process_at
from azext_brokerauth.bridges.silent import Wanted
from azext_brokerauth.models import Token

LOOPBACK = "127.0.0.1"
MOST_OPEN = 64
"""Connections that are open at once. Who is one too many ends the oldest that has not said yet what it wants."""
_MOMENT = 0.25
"""Seconds in which whoever has something to say has said it."""
PATIENCE = 5.0
"""Seconds in which a request must be there, and in which its answer must be taken."""
_LONGEST = 64 << 10
"""Bytes of the longest request, with all that it brings."""
_LONGEST_BODY = 8 << 10
_DOORS: Mapping[str, Callable[[Call, Terms, Get], Reply]] = {
    managed_identity.PATH: managed_identity.answer,
    azd.PATH: azd.answer,
}


class Listener:
    """Listens from the moment when it is made; answers while :meth:`serve` runs.

    :param address: IPv4 address to listen at, and the only one that a request may call it by.
    :param terms: who gets tokens, and for what.
    :param get: gets a token.
    :keyword patience: seconds for a request to be there.
    :raises OSError: there is no such address.
    """

    def __init__(self, address: str, terms: Terms, get: Get, *, patience: float = PATIENCE) -> None:
        self._server = _Server((address, 0), _Handler)
        self._server.terms, self._server.get, self._server.patience = terms, get, patience
        self._server.name = f"{address}:{self._server.server_address[1]}"

    @property
    def url(self) -> str:
        """Where it listens, without a path."""
        return f"http://{self._server.name}"

    def serve(self) -> None:
        """Answer, until the process ends or :meth:`close` is called."""
        self._server.serve_forever()

    def close(self) -> None:
        """Answer no more, at once. Only for one that serves in another thread."""
        with contextlib.suppress(OSError):
            self._server.socket.shutdown(socket.SHUT_RDWR)
        self._server.shutdown()
        self._server.server_close()


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128
    terms: Terms
    get: Get
    patience: float
    name: str

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._changed = threading.Condition()
        self._open: dict[socket.socket, float] = {}
        """Connections, oldest first, and until when nobody ends it (by the monotonic clock): while it is new, and from
        when it has said what it wants."""

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._changed:
            while len(self._open) >= MOST_OPEN:
                self._end_one_that_is_idle()
                self._changed.wait(_MOMENT)
            self._open[request] = time.monotonic() + _MOMENT
        super().process_request(request, client_address)

    def _end_one_that_is_idle(self) -> None:
        now = time.monotonic()
        idle = next((connection for connection, safe in self._open.items() if safe < now), None)
        if idle is not None:
            self._open[idle] = math.inf  # it is gone as soon as its thread notices
            with contextlib.suppress(OSError):
                idle.shutdown(socket.SHUT_RDWR)

    def has_said_what_it_wants(self, request: socket.socket) -> None:
        with self._changed:
            self._open[request] = math.inf

    def shutdown_request(self, request: Any) -> None:
        with self._changed:
            self._open.pop(request, None)
            self._changed.notify()
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Nothing is said of a caller that went away."""


class _TooLongError(Exception):
    """The request is longer than any that a client makes."""


class _Bounded(io.RawIOBase):
    """What comes in on a connection, until the time is over or too much has come.

    :param seconds: how long, in all.
    """

    def __init__(self, connection: socket.socket, seconds: float) -> None:
        self._connection = connection
        self._end = time.monotonic() + seconds
        self._left = _LONGEST

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        """:raises TimeoutError, ConnectionError, _TooLongError: this request will not be there."""
        seconds = self._end - time.monotonic()
        if seconds <= 0:
            raise TimeoutError
        if self._left <= 0:
            raise _TooLongError
        self._connection.settimeout(seconds)
        count = self._connection.recv_into(memoryview(buffer)[: self._left])
        if not count:
            raise ConnectionAbortedError  # Python's server would take half a request for a whole one
        self._left -= count
        return count


class _Handler(BaseHTTPRequestHandler):
    """One request on each connection: nothing can be hidden behind it."""

    server: _Server
    protocol_version = "HTTP/1.1"
    default_request_version = "HTTP/1.0"  # of which there is a status line

    def setup(self) -> None:
        super().setup()
        self.rfile.close()
        self.rfile = io.BufferedReader(_Bounded(self.connection, self.server.patience))

    def handle(self) -> None:
        """Answer one request."""
        with contextlib.suppress(OSError):
            try:
                self.handle_one_request()
            except _TooLongError:
                self._send(malformed("The request is too long."))

    def do_GET(self) -> None:
        """Answer a request that could be read."""
        reply = self._checked()
        self.server.has_said_what_it_wants(self.request)
        self._send(self._answered(reply) if isinstance(reply, Call) else reply)

    do_POST = do_GET  # noqa: N815

    def _answered(self, call: Call) -> Reply:
        def get(wanted: Wanted) -> Token:
            asker = functools.partial(process_at, self.client_address, self.connection.getsockname())
            return self.server.get(replace(wanted, asker=asker))

        try:
            return _DOORS[call.path](call, self.server.terms, get)
        except Exception as error:  # noqa: BLE001  (a caller that gets no answer asks again and again)
            return refusal(400, "token_unavailable", f"No token could be got: {type(error).__name__}.")

    def _checked(self) -> Call | Reply:
        """The request, if it is one that a client makes; else what to answer."""
        line = self.requestline.split(" ")  # http.server puts some paths right, and takes what has no version
        headers = [(name.lower(), value) for name, value in self.headers.items()]
        call = Call(self.command, line[1] if len(line) == 3 else "", headers)
        if self.headers.defects or self.headers.get_payload() or any(set("\r\n") & set(v) for _, v in headers):
            return malformed("A header cannot be understood.")
        if call.values("host") != [self.server.name]:
            return malformed("The Host is not the one that this was made for.")
        if call.path not in _DOORS:
            return malformed("There is nothing at this path.")
        lengths = call.values("content-length") or ["0"]
        if call.values("transfer-encoding") or len(lengths) > 1 or not (lengths[0].isascii() and lengths[0].isdigit()):
            return malformed("A body must have one Content-Length, and no Transfer-Encoding.")
        if len(lengths[0]) > 9 or int(lengths[0]) > _LONGEST_BODY:
            return malformed("The request is too long.")
        return Call(call.method, call.target, headers, self.rfile.read(int(lengths[0])))

    def _send(self, reply: Reply) -> None:
        body = json.dumps(dict(reply.body)).encode()
        self.connection.settimeout(self.server.patience)
        self.send_response(reply.status)
        # Never a Retry-After, which makes clients wait where nothing will change.
        for name, value in (("Content-Type", "application/json"), ("Content-Length", str(len(body)))):
            self.send_header(name, value)
        self.send_header("Cache-Control", "no-store")
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)

    def send_error(self, *_: Any, **__: Any) -> None:
        """Refuse what http.server cannot read, with a status that no client takes for a passing fault."""
        self._send(malformed("The request cannot be understood."))

    def log_message(self, *_: Any) -> None:
        """Nothing is logged: a target may hold what nobody should read."""

    def version_string(self) -> str:
        return "brokerauth"
