"""The stand-in for Azure Database for PostgreSQL: it takes a token as the password, and then hands the connection to a
server that runs on this machine and trusts it (https://www.postgresql.org/docs/current/protocol-flow.html)."""

from __future__ import annotations

import select
import socket
import ssl
import struct

import jwt

from testbed.cloud.issuer import Issuer
from testbed.cloud.wire import exactly
from testbed.journal import Journal

HOSTS = ("contoso.postgres.database.azure.com",)
BEHIND = 5433
"""The port of the server that has the databases; whoever wants one starts it."""
_RESOURCE = "https://ossrdbms-aad.database.windows.net"
_LONGEST = 1 << 16
"""Bytes of the longest packet that is read here."""
_WITH_TLS, _WITH_GSS, _VERSION_3 = 80877103, 80877104, 196608
_ASK_FOR_PASSWORD = b"R" + struct.pack("!ii", 8, 3)


class _RefusedError(Exception):
    """The connection is not for this client; the text is what it is told."""


class Postgres:
    """A server for people of any tenant, each in the role of that name."""

    def __init__(self, issuer: Issuer, journal: Journal, identity: ssl.SSLContext, address: str) -> None:
        """:param address: that of the server behind."""
        self._issuer, self._journal, self._identity, self._address = issuer, journal, identity, address

    def serve(self, connection: socket.socket) -> None:
        client, first = self._greeted(connection)
        with client:
            try:
                facts = self._signed_in(client, first)
            except _RefusedError as refused:
                self._journal.write("postgres", "connect", status=401, why=str(refused))
                client.sendall(_fatal(str(refused)))
                return
            self._journal.write("postgres", "connect", status=200, **facts)
            with socket.create_connection((self._address, BEHIND)) as server:
                server.sendall(first)
                _relay(client, server)

    def _greeted(self, connection: socket.socket) -> tuple[socket.socket, bytes]:
        """The connection, in TLS where the client wants it, and its first packet."""
        while True:
            first = _packet(connection)
            (code,) = struct.unpack("!i", first[4:8])
            if code == _WITH_TLS:
                connection.sendall(b"S")
                connection = self._identity.wrap_socket(connection, server_side=True)
            elif code == _WITH_GSS:
                connection.sendall(b"N")
            else:
                return connection, first

    def _signed_in(self, client: socket.socket, first: bytes) -> dict[str, object]:
        """Who the client is.

        :raises _RefusedError:
        """
        words = first[8:].decode().split("\0")
        user = dict(zip(words[::2], words[1::2], strict=False)).get("user")
        if struct.unpack("!i", first[4:8]) != (_VERSION_3,):
            raise _RefusedError("the protocol is not known")
        if not isinstance(client, ssl.SSLSocket):
            raise _RefusedError("no pg_hba.conf entry for this host, no encryption")
        client.sendall(_ASK_FOR_PASSWORD)
        if exactly(client, 1) != b"p":
            raise _RefusedError("no password")
        password = _packet(client)[4:].rstrip(b"\0").decode()
        try:
            claims = self._issuer.verified(password, (_RESOURCE,))
        except jwt.InvalidTokenError as error:
            raise _RefusedError(f"the access token is not valid: {error}") from error
        if claims["unique_name"] != user:
            raise _RefusedError(f'the access token is not of the role "{user}"')
        return {"username": claims["unique_name"], "deviceid": claims.get("deviceid")}


def _relay(client: ssl.SSLSocket | socket.socket, server: socket.socket) -> None:
    """Pass on what either says, until one ends."""
    ends = {client: server, server: client}
    while True:
        is_waiting = isinstance(client, ssl.SSLSocket) and client.pending()
        for end in [client] if is_waiting else select.select([*ends], [], [])[0]:
            said = end.recv(_LONGEST)
            if not said:
                return
            ends[end].sendall(said)


def _packet(connection: socket.socket) -> bytes:
    length = exactly(connection, 4)
    return length + exactly(connection, min(struct.unpack("!i", length)[0] - 4, _LONGEST))


def _fatal(message: str) -> bytes:
    fields = f"SFATAL\0VFATAL\0C28P01\0M{message}\0\0".encode()
    return b"E" + struct.pack("!i", len(fields) + 4) + fields
