"""A `dbus-daemon` or `gnome-keyring-daemon` that is of no use, in the place of the one that is installed.

- `hangs`: does nothing, and stays; only SIGKILL ends it.
- `deaf`: is there, as the one that is installed would be, and answers nobody; only SIGKILL ends it.
- `dies`: says why on stderr, and ends with 1.
- `nonsense`: is there, and answers everybody, but not in the language they speak. A message bus says bytes that are no
  message, a keyring gives texts in place of what each method returns.
"""

from __future__ import annotations

import os
import re
import signal
import socket
import sys
import threading
from pathlib import Path
from typing import NoReturn

SERVICE = "org.freedesktop.secrets"
NONSENSE = "nonsense"


def main(behaviour: str, arguments: list[str]) -> None:
    """Do it.

    :param arguments: those of the program, its own name first.
    """
    program = Path(arguments[0]).name
    if behaviour == "dies":
        sys.exit(f"{program}: nothing works today")
    if behaviour != "nonsense":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if behaviour == "hangs":
        _stay()
    if program == "dbus-daemon":
        _bus(behaviour, arguments)
    else:
        _keyring(behaviour, arguments)


def _stay() -> NoReturn:
    while True:
        signal.pause()


def _bus(behaviour: str, arguments: list[str]) -> None:
    options = dict(re.findall(r"--([\w-]+)(?:[= ]([^ ]+))?", " ".join(arguments[1:])))
    addresses = options.get("address", "")
    if "config-file" in options:
        addresses += ";" + ";".join(re.findall(r"<listen>(.*?)</listen>", Path(options["config-file"]).read_text()))
    listening = socket.socket(socket.AF_UNIX)
    where = re.search(r"unix:path=([^,;]+)", addresses)
    listening.bind(where[1] if where else f"\0{os.getpid()}")
    listening.listen()
    if "print-address" in options:
        says = NONSENSE if behaviour == "nonsense" or not where else where[0]
        os.write(int(options["print-address"] or 1), f"{says}\n".encode())
    if behaviour == "deaf":
        _stay()
    while True:
        threading.Thread(target=_babble, args=listening.accept()[:1], daemon=True).start()


def _babble(connection: socket.socket) -> None:
    try:
        while connection.recv(4096):
            connection.sendall(NONSENSE.encode() + b"\0\xff\r\n")
    except OSError:
        return  # who talked with it has gone


def _keyring(behaviour: str, arguments: list[str]) -> None:
    from jeepney import MessageType, new_method_return
    from jeepney.bus_messages import message_bus
    from jeepney.io.blocking import Proxy, open_dbus_connection

    if "--unlock" in arguments or "--login" in arguments:
        sys.stdin.buffer.read()
    connection = open_dbus_connection()
    Proxy(message_bus, connection).RequestName(SERVICE)
    if not {"--foreground", "-f"} & set(arguments) and os.fork() != 0:
        os._exit(0)
    if behaviour == "deaf":
        _stay()
    while True:
        message = connection.receive()
        if message.header.message_type is MessageType.method_call:
            connection.send(new_method_return(message, "s", (NONSENSE,)))
