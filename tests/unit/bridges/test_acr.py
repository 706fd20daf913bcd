"""The way to the registry: the proxy and the certificates that the variables name, no redirect, and an end in time."""

from __future__ import annotations

import socket
import time
from pathlib import Path

import pytest

from azext_brokerauth.bridges import acr
from azext_brokerauth.bridges.silent import Wanted
from azext_brokerauth.errors import BrokerAuthError, BrokerFailedError, BrokerTimeoutError, SignInRefusedError
from azext_brokerauth.models import Account, Token
from tests.unit.bridges.inspecting import company, says

HOST = "contoso.azurecr.io"
WHERE = acr.Registry(HOST, "AzureCloud")
GIVEN = b'HTTP/1.1 200 OK\r\nContent-Length: 27\r\n\r\n{"refresh_token": "theirs"}'


def token(_: Wanted) -> Token:
    account = Account("ada@contoso.com", "a", "a", "t", "app", "login.microsoftonline.com")
    return Token("the-token", 1_800_000_000, "Bearer", "broker", "t", account)


def problem(patience: float = 20) -> BrokerAuthError:
    with pytest.raises(BrokerAuthError) as caught:
        acr.credential(WHERE, token, lambda url, form: acr.post(url, form, patience))
    assert "the-token" not in str(caught.value)
    return caught.value


@pytest.mark.parametrize("variable", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"])
def test_it_goes_through_the_proxy_and_trusts_whom_it_is_told_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    with company(tmp_path, monkeypatch, HOST, says(GIVEN)) as behind:
        monkeypatch.setenv(variable, str(behind.bundle))
        assert acr.credential(WHERE, token) == "theirs"
    assert behind.asked == [f"CONNECT {HOST}:443 HTTP/1.0", "POST /oauth2/exchange HTTP/1.1"] or (
        behind.asked == [f"CONNECT {HOST}:443 HTTP/1.1", "POST /oauth2/exchange HTTP/1.1"]
    )


def test_nobody_gets_a_token_whose_certificate_is_not_trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with company(tmp_path, monkeypatch, HOST, says(GIVEN)) as behind:
        error = problem()
        assert isinstance(error, BrokerFailedError)
        assert "certificate that this machine does not trust" in error.message
        assert not [asked for asked in behind.asked if asked.startswith("POST")]


def test_a_bundle_that_is_not_there_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with company(tmp_path, monkeypatch, HOST, says(GIVEN)):
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "missing.pem"))
        assert "missing.pem" in problem().message


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_token_follows_no_redirect(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, status: int) -> None:
    away = f"HTTP/1.1 {status} Gone\r\nLocation: https://{HOST}/elsewhere\r\nContent-Length: 0\r\n\r\n"
    with company(tmp_path, monkeypatch, HOST, says(away.encode())) as behind:
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(behind.bundle))
        assert isinstance(problem(), SignInRefusedError)
        assert [asked for asked in behind.asked if "elsewhere" in asked] == []


@pytest.mark.parametrize("answer", [b"nonsense\r\n\r\n", b"", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"])
def test_an_answer_that_is_none_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: bytes) -> None:
    with company(tmp_path, monkeypatch, HOST, says(answer)) as behind:
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(behind.bundle))
        assert isinstance(problem(), BrokerFailedError)


def test_an_answer_that_never_ends_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A byte now and then keeps every time limit of a socket from passing."""

    def drip(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\n")
        while True:
            connection.sendall(b"X")
            time.sleep(0.05)

    with company(tmp_path, monkeypatch, HOST, drip) as behind:
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(behind.bundle))
        assert isinstance(problem(1.0), BrokerTimeoutError)
