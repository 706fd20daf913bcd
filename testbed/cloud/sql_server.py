"""The stand-in for Azure SQL Database: the first steps of a connection, and a few answers
([MS-TDS], https://learn.microsoft.com/openspecs/windows_protocols/ms-tds). It speaks TDS 8, which begins with TLS."""

from __future__ import annotations

import socket
import ssl
import struct

import jwt

from testbed.cloud.issuer import Issuer
from testbed.cloud.wire import exactly
from testbed.journal import Journal

HOSTS = ("contoso.database.windows.net",)
_AUDIENCES = ("https://database.windows.net", "https://database.windows.net/")
_PRELOGIN, _LOGIN7, _BATCH, _TRANSACTION, _REPLY = 0x12, 0x10, 0x01, 0x0E, 0x04
_FEDERATED, _SECURITY_TOKEN = 0x02, 0x01
"""The feature of LOGIN7 that has a token, and the kind of it that came with the connection's attribute."""
_VERSION_8 = 0x08000000
_PACKET = 4096
_COLLATION = bytes.fromhex("0904d00034")
_DONE = b"\xfd" + struct.pack("<HHQ", 0, 0, 0)
_PROGRAM = "Microsoft SQL Server"


class SqlServer:
    """A server for people of any tenant."""

    def __init__(self, issuer: Issuer, journal: Journal, identity: ssl.SSLContext) -> None:
        self._issuer, self._journal, self._identity = issuer, journal, identity

    def serve(self, connection: socket.socket) -> None:
        with self._identity.wrap_socket(connection, server_side=True) as client:
            username = ""
            while True:
                kind, said = _message(client)
                if kind == _PRELOGIN:
                    _send(client, _prelogin())
                elif kind == _LOGIN7:
                    username = self._signed_in(said)
                    _send(client, _welcome() if username else _failure(18456, "Login failed."))
                elif not username:
                    return
                elif kind == _BATCH:
                    _send(client, _answer(_without_headers(said).decode("utf-16-le"), username))
                elif kind == _TRANSACTION:
                    _send(client, _transaction(*struct.unpack_from("<H", _without_headers(said))))
                else:
                    _send(client, _failure(2812, "Could not find the stored procedure."))

    def _signed_in(self, login: bytes) -> str:
        """The name of whose token it is; empty for none."""
        try:
            claims = self._issuer.verified(_token(login), _AUDIENCES)
        except jwt.InvalidTokenError as error:
            self._journal.write("sql_server", "connect", status=401, why=str(error))
            return ""
        facts = {"username": claims["unique_name"], "deviceid": claims.get("deviceid")}
        self._journal.write("sql_server", "connect", status=200, **facts)
        return str(claims["unique_name"])


def _message(client: ssl.SSLSocket) -> tuple[int, bytes]:
    """The kind and the content of a message, of however many packets."""
    content, is_last = b"", False
    while not is_last:
        kind, status, length = struct.unpack("!BBH", exactly(client, 8)[:4])
        content += exactly(client, length - 8)
        is_last = bool(status & 1)
    return kind, content


def _send(client: ssl.SSLSocket, content: bytes) -> None:
    client.sendall(struct.pack("!BBHHBB", _REPLY, 1, len(content) + 8, 0, 1, 0) + content)


def _prelogin() -> bytes:
    options = {0x00: bytes([16, 0, 3, 232, 0, 0]), 0x01: b"\x02", 0x02: b"\0", 0x03: b"", 0x04: b"\0", 0x06: b"\x01"}
    place, head, tail = 5 * len(options) + 1, b"", b""
    for option, value in options.items():
        head += struct.pack("!BHH", option, place + len(tail), len(value))
        tail += value
    return head + b"\xff" + tail


def _token(login: bytes) -> str:
    """The token in LOGIN7, where the driver was given one.

    :raises jwt.InvalidTokenError: there is none.
    """
    place = struct.unpack_from("<I", login, struct.unpack_from("<H", login, 56)[0])[0]
    while login[place] != 0xFF:
        feature, length = struct.unpack_from("<BI", login, place)
        data = login[place + 5 : place + 5 + length]
        if feature == _FEDERATED and data[0] >> 1 == _SECURITY_TOKEN:
            return data[5 : 5 + struct.unpack_from("<I", data, 1)[0]].decode("utf-16-le")
        place += 5 + length
    raise jwt.InvalidTokenError("no token")


def _welcome() -> bytes:
    program = _text(_PROGRAM) + bytes([16, 0, 3, 232])
    body = b"\x01" + struct.pack(">I", _VERSION_8) + program
    changes = _change(1, _text("app") + _text("master")) + _change(4, _text(str(_PACKET)) + _text(str(_PACKET)))
    changes += _change(7, bytes([len(_COLLATION)]) + _COLLATION + b"\0")
    taken = b"\xae" + struct.pack("<BI", _FEDERATED, 0) + b"\xff"
    return changes + b"\xad" + struct.pack("<H", len(body)) + body + taken + _DONE


def _failure(number: int, message: str) -> bytes:
    body = struct.pack("<IBB", number, 1, 14) + struct.pack("<H", len(message)) + message.encode("utf-16-le")
    body += _text(HOSTS[0]) + _text("") + struct.pack("<I", 1)
    return b"\xaa" + struct.pack("<H", len(body)) + body + b"\xfd" + struct.pack("<HHQ", 2, 0, 0)


def _transaction(request: int) -> bytes:
    """What is said of one that begins (5), and of one that ends."""
    begun = b"\x08" + struct.pack("<Q", 1)
    return (_change(8, begun + b"\0") if request == 5 else _change(9, b"\0" + begun)) + _DONE


def _without_headers(said: bytes) -> bytes:
    return said[struct.unpack_from("<I", said)[0] :]


def _answer(query: str, username: str) -> bytes:
    """What a batch gives: a row with one text, or nothing."""
    known = {
        "suser_sname": username,
        "ProductVersion": "16.00.1000",
        "schema_name": "dbo",
        "isolation": "READ COMMITTED",
    }
    asked = query.strip().upper().startswith("SELECT")
    text = next((value for name, value in known.items() if name in query), "") if asked else None
    if text is None:
        return _DONE
    column = struct.pack("<HIHBH", 1, 0, 9, 0xE7, 8000) + _COLLATION + b"\0"
    value = text.encode("utf-16-le")
    row = b"\xd1" + struct.pack("<H", len(value)) + value
    return b"\x81" + column + row + b"\xfd" + struct.pack("<HHQ", 0x10, 0xC1, 1)


def _change(kind: int, values: bytes) -> bytes:
    return b"\xe3" + struct.pack("<HB", len(values) + 1, kind) + values


def _text(text: str) -> bytes:
    """With its length in characters before it."""
    return bytes([len(text)]) + text.encode("utf-16-le")
