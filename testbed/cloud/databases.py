"""The stand-ins for databases, which do not speak HTTP: each at its own port, with a thread for each connection."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable, Mapping
from socketserver import BaseRequestHandler, ThreadingTCPServer

from testbed.cloud import postgres, sql_server
from testbed.cloud.issuer import Issuer
from testbed.journal import Journal

HOSTS: tuple[str, ...] = (*postgres.HOSTS, *sql_server.HOSTS)
PORTS = {"postgres": 5432, "sql_server": 1433}
_PATIENCE = 60
"""Seconds that a client may take to say something."""


def bound(
    issuer: Issuer, journal: Journal, identity: ssl.SSLContext, address: str, ports: Mapping[str, int]
) -> dict[str, ThreadingTCPServer]:
    """A server for each, by its name.

    :param identity: the certificate to show.
    :raises OSError: an address cannot be bound.
    """
    services = {
        "postgres": postgres.Postgres(issuer, journal, identity, address).serve,
        "sql_server": sql_server.SqlServer(issuer, journal, identity).serve,
    }
    return {name: _server((address, ports[name]), serve) for name, serve in services.items()}


def _server(address: tuple[str, int], serve: Callable[[socket.socket], None]) -> ThreadingTCPServer:
    class Handler(BaseRequestHandler):
        def handle(self) -> None:
            self.request.settimeout(_PATIENCE)
            serve(self.request)

    class Server(ThreadingTCPServer):
        allow_reuse_address = True
        daemon_threads = True

        def handle_error(self, request: object, client_address: object) -> None:
            """Clients that hang up, or say what is no protocol, are no news."""

    return Server(address, Handler)
