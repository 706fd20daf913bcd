"""Serves the stand-ins for Microsoft's cloud: HTTPS on the real host names, under a CA of their own."""

from __future__ import annotations

import ssl
import sys
import threading
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import ThreadingTCPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from testbed.cloud import (
    arm,
    databases,
    devops,
    discovery,
    entra,
    feeds,
    kubernetes,
    openai,
    registry,
    storage,
    vault,
)
from testbed.cloud.certificates import Authority
from testbed.cloud.issuer import Issuer
from testbed.cloud.web import Reply, Request, json_reply
from testbed.journal import Journal
from testbed.scenarios import Scenario

HOSTS: tuple[str, ...] = (
    *discovery.HOSTS,
    *arm.HOSTS,
    *vault.HOSTS,
    *devops.HOSTS,
    *feeds.HOSTS,
    *kubernetes.HOSTS,
    *registry.HOSTS,
    *storage.HOSTS,
    *openai.HOSTS,
    *databases.HOSTS,
)
"""Every name that must resolve to the stand-ins' address inside the emulated machine."""
_PATIENCE = 60
"""Seconds that a client may take to say something."""

Service = Callable[[Request], Reply]
"""One stand-in: what it answers to a request."""


def start(
    issuer: Issuer,
    journal: Journal,
    scenario: Callable[[], Scenario],
    directory: Path,
    address: str = "127.0.0.1",
    port: int = 443,
    database_ports: Mapping[str, int] = databases.PORTS,
) -> Path:
    """Serve HOSTS until this process ends.

    :param directory: gets the CA's certificate and the server's key; made when it does not exist.
    :param database_ports: those of the stand-ins that do not speak HTTP, by their names.
    :return: the CA's certificate, PEM.
    :raises OSError: the address cannot be bound.
    """
    directory.mkdir(parents=True, exist_ok=True)
    authority = Authority()
    trusted = directory / "ca.pem"
    trusted.write_bytes(authority.certificate())
    valid = authority.server(HOSTS, directory / "server.pem")
    expired = authority.server(HOSTS, directory / "expired.pem", expired=True)
    services: dict[str, Service] = {
        **dict.fromkeys(discovery.HOSTS, entra.Entra(issuer, journal, scenario).answer),
        **dict.fromkeys(arm.HOSTS, arm.ResourceManager(issuer, journal).answer),
        **dict.fromkeys(vault.HOSTS, vault.KeyVault(issuer, journal).answer),
        **dict.fromkeys(feeds.HOSTS, feeds.Feeds(issuer, journal).answer),
        **dict.fromkeys(kubernetes.HOSTS, kubernetes.Cluster(issuer, journal).answer),
        **dict.fromkeys(registry.HOSTS, registry.Registry(issuer, journal).answer),
        **dict.fromkeys(storage.HOSTS, storage.Storage(issuer, journal).answer),
        **dict.fromkeys(openai.HOSTS, openai.OpenAI(issuer, journal).answer),
        **dict.fromkeys(devops.HOSTS, devops.DevOps(issuer, journal, directory / "repositories").answer),
    }

    def identity() -> ssl.SSLContext:
        return expired if scenario().cloud == "expired-certificate" else valid

    servers = {
        "cloud": _server((address, port), _handler(services, journal), identity, journal),
        **databases.bound(issuer, journal, valid, address, database_ports),
    }
    for name, server in servers.items():
        threading.Thread(target=server.serve_forever, name=name, daemon=True).start()
    return trusted


def _handler(services: Mapping[str, Service], journal: Journal) -> type[BaseHTTPRequestHandler]:
    """What reads requests from a connection, and has each answered by the stand-in for its host."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        server_version = "StandInForTests"
        # One packet for each reply: headers and body in separate ones cost 40 ms of delayed acknowledgement.
        wbufsize = -1
        disable_nagle_algorithm = True
        timeout = _PATIENCE

        def do_GET(self) -> None:
            host = self.headers.get("Host", "").partition(":")[0].lower()
            url = urlsplit(self.path)
            request = Request(
                method=self.command,
                host=host,
                path=url.path,
                query=dict(parse_qsl(url.query, keep_blank_values=True)),
                headers={name.lower(): ", ".join(self.headers.get_all(name, ())) for name in self.headers},
                body=self._body(),
            )
            service = services.get(host)
            try:
                reply = service(request) if service else json_reply({"error": f"no stand-in for {host}"}, 421)
            except Exception as error:  # noqa: BLE001
                # A fault of the stand-in must show in the journal: nobody reads this process's stderr.
                journal.write("cloud", f"{request.method} {host}{request.path}", fault=repr(error))
                reply = json_reply({"error": repr(error)}, 500)
            self.send_response(reply.status)
            for name, value in reply.headers.items():
                for each in (value,) if isinstance(value, str) else value:
                    self.send_header(name, each)
            if "Content-Length" not in reply.headers:  # the answer to HEAD tells another one's
                self.send_header("Content-Length", str(len(reply.body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(reply.body)

        def _body(self) -> bytes:
            if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
                return self.rfile.read(int(self.headers.get("Content-Length") or 0))
            body = b""
            while size := int(self.rfile.readline().partition(b";")[0], 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            while self.rfile.readline().strip():
                pass  # trailers
            return body

        do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = do_GET  # noqa: N815

        def log_message(self, format: str, *args: Any) -> None:
            """Nothing on stderr: the journal has it."""

    return Handler


def _server(
    address: tuple[str, int],
    handler: type[BaseHTTPRequestHandler],
    identity: Callable[[], ssl.SSLContext],
    journal: Journal,
) -> ThreadingTCPServer:
    """A server with a thread for each connection, bound already.

    :param identity: the certificate to show on the next connection.
    """

    class Server(ThreadingTCPServer):
        allow_reuse_address = True
        daemon_threads = True
        request_queue_size = 128

        def finish_request(self, request: Any, client_address: Any) -> None:
            # Here, in the connection's own thread, so that a client that never says hello stops nobody else.
            request.settimeout(_PATIENCE)
            with identity().wrap_socket(request, server_side=True) as secured:
                super().finish_request(secured, client_address)

        def handle_error(self, request: Any, client_address: Any) -> None:
            """Clients that hang up or refuse the certificate are no news; anything else is a fault of ours."""
            error = sys.exc_info()[1]
            if not isinstance(error, OSError):
                journal.write("cloud", "connection", fault=repr(error))

    return Server(address, handler)
