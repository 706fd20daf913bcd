"""`python -m testbed -- COMMAND ...`: run a program on the emulated machine."""

from __future__ import annotations

import argparse
import signal
import sys
from pathlib import Path
from types import FrameType

from testbed.machine import Machine, MachineError
from testbed.machine.interpreters import default_runtime, interpreter_of, site_packages_of
from testbed.scenarios import SCENARIOS


def main(arguments: list[str]) -> int:
    """:return: the program's exit status; 128 + N when signal N ended it; 2 when it could not be run."""
    split = arguments.index("--") if "--" in arguments else len(arguments)
    options = _parser().parse_args(arguments[:split])
    if options.list:
        for name, scenario in SCENARIOS.items():
            sys.stdout.write(f"{name:27}{scenario.description}\n")
        return 0
    command = arguments[split + 1 :]
    try:
        if not command:
            raise ValueError("no COMMAND: put it after --")
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, _leave)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # who ignores it is not told how the program ended
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        python = interpreter_of(command[0])
        runtime = options.runtime or default_runtime(python or sys.executable)
        # An az of its own folder keeps its extensions, the runtime among them, beside itself.
        extensions = Path(command[0]).resolve().parent.glob("cliextensions/*")
        directories = [*options.python, *extensions, *(site_packages_of(python) if python else [])]
        with Machine(options.scenario, runtime, options.home, options.journal, directories) as machine:
            return _run(machine, command)
    except (MachineError, ValueError, OSError) as problem:
        sys.stderr.write(f"testbed: {problem}\n")
        return 2


def _run(machine: Machine, command: list[str]) -> int:
    # Ctrl-C at the terminal reaches everybody in the foreground. It is meant for the program alone.
    for number in (signal.SIGINT, signal.SIGQUIT):
        signal.signal(number, signal.SIG_IGN)
    status = machine.popen(command, new_session=False).wait()
    return status if status >= 0 else 128 - status


def _leave(number: int, frame: FrameType | None) -> None:
    sys.exit(128 + number)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m testbed",
        usage="%(prog)s [OPTIONS] -- COMMAND ...",
        description="Run COMMAND on an emulated WSL 2 machine, where stand-ins play Windows, Entra and Azure. "
        "No real account or service is involved.",
    )
    parser.add_argument(
        "--runtime",
        choices=("real", "double"),
        help="Microsoft's own pymsalruntime, or a stand-in for it; default: real where it can be loaded",
    )
    parser.add_argument(
        "--scenario", default="default", metavar="NAME_OR_FILE", help="what is different; default: nothing"
    )
    parser.add_argument("--home", type=Path, metavar="DIR", help="a home directory that outlives the machine")
    parser.add_argument("--journal", type=Path, metavar="FILE", help="where to write down every call to a stand-in")
    parser.add_argument(
        "--python",
        type=Path,
        action="append",
        default=[],
        metavar="DIR",
        help="another directory that holds, or should hold, pymsalruntime; repeatable",
    )
    parser.add_argument("--list", action="store_true", help="name and explain the scenarios")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
