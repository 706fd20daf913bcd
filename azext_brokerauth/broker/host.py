"""The broker's process: started with Python's isolated mode by ``launch.py``, never imported.

``python -I host.py PARENT_PID LOG KEYRING DIRECTORY...`` answers the requests on its standard input until that ends.
KEYRING is the setting of that name. DIRECTORY... are where the parent found this package and what it needs.
"""

import os
import signal
import sys


def _take_descriptors() -> tuple[int, int]:
    """Move the two pipes away from 0 and 1, before anything else can run: the native library and programs that it
    starts print on standard output and would corrupt the messages."""
    requests, answers = os.dup(0), os.dup(1)
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 0)
    os.dup2(null, 1)
    os.close(null)
    return requests, answers


def _forget_signals() -> None:
    """Undo what the parent has set for itself: ignored signals and the mask outlive ``execve``. With SIGCHLD ignored
    the native runtime finds no broker. Python has set SIGPIPE for itself meanwhile."""
    if hasattr(signal, "pthread_sigmask"):
        for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP, signal.SIGPIPE}:
            if signal.getsignal(number) is signal.SIG_IGN:
                signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, ())


def _leave_no_core() -> None:
    """Have no core file written: the memory of what is forked from here is to hold tokens."""
    if os.name == "posix":
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _add_directories(directories: list[str]) -> None:
    """Put the parent's directories before this Python's own site-packages, so that both processes see the same
    versions, and after the standard library, which they must not hide."""
    sites = [index for index, path in enumerate(sys.path) if path.endswith(("site-packages", "dist-packages"))]
    first = sites[0] if sites else len(sys.path)
    sys.path[first:first] = directories


if __name__ == "__main__":
    _requests, _answers = _take_descriptors()
    _forget_signals()
    _leave_no_core()
    _add_directories(sys.argv[4:])
    if hasattr(os, "fork"):
        from azext_brokerauth.broker import guard

        guard.fork(int(sys.argv[1]), _requests, _answers)
    from azext_brokerauth.broker import serve

    serve.main(_requests, _answers, log=sys.argv[2] == "log", keyring=sys.argv[3])
