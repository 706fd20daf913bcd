"""What the runtime keeps from one process to the next: accounts, tokens, and who has signed out."""

from __future__ import annotations

import fcntl
import json
import os
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from .machine import scenario


@contextmanager
def keyring() -> Iterator[dict[str, Any]]:
    """What the runtime keeps in the user's keyring, open for changes: nothing unless there is one, unlocked. Tokens
    outlive the process, those that answered a claims challenge too, of which it keeps one for each.

    The file is compressed, so that a search for tokens in the home directory finds those that somebody else left there.
    """
    kept: dict[str, Any] = {"accounts": {}, "tokens": {}, "signed out": []}
    if scenario()["keyring"] != "unlocked":
        yield kept
        return
    path = Path.home() / ".local/share/keyrings/double.keyring"
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(os.open(path, os.O_RDWR | os.O_CREAT, 0o600), "r+b") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        before = file.read()
        if before:
            kept = json.loads(zlib.decompress(before))
        yield kept
        after = zlib.compress(json.dumps(kept).encode())
        if after != before:
            file.seek(0)
            file.truncate()
            file.write(after)
