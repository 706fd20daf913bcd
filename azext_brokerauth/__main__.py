"""``brokerauth``: the same commands without az."""

from __future__ import annotations

import importlib.util
import sys


def main(arguments: list[str] | None = None) -> int:
    """Run one command.

    :param arguments: the words after the program's name; None: those of this process.
    :returns: the exit code.
    """
    if missing := [name for name in ("knack", "msal", "portalocker") if importlib.util.find_spec(name) is None]:
        sys.stderr.write(f"brokerauth: not installed: {', '.join(missing)}. Run: pip install 'brokerauth[cli]'\n")
        return 1
    from azext_brokerauth.plain import run

    return run(sys.argv[1:] if arguments is None else arguments)


if __name__ == "__main__":
    sys.exit(main())
