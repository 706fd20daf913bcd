"""The Secret Service on a message bus, tried out (https://specifications.freedesktop.org/secret-service)."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any

DEADLINE = 4.0
"""Seconds for each answer. A keyring that waits for a password does not answer."""
_SERVICE = "org.freedesktop.secrets"
_PATH = "/org/freedesktop/secrets"
_INTERFACE = "org.freedesktop.Secret"


@dataclass(frozen=True)
class State:
    """How far a program gets with the keyring. An empty problem means that the step went well.

    :param bus_problem: why the session bus cannot be talked to.
    :param service_problem: why nobody answers as the Secret Service.
    :param collection: the label of the default collection; empty when there is none.
    :param locked: is it locked?
    :param write_problem: why a test item could not be written, read again and deleted.
    :param instance: the bus and the program on it that answered, by names that no other ever has.
    """

    bus_problem: str = ""
    service_problem: str = ""
    collection: str = ""
    locked: bool = False
    write_problem: str = ""
    instance: str = ""


Connect = Callable[[Mapping[str, str], int], AbstractContextManager[Any]]
"""Connects to the session bus of an environment and a user, and gives a function that calls a method there."""
_BUS = ("/org/freedesktop/DBus", "org.freedesktop.DBus", "org.freedesktop.DBus")


class ServiceError(Exception):
    """The other side refused what was asked for."""


def address(environ: Mapping[str, str], uid: int) -> str:
    """The session bus's address. GLib's default, which libsecret takes, is the socket in the runtime directory."""
    runtime = environ.get("XDG_RUNTIME_DIR") or f"/run/user/{uid}"
    return environ.get("DBUS_SESSION_BUS_ADDRESS") or f"unix:path={runtime}/bus"


def bus_names(environ: Mapping[str, str], uid: int) -> frozenset[str]:
    """Names that somebody has or that can be started.

    :raises OSError: there is no bus.
    """
    with connection(environ, uid) as call:
        return frozenset((*call(*_BUS, "ListNames")[0], *call(*_BUS, "ListActivatableNames")[0]))


def look(
    environ: Mapping[str, str],
    uid: int,
    connect: Connect | None = None,
    *,
    tried: str = "",
) -> State:
    """Find out how far a program gets, without unlocking anything and without a prompt.

    :param connect: connects to the session bus; None: to the real one.
    :keyword tried: the instance that has stored a test item before, and is not asked to do it again.
    """
    try:
        with (connect or connection)(environ, uid) as call:
            return state(call, tried)
    except OSError as error:
        return State(bus_problem=error.strerror or str(error) or type(error).__name__)


def state(call: Any, tried: str = "") -> State:
    """As :func:`look`, over a connection that is there.

    :param call: calls a method, as :func:`connection` gives it.
    :raises OSError: the bus is gone.
    """
    try:
        return _look(call, tried)
    except (ServiceError, TimeoutError) as error:
        return State(service_problem=str(error) or "no answer in time")
    except (LookupError, TypeError, ValueError, AttributeError):
        return State(service_problem="its answer is not one of a Secret Service")


def has_default(call: Any) -> bool:
    """Is there a default collection?

    :raises ServiceError, OSError: nobody answers.
    """
    return bool(_default(call) != "/")


def serves(call: Any) -> bool:
    """Does the Secret Service answer, and is its default collection unlocked?

    :raises ServiceError, OSError: nobody answers.
    """
    return not _property(call, _default(call), "Locked")


def _default(call: Any) -> Any:
    return call(_PATH, _SERVICE, f"{_INTERFACE}.Service", "ReadAlias", "s", ("default",))[0]


def _look(call: Any, tried: str) -> State:
    session = call(_PATH, _SERVICE, f"{_INTERFACE}.Service", "OpenSession", "sv", ("plain", ("s", "")))[1]
    path = _default(call)
    if path == "/":
        return State()
    label = str(_property(call, path, "Label") or path.rpartition("/")[2])
    if _property(call, path, "Locked"):
        return State(collection=label, locked=True)
    instance = f"{call(*_BUS, 'GetId')[0]} {call(*_BUS, 'GetNameOwner', 's', (_SERVICE,))[0]} {path}"
    if instance == tried:
        return State(collection=label, instance=instance)
    try:
        _write_read_delete(call, path, session)
    except (ServiceError, TimeoutError) as error:
        return State(collection=label, write_problem=str(error) or "no answer in time", instance=instance)
    return State(collection=label, instance=instance)


def _property(call: Any, path: str, name: str) -> Any:
    got = call(path, _SERVICE, "org.freedesktop.DBus.Properties", "Get", "ss", (f"{_INTERFACE}.Collection", name))
    return got[0][1]


def _write_read_delete(call: Any, collection: str, session: str) -> None:
    """:raises ServiceError: a step failed."""
    value = secrets.token_bytes(16)
    properties = {
        f"{_INTERFACE}.Item.Label": ("s", "brokerauth check-health"),
        f"{_INTERFACE}.Item.Attributes": ("a{ss}", {"application": "brokerauth-check-health"}),
    }
    body = (properties, (session, b"", value, "application/octet-stream"), True)
    item, prompt = call(collection, _SERVICE, f"{_INTERFACE}.Collection", "CreateItem", "a{sv}(oayays)b", body)
    if item == "/":
        raise ServiceError(f"it wants a prompt ({prompt}) before it stores anything")
    try:
        read = bytes(call(item, _SERVICE, f"{_INTERFACE}.Item", "GetSecret", "o", (session,))[0][2])
    finally:
        call(item, _SERVICE, f"{_INTERFACE}.Item", "Delete")
    if read != value:
        raise ServiceError("it gave back something else than was stored")


@contextmanager
def connection(environ: Mapping[str, str], uid: int, each: float = DEADLINE) -> Iterator[Any]:
    """A function that calls a method and gives what it returns.

    :param each: seconds for each answer.
    :raises OSError: there is no bus.
    """
    # Nothing else needs jeepney, and most commands do not come here.
    from jeepney import DBusAddress, MessageType, new_method_call
    from jeepney.bus import get_bus
    from jeepney.io.blocking import open_dbus_connection

    try:
        get_bus(address(environ, uid))
        opened = open_dbus_connection(bus=address(environ, uid), auth_timeout=each)
    except (RuntimeError, ValueError, KeyError, EOFError) as error:
        raise OSError(f"{address(environ, uid)}: {error or type(error).__name__}") from error

    def call(path: str, service: str, interface: str, method: str, signature: str = "", body: Any = ()) -> Any:
        message = new_method_call(DBusAddress(path, service, interface), method, signature or None, body)
        reply = opened.send_and_get_reply(message, timeout=each)
        if reply.header.message_type is MessageType.error:
            raise ServiceError(" ".join(map(str, reply.body)) or "it refused")
        return reply.body

    try:
        yield call
    finally:
        opened.close()
