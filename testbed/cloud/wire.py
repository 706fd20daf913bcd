"""Reading from a connection whose protocol says how much comes."""

from __future__ import annotations

import socket


def exactly(connection: socket.socket, count: int) -> bytes:
    """So many bytes.

    :raises ConnectionError: the client has gone before.
    """
    found = b""
    while len(found) < count:
        piece = connection.recv(count - len(found))
        if not piece:
            raise ConnectionError("the client has gone")
        found += piece
    return found
