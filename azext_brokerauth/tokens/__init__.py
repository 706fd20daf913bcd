"""The one place that gets tokens: from memory, then from the broker silently, then by a prompt where allowed."""

from __future__ import annotations

import _thread
import json
import logging
import os
import sys
import time
import weakref
from collections.abc import Callable, Hashable
from dataclasses import replace
from typing import TYPE_CHECKING

from azext_brokerauth import clouds
from azext_brokerauth.accounts import Records
from azext_brokerauth.aside import aside
from azext_brokerauth.errors import BrokerAuthError, BrokerNotReadyError, ClosedError, InvalidInputError
from azext_brokerauth.machine import Machine, detect
from azext_brokerauth.models import Account, BrokerFlag, Prompt, PromptWindow, Target, Token, TokenRequest, person
from azext_brokerauth.settings import Settings, policy
from azext_brokerauth.speaker import SPEAKER, Logger
from azext_brokerauth.tokens.eligibility import eligibility, why_not_for
from azext_brokerauth.tokens.flights import Flight, Flights, Ticket, Window, key_of
from azext_brokerauth.tokens.renewal import fresh_until, warn_of

if TYPE_CHECKING:
    from azext_brokerauth.broker.pool import Broker
    from azext_brokerauth.terminal.countdown import Tell
    from azext_brokerauth.tokens.asking import Asker
    from azext_brokerauth.tokens.disk import TokenFiles

__all__ = ["Prompt", "PromptWindow", "Tokens", "default_scope"]

_LOGGER = Logger(__name__)
_WARN = logging.getLogger(__name__).warning
"""Called by the speaker, whose own words a :class:`Logger` would leave out."""

_LOOK = 0.2
"""How often, in seconds, one who waits lets Python run signal handlers."""


def newer_than(epoch: float, claims: str = "") -> str:
    """The claims of a challenge that only a token issued since then answers, as resources send it when they revoke
    tokens (https://learn.microsoft.com/entra/identity-platform/claims-challenge). The runtime's own cache has none.

    :param epoch: seconds.
    :param claims: JSON text of what else is asked for, such as an agent's mark.
    """
    asked = json.loads(claims) if claims else {}
    since = {"essential": True, "value": str(int(epoch))}
    return json.dumps({**asked, "access_token": {**(asked.get("access_token") or {}), "nbf": since}})


def default_scope(target: Target) -> str:
    """The scope of Azure Resource Manager in the target's cloud, for those who name none.

    :raises InvalidInputError: the cloud is not known.
    """
    cloud = clouds.of_authority(target.authority)
    if cloud is None:
        raise InvalidInputError(
            f"brokerauth does not know Azure's scope for the authority {target.authority}.",
            remedies=person("Name the scope with {--scope}."),
        )
    return cloud.arm_scope


