"""A proxy of a company that looks into TLS: what is behind it is reached through it alone, with the company's trust."""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from testbed.cloud.certificates import Authority

VARIABLES = (
    "HTTPS_PROXY",
    "https_proxy",
    "NO_PROXY",
    "no_proxy",
    "REQUESTS_CA_BUNDLE",
    "CURL_CA_BUNDLE",
    "SSL_CERT_FILE",
)


class Behind:
    """A proxy that shows a certificate of its own for a host, and answers in its place."""

    def __init__(self, directory: Path, host: str, answer: Callable[[socket.socket], None]) -> None:
        self.bundle = directory / "company.pem"
        authority = Authority()
        self.bundle.write_bytes(authority.certificate())
        self._identity = authority.server([host], directory / "server.pem")
        self._answer = answer
        self.asked: list[str] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        self._listener.close()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                threading.Thread(target=self._meet, args=(connection,), daemon=True).start()

    def _meet(self, connection: socket.socket) -> None:
        with suppress(OSError), connection:
            self.asked.append(_headers(connection).split("\r\n")[0])
            connection.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            with self._identity.wrap_socket(connection, server_side=True) as secured:
                headers = _headers(secured)
                if length := re.search(r"(?i)content-length: (\d+)", headers):
                    secured.recv(int(length[1]))
                self.asked.append(headers.split("\r\n")[0])
                self._answer(secured)


def _headers(connection: socket.socket) -> str:
    said = b""
    while b"\r\n\r\n" not in said:
        piece = connection.recv(1)
        if not piece:
            raise ConnectionResetError
        said += piece
    return said.decode()


@contextmanager
def company(
    directory: Path, environment: pytest.MonkeyPatch, host: str, answer: Callable[[socket.socket], None]
) -> Iterator[Behind]:
    """The machine is behind such a proxy, and trusts nobody besides the system's authorities."""
    for name in VARIABLES:
        environment.delenv(name, raising=False)
    behind = Behind(directory, host, answer)
    environment.setenv("HTTPS_PROXY", behind.url)
    try:
        yield behind
    finally:
        behind.close()


def says(content: bytes) -> Callable[[socket.socket], None]:
    return lambda connection: connection.sendall(content)
