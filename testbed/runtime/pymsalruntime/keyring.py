"""What the runtime keeps from one process to the next: accounts, tokens, and who has signed out."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import signal
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from .machine import scenario

_SERVICE, _PATH, _SECRET = "org.freedesktop.secrets", "/org/freedesktop/secrets", "org.freedesktop.Secret"
_DEFAULT = f"{_PATH}/aliases/default"
_ATTRIBUTES = {"application": "double"}


def there() -> bool:
    """Does anybody answer as the Secret Service?"""
    if not _private():
        kind = scenario()["keyring"]
        while kind in ("hung", "hung-bus"):  # the runtime waits for an answer, too
            signal.pause()
        return kind not in ("none", "no-bus")
    try:
        with _bus() as call:
            call(_PATH, f"{_SECRET}.Service", "ReadAlias", "s", ("default",))
    except OSError:
        return False
    return True


@contextmanager
def keyring() -> Iterator[dict[str, Any]]:
    """What the runtime keeps in the user's keyring, open for changes: nothing unless there is one, unlocked. Tokens
    outlive the process, those that answered a claims challenge too, of which it keeps one for each.

    The session's keyring is a file, for machines without D-Bus. On another bus it is what answers there.
    """
    kept: dict[str, Any] = {"accounts": {}, "tokens": {}, "signed out": []}
    if not there():
        yield kept
        return
    if _private():
        with _locked(Path(f"/dev/shm/double-{os.getuid()}")), _bus() as call:  # noqa: S108
            before = _secret(call)
            kept = json.loads(zlib.decompress(before)) if before else kept
            yield kept
            if (after := zlib.compress(json.dumps(kept).encode())) != before:
                with contextlib.suppress(OSError):  # a locked one keeps nothing
                    _keep(call, after)
        return
    if scenario()["keyring"] == "locked":
        yield kept
        return
    path = Path.home() / ".local/share/keyrings/double.keyring"
    path.parent.mkdir(parents=True, exist_ok=True)
    with _locked(path) as file:
        before = file.read()
        if before:
            kept = json.loads(zlib.decompress(before))
        yield kept
        after = zlib.compress(json.dumps(kept).encode())  # so that a search of the home directory finds others' tokens
        if after != before:
            file.seek(0)
            file.truncate()
            file.write(after)


def _private() -> str:
    """The address of a bus that is not the session's."""
    address = os.environ.get("DBUS_SESSION_BUS_ADDRESS", "")
    return "" if address == f"unix:path=/run/user/{os.getuid()}/bus" else address


@contextmanager
def _locked(path: Path) -> Iterator[Any]:
    with open(os.open(path, os.O_RDWR | os.O_CREAT, 0o600), "r+b") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield file


Call = Callable[..., Any]


@contextmanager
def _bus() -> Iterator[Call]:
    """:raises OSError: nobody answers."""
    from jeepney import DBusAddress, MessageType, new_method_call
    from jeepney.io.blocking import open_dbus_connection

    with open_dbus_connection(bus=_private()) as connection:

        def call(path: str, interface: str, method: str, signature: str, body: tuple[Any, ...]) -> Any:
            message = new_method_call(DBusAddress(path, _SERVICE, interface), method, signature, body)
            reply = connection.send_and_get_reply(message)
            if reply.header.message_type is MessageType.error:
                raise OSError(f"{method}: {reply.body}")
            return reply.body

        yield call


def _secret(call: Call) -> bytes:
    """What was kept; empty where nothing was."""
    items = call(_PATH, f"{_SECRET}.Service", "SearchItems", "a{ss}", (_ATTRIBUTES,))[0]
    session = _session(call)
    return bytes(call(items[0], f"{_SECRET}.Item", "GetSecret", "o", (session,))[0][2]) if items else b""


def _keep(call: Call, secret: bytes) -> None:
    properties = {
        f"{_SECRET}.Item.Label": ("s", "double"),
        f"{_SECRET}.Item.Attributes": ("a{ss}", _ATTRIBUTES),
    }
    body = (properties, (_session(call), b"", secret, "application/octet-stream"), True)
    call(_DEFAULT, f"{_SECRET}.Collection", "CreateItem", "a{sv}(oayays)b", body)


def _session(call: Call) -> Any:
    return call(_PATH, f"{_SECRET}.Service", "OpenSession", "sv", ("plain", ("s", "")))[1]
