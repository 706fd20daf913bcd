"""The first process of the emulated machine: builds it as the scenario says, then serves it.

`outside.py` starts it in new mount, process and network namespaces, and talks with it in JSON lines: a `Plan` on
stdin, a `Ready` on stdout, then for each change of the scenario the new one and another `Ready`. When stdin ends, the
machine ends.
"""

from __future__ import annotations

import dataclasses
import fcntl
import json
import os
import signal
import socket
import struct
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from testbed.cloud import server
from testbed.cloud.issuer import Issuer
from testbed.journal import Journal
from testbed.machine import desktop, disguise
from testbed.machine.layers import Layers, enter_root, write
from testbed.machine.plan import Plan, Ready, UnfitHostError
from testbed.scenarios import Scenario, from_json
from testbed.windows.broker import Broker
from testbed.windows.programs import (
    CMD,
    DSREGCMD,
    LINUX_BROKER,
    POWERSHELL,
    PROXY,
    STATE,
    WSLINFO,
    cmd,
    dsregcmd,
    powershell,
    proxy,
    serve,
    wslinfo,
)

_SIOCSIFFLAGS, _IFF_UP = 0x8914, 0x1

Change = Callable[[dict[str, Any]], None]
"""Takes the fields of another scenario, which holds from then on."""


def main() -> None:
    plan = Plan(**json.loads(sys.stdin.readline()))
    try:
        environment, change = start(plan)
    except UnfitHostError as unfit:
        _say(Ready(problem=str(unfit)))
        return
    # A process whose parent is gone becomes this one's child; with this, the kernel removes it when it ends.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    _say(Ready(environment))
    for line in sys.stdin:
        change(json.loads(line))
        _say(Ready())


def start(plan: Plan) -> tuple[dict[str, str], Change]:
    """Build the machine and start its services.

    :return: the environment of its programs, and the function that changes the scenario.
    :raises UnfitHostError:
    """
    current = from_json(plan.scenario)

    def scenario() -> Scenario:
        return current

    def change(fields: dict[str, Any]) -> None:
        nonlocal current
        current = from_json(fields)
        write(STATE / "scenario.json", json.dumps(fields))  # for the double

    world = Path(plan.world)
    layers = Layers(world / "layers")
    enter_root(layers)
    STATE.mkdir()
    change(plan.scenario)
    _raise_loopback()
    journal = Journal(Path(plan.journal))
    issuer = Issuer(scenario, world / "ledger")
    keys = world / "cloud"
    keys.mkdir()
    authority = server.start(issuer, journal, scenario, keys)
    environment = disguise.put_on(plan, layers, current, server.HOSTS, authority)
    broker = Broker(scenario, issuer, journal)
    programs = {
        WSLINFO.name: wslinfo(scenario, journal),
        PROXY.name: proxy(broker, "proxy"),
        CMD.name: cmd,
        DSREGCMD.name: dsregcmd(scenario),
        POWERSHELL.name: powershell(scenario),
        LINUX_BROKER.name: proxy(broker, "dbus"),
    }
    threading.Thread(target=serve(programs).serve_forever, daemon=True).start()
    session_directory = Path(f"/run/user/{os.getuid()}")
    environment |= desktop.start(session_directory, plan.home, current.keyring, required=plan.runtime == "real")
    if current.machine == "native-linux" and plan.runtime == "real":
        from testbed.linux import broker as linux_broker  # nothing else needs jeepney

        linux_broker.serve(environment["DBUS_SESSION_BUS_ADDRESS"], broker)
    daemons = desktop.Daemons()
    daemons.arrange(current)

    def change_all(fields: dict[str, Any]) -> None:
        change(fields)
        disguise.route(current, server.HOSTS)
        daemons.arrange(current)

    return environment, change_all


def _say(ready: Ready) -> None:
    sys.stdout.write(json.dumps(dataclasses.asdict(ready)) + "\n")
    sys.stdout.flush()


def _raise_loopback() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, _SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", _IFF_UP))


if __name__ == "__main__":
    main()
