"""The record of every call that reaches a stand-in, so that a test can count them."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path


class Journal:
    """An append-only file of JSON lines. It never holds a token, a code or a secret."""

    def __init__(self, path: Path | None) -> None:
        """:param path: the file; None keeps no record."""
        self._path = path
        self._lock = threading.Lock()

    def write(self, to: str, method: str, **facts: object) -> None:
        """Add one line: when (epoch seconds), which stand-in was called, what was asked of it, and `facts`."""
        if self._path is None:
            return
        line = json.dumps({"at": time.time(), "to": to, "method": method, **facts})
        with self._lock, self._path.open("a", encoding="utf-8") as file:
            file.write(line + "\n")
