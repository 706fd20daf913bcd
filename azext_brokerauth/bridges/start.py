"""What another tool runs where pip made no console script, as in az's extension folder: ``start.py TOOL ...``."""

import os
import sys

if __name__ == "__main__":
    # At the end, as az does: this Python's own packages win.
    sys.path.append(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
    import importlib

    sys.exit(importlib.import_module(f"azext_brokerauth.bridges.{sys.argv.pop(1)}").main())
