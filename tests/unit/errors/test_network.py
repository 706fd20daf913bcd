"""Why a request failed is read out of what requests and azure-core make of it, on real sockets."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests
from azure.core.exceptions import ServiceRequestError, ServiceResponseError
from azure.core.pipeline.transport import HttpRequest, RequestsTransport

from azext_brokerauth.errors.lookup import from_trouble
from azext_brokerauth.errors.network import network_reason, network_trouble
from azext_brokerauth.errors.troubles import Trouble
from azext_brokerauth.models import Target
from testbed.cloud.certificates import Authority

TARGET = Target("a", "login.microsoftonline.com", "t")


@pytest.fixture(params=["requests", "azure-core"])
def ask(request: pytest.FixtureRequest) -> Callable[..., Exception]:
    """Asks an address, and gives the error that comes of it."""

    def by_requests(url: str, **options: object) -> Exception:
        with pytest.raises(OSError) as raised:  # noqa: PT011
            requests.get(url, timeout=0.5, **options)
        return raised.value

    def by_azure_core(url: str, verify: object = True, **options: object) -> Exception:
        with (
            RequestsTransport() as transport,
            pytest.raises((ServiceRequestError, ServiceResponseError, OSError)) as raised,
        ):
            transport.send(HttpRequest("GET", url), connection_verify=verify, connection_timeout=0.5, read_timeout=0.5)
        return raised.value

    return by_requests if request.param == "requests" else by_azure_core


@pytest.fixture
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, str]]:
    """An HTTPS server that says nothing: its address, and the file of its authority."""
    authority = Authority()
    context = authority.server(["localhost"], tmp_path / "server.pem", expired=getattr(request, "param", False))
    (tmp_path / "ca.pem").write_bytes(authority.certificate())
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            kept = []
            while True:
                try:
                    kept.append(context.wrap_socket(listening.accept()[0], server_side=True))
                except ssl.SSLError:
                    continue
                except OSError:
                    if listening.fileno() < 0:
                        return

        threading.Thread(target=serve, daemon=True).start()
        yield f"https://localhost:{listening.getsockname()[1]}", str(tmp_path / "ca.pem")


def test_a_name_that_nobody_knows(ask: Callable[..., Exception]) -> None:
    assert network_trouble(ask("https://nowhere.invalid/")) is Trouble.NAME_NOT_FOUND


def test_a_connection_that_is_refused(ask: Callable[..., Exception]) -> None:
    error = ask("https://127.0.0.1:9/")
    assert (network_trouble(error), network_reason(error)) == (Trouble.CONNECTION_REFUSED, "Connection refused")


def test_an_answer_that_does_not_come(ask: Callable[..., Exception], server: tuple[str, str]) -> None:
    url, authority = server
    assert network_trouble(ask(url, verify=authority)) is Trouble.NO_ANSWER


def test_a_certificate_of_somebody_unknown(ask: Callable[..., Exception], server: tuple[str, str]) -> None:
    error = ask(server[0])
    assert network_trouble(error) is Trouble.CERTIFICATE_UNTRUSTED
    assert "certificate" in network_reason(error)


@pytest.mark.parametrize("server", [True], indirect=True, ids=["expired"])
def test_a_certificate_that_has_expired(ask: Callable[..., Exception], server: tuple[str, str]) -> None:
    error = ask(server[0], verify=server[1])
    assert (network_trouble(error), network_reason(error)) == (Trouble.CERTIFICATE_EXPIRED, "certificate has expired")


@pytest.mark.parametrize("content", [None, "no certificate"])
def test_a_bundle_that_is_none(
    ask: Callable[..., Exception], server: tuple[str, str], tmp_path: Path, content: str | None
) -> None:
    bundle = tmp_path / "bundle.pem"
    if content:
        bundle.write_text(content)
    assert network_trouble(ask(server[0], verify=str(bundle))) is Trouble.CA_BUNDLE


def test_what_is_none_of_these_is_told_as_it_is() -> None:
    strange = requests.ConnectionError("odd")
    strange.__cause__ = strange
    assert (network_trouble(strange), network_reason(strange)) == (Trouble.NETWORK, "ConnectionError")
    error = from_trouble(network_trouble(strange), network_reason(strange), "", TARGET)
    assert "cannot be reached from WSL" in error.message
