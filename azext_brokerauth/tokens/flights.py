"""Tokens in memory and the acquisitions under way: what is decided about them, under one lock, and nothing else.

No log is written, no thread started and nobody called back here: whoever asks does that, outside the lock.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field, replace

from azext_brokerauth.broker.pool import Window
from azext_brokerauth.errors import ClosedError
from azext_brokerauth.models import Token, TokenRequest, code
from azext_brokerauth.tokens.acquisition import Prompt
from azext_brokerauth.tokens.renewal import RETRY, Age, age


@dataclass(eq=False)
class Flight:
    """One acquisition, for everybody who waits for it.

    :param key: what it is for.
    :param prompt: may it show a window?
    :param waiting: how many wait.
    :param window: the prompt that is open; None while there is none.
    """

    key: TokenRequest
    prompt: Prompt
    future: Future[Token] = field(default_factory=Future)
    waiting: int = 0
    window: Window | None = None

    def __post_init__(self) -> None:
        self.future.set_running_or_notify_cancel()  # one who stops waiting cannot cancel it for the others


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
        self._entries: dict[TokenRequest, _Entry] = {}
        self._closed = False

    def board(self, key: TokenRequest, prompt: Prompt) -> tuple[Token | Flight, bool]:
        """A token that answers, or the acquisition to wait for.

        :returns: it, and whether the caller is to start it.
        :raises ClosedError: after :meth:`close`.
        """
        with self._lock:
            if self._closed:
                raise ClosedError("This was closed and cannot give tokens any more.", remedies=code("Make a new one."))
            now = self._clock()
            entry = self._entries.setdefault(key, _Entry())
            token = None
            if prompt is not Prompt.SELECT_ACCOUNT and entry.token and age(entry.token, now) is not Age.EXPIRED:
                token = entry.token
                if age(token, now) is Age.ADVISORY:
                    # Nobody is shown a window for the sake of a token that is still good for minutes.
                    prompt = Prompt.NEVER
            flight = entry.flights.get(prompt)
            if token and _is_good_enough(token, now, renewing=flight is not None, retry_after=entry.retry_after):
                return token, False
            is_new = flight is None
            if flight is None:
                flight = entry.flights[prompt] = Flight(key, prompt)
            flight.waiting += 1
            return flight, is_new

    def land(self, flight: Flight, outcome: Token | BaseException) -> Landed:
        """Keep what an acquisition brought. Who asks from now on gets one of its own."""
        with self._lock:
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
        with self._lock:
            flight.window = window
            if flight.waiting == 0:
                self._remove(flight)
            return flight.waiting > 0

    def leave(self, future: Future[Token]) -> Window | None:
        """Say that one caller no longer waits.

        :returns: the prompt that nobody waits for any more, to be taken away.
        """
        with self._lock:
            for entry in self._entries.values():
                for flight in entry.flights.values():
                    if flight.future is future:
                        flight.waiting -= 1
                        if flight.waiting == 0 and flight.window is not None:
                            self._remove(flight)
                            return flight.window
                        return None
            return None

    def forget(self) -> None:
        """Forget all tokens."""
        with self._lock:
            for entry in self._entries.values():
                entry.token = None

    def close(self) -> None:
        """Forget all tokens, and let nobody board any more."""
        self.forget()
        with self._lock:
            self._closed = True

    def _put(self, flight: Flight, token: Token, now: float) -> None:
        # Claims brought an ordinary token. Whoever answered is asked for by name from now on; after the picker, the
        # key may name another.
        answered = replace(flight.key, claims="")
        keys = {replace(answered, whose=token.account.home_account_id)}
        if flight.prompt is not Prompt.SELECT_ACCOUNT:
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
