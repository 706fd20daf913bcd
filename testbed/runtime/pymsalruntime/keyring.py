"""What the runtime keeps from one process to the next: accounts, tokens, and who has signed out."""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import signal
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from .machine import scenario

_KEYRINGS = Path.home() / ".local/share/keyrings"
_SERVICE, _PATH = "org.freedesktop.secrets", "/org/freedesktop/secrets"
_ATTRIBUTES = {"application": "testbed-double"}


def has_no_keyring() -> bool:
    """Is there none on the bus that this process is told of? Then the runtime can keep nothing, and fails."""
    return _find() is None


@contextmanager
def keyring() -> Iterator[dict[str, Any]]:
    """What the runtime keeps in the user's keyring, open for changes: nothing unless there is one, unlocked. Tokens
    outlive the process, those that answered a claims challenge too, of which it keeps one for each.

    The file is compressed, so that a search for tokens in the home directory finds those that somebody else left there.
    """
    kept: dict[str, Any] = {"accounts": {}, "tokens": {}, "signed out": []}
    name = _find()
    if not name:
        yield kept
        return
    with _locked(f"{name}.keyring") as file:
        before = file.read()
        if before:
            kept = json.loads(zlib.decompress(before))
        yield kept
        after = zlib.compress(json.dumps(kept).encode())
        if after != before:
            file.seek(0)
            file.truncate()
            file.write(after)


@contextmanager
def _locked(name: str) -> Iterator[Any]:
    _KEYRINGS.mkdir(parents=True, exist_ok=True)
    with open(os.open(_KEYRINGS / name, os.O_RDWR | os.O_CREAT, 0o600), "r+b") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield file


def _find() -> str | None:
    """The name of the keyring that this process is given; empty for one that is locked; None where there is none.

    Of the session's own the scenario tells. On another bus, which a machine without D-Bus cannot have, it is looked up.
    """
    own = f"unix:path=/run/user/{os.getuid()}/bus"
    bus = os.environ.get("DBUS_SESSION_BUS_ADDRESS", own)
    if bus.split(",guid=")[0] != own:
        return _look_up(bus)
    match scenario()["keyring"]:
        case "unlocked":
            return "double"
        case "locked":
            return ""
        case "hung" | "hung-bus":
            while True:  # the runtime waits for an answer, too
                signal.pause()
    return None


def _look_up(bus: str) -> str | None:
    """As `_find`; what is kept there is the name, so that who loses the keyring loses what it kept."""
    from jeepney import DBusAddress, MessageType, new_method_call
    from jeepney.io.blocking import open_dbus_connection

    interface = "org.freedesktop.Secret"

    def call(path: str, where: str, method: str, signature: str, *body: Any) -> Any:
        reply = connection.send_and_get_reply(
            new_method_call(DBusAddress(path, _SERVICE, where), method, signature, body)
        )
        if reply.header.message_type is MessageType.error:
            raise ValueError(reply.body)
        return reply.body

    try:
        with open_dbus_connection(bus) as connection:
            (session,) = call(_PATH, f"{interface}.Service", "OpenSession", "sv", "plain", ("s", ""))[1:]
            (default,) = call(_PATH, f"{interface}.Service", "ReadAlias", "s", "default")
            properties = "org.freedesktop.DBus.Properties"
            if default == "/" or call(default, properties, "Get", "ss", f"{interface}.Collection", "Locked")[0][1]:
                return ""
            with _locked("double.lock"):
                found, _ = call(_PATH, f"{interface}.Service", "SearchItems", "a{ss}", _ATTRIBUTES)
                if not found:
                    item = {f"{interface}.Item.Attributes": ("a{ss}", _ATTRIBUTES)}
                    secret = (session, b"", secrets.token_hex(8).encode(), "text/plain")
                    made = (item, secret, True)
                    found = call(default, f"{interface}.Collection", "CreateItem", "a{sv}(oayays)b", *made)
                kept = call(found[0], f"{interface}.Item", "GetSecret", "o", session)[0][2]
                return f"double-{bytes(kept).decode()}"
    except (OSError, ValueError, LookupError, TypeError, RuntimeError, AttributeError):
        return None
