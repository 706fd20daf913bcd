"""Run a command as root in a user namespace of its own that has every user: `python -m ... PROGRAM ARGUMENT...`."""

from __future__ import annotations

import ctypes
import os
import sys
from pathlib import Path

_CLONE_NEWUSER = 0x10000000
_EVERYBODY = "0 0 4294967295"
_LIBC = ctypes.CDLL(None, use_errno=True)


def main() -> None:
    """:raises OSError: this root may not have one."""
    program = os.getpid()
    ready, tell_ready = os.pipe()
    outside = os.fork()
    if outside == 0:
        # Only who is outside of the namespace may map more than themselves into it.
        os.close(tell_ready)
        if os.read(ready, 1):
            for who in ("uid_map", "gid_map"):
                Path(f"/proc/{program}/{who}").write_text(_EVERYBODY)
        os._exit(0)
    os.close(ready)
    if _LIBC.unshare(_CLONE_NEWUSER) != 0:
        # The form in which unshare(1), which runs for others than root, says it.
        sys.exit(f"unshare: unshare failed: {os.strerror(ctypes.get_errno())}")
    os.write(tell_ready, b"1")
    os.close(tell_ready)
    if os.waitpid(outside, 0)[1] != 0:
        sys.exit("unshare: the users cannot be mapped")
    os.execv(sys.argv[1], sys.argv[1:])  # noqa: S606  (what this is for)


if __name__ == "__main__":
    main()
