"""`make demo`: a newcomer's first minute, on the emulated machine."""

from __future__ import annotations

import argparse
import shlex
import sys
from pathlib import Path

from testbed.machine import Machine, MachineError

_PROGRAM = Path("docs/examples/list_subscriptions.py")
_SAYING = """\
This is an emulated WSL 2 machine. Windows, its account broker, Microsoft Entra and Azure are stand-ins that run here;
no real account or service is involved. brokerauth and msal are the real ones. The native runtime is {runtime}.
"""
_RUNTIMES = {
    "real": "Microsoft's own (pymsalruntime)",
    "double": "a\nstand-in too; make demo RUNTIME=real uses Microsoft's own",
}


def main(arguments: list[str]) -> int:
    """:return: 0 when every command succeeded, else the status of the one that did not; 2 when there is no machine."""
    parser = argparse.ArgumentParser(prog="python -m testbed.demo")
    parser.add_argument("--runtime", choices=sorted(_RUNTIMES), required=True)
    runtime = parser.parse_args(arguments).runtime
    bin_directory = Path(sys.executable).parent
    commands = [
        ["brokerauth", "login"],
        ["brokerauth", "get-access-token", "--query", "expiresOn"],
        ["brokerauth", "inspect-token", "--output", "table"],
        ["cat", str(_PROGRAM)],
        ["python", str(_PROGRAM)],
    ]
    _say(_SAYING.format(runtime=_RUNTIMES[runtime]))
    try:
        with Machine("default", runtime) as machine:
            for command in commands:
                _say(f"\n$ {shlex.join(command)}\n")
                ours = bin_directory / command[0]
                status = machine.popen([str(ours) if ours.exists() else command[0], *command[1:]]).wait()
                if status != 0:
                    _say(f"\nThe demo stopped here: exit code {status}.\n")
                    return status
            used = [entry for entry in machine.journal() if entry["to"] == "broker"]
            posts = [entry for entry in machine.journal() if entry["to"] == "entra" and "POST" in entry["method"]]
    except MachineError as problem:
        _say(f"testbed: {problem}\n")
        return 2
    _say(
        f"\nThe stand-in for Windows' broker was called {len(used)} times, Entra's token endpoint {len(posts)} times.\n"
    )
    return 0


def _say(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
