"""The listener as any program of this machine finds it: it answers those who know its key, and nothing else."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import threading
import time
from collections.abc import Iterator

import pytest

from azext_brokerauth.bridges.listener import MOST_OPEN, Listener
from azext_brokerauth.bridges.managed_identity import PATH
from azext_brokerauth.errors import NotSignedInError
from tests.unit.bridges.granting import KEY, QUERY, TERMS, Giver
from tests.unit.bridges.look_alikes import look_alikes
from tests.waiting import wait_until

TARGET = PATH + QUERY


class Place:
    """A listener that is being served, and how it is talked to.

    :param patience: seconds for a request to be there.
    """

    def __init__(self, patience: float = 30) -> None:
        self.giver = Giver()
        self.listener = Listener("127.0.0.1", TERMS, lambda wanted: self.giver(wanted), patience=patience)
        self.name = self.listener.url.removeprefix("http://")
        self.thread = threading.Thread(target=self.listener.serve)
        self.thread.start()

    def connect(self) -> socket.socket:
        host, _, port = self.name.partition(":")
        return socket.create_connection((host, int(port)), timeout=30)

    def raw(self, sent: bytes) -> tuple[int, dict[str, object]]:
        """The status and the body for what is sent; 0 where there is no answer."""
        with self.connect() as connection:
            with contextlib.suppress(OSError):
                connection.sendall(sent)
            said = b""
            with contextlib.suppress(ConnectionError):
                while piece := connection.recv(65536):
                    said += piece
        if not said:
            return 0, {}
        head, _, body = said.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 "), said
        assert b"\nretry-after" not in head.lower()
        assert b"access-control" not in head.lower()
        return int(head.split()[1]), json.loads(body)

    def request(
        self, *lines: str, first: str = f"GET {TARGET} HTTP/1.1", body: str = ""
    ) -> tuple[int, dict[str, object]]:
        return self.raw("\r\n".join((first, *lines, "", body)).encode())

    @property
    def ask(self) -> tuple[str, str]:
        """The headers of a request that is answered with a token."""
        return f"Host: {self.name}", f"X-IDENTITY-HEADER: {KEY}"


@contextlib.contextmanager
def listening(patience: float = 30) -> Iterator[Place]:
    place = Place(patience)
    try:
        yield place
    finally:
        place.listener.close()
        place.thread.join()


@pytest.fixture(scope="module")
def place() -> Iterator[Place]:
    with listening() as there:
        yield there


def test_who_knows_the_key_gets_a_token(place: Place) -> None:
    status, body = place.request(*place.ask)
    assert (status, body["access_token"]) == (200, "the token")


def test_azd_gets_one_at_its_own_path(place: Place) -> None:
    body = json.dumps({"scopes": ["https://management.azure.com//.default"]})
    status, answer = place.request(
        place.ask[0],
        f"Authorization: Bearer {KEY}",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
        first="POST /azd/token?api-version=2023-07-12-preview HTTP/1.1",
        body=body,
    )
    assert (status, answer["token"]) == (200, "the token")


@pytest.mark.parametrize(
    "host",
    [
        "attacker.example",
        "attacker.example:{port}",
        "localhost:{port}",
        "127.0.0.1",
        "127.0.0.1:1",
        "127.0.0.1:{port}.attacker.example",
        "user@127.0.0.1:{port}",
        "127.0.0.1.:{port}",
        "127.1:{port}",
        "2130706433:{port}",
        "[::ffff:127.0.0.1]:{port}",
        "",
    ],
)
def test_a_name_that_somebody_else_chose_is_refused_even_with_the_key(place: Place, host: str) -> None:
    before = len(place.giver.wanted)
    status, _ = place.request(f"Host: {host.format(port=place.name.partition(':')[2])}", place.ask[1])
    assert (status, len(place.giver.wanted)) == (400, before)


def test_a_name_that_only_looks_like_its_own_is_refused(place: Place) -> None:
    before = len(place.giver.wanted)
    names = [name for name in look_alikes(place.name) if name.strip(" \t\r\n") != place.name]  # a header has no others
    answers = {ascii(name)[:80]: place.request(f"Host: {name}", place.ask[1])[0] for name in names}
    assert {name: status for name, status in answers.items() if status not in (0, 400)} == {}  # 0: it is too long
    assert len(place.giver.wanted) == before


@pytest.mark.parametrize(
    "target",
    [
        "/",
        "//managed-identity/token",
        "/managed-identity//token",
        "/managed-identity/./token",
        "/x/../managed-identity/token",
        "/managed-identity/token/",
        "/managed-identity/%74oken",
        "/MANAGED-IDENTITY/token",
        "/managed-identity/token;x",
        "managed-identity/token",
        "http://{name}/managed-identity/token",
        "*",
        "/metadata/identity/oauth2/token",
        "/azd/token/..",
    ],
)
def test_there_is_nothing_at_any_other_path(place: Place, target: str) -> None:
    before = len(place.giver.wanted)
    status, _ = place.request(*place.ask, first=f"GET {target.format(name=place.name)}{QUERY} HTTP/1.1")
    assert (status, len(place.giver.wanted)) == (400, before)


@pytest.mark.parametrize("method", ["HEAD", "OPTIONS", "PUT", "DELETE", "CONNECT", "TRACE", "get", "PROPFIND"])
def test_other_methods_are_refused_as_no_client_takes_for_a_passing_fault(place: Place, method: str) -> None:
    assert place.request(*place.ask, first=f"{method} {TARGET} HTTP/1.1")[0] == 400


@pytest.mark.parametrize(
    "lines",
    [
        ("{host}", "{host}", "{key}"),
        ("{host}", "Host: attacker.example", "{key}"),
        ("{host}", "{key}", "X-IDENTITY-HEADER: wrong"),
        ("{host}", "X-IDENTITY-HEADER: wrong", "{key}"),
        ("{host}", "{key}", "secret: wrong"),
        ("{host}", "X-IDENTITY-HEADER : " + KEY),
        ("{host}", "X-IDENTITY-HEADER: ", " " + KEY),
        ("{host}", "X: y", " {key}"),
        ("{host}", "no colon", "{key}"),
        ("{host}", "{key}", "no colon", "secret: wrong"),
        ("{host}", "{key}", "Transfer-Encoding: chunked"),
        ("{host}", "{key}", "Transfer-Encoding: chunked", "Content-Length: 5"),
        ("{host}", "{key}", "Content-Length: 0", "Content-Length: 5"),
        ("{host}", "{key}", "Content-Length: -1"),
        ("{host}", "{key}", "Content-Length: +1"),
        ("{host}", "{key}", "Content-Length: 0x1"),
        ("{host}", "{key}", "Content-Length: ²"),
        ("{host}", "{key}", "Content-Length: 9000"),
        ("{host}", "{key}", "Content-Length: 99999999999999999999"),
        ("Host:", "{key}"),
        ("{key}",),
        tuple(f"H{n}: x" for n in range(150)),
    ],
)  # fmt: skip
def test_headers_that_can_be_read_in_two_ways_are_refused(place: Place, lines: tuple[str, ...]) -> None:
    before = len(place.giver.wanted)
    status, _ = place.request(*(line.replace("{host}", place.ask[0]).replace("{key}", place.ask[1]) for line in lines))
    assert (status in (400, 401), len(place.giver.wanted)) == (True, before)


def test_a_request_behind_a_request_is_not_answered(place: Place) -> None:
    before = len(place.giver.wanted)
    one = "\r\n".join((f"GET {TARGET} HTTP/1.1", *place.ask, "Connection: keep-alive", "", "")).encode()
    with place.connect() as connection:
        connection.sendall(one + one)
        said = b""
        with contextlib.suppress(ConnectionError):
            while piece := connection.recv(65536):
                said += piece
    assert said.count(b"HTTP/1.1 ") == 1
    assert len(place.giver.wanted) == before + 1


@pytest.mark.parametrize("sent", [
    b"\r\n\r\n", b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
    f"GET {TARGET}\r\n\r\n".encode(), b"SSH-2.0-x\r\n\r\n", b"\0" * 300 + b"\r\n\r\n",
    b"GET / HTTP/1.1 HTTP/1.1\r\n\r\n",
])  # fmt: skip
def test_what_is_no_request_is_refused_or_left_unanswered(place: Place, sent: bytes) -> None:
    assert place.raw(sent)[0] in (0, 400)


@pytest.mark.parametrize("sent", [
    b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\n\r\n",
    b"GET / HTTP/1.1\r\n" + b"A: " + b"b" * 100_000 + b"\r\n\r\n",
    b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 30_000 + b"\r\n",
])  # fmt: skip
def test_what_is_huge_is_refused(place: Place, sent: bytes) -> None:
    assert place.raw(sent)[0] in (0, 400)  # 0: the answer is lost on whoever goes on sending
    assert place.request(*place.ask)[0] == 200


def test_half_a_request_is_none(place: Place) -> None:
    before = len(place.giver.wanted)
    whole = "\r\n".join((f"GET {TARGET} HTTP/1.1", *place.ask, "", "")).encode()
    for half in (whole[: len(whole) // 2], whole[:-2], whole[:-1]):
        with place.connect() as connection:
            connection.sendall(half)
            connection.shutdown(socket.SHUT_WR)
            with contextlib.suppress(ConnectionError):
                assert connection.recv(100) == b""
    assert len(place.giver.wanted) == before


def test_a_slow_request_is_given_up_however_much_it_sends() -> None:
    with listening(patience=0.5) as place, place.connect() as connection:
        connection.settimeout(0.05)
        started = time.monotonic()
        with contextlib.suppress(ConnectionError):
            for letter in b"GET / HTTP/1.1\r\n" + b"A: " + b"b" * 10_000:
                connection.sendall(bytes([letter]))
                with contextlib.suppress(TimeoutError):
                    if connection.recv(100) == b"":
                        break
        assert time.monotonic() - started > 0.4
        assert place.request(*place.ask)[0] == 200


def test_who_keeps_all_connections_open_keeps_nobody_out(place: Place) -> None:
    before = threading.active_count()
    with contextlib.ExitStack() as stack:
        for _ in range(3 * MOST_OPEN):
            stack.enter_context(place.connect())
        assert place.request(*place.ask)[0] == 200
        wait_until(lambda: threading.active_count() - before < 2 * MOST_OPEN)


def test_as_many_as_ask_at_once_are_answered() -> None:
    with listening() as place:
        going_on = threading.Event()
        giver, answered = place.giver, []

        def slowly(wanted: object) -> object:
            going_on.wait(30)
            return giver(wanted)  # type: ignore[arg-type]

        place.giver = slowly  # type: ignore[assignment]
        threads = [
            threading.Thread(target=lambda: answered.append(place.request(*place.ask)[0])) for _ in range(2 * MOST_OPEN)
        ]
        for thread in threads:
            thread.start()
        wait_until(lambda: threading.active_count() > MOST_OPEN)
        going_on.set()
        for thread in threads:
            thread.join()
        assert answered == [200] * len(threads)


def test_a_refusal_reaches_the_caller_whatever_goes_wrong() -> None:
    with listening() as place:
        for error, status in ((NotSignedInError("Nobody."), 401), (RuntimeError("secret"), 400)):
            place.giver.error = error
            found, body = place.request(*place.ask)
            assert (found, body["statusCode"]) == (status, status)
            assert "secret" not in str(body)


def test_nothing_is_said_of_what_it_is_asked(place: Place, capfd: pytest.CaptureFixture[str]) -> None:
    place.request(*place.ask)
    place.request(place.ask[0], "X-IDENTITY-HEADER: wrong")
    place.raw(b"GET\r\n\r\n")
    assert tuple(capfd.readouterr()) == ("", "")


def test_it_ends_at_once_and_its_port_is_free() -> None:
    with listening() as place:
        name = place.name
    with pytest.raises(ConnectionRefusedError):
        http.client.HTTPConnection(name, timeout=5).request("GET", "/")


@pytest.mark.full
def test_ten_thousand_quick_calls(place: Place) -> None:
    for number in range(10_000):
        assert place.request(*(place.ask if number % 2 else (place.ask[0],)))[0] == (200 if number % 2 else 401)
    wait_until(lambda: threading.active_count() < 5)
