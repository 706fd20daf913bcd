"""Tokens in memory and the acquisitions under way: what is decided about them, under one lock, and nothing else.

No log is written, no thread started and nobody called back here: whoever asks does that, outside the lock.

A signal handler, or a finaliser, may ask for a token while its own thread is in here. It can have no lock then, and nor
can whoever it waits for while it waits: it gets an acquisition of its own, of which nothing is kept.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, InvalidStateError
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Protocol

from azext_brokerauth.errors import ClosedError
from azext_brokerauth.models import Prompt, Token, TokenRequest, code
from azext_brokerauth.tokens.renewal import RETRY, Age, age

_LISTEN = 0.2
"""How often, in seconds, a waiter wakes to let Python run signal handlers. Python runs them between two of its own
steps, so that a signal which comes just before the wait begins would otherwise be noticed only when that ends."""


class Window(Protocol):
    """A prompt that is open."""

    def end(self) -> None:
        """Take it away."""


@dataclass(eq=False)
class Flight:
    """One acquisition, for everybody who waits for it.

    :param key: what it is for.
    :param prompt: may it show a window?
    :param waiting: how many wait.
    :param window: the prompt that is open; None while there is none.
    :param alone: it is one caller's own, of which the others know nothing.
    :param outcome: how it ended; None while it has not.
    """

    key: TokenRequest
    prompt: Prompt
    waiting: int = 1
    window: Window | None = None
    alone: bool = False
    outcome: Token | BaseException | None = None
    _tickets: list[Ticket] = field(default_factory=list)

    def __post_init__(self) -> None:
        # Not an Event: it takes a lock of its own each time, which a signal handler may find taken by its own thread.
        self._landed = threading.Lock()
        self._landed.acquire()

    def wait(self) -> Token:
        """The token, when it is there.

        :raises BaseException: why there is none.
        """
        while self.outcome is None:
            if self._landed.acquire(timeout=_LISTEN):
                self._landed.release()
        if isinstance(self.outcome, Token):
            return self.outcome
        raise self.outcome

    def ticket(self) -> Ticket:
        """A future of one who waits in another way than by :meth:`wait`."""
        ticket = Ticket(self)
        self._tickets.append(ticket)
        if self.outcome is not None:
            ticket.settle(self.outcome)
        return ticket

    def settle(self, outcome: Token | BaseException) -> None:
        """Let everybody who waits go on."""
        self.outcome = outcome
        self._landed.release()
        for ticket in list(self._tickets):
            ticket.settle(outcome)


class Ticket(Future[Token]):
    """What one caller waits for, who cannot cancel it for the others.

    :param flight: the acquisition; None where the token was there already.
    """

    def __init__(self, flight: Flight | None = None) -> None:
        super().__init__()
        self.flight = flight
        self.set_running_or_notify_cancel()

    def settle(self, outcome: Token | BaseException) -> None:
        """Set the result, once."""
        try:
            if isinstance(outcome, Token):
                self.set_result(outcome)
            else:
                self.set_exception(outcome)
        except InvalidStateError:  # both who lands and who comes late have set it
            return


@dataclass
class _Entry:
    """What is known of one kind of request.

    :param retry_after: epoch seconds before which a valid token is not renewed again.
    """

    token: Token | None = None
    retry_after: float = 0.0
    flights: dict[Prompt, Flight] = field(default_factory=dict)


@dataclass(frozen=True)
class Landed:
    """How an acquisition ended for those who wait.

    :param outcome: a token, or why there is none.
    :param failure: why the renewal failed, where the outcome is the token that is still valid.
    """

    outcome: Token | BaseException
    failure: BaseException | None = None


def key_of(request: TokenRequest) -> TokenRequest:
    """What requests that one token answers have in common; the account is in it by its ID, or else by its name."""
    whose = request.account.home_account_id if request.account else request.username.lower()
    return replace(request, scopes=tuple(sorted(set(request.scopes))), whose=whose)


class Flights:
    """Safe for threads.

    :param clock: gives epoch seconds.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._inside = threading.local()
        self._entries: dict[TokenRequest, _Entry] = {}
        self._closed = False

    @contextmanager
    def _deciding(self) -> Iterator[None]:
        """Hold the lock, unless this thread holds it already, further up."""
        with self._noting() as is_first:
            if not is_first:
                yield
                return
            with self._lock:
                yield

    @contextmanager
    def _noting(self) -> Iterator[bool]:
        """Note that this thread is in here, before any lock is taken: a signal may come right after.

        :returns: whether it was not in here already.
        """
        is_first = not getattr(self._inside, "here", False)
        self._inside.here = True
        try:
            yield is_first
        finally:
            if is_first:
                self._inside.here = False

    def board(self, key: TokenRequest, prompt: Prompt, start: Callable[[Flight], None]) -> Token | Flight:
        """A token that answers, or the acquisition to wait for.

        :param start: starts an acquisition. It is called without the lock.
        :raises ClosedError: after :meth:`close`.
        """
        with self._noting() as is_first:
            boarded: Token | Flight = Flight(key, prompt, alone=True)
            is_new = True
            if is_first:
                with self._lock:
                    boarded, is_new = self._decide(key, prompt)
            if is_new and isinstance(boarded, Flight):
                start(boarded)
            return boarded

    def _decide(self, key: TokenRequest, prompt: Prompt) -> tuple[Token | Flight, bool]:
        if self._closed:
            raise ClosedError(
                "This credential was closed and cannot give tokens any more.", remedies=code("Make a new one.")
            )
        now = self._clock()
        entry = self._entries.setdefault(key, _Entry())
        token = None
        if not prompt.shows_picker and entry.token and age(entry.token, now) is not Age.EXPIRED:
            token = entry.token
            if age(token, now) is Age.ADVISORY:
                # Nobody is shown a window for the sake of a token that is still good for minutes.
                prompt = Prompt.NEVER
        flight = entry.flights.get(prompt)
        if flight is not None and flight.waiting == 0:
            flight = None  # everybody has given it up, and its deadline is theirs
        if token and _is_good_enough(token, now, renewing=flight is not None, retry_after=entry.retry_after):
            return token, False
        if flight is not None:
            flight.waiting += 1
            return flight, False
        flight = entry.flights[prompt] = Flight(key, prompt)
        return flight, True

    def land(self, flight: Flight, outcome: Token | BaseException) -> Landed:
        """Keep what an acquisition brought. Who asks from now on gets one of its own."""
        if flight.alone:
            return Landed(outcome)
        with self._deciding():
            now = self._clock()
            if isinstance(outcome, Token):
                if flight.key.answer_may_be_cached:
                    self._put(flight, outcome, now)
                landed = Landed(outcome)
            else:
                landed = self._after_failure(flight, outcome, now)
            self._remove(flight)
            return landed

    def show(self, flight: Flight, window: Window) -> bool:
        """Say that a prompt is open.

        :returns: whether anybody waits for it; otherwise it is to be taken away.
        """
        if flight.alone:
            flight.window = window
            return flight.waiting > 0
        with self._deciding():
            flight.window = window
            if flight.waiting == 0:
                self._remove(flight)
            return flight.waiting > 0

    def leave(self, flight: Flight) -> Window | None:
        """Say that one caller no longer waits.

        :returns: the prompt that nobody waits for any more, to be taken away.
        """
        with self._deciding():
            flight.waiting -= 1
            if flight.waiting > 0 or flight.window is None or flight.outcome is not None:
                return None
            self._remove(flight)
            return flight.window

    def forget(self) -> None:
        """Forget all tokens."""
        with self._deciding():
            for entry in list(self._entries.values()):
                entry.token = None

    def close(self) -> None:
        """Forget all tokens, and let nobody board any more."""
        self.forget()
        self._closed = True

    def _put(self, flight: Flight, token: Token, now: float) -> None:
        # Claims brought an ordinary token. Whoever answered is asked for by name from now on; after the picker, the
        # key may name another.
        answered = replace(flight.key, claims="", renew=False)
        keys = {replace(answered, whose=token.account.home_account_id)}
        if not flight.prompt.shows_picker:
            keys.add(answered)
        for key in [k for k, e in self._entries.items() if e.token and age(e.token, now) is Age.EXPIRED]:
            self._entries[key].token = None
            self._drop_if_empty(key)
        for key in keys:
            entry = self._entries.setdefault(key, _Entry())
            entry.token = token
            # The runtime has a cache of its own, and may give the same old token again.
            entry.retry_after = 0.0 if age(token, now) is Age.FRESH else now + RETRY

    def _after_failure(self, flight: Flight, failure: BaseException, now: float) -> Landed:
        entry = self._entries.get(flight.key)
        if flight.prompt.shows_picker:
            return Landed(failure)  # a person was asked: no older token stands in for their answer
        if entry is None or entry.token is None or age(entry.token, now) is Age.EXPIRED:
            return Landed(failure)
        entry.retry_after = now + RETRY
        return Landed(entry.token, failure)

    def _remove(self, flight: Flight) -> None:
        entry = self._entries.get(flight.key)
        if entry and entry.flights.get(flight.prompt) is flight:
            del entry.flights[flight.prompt]
            self._drop_if_empty(flight.key)

    def _drop_if_empty(self, key: TokenRequest) -> None:
        entry = self._entries[key]
        if entry.token is None and not entry.flights:
            del self._entries[key]


def _is_good_enough(token: Token, now: float, *, renewing: bool, retry_after: float) -> bool:
    """Is it given as it is, without a renewal to wait for?"""
    match age(token, now):
        case Age.FRESH:
            return True
        case Age.ADVISORY:
            return renewing or now < retry_after
        case _:
            return now < retry_after
