"""Starts programs in turn and tells how long each took: runs on the emulated machine, and nothing else times a process.

One JSON object on stdin (`rounds`, `pause`, and `works`: what `place.Work` has), one on stdout: by work, its runs.
"""

from __future__ import annotations

import glob
import json
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any


def main() -> None:
    asked = json.load(sys.stdin)
    told: dict[str, list[Any]] = {name: [] for name in asked["works"]}
    for number in range(asked["rounds"]):
        # Whoever comes second may find the machine busy with what the first one left: each does as often.
        for name, work in sorted(asked["works"].items(), reverse=bool(number % 2)):
            for pattern in work["remove"]:
                for path in glob.glob(pattern):
                    os.remove(path)
            time.sleep(asked["pause"])
            told[name].append(run(**{key: work[key] for key in ("argv", "env", "times", "may_fail")}))
    json.dump(told, sys.stdout)


def run(argv: list[str], env: dict[str, str], times: int, may_fail: bool) -> dict[str, Any]:
    """Start a program so many times at once, and wait until all have ended.

    :returns: seconds until each ended, from before the first was started; how many failed; all that they wrote.
    """
    with tempfile.TemporaryDirectory(dir="/dev/shm") as directory:
        seconds, running, failed = [], set(), 0
        started = time.perf_counter()
        for number in range(times):
            running.add(os.posix_spawnp(argv[0], argv, os.environ | env, file_actions=_into(Path(directory), number)))
        while running:
            pid, status, _ = os.wait4(-1, 0)
            seconds.append(time.perf_counter() - started)
            running.discard(pid)
            failed += status != 0
            if status and not may_fail:
                code = os.waitstatus_to_exitcode(status)
                said = "".join(path.read_text() for path in Path(directory).glob("err*"))
                raise SystemExit(f"{' '.join(argv)}: exit code {code}\n{said}")
        files = sorted(Path(directory).iterdir())
        out, err = ([path.read_text() for path in files if path.name.startswith(name)] for name in ("out", "err"))
    return {"seconds": seconds, "failed": failed, "out": out, "err": err}


def _into(directory: Path, number: int) -> list[Any]:
    new = os.O_WRONLY | os.O_CREAT
    files = [(os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0)]
    for descriptor, name in (1, "out"), (2, "err"):
        files.append((os.POSIX_SPAWN_OPEN, descriptor, f"{directory}/{name}{number}", new, 0o600))
    return files


if __name__ == "__main__":
    main()
