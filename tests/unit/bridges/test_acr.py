"""The way to the registry: the proxy and the certificates that the variables name, no redirect, and an end in time."""

from __future__ import annotations

import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from azext_brokerauth.bridges import acr
from azext_brokerauth.bridges.silent import Wanted
from azext_brokerauth.errors import BrokerAuthError, BrokerFailedError, BrokerTimeoutError, SignInRefusedError
from azext_brokerauth.models import Account, Token
from testbed.cloud.certificates import Authority

HOST = "contoso.azurecr.io"
WHERE = acr.Registry(HOST, "AzureCloud")
VARIABLES = (
    "HTTPS_PROXY",
    "https_proxy",
    "NO_PROXY",
    "no_proxy",
    "REQUESTS_CA_BUNDLE",
    "CURL_CA_BUNDLE",
    "SSL_CERT_FILE",
)
GIVEN = b'HTTP/1.1 200 OK\r\nContent-Length: 27\r\n\r\n{"refresh_token": "theirs"}'


class Behind:
    """A proxy of a company that looks into TLS, and shows a certificate of its own for the registry."""

    def __init__(self, directory: Path, answer: Callable[[socket.socket], None]) -> None:
        self.bundle = directory / "company.pem"
        authority = Authority()
        self.bundle.write_bytes(authority.certificate())
        self._identity = authority.server([HOST], directory / "server.pem")
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
                secured.recv(int(re.search(r"(?i)content-length: (\d+)", headers)[1]))
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


def token(_: Wanted) -> Token:
    account = Account("ada@contoso.com", "a", "a", "t", "app", "login.microsoftonline.com")
    return Token("the-token", 1_800_000_000, "Bearer", "broker", "t", account)


@contextmanager
def company(
    directory: Path, environment: pytest.MonkeyPatch, answer: Callable[[socket.socket], None]
) -> Iterator[Behind]:
    for name in VARIABLES:
        environment.delenv(name, raising=False)
    behind = Behind(directory, answer)
    environment.setenv("HTTPS_PROXY", behind.url)
    try:
        yield behind
    finally:
        behind.close()


def says(content: bytes) -> Callable[[socket.socket], None]:
    return lambda connection: connection.sendall(content)


def problem(patience: float = 20) -> BrokerAuthError:
    with pytest.raises(BrokerAuthError) as caught:
        acr.credential(WHERE, token, lambda url, form: acr.post(url, form, patience))
    assert "the-token" not in str(caught.value)
    return caught.value


@pytest.mark.parametrize("variable", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"])
def test_it_goes_through_the_proxy_and_trusts_whom_it_is_told_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    with company(tmp_path, monkeypatch, says(GIVEN)) as behind:
        monkeypatch.setenv(variable, str(behind.bundle))
        assert acr.credential(WHERE, token) == "theirs"
    assert behind.asked == [f"CONNECT {HOST}:443 HTTP/1.0", "POST /oauth2/exchange HTTP/1.1"] or (
        behind.asked == [f"CONNECT {HOST}:443 HTTP/1.1", "POST /oauth2/exchange HTTP/1.1"]
    )


def test_nobody_gets_a_token_whose_certificate_is_not_trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with company(tmp_path, monkeypatch, says(GIVEN)) as behind:
        error = problem()
        assert isinstance(error, BrokerFailedError)
        assert "certificate that this machine does not trust" in error.message
        assert not [asked for asked in behind.asked if asked.startswith("POST")]


def test_a_bundle_that_is_not_there_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with company(tmp_path, monkeypatch, says(GIVEN)):
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "missing.pem"))
        assert "missing.pem" in problem().message


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_token_follows_no_redirect(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, status: int) -> None:
    away = f"HTTP/1.1 {status} Gone\r\nLocation: https://{HOST}/elsewhere\r\nContent-Length: 0\r\n\r\n"
    with company(tmp_path, monkeypatch, says(away.encode())) as behind:
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(behind.bundle))
        assert isinstance(problem(), SignInRefusedError)
        assert [asked for asked in behind.asked if "elsewhere" in asked] == []


@pytest.mark.parametrize("answer", [b"nonsense\r\n\r\n", b"", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"])
def test_an_answer_that_is_none_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: bytes) -> None:
    with company(tmp_path, monkeypatch, says(answer)) as behind:
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(behind.bundle))
        assert isinstance(problem(), BrokerFailedError)


def test_an_answer_that_never_ends_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A byte now and then keeps every time limit of a socket from passing."""

    def drip(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\n")
        while True:
            connection.sendall(b"X")
            time.sleep(0.05)

    with company(tmp_path, monkeypatch, drip) as behind:
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(behind.bundle))
        assert isinstance(problem(1.0), BrokerTimeoutError)
