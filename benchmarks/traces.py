"""What is left of us after a token, and what goes over the network for one."""

from __future__ import annotations

import subprocess
import time

from benchmarks.credentials import PEER
from benchmarks.place import ARM, BROKERAUTH, OURS, PEERS, PROGRAMS, Place, Work, place
from benchmarks.programs import resident
from benchmarks.results import Result, Row, Table, megabytes

_MOMENTS = (1, 5, 10, 20, 30)
"""Seconds after the last token; the goal is about the last one."""


def left(rounds: int) -> Result:
    """A server goes on, and a command has ended."""
    del rounds  # how much memory, and not how long
    with place() as there:
        there.sign_in()
        command, pipe = [OURS, PROGRAMS, "wait", "ours"], subprocess.PIPE
        with there.machine.popen(command, there.terminal.env, stdin=pipe, stdout=pipe) as server:
            assert server.stdout
            server.stdout.readline()
            there.run(Work((BROKERAUTH, "get-access-token", "--scope", "https://vault.azure.net/.default")))
            since = time.monotonic()
            found = []
            for moment in _MOMENTS:
                time.sleep(max(0.0, since + moment - time.monotonic()))
                found.append(_started_by_us(there))
            server.communicate()
    lines = [("memory", *map(megabytes, found))]
    header = ("", *(f"{moment} s" for moment in _MOMENTS))
    note = "Of all processes but the user's own, resident, after the last token of a server and of a command."
    table = Table("What we leave behind", header, lines, note)
    return Result((Row("left", found[-1], megabytes(found[-1])),), (table,))


def _started_by_us(there: Place) -> int:
    return sum(resident(pid) for pid, argv in there.machine.processes() if PROGRAMS not in argv)


def http(rounds: int) -> Result:
    """Requests that reach Entra, for each of some processes that ask one after the other."""
    ours, peer = Work((OURS, PROGRAMS, "token", "ours", ARM)), Work((PEERS, "-c", PEER))
    with place() as there:
        there.sign_in()
        works = {"http": ours, "http-broker": Work(ours.argv, remove=there.kept), "peer": peer}
        there.race(works, 1)
        counts = {}
        for name, work in works.items():
            there.run(ours)
            there.machine.clear_journal()
            there.race({name: work}, rounds)
            counts[name] = there.calls("entra") / rounds
    peers = f"{counts.pop('peer'):g}"
    return Result(tuple(Row(goal, count, f"{count:g}", peers) for goal, count in counts.items()))
