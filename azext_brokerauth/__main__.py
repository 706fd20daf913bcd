"""``brokerauth``: the same commands without az."""

from __future__ import annotations

import importlib.util
import sys

from azext_brokerauth.terminal.program import until_ended
from azext_brokerauth.terminal.streams import say


def main(arguments: list[str] | None = None) -> int:
    """Run one command.

    :param arguments: the words after the program's name; None: those of this process.
    :returns: the exit code.
    """
    return until_ended(lambda: _main(sys.argv[1:] if arguments is None else arguments))


def _main(arguments: list[str]) -> int:
    if missing := [name for name in ("knack", "msal", "portalocker") if importlib.util.find_spec(name) is None]:
        say(f"brokerauth: not installed: {', '.join(missing)}. Run: pip install 'brokerauth[cli]'\n")
        return 1
    from azext_brokerauth.plain import run

    return run(arguments)


if __name__ == "__main__":
    sys.exit(main())
