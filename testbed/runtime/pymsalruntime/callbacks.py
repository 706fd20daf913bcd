"""How a caller gets an answer: a callback with the result, called from a thread."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from .parameters import MSALRuntimeAuthParameters, check_claims
from .results import MSALRuntimeAuthResult
from .statuses import MSALRuntimeError


class MSALRuntimeLogCallbackHandle:
    def release_logging_callback(self) -> None:
        """The double logs nothing."""


class MSALRuntimeAsyncHandle:
    def cancel_async_operation(self) -> None:
        """Has no effect on a call that waits for the broker, as observed."""


class CallbackData:
    """Where a caller waits for a callback."""

    def __init__(self, is_interactive: bool = False) -> None:
        self.is_interactive = is_interactive
        self.signal = threading.Event()
        self.result: Any = None

    def complete(self, result: Any) -> None:
        self.result = result
        self.signal.set()


def as_result(
    acquire: Callable[[], dict[str, Any]], parameters: MSALRuntimeAuthParameters, correlation_id: str
) -> Callable[[], MSALRuntimeAuthResult]:
    """Make a function that returns the error of an acquisition, where that would raise it."""

    def result() -> MSALRuntimeAuthResult:
        try:
            check_claims(parameters)
            outcome = MSALRuntimeAuthResult(acquire())
        except MSALRuntimeError as error:
            outcome = MSALRuntimeAuthResult(error=error)
        outcome.correlation_id = correlation_id
        return outcome

    return result


def in_background(work: Callable[[], Any], callback: Callable[[Any], None]) -> MSALRuntimeAsyncHandle:
    """Start work in a thread that calls back with its result."""
    # Not a daemon: like the runtime, a call that does not come back keeps the interpreter from ending.
    threading.Thread(target=lambda: callback(work())).start()
    return MSALRuntimeAsyncHandle()
