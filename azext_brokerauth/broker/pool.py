"""The broker as ``tokens`` sees it: one process for silent requests, and one for each prompt."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Protocol

from azext_brokerauth.broker.child import Child, ChildEndedError
from azext_brokerauth.broker.messages import Ask, Reply
from azext_brokerauth.errors import ClosedError

_LOGGER = logging.getLogger(__name__)


class Window(Protocol):
    """A prompt that is open."""

    def end(self) -> None:
        """Take it away."""


class Broker:
    """Processes of the broker. A prompt has one of its own: while it waits for a person it neither blocks silent
    requests nor ends with them.

    :param notify: is given what a person must read while a request is under way.
    """

    def __init__(self, notify: Callable[[str], None] = _LOGGER.warning) -> None:
        self._notify = notify
        self._lock = threading.Lock()
        self._silent: Child | None = None
        self._prompting: set[Child] = set()
        self._closed = False

    def ask(self, ask: Ask, timeout: float) -> Reply:
        """Ask without a window. A process that ends under a request is replaced once.

        :param timeout: seconds, for everything together.
        :raises BrokerTimeoutError: no answer in time.
        :raises BrokerFailedError: the process ended twice before it answered.
        :raises BrokerNotReadyError: no process can be started.
        :raises ClosedError: after :meth:`close`.
        """
        deadline = time.monotonic() + timeout
        try:
            return self._running().ask(ask, timeout)
        except ChildEndedError as error:
            _LOGGER.debug("asking once more: %s", error)
            return self._running().ask(ask, max(0.0, deadline - time.monotonic()))

    def prompt(self, ask: Ask, timeout: float, started: Callable[[Window], None]) -> Reply:
        """Ask in a process of its own, which ends with the answer.

        :param timeout: seconds.
        :param started: is given the window, so that another thread can take it away.
        :raises: as :meth:`ask`.
        """
        with self._lock:
            self._check_open()
            child = Child(runtime=not ask.step.is_fallback, notify=self._notify)
            self._prompting.add(child)
        try:
            started(child)
            return child.ask(ask, timeout)
        finally:
            self._prompting.discard(child)
            child.end()

    def close(self) -> None:
        """End all processes for good."""
        with self._lock:
            self._closed = True
            children = [*self._prompting, *([self._silent] if self._silent else [])]
        for child in children:
            child.end()

    def _running(self) -> Child:
        with self._lock:
            self._check_open()
            if self._silent is None or not self._silent.alive:
                self._silent = Child(notify=self._notify)
            return self._silent

    def _check_open(self) -> None:
        if self._closed:
            raise ClosedError("The broker was closed.")
