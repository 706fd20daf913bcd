"""The native Linux broker's place on the session's D-Bus, where the real runtime looks for it outside WSL."""

from __future__ import annotations

import json
import threading
import time

from jeepney import HeaderFields, Message, MessageType, message_bus, new_error, new_method_return
from jeepney.io.blocking import DBusConnection, open_dbus_connection

from testbed.windows.broker import Broker

_NAME = "com.microsoft.identity.broker1"
_INTERFACE = "com.microsoft.identity.Broker1"


def serve(address: str, broker: Broker) -> None:
    """Take the broker's name on the bus at `address`; from then on a thread answers for it."""
    connection = open_dbus_connection(address)
    connection.send_and_get_reply(message_bus.RequestName(_NAME))
    threading.Thread(target=_listen, args=(connection, broker), daemon=True).start()


def _listen(connection: DBusConnection, broker: Broker) -> None:
    sending = threading.Lock()
    while True:
        message = connection.receive()
        if message.header.message_type is MessageType.method_call:
            # One thread for each, since a call may take long or never be answered.
            threading.Thread(target=_answer, args=(connection, sending, broker, message), daemon=True).start()


def _answer(connection: DBusConnection, sending: threading.Lock, broker: Broker, call: Message) -> None:
    interface, method = (call.header.fields.get(field) for field in (HeaderFields.interface, HeaderFields.member))
    if (interface, method) == ("org.freedesktop.DBus.Peer", "Ping"):  # how the runtime finds out that there is a broker
        reply = new_method_return(call)
    elif interface != _INTERFACE:
        reply = new_error(call, "org.freedesktop.DBus.Error.UnknownMethod")
    else:
        _version, correlation_id, request = call.body
        action = broker.answer(method, correlation_id, json.loads(request), "dbus")
        time.sleep(action.delay)
        if action.then == "hang":
            return
        if action.then == "crash":
            reply = new_error(
                call, "org.freedesktop.DBus.Error.NoReply", "s", ("the broker left the bus without a reply",)
            )
        else:
            reply = new_method_return(call, "s", (action.output.decode(),))
    with sending:
        connection.send(reply)
