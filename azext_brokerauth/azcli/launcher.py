"""Started by az's own Python in place of az: puts the facade there, then is az, unchanged.

It is run by its path: az's Python is isolated and does not see the folder of an extension.
"""

from __future__ import annotations

import runpy
import sys
from pathlib import Path


def main() -> None:
    """Run az with this process's arguments."""
    extension = str(Path(__file__).resolve().parents[2])
    if extension not in sys.path:
        sys.path.append(extension)  # at the end, as az does: az's own packages come first
    try:
        from azext_brokerauth.azcli.hook import HOOK

        HOOK.prepare(launcher=True)
    except ImportError:
        sys.stderr.write("brokerauth: the extension is incomplete, so az runs without it.\n")
    runpy.run_module("azure.cli", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
