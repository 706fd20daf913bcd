"""Finding a thing out once, for all threads that ask for it at the same time."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from functools import partial
from typing import Any, Generic, TypeVar, overload

T = TypeVar("T")
_HELD = "_answers"
"""The attribute in which an object holds the answers of its :func:`once` properties."""


class Answers:
    """The answers to questions, each found out by the first thread that asks. The others wait for that answer.

    ``functools.cached_property`` does not do this: from Python 3.12 on each thread that asks before the first answer
    computes its own (https://docs.python.org/3/library/functools.html#functools.cached_property).
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._answers: dict[Hashable, Future[Any]] = {}

    def get(self, question: Hashable, find: Callable[[], T]) -> T:
        """The answer to a question.

        :param question: what is asked. The same question gets the same answer.
        :param find: finds the answer out. It is called for the first who asks, and never again.
        :raises: what ``find`` raised, for everybody who asks.
        """
        with self._lock:
            answer = self._answers.get(question)
            is_first = answer is None
            if answer is None:
                answer = self._answers[question] = Future()
        if is_first:
            try:
                answer.set_result(find())
            except BaseException as error:  # noqa: BLE001  (raised below, and where the others wait)
                answer.set_exception(error)
        found: T = answer.result()
        return found


class _Once(Generic[T]):
    _creation = threading.Lock()

    def __init__(self, find: Callable[[Any], T]) -> None:
        self._find = find
        self.__doc__ = find.__doc__

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    @overload
    def __get__(self, instance: None, owner: type) -> _Once[T]: ...

    @overload
    def __get__(self, instance: object, owner: type) -> T: ...

    def __get__(self, instance: object | None, owner: type) -> _Once[T] | T:
        if instance is None:
            return self
        with self._creation:
            answers: Answers = vars(instance).setdefault(_HELD, Answers())
        return answers.get(self._name, partial(self._find, instance))


def once(find: Callable[[Any], T]) -> _Once[T]:
    """A property that is found out once for each object, by the first thread that reads it (:class:`Answers`)."""
    return _Once(find)
