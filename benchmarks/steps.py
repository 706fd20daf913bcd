"""Where a warm command's time goes: instructions, which no busy machine changes, and the modules that it loads."""

from __future__ import annotations

import re
import shutil
import statistics
from collections import defaultdict

from benchmarks.commands import least
from benchmarks.place import BROKERAUTH, OURS, Work, place
from benchmarks.results import Result, Table, middle

_SHOWN = 15
_IMPORTED = re.compile(r"import time: +(\d+) \| +\d+ \| +(\S+)")


def instructions(rounds: int) -> Result:
    """Counted by valgrind, in the command's process alone: it is warm, and so asks no other one."""
    del rounds  # a count does not change
    title, header = "Instructions of a warm command", ("", "instructions", "to the first")
    if shutil.which("valgrind") is None:
        return Result(tables=(Table(title, header, (), "Not counted: valgrind is not installed."),))
    with place() as there:
        there.sign_in()
        works = {
            "`python -c pass`": Work((OURS, "-c", "pass")),
            "python, knack, one JSON file": least(there),
            "`brokerauth get-access-token`": Work((OURS, BROKERAUTH, "get-access-token")),
        }
        there.race(works, 1)
        there.machine.clear_journal()
        counts = {name: _counted(there.run(_under_valgrind(work)).err[0]) for name, work in works.items()}
        assert not there.calls("broker"), "not all was warm"
    python = next(iter(counts.values()))
    lines = [(name, f"{count / 1e6:,.0f} million", f"{count / python:.2f}") for name, count in counts.items()]
    return Result(tables=(Table(title, header, lines, "`valgrind --tool=callgrind`, with `PYTHONHASHSEED=0`."),))


def _under_valgrind(work: Work) -> Work:
    counting = ("valgrind", "--tool=callgrind", "--trace-children=no", "--callgrind-out-file=/dev/null")
    return Work((*counting, *work.argv), {"PYTHONHASHSEED": "0"})


def _counted(said: str) -> int:
    found = re.search(r"Collected : (\d+)", said)
    assert found, said
    return int(found[1])


def modules(rounds: int) -> Result:
    """`python -X importtime` of a warm command."""
    with place() as there:
        there.sign_in()
        there.run(Work((BROKERAUTH, "get-access-token")))
        work = Work((OURS, "-X", "importtime", BROKERAUTH, "get-access-token"))
        runs = there.race({"": work}, rounds)[""]
    taken = defaultdict(list)
    for run in runs:
        for microseconds, name in _IMPORTED.findall(run.err[0]):
            taken[name].append(int(microseconds) / 1e6)
    slowest = sorted(taken, key=lambda name: -statistics.median(taken[name]))[:_SHOWN]
    whole = sum(map(statistics.median, taken.values()))
    note = f"`python -X importtime`: {len(taken)} modules, {middle([whole])}; these take longest by themselves."
    lines = [(f"`{name}`", middle(taken[name])) for name in slowest]
    return Result(tables=(Table("Modules of a warm `brokerauth get-access-token`", ("module", "itself"), lines, note),))
