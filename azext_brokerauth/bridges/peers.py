"""Which process is at the other end of a connection."""

from __future__ import annotations

import os
import socket
import struct
from contextlib import suppress

_TABLES = ("/proc/net/tcp", "/proc/net/tcp6")
"""Of which the second has the programs that take IPv4 for a part of IPv6 (proc_pid_net(5))."""


def process_at(address: tuple[str, int], to: tuple[str, int]) -> int:
    """The process that has this end of a connection open; 0 where that cannot be found: it is in a container, or is
    another user's, or has gone.

    :param address: IPv4 address and port of this end.
    :param to: those of the other end.
    """
    inode = _inode(_written(*address), _written(*to))
    if not inode:
        return 0
    for process in filter(str.isdigit, os.listdir("/proc")):
        with suppress(OSError):
            for number in os.listdir(f"/proc/{process}/fd"):
                with suppress(OSError):
                    if os.readlink(f"/proc/{process}/fd/{number}") == f"socket:[{inode}]":
                        return int(process)
    return 0


def _written(address: str, port: int) -> str:
    """As the kernel writes it: the address in the machine's own order of bytes."""
    return f"{struct.unpack('=I', socket.inet_aton(address))[0]:08X}:{port:04X}"


def _inode(local: str, remote: str) -> str:
    for table in _TABLES:
        with suppress(OSError), open(table, encoding="ascii") as lines:
            for line in lines:
                fields = line.split()
                if len(fields) > 9 and fields[1].endswith(local) and fields[2].endswith(remote):
                    return fields[9]
    return ""
