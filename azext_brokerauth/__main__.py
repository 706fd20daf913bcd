"""``brokerauth``: the same commands without az."""

from __future__ import annotations

import sys


def main(arguments: list[str] | None = None) -> int:
    """Run one command.

    :param arguments: the words after the program's name; None: those of this process.
    :returns: the exit code.
    """
    try:
        from azext_brokerauth.plain import PlainCLI
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in ("knack", "portalocker"):
            raise
        sys.stderr.write(
            f"brokerauth: the Python package {error.name} is missing. Run: pip install 'brokerauth[cli]'\n"
        )
        return 1
    return PlainCLI().run(sys.argv[1:] if arguments is None else arguments)


if __name__ == "__main__":
    sys.exit(main())
