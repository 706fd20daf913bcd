"""What a credential has at work: made once, never copied, and ended with it, at any moment of a program's life."""

from __future__ import annotations

import logging
import sys
import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING

from azext_brokerauth.aside import aside

if TYPE_CHECKING:
    from azext_brokerauth.tokens import Tokens

_LOGGER = logging.getLogger(__name__)

_PATIENCE = 10.0
"""Seconds that closing waits. Ending a process takes 2.3 at most; but a signal handler that closes may have interrupted
code that holds a lock, and that goes on only after it."""


class InUse:
    """What gets the tokens of one credential, from its first request on.

    It is ended when the credential closes it, or when nobody refers to it any more. A copy, or what is unpickled, has
    nothing at work.
    """

    tokens: Tokens | None = None

    def __reduce__(self) -> tuple[type[InUse], tuple[()]]:
        return type(self), ()

    def get(self, make: Callable[[], Tokens]) -> Tokens:
        """What is at work, or else what ``make`` gives."""
        if self.tokens is None:
            made = make()
            # Threads may meet here, and a lock could be held by one that a fork leaves behind. Only one of them sets
            # it; what the others made holds nothing yet.
            if self.__dict__.setdefault("tokens", made) is made:
                # Where no thread is to be had, processes end with the program.
                weakref.finalize(self, aside, lambda: _end(made)).atexit = False
        return self.__dict__["tokens"]  # type: ignore[no-any-return]

    def end(self) -> None:
        """End the broker's process."""
        # At the very end of the interpreter the processes have been ended (``atexit``), and a lock may be held by a
        # thread that never runs again.
        if self.tokens is not None and not sys.is_finalizing():
            _end(self.tokens)

    def close(self, patience: float = _PATIENCE) -> None:
        """As :meth:`end`, for any thread at any moment.

        :param patience: seconds to wait at most.
        """
        if self.tokens is None:
            return
        if ended := aside(self.end):
            ended.acquire(timeout=patience)
        else:
            self.end()


def _end(tokens: Tokens) -> None:
    try:
        tokens.close()
    except Exception as error:  # noqa: BLE001  (whoever closes wants nothing more of it)
        _LOGGER.debug("closing failed: %s", type(error).__name__)