class Tokens:
    """Gets tokens for any number of threads, from one set of settings.

    :param settings: the settings in force, which follow the policy file from then on.
    :keyword machine: what machine this is.
    :keyword records: gives the accounts signed in through us, read anew for each acquisition.
    :keyword window: how prompts are shown.
    :keyword disable_instance_discovery: trust an authority that Microsoft does not know.
    :keyword enable_pii_log: let error messages of the broker tell what it otherwise writes as ``(pii)``.
    :keyword waiting: while something is waited for, is given that and the seconds left, about once a second, in a
        thread of its own; and None when that is over.
    :keyword notify: is given what a person must read meanwhile. Default: a warning in the log.
    :keyword falls_back: carry out the fallback that was chosen; False: the host does that itself.
    :keyword broker: makes what asks the broker, and is given ``notify``. Default: one with processes.
    :keyword shares: share tokens with other processes, where the settings allow it; False: have the broker asked.
    :keyword shared: the tokens that processes share. Default: this user's.
    :keyword clock: gives epoch seconds.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        machine: Machine | None = None,
        records: Callable[[], Records] = Records,
        window: PromptWindow | None = None,
        disable_instance_discovery: bool = False,
        enable_pii_log: bool = False,
        waiting: Tell | None = None,
        notify: Callable[[str], None] = _WARN,
        falls_back: bool = True,
        broker: Callable[[Callable[[str], None]], Broker] | None = None,
        shares: bool = True,
        shared: TokenFiles | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.settings = settings
        self._machine = machine or detect()
        self._records = records
        self._notify = lambda text: SPEAKER.say(lambda: notify(text))

        def make_asker() -> Asker:
            # Most commands get a token that is there already, and pay for nothing of this.
            from azext_brokerauth.tokens.asking import Asker

            return Asker(
                self.in_force,
                self._notify,
                broker=broker,
                window=window or PromptWindow(),
                disable_instance_discovery=disable_instance_discovery,
                enable_pii_log=enable_pii_log,
                waiting=waiting,
                kind=self._machine.kind,
                falls_back=falls_back,
            )

        self._make_asker = make_asker
        self._shares = shares
        self._shared = shared
        self._clock = clock
        self.start_afresh()
        _LIVE.add(self)

    def start_afresh(self) -> None:
        """After a fork: replace locks, caches and the broker's processes, which belong to the parent."""
        self._flights = Flights(self._clock)
        self._answers: dict[Hashable, tuple[Token, int]] = {}
        self._made: dict[str, Asker | None] = {}

    @property
    def _asker(self) -> Asker:
        """What asks the broker, made when it is needed: one, whatever threads meet here, and without a lock.

        :raises ClosedError: :meth:`close` came first.
        """
        if "asker" not in self._made:
            self._made.setdefault("asker", self._make_asker())
        asker = self._made["asker"]
        if asker is None:
            raise ClosedError("The broker was closed.")
        return asker

    def in_force(self) -> Settings:
        """The settings, as the policy file now has them. Where they changed, tokens from before are forgotten.

        :raises BrokerAuthError: the policy file cannot be used any more, or forbids what is set below it.
        """
        now = self.settings.now()
        if now is not self.settings:
            before, self.settings = self.settings, now
            if now != before:
                self._forget()
        return now

    def again(self, question: Hashable) -> Token | None:
        """The token that answered a question from memory before, while there is nothing else to find out: it is fresh,
        no other token came meanwhile, and the policy file is as it was. None where :meth:`get` has to decide.

        :param question: as for :meth:`get`.
        """
        answer = self._answers.get(question)
        if answer is None or self._clock() >= answer[1] or not self.settings.is_current():
            return None
        return answer[0]

    def get(
        self,
        request: TokenRequest,
        prompt: Prompt,
        timeout: float | None = None,
        chosen: Settings | None = None,
        question: Hashable = None,
    ) -> Token:
        """A token that answers the request.

        One acquisition serves all threads that ask for the same at once. A token near its end is renewed early; when
        that fails and the token is still valid, it is given again.

        :param timeout: seconds for what needs no window; None: the setting ``silent_timeout``.
        :param chosen: what :meth:`in_force` gave just now, for the request to be made from; None: it is asked again.
        :param question: what the request was made from, besides the settings; :meth:`again` answers it from then on.
        :raises BrokerOffError: not a machine for the broker; nothing was attempted.
        :raises BrokerNotReadyError: under WSL, and something the broker needs is missing; nothing was attempted.
        :raises InteractionRequiredError: only a prompt would help, and ``prompt`` is NEVER.
        :raises SignInRefusedError: refused, by Entra, the broker, the policy or the person.
        :raises BrokerTimeoutError: no answer by the deadline.
        :raises BrokerFailedError: the broker crashed, or gave an answer that cannot be used.
        :raises ClosedError: after :meth:`close`.
        """
        boarded = self._board(request, prompt, timeout, chosen, question)
        if isinstance(boarded, Token):
            return boarded
        try:
            return boarded.wait()
        except BaseException:  # Ctrl-C
            self._leave(boarded)
            raise

    def begin(
        self,
        request: TokenRequest,
        prompt: Prompt,
        timeout: float | None = None,
        chosen: Settings | None = None,
        question: Hashable = None,
    ) -> Ticket:
        """As :meth:`get`, without waiting. Whoever stops waiting tells :meth:`abandon`.

        :raises BrokerOffError, BrokerNotReadyError, ClosedError: as :meth:`get`; all other errors come with the ticket.
        """
        boarded = self._board(request, prompt, timeout, chosen, question)
        if isinstance(boarded, Flight):
            return boarded.ticket()
        ticket = Ticket()
        ticket.settle(boarded)
        return ticket

    def abandon(self, ticket: Ticket) -> None:
        """Say that a caller no longer waits. A prompt that nobody waits for is taken away."""
        if ticket.flight is not None and not ticket.done():
            self._leave(ticket.flight)

    def _leave(self, flight: Flight) -> None:
        window = self._flights.leave(flight)
        # Not here, if it can be: ending takes a while, and this may be an event loop's thread. When the interpreter
        # ends, the processes have been ended.
        if window and not aside(window.end) and not sys.is_finalizing():
            window.end()

    def _board(
        self,
        request: TokenRequest,
        prompt: Prompt,
        timeout: float | None,
        chosen: Settings | None,
        question: Hashable,
    ) -> Token | Flight:
        answers = self._answers
        settings = chosen or self.in_force()
        flag = self._flag(settings)
        policy.check_request(settings, request)
        if obstacle := why_not_for(request, flag):
            raise obstacle
        request = replace(request, whose=self._whose(settings, request, prompt))

        def start(flight: Flight) -> None:
            try:
                # Not threading.Thread: its start() waits, with a lock that a signal handler's request would need.
                _thread.start_new_thread(self._fly, (flight, request, settings, flag, timeout))
            except RuntimeError as error:  # the system gives no more threads
                from azext_brokerauth.broker.launch import SHORT_OF_RESOURCES

                unready = BrokerNotReadyError(f"No thread can be started: {error}.", remedies=SHORT_OF_RESOURCES)
                self._land(flight, unready)

        boarded = self._flights.board(key_of(request), prompt, start)
        if isinstance(boarded, Token):
            policy.check_answer(settings, boarded)  # it may have come just before the policy did
            if question is not None:
                # Whoever forgets, or brings another token meanwhile, begins another dict.
                answers[question] = boarded, fresh_until(boarded)
            _LOGGER.debug("from memory: a token for %s, valid until %d", " ".join(request.scopes), boarded.expires_on)
        return boarded

    def sign_out(self, account: Account) -> None:
        """Have the broker forget the account for its application.

        :raises: as :meth:`get`.
        """
        self._forget()
        self._files().forget()
        chosen = self.in_force()
        self._asker.sign_out(account, chosen, self._flag(chosen))

    def _forget(self) -> None:
        self._flights.forget()
        self._answers = {}

    def known_to_broker(self, target: Target, timeout: float | None = None) -> tuple[str, ...]:
        """The user names of the accounts that the broker knows.

        :param timeout: seconds; None: the setting ``silent_timeout``.
        :raises: as :meth:`get`.
        """
        chosen = self.in_force()
        return self._asker.known_to_broker(target, chosen, self._flag(chosen), timeout)

    def close(self) -> None:
        """End the broker's processes and forget all tokens. Requests under way fail."""
        self._answers = {}
        self._flights.close()
        asker = self._made.setdefault("asker", None)
        if asker is None:
            return
        # In a thread of its own: this one could be interrupted by a signal handler that asks for a token, while it
        # holds locks that the broker needs for the answer.
        if closed := aside(asker.close):
            while not closed.acquire(timeout=_LOOK):
                continue
        elif not sys.is_finalizing():
            asker.close()

    def _flag(self, chosen: Settings) -> BrokerFlag:
        """:raises BrokerOffError, BrokerNotReadyError: the broker is not used on this machine."""
        flag = eligibility(chosen, self._machine)
        if isinstance(flag, BrokerAuthError):
            raise flag
        return flag

    def _whose(self, chosen: Settings, request: TokenRequest, prompt: Prompt) -> Account | str:
        """The account to ask for, if its record is known, or its user name, if one was named."""
        if request.account:
            return request.account
        username = request.username or chosen.login_hint
        if prompt.shows_picker and not username:
            return ""  # the person chooses: the account in use is not put forward
        target = request.target
        account = self._records().find(username, client_id=target.client_id, authority=target.authority)
        # One that signed in to another tenant, before the policy enforced this one, is not asked for.
        return account if account and policy.allows(chosen, account.target) else username

    def _fly(
        self, flight: Flight, request: TokenRequest, chosen: Settings, flag: BrokerFlag, timeout: float | None
    ) -> None:
        outcome: Token | BaseException
        try:
            outcome = self._fetch(flight, request, chosen, flag, timeout)
        except BaseException as error:  # noqa: BLE001  (everybody who waits is told)
            outcome = error
        self._land(flight, outcome)

    def _fetch(
        self, flight: Flight, request: TokenRequest, chosen: Settings, flag: BrokerFlag, timeout: float | None
    ) -> Token:
        """A token that another process got, or else the broker's, for the other processes too."""

        def ask(before_prompt: Callable[[], None] = lambda: None) -> Token:
            def show(window: Window) -> bool:
                return self._flights.show(flight, window)

            asked = replace(request, claims=newer_than(self._clock(), request.claims)) if request.renew else request
            return self._asker.token(asked, flight.prompt, chosen, flag, timeout, show, before_prompt)

        if "token_cache" in chosen.enforced and not chosen.shares_tokens:
            self._files().forget()  # what was kept before the policy came
        if not self._shares or not chosen.shares_tokens or flight.prompt.shows_picker:
            return ask()
        return self._files().fetch(flight.key, ask, self._is_allowed, timeout or chosen.silent_timeout)

    def _is_allowed(self, token: Token) -> bool:
        try:
            policy.check_answer(self.in_force(), token)
        except BrokerAuthError as error:  # the broker's answer will tell it to whoever asks
            _LOGGER.debug("a token of another process is not used: %s", error)
            return False
        return True

    def _files(self) -> TokenFiles:
        if self._shared is None:
            # Where no token outlives its process, nobody pays for it.
            from azext_brokerauth.tokens.disk import TokenFiles, cache_directory

            self._shared = TokenFiles(cache_directory(os.environ), clock=self._clock)
        return self._shared

    def _land(self, flight: Flight, outcome: Token | BaseException) -> None:
        landed = self._flights.land(flight, outcome)
        self._answers = {}
        flight.settle(landed.outcome)
        if landed.failure is not None:
            warn_of(landed.failure)


_LIVE: weakref.WeakSet[Tokens] = weakref.WeakSet()


def _after_fork() -> None:
    for tokens in list(_LIVE):
        tokens.start_afresh()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
