"""Was the token that a tool has refused? For tools that ask again then, and do not say why they ask.

A process that asks the same again at once has used the answer in between, and was refused: client-go keeps a token
until the end that it was told, or until a 401. So each answer leaves a mark, without anything secret: which process was
given it (its ID, and when it started), for which question, when, and when a token was renewed for it.
"""

from __future__ import annotations

import contextlib
import os
import time
import zlib
from collections.abc import Callable
from dataclasses import dataclass

from azext_brokerauth import files

AT_ONCE = 10
"""Seconds after an answer in which the same question means that it was refused. A request comes between: 10 s are what
Go's HTTP client gives a TLS handshake (``http.DefaultTransport``). Who is refused later, with a token of long ago, gets
the same one once more, is refused, and has a new one then."""
NOT_AGAIN = 300
"""Seconds after a renewal in which there is no other: a new token that is refused is not helped by the next one, and a
program that has its own reasons to ask twice does not make us ask Windows each time."""
_MARK = "given-"


@dataclass(frozen=True)
class Refusals:
    """The marks of one process that asks.

    :param above: the directory that has ours in it, such as ``~/.cache``.
    :param asker: which process asks; no other has this name.
    :param clock: gives epoch seconds.
    """

    above: str
    asker: str
    clock: Callable[[], float] = time.time

    def is_refused(self, question: str) -> bool:
        """Was the last answer to this question refused, so that a renewed token is due?

        Without a mark that can be read, or a directory for it, it was not.
        """
        with contextlib.suppress(OSError, ValueError), files.ours(self.above) as directory:
            name = self._name(question)
            given, now = directory.dated(name), self.clock()
            renewed = float(directory.read(name) or 0)
            return 0 <= now - given < AT_ONCE and not 0 <= now - renewed < NOT_AGAIN
        return False

    def given(self, question: str, renewed: bool) -> None:
        """Mark that it was answered.

        :param renewed: with a new token.
        """
        with contextlib.suppress(OSError), files.ours(self.above, make=True) as directory:
            name, now = self._name(question), self.clock()
            with directory.lock_file(name) as stream:
                if renewed:
                    stream.truncate()
                    stream.write(str(now).encode())
            directory.date(name, now)
            for other in directory.names():
                if other.startswith(_MARK) and now - directory.dated(other) > NOT_AGAIN:
                    directory.remove(other)

    def _name(self, question: str) -> str:
        return f"{_MARK}{self.asker}-{zlib.crc32(question.encode('utf-8', 'replace')):08x}"


def parent() -> str:
    """The process that started this one: its ID, and when it started, since IDs come again (proc_pid_stat(5))."""
    pid = os.getppid()
    with contextlib.suppress(OSError, IndexError), open(f"/proc/{pid}/stat", "rb") as stream:
        return f"{pid}-{stream.read().rpartition(b')')[2].split()[19].decode()}"
    return str(pid)
