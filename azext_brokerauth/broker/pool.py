"""The broker as ``tokens`` sees it: one process for the silent requests of a program, and one for each prompt."""

from __future__ import annotations

import logging
import os
import threading
import time
import weakref
from collections.abc import Callable
from typing import Protocol

from azext_brokerauth.broker.child import Child, ChildEndedError
from azext_brokerauth.broker.launch import Launch, prepare
from azext_brokerauth.broker.messages import Ask, Reply
from azext_brokerauth.errors import ClosedError
from azext_brokerauth.speaker import Logger

_LOGGER = Logger(__name__)


class Window(Protocol):
    """A prompt that is open."""

    def end(self) -> None:
        """Take it away."""


class _Children:
    """The processes for silent requests that all users in this program share: one for each way to start one."""

    def __init__(self) -> None:
        self.start_afresh()

    def start_afresh(self) -> None:
        """After a fork: the parent's processes are the parent's."""
        self._lock = threading.Lock()
        self._children: dict[Launch, Child] = {}
        self._users: dict[Launch, weakref.WeakSet[Broker]] = {}

    def get(self, launch: Launch, user: Broker) -> Child:
        """The process that is started so, started if it does not run.

        :raises BrokerNotReadyError: it cannot be started.
        """
        with self._lock:
            child = self._children.get(launch)
            if child is None or not child.alive:
                child = self._children[launch] = Child(launch)
            self._users.setdefault(launch, weakref.WeakSet()).add(user)
            return child

    def leave(self, user: Broker) -> list[Child]:
        """Take a user away.

        :returns: the processes that it used: those that nobody else uses are to be ended.
        """
        with self._lock:
            used = []
            for launch, users in list(self._users.items()):
                if user in users:
                    users.discard(user)
                    used.append(self._children[launch])
                if not users:
                    del self._users[launch], self._children[launch]
            return used

    def is_used(self, child: Child) -> bool:
        """Does anybody use the process?"""
        with self._lock:
            return child in self._children.values()


_CHILDREN = _Children()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_CHILDREN.start_afresh)


class Broker:
    """Processes of the broker. A prompt has one of its own: while it waits for a person it neither blocks silent
    requests nor ends with them.

    :param notify: is given what a person must read while a request is under way.
    """

    def __init__(self, notify: Callable[[str], None] = _LOGGER.warning) -> None:
        self._notify = notify
        self._lock = threading.Lock()
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
            return self._running(ask).ask(ask, timeout, self)
        except ChildEndedError as error:
            _LOGGER.debug("asking once more: %s", error)
            return self._running(ask).ask(ask, max(0.0, deadline - time.monotonic()), self)

    def prompt(self, ask: Ask, timeout: float, started: Callable[[Window], None]) -> Reply:
        """Ask in a process of its own, which ends with the answer.

        :param timeout: seconds.
        :param started: is given the window, so that another thread can take it away.
        :raises: as :meth:`ask`.
        """
        launch = self._prepare(ask)
        with self._lock:
            self._check_open()
            child = Child(launch, self._notify)
            self._prompting.add(child)
        try:
            started(child)
            return child.ask(ask, timeout)
        finally:
            self._prompting.discard(child)
            child.end()

    def close(self) -> None:
        """Fail what is under way here, and end the processes that nobody else uses."""
        with self._lock:
            self._closed = True
            prompting = list(self._prompting)
        for child in prompting:
            child.end()
        for child in _CHILDREN.leave(self):
            child.give_up(self)
            if not _CHILDREN.is_used(child):
                child.end()

    def _prepare(self, ask: Ask) -> Launch:
        runtime = not ask.step.is_fallback
        return prepare(runtime=runtime, log=_LOGGER.isEnabledFor(logging.DEBUG), keyring=ask.options.keyring)

    def _running(self, ask: Ask) -> Child:
        launch = self._prepare(ask)
        with self._lock:
            self._check_open()
            return _CHILDREN.get(launch, self)

    def _check_open(self) -> None:
        if self._closed:
            raise ClosedError("The broker was closed.")
