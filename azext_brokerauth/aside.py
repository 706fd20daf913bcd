"""A thread for what must not run, or be waited for, where it is called."""

from __future__ import annotations

import _thread
import sys
import threading
from collections.abc import Callable


def aside(call: Callable[[], object]) -> threading.Lock | None:
    """Run a function in a thread of its own: garbage is collected, a signal handled, and a window given up while the
    interrupted code holds any lock, and the function may need it. Nobody waits for the thread at the program's end.

    :returns: a lock that is free once the function has ended; None where no thread is to be had, as at the end of the
        interpreter: the function was not called.
    """
    if sys.is_finalizing():  # it would be started, and never run
        return None
    ended = threading.Lock()
    ended.acquire()

    def run() -> None:
        try:
            call()
        finally:
            ended.release()

    try:
        # Not threading.Thread: its start() waits, with a lock that a signal handler's request would need.
        _thread.start_new_thread(run, ())
    except RuntimeError:
        return None
    return ended
