"""Watches over the broker's process from outside, and ends it with all that it started.

The guard is what the parent starts. It forks the process that does the work, before anything native is loaded, and
is then out of reach of whatever happens there: native code that holds Python's lock, signals to the group, a group
that is stopped. It ends when the parent does, when the parent closes its pipe or says so (SIGTERM), and when the
process that it guards has ended; and never without that one. PR_SET_PDEATHSIG would not do: it fires when the parent's
*thread* ends (prctl(2)).
"""

from __future__ import annotations

import os
import select
import signal
import time

from azext_brokerauth.broker import locks

_LOOK = 1000
"""Milliseconds after which the guard looks by itself, where the kernel or a sandbox has no pidfd to wake it."""


def fork(parent: int, requests: int, answers: int) -> None:
    """Go on in a process of its own, with a guard. Only the guarded process returns from here.

    :param parent: process ID of the one who asks.
    :param requests: descriptor of the pipe that ends with the parent's requests.
    :param answers: descriptor of the pipe for answers, which the guard must not keep open.
    """
    told, tell = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC) if hasattr(os, "pipe2") else os.pipe()
    signal.signal(signal.SIGTERM, lambda *_: None)
    worker = os.fork()
    if worker == 0:
        os.close(told)
        os.close(tell)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        os.setsid()
        return
    os.set_blocking(tell, False)
    signal.set_wakeup_fd(tell, warn_on_full_buffer=False)
    os.close(answers)
    _leave(_watch(worker, parent, requests, told))


def _watch(worker: int, parent: int, requests: int, told: int) -> int:
    """Wait until the worker has ended, or must, and end whatever is left of its group.

    :returns: how it ended, as ``os.waitpid`` tells it.
    """
    poll = select.poll()
    poll.register(requests, 0)  # tells nothing but that the other end was closed
    poll.register(told, select.POLLIN)
    watched = [_watched(poll, pid) for pid in (parent, worker)]
    patience = 30 * _LOOK if all(watched) else _LOOK
    while True:
        status = _status_of(worker)
        if status is not None:
            break
        if os.getppid() != parent or any(fd in (requests, told) for fd, _ in poll.poll(patience)):
            status = _end(worker)
            break
    _kill_group(worker)
    return status


def _watched(poll: select.poll, pid: int) -> bool:
    """Have the poll wake when a process ends.

    :returns: whether it will.
    """
    if not hasattr(os, "pidfd_open"):
        return False
    try:
        poll.register(os.pidfd_open(pid), select.POLLIN)
    except ProcessLookupError:  # it has ended, which the first look tells
        return True
    except OSError:  # a kernel or a sandbox without it
        return False
    return True


def _end(worker: int) -> int:
    """Let the worker leave by itself for a moment; then kill it, at a moment at which the runtime holds no lock."""
    status = _wait(worker, locks.GRACE)
    deadline = time.monotonic() + locks.PATIENCE
    while status is None:
        os.killpg(worker, signal.SIGSTOP)  # else it might take a lock before the kill
        time.sleep(0.005)
        if not locks.held() or time.monotonic() > deadline:
            _kill_group(worker)
            return os.waitpid(worker, 0)[1]
        os.killpg(worker, signal.SIGCONT)
        status = _wait(worker, 0.02)
    return status


def _wait(worker: int, seconds: float) -> int | None:
    deadline = time.monotonic() + seconds
    while (status := _status_of(worker)) is None and time.monotonic() < deadline:
        time.sleep(0.005)
    return status


def _status_of(worker: int) -> int | None:
    ended, status = os.waitpid(worker, os.WNOHANG)
    return status if ended else None


def _kill_group(worker: int) -> None:
    try:
        # The group outlives its leader as long as anything in it runs.
        os.killpg(worker, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):  # PermissionError: macOS, when only zombies are left
        return


def _leave(status: int) -> None:
    """End as the worker did, so that the parent sees that."""
    code = os.waitstatus_to_exitcode(status)
    if code < 0:
        if -code != signal.SIGKILL:
            signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    os._exit(code if code >= 0 else 1)
