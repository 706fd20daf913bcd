"""``brokerauth``: the same commands without az."""

from __future__ import annotations

import importlib.util
import os
import signal
import sys

from azext_brokerauth.terminal.signals import Ended, ends_on_signals
from azext_brokerauth.terminal.streams import say, settle, watch_output, written


def main(arguments: list[str] | None = None) -> int:
    """Run one command, until it or a signal ends it.

    :param arguments: the words after the program's name; None: those of this process.
    :returns: the exit code.
    """
    settle()
    watch_output()
    try:
        with ends_on_signals(afterwards=signal.SIG_DFL):
            try:
                return written(_main(sys.argv[1:] if arguments is None else arguments))
            except Ended:
                raise
            except SystemExit as end:
                return written(end.code if isinstance(end.code, int) else int(bool(end.code)))
    except Ended as ended:
        # All is tidied, and Python's own end may take long.
        os._exit(ended.code)


def _main(arguments: list[str]) -> int:
    if missing := [name for name in ("knack", "msal", "portalocker") if importlib.util.find_spec(name) is None]:
        say(f"brokerauth: not installed: {', '.join(missing)}. Run: pip install 'brokerauth[cli]'\n")
        return 1
    from azext_brokerauth.plain import run

    return run(arguments)


if __name__ == "__main__":
    sys.exit(main())
