"""Which process is at the other end of a connection."""

from __future__ import annotations

import socket
import subprocess
import sys

import pytest

from azext_brokerauth.bridges.peers import process_at

CONNECT = """
import socket, sys
with socket.socket({family}) as connected:
    connected.connect(("{prefix}127.0.0.1", int(sys.argv[1])))
    sys.stdin.read()
"""


@pytest.mark.parametrize(
    ("family", "prefix"),
    [("socket.AF_INET", ""), ("socket.AF_INET6", "::ffff:")],
    ids=["IPv4", "IPv4 in IPv6, as Java"],
)
def test_it_is_found_while_it_waits_for_its_answer(family: str, prefix: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        program = [sys.executable, "-c", CONNECT.format(family=family, prefix=prefix), str(server.getsockname()[1])]
        with subprocess.Popen(program, stdin=subprocess.PIPE) as process:
            connection, address = server.accept()
            with connection:
                assert process_at(address, connection.getsockname()) == process.pid
            process.communicate()


def test_one_that_cannot_be_found_is_nobody() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        assert process_at(("127.0.0.1", 1), server.getsockname()) == 0
    assert process_at(("10.9.8.7", 1), ("127.0.0.1", 1)) == 0
