"""What a credential has at work ends with it: without waiting, without a lock, once, and never a copy's."""

from __future__ import annotations

import _thread
import copy
import gc
import pickle
import signal
import threading
import time
from collections.abc import Callable
from typing import Any, cast

import pytest

from azext_brokerauth.lifetime import InUse
from azext_brokerauth.tokens import Tokens
from tests.waiting import wait_until


class Work:
    """Stands for what gets tokens."""

    def __init__(self, close: Callable[[], Any] = lambda: None) -> None:
        self._close = close
        self.closed = 0

    def close(self) -> None:
        self._close()
        self.closed += 1


def in_use(work: Work) -> InUse:
    found = InUse()
    assert found.get(lambda: cast("Tokens", work)) is cast("Tokens", work)
    return found


def test_dropping_it_ends_the_work_and_waits_for_nothing() -> None:
    may_end = threading.Event()
    work = Work(lambda: may_end.wait(60))
    one = in_use(work)
    before = time.monotonic()
    del one
    assert time.monotonic() - before < 5
    assert work.closed == 0
    may_end.set()
    wait_until(lambda: work.closed == 1)


def test_what_is_still_in_use_is_left_alone() -> None:
    work = Work()
    one = in_use(work)
    gc.collect()
    time.sleep(0.05)
    assert work.closed == 0
    assert one.tokens is cast("Tokens", work)


def test_garbage_is_collected_while_a_lock_is_held_that_ending_needs() -> None:
    lock = threading.Lock()
    work = Work(lambda: lock.acquire(timeout=60))
    one: Any = in_use(work)
    one.itself = one
    del one
    with lock:
        gc.collect()
        assert work.closed == 0
    wait_until(lambda: work.closed == 1)


def test_where_no_thread_is_to_be_had_closing_needs_none(monkeypatch: pytest.MonkeyPatch) -> None:
    def none_left(*_: object) -> None:
        raise RuntimeError("can't create new thread at interpreter shutdown")

    work = Work()
    one = in_use(work)
    monkeypatch.setattr(_thread, "start_new_thread", none_left)
    one.close()
    assert work.closed == 1


def test_a_copy_has_nothing_at_work() -> None:
    work = Work()
    one = in_use(work)
    for other in (copy.copy(one), copy.deepcopy(one), pickle.loads(pickle.dumps(one))):  # noqa: S301  (it is ours)
        assert other.tokens is None
        other.close()
    assert work.closed == 0
    one.close()
    assert work.closed == 1


def test_threads_that_meet_use_the_same() -> None:
    one, both_there = InUse(), threading.Barrier(2)
    found = []

    def make() -> Tokens:
        both_there.wait(10)
        return cast("Tokens", Work())

    threads = [threading.Thread(target=lambda: found.append(one.get(make))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(map(id, found))) == 1


def test_closing_ends_the_work_before_it_returns() -> None:
    work = Work(lambda: time.sleep(0.2))
    in_use(work).close()
    assert work.closed == 1


def test_closing_in_a_signal_handler_waits_for_no_lock_of_what_it_interrupted() -> None:
    lock = threading.Lock()
    work = Work(lambda: lock.acquire(timeout=60))
    one = in_use(work)

    def handle(*_: object) -> None:
        one.close(patience=0.1)

    before = signal.signal(signal.SIGUSR1, handle)
    try:
        with lock:
            signal.raise_signal(signal.SIGUSR1)
            assert work.closed == 0
        wait_until(lambda: work.closed == 1)
    finally:
        signal.signal(signal.SIGUSR1, before)


def test_an_error_while_closing_is_nobodys_problem(caplog: pytest.LogCaptureFixture) -> None:
    def fail() -> None:
        raise OSError("no such process")

    with caplog.at_level("DEBUG"):
        in_use(Work(fail)).close()
    assert "closing failed: OSError" in caplog.text
