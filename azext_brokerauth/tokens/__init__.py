"""The one place that gets tokens: from memory, then from the broker silently, then by a prompt where allowed."""

from __future__ import annotations

import _thread
import logging
import os
import sys
import time
import weakref
from collections.abc import Callable
from dataclasses import dataclass, replace

from azext_brokerauth import clouds
from azext_brokerauth.accounts import Records
from azext_brokerauth.aside import aside
from azext_brokerauth.broker.launch import SHORT_OF_RESOURCES
from azext_brokerauth.broker.messages import Answer, AppOptions, Ask, Done, Failure, Reply, Step
from azext_brokerauth.broker.pool import Broker, Window
from azext_brokerauth.errors import AGAIN, BrokerAuthError, BrokerFailedError, BrokerNotReadyError, InvalidInputError
from azext_brokerauth.errors.diagnostics import BROKER, ENTRA
from azext_brokerauth.errors.lookup import from_trouble
from azext_brokerauth.machine import Kind, Machine, detect
from azext_brokerauth.models import NO_DATE, Account, Target, Token, TokenRequest, person
from azext_brokerauth.redaction import redact
from azext_brokerauth.settings import NO_FALLBACK, Settings, policy
from azext_brokerauth.speaker import SPEAKER, Logger
from azext_brokerauth.terminal.countdown import Tell, WaitFor, counting_down
from azext_brokerauth.tokens.acquisition import Limits, Prompt, acquire
from azext_brokerauth.tokens.eligibility import eligibility, why_not_for
from azext_brokerauth.tokens.flights import Flight, Flights, Ticket, key_of

__all__ = ["Prompt", "PromptWindow", "Tokens", "default_scope"]

_LOGGER = Logger(__name__)
_WARN = logging.getLogger(__name__).warning
"""Called by the speaker, whose own words a :class:`Logger` would leave out."""

_LOOK = 0.2
"""How often, in seconds, one who waits lets Python run signal handlers."""


@dataclass(frozen=True)
class PromptWindow:
    """How a prompt is shown.

    :param handle: the parent window's handle; 0: the console's.
    :param enable_msa_passthrough: let legacy first-party applications see personal accounts (MSAL's parameter).
    """

    handle: int = 0
    enable_msa_passthrough: bool = False


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
    :keyword broker: makes what asks the broker, and is given ``notify``.
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
        broker: Callable[[Callable[[str], None]], Broker] = Broker,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.settings = settings
        self._machine = machine or detect()
        self._records = records
        self._window = window or PromptWindow()
        self._disable_instance_discovery = disable_instance_discovery
        self._enable_pii_log = enable_pii_log
        self._waiting = waiting
        self._notify = lambda text: SPEAKER.say(lambda: notify(text))
        self._falls_back = falls_back
        self._make_broker = broker
        self._clock = clock
        self.start_afresh()
        _LIVE.add(self)

    def start_afresh(self) -> None:
        """After a fork: replace locks, caches and the broker's processes, which belong to the parent."""
        self._flights = Flights(self._clock)
        self._broker = self._make_broker(self._notify)

    def in_force(self) -> Settings:
        """The settings, as the policy file now has them. Where they changed, tokens from before are forgotten.

        :raises BrokerAuthError: the policy file cannot be used any more, or forbids what is set below it.
        """
        now = self.settings.now()
        if now is not self.settings:
            before, self.settings = self.settings, now
            if now != before:
                self._flights.forget()
        return now

    def get(
        self, request: TokenRequest, prompt: Prompt, timeout: float | None = None, chosen: Settings | None = None
    ) -> Token:
        """A token that answers the request.

        One acquisition serves all threads that ask for the same at once. A token near its end is renewed early; when
        that fails and the token is still valid, it is given again.

        :param timeout: seconds for what needs no window; None: the setting ``silent_timeout``.
        :param chosen: what :meth:`in_force` gave just now, for the request to be made from; None: it is asked again.
        :raises BrokerOffError: not a machine for the broker; nothing was attempted.
        :raises BrokerNotReadyError: under WSL, and something the broker needs is missing; nothing was attempted.
        :raises InteractionRequiredError: only a prompt would help, and ``prompt`` is NEVER.
        :raises SignInRefusedError: refused, by Entra, the broker, the policy or the person.
        :raises BrokerTimeoutError: no answer by the deadline.
        :raises BrokerFailedError: the broker crashed, or gave an answer that cannot be used.
        :raises ClosedError: after :meth:`close`.
        """
        boarded = self._board(request, prompt, timeout, chosen)
        if isinstance(boarded, Token):
            return boarded
        try:
            return boarded.wait()
        except BaseException:  # Ctrl-C
            self._leave(boarded)
            raise

    def begin(
        self, request: TokenRequest, prompt: Prompt, timeout: float | None = None, chosen: Settings | None = None
    ) -> Ticket:
        """As :meth:`get`, without waiting. Whoever stops waiting tells :meth:`abandon`.

        :raises BrokerOffError, BrokerNotReadyError, ClosedError: as :meth:`get`; all other errors come with the ticket.
        """
        boarded = self._board(request, prompt, timeout, chosen)
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
        self, request: TokenRequest, prompt: Prompt, timeout: float | None, chosen: Settings | None
    ) -> Token | Flight:
        settings = chosen or self.in_force()
        options = self._options(settings)
        policy.check_request(settings, request)
        if obstacle := why_not_for(request, options.flag):
            raise obstacle
        request = replace(request, whose=self._whose(settings, request, prompt))

        def start(flight: Flight) -> None:
            try:
                # Not threading.Thread: its start() waits, with a lock that a signal handler's request would need.
                _thread.start_new_thread(self._fly, (flight, request, settings, options, timeout))
            except RuntimeError as error:  # the system gives no more threads
                unready = BrokerNotReadyError(f"No thread can be started: {error}.", remedies=SHORT_OF_RESOURCES)
                self._land(flight, unready)

        boarded = self._flights.board(key_of(request), prompt, start)
        if isinstance(boarded, Token):
            policy.check_answer(settings, boarded)  # it may have come just before the policy did
            _LOGGER.debug("from memory: a token for %s, valid until %d", " ".join(request.scopes), boarded.expires_on)
        return boarded

    def sign_out(self, account: Account) -> None:
        """Have the broker forget the account for its application.

        :raises: as :meth:`get`.
        """
        self._flights.forget()
        self._carry_out(Step.SIGN_OUT, TokenRequest((), account.target, whose=account))

    def known_to_broker(self, target: Target, timeout: float | None = None) -> tuple[str, ...]:
        """The user names of the accounts that the broker knows.

        :param timeout: seconds; None: the setting ``silent_timeout``.
        :raises: as :meth:`get`.
        """
        return self._carry_out(Step.ACCOUNTS, TokenRequest((), target), timeout).usernames

    def close(self) -> None:
        """End the broker's processes and forget all tokens. Requests under way fail."""
        self._flights.close()
        # In a thread of its own: this one could be interrupted by a signal handler that asks for a token, while it
        # holds locks that the broker needs for the answer.
        if closed := aside(self._broker.close):
            while not closed.acquire(timeout=_LOOK):
                continue
        elif not sys.is_finalizing():
            self._broker.close()

    def _options(self, chosen: Settings) -> AppOptions:
        """:raises BrokerOffError, BrokerNotReadyError: the broker is not used on this machine."""
        flag = eligibility(chosen, self._machine)
        if isinstance(flag, BrokerAuthError):
            raise flag
        return AppOptions(
            flag,
            disable_instance_discovery=self._disable_instance_discovery,
            enable_msa_passthrough=self._window.enable_msa_passthrough,
            enable_pii_log=self._enable_pii_log,
            keyring=chosen.keyring,
        )

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
        self, flight: Flight, request: TokenRequest, chosen: Settings, options: AppOptions, timeout: float | None
    ) -> None:
        def perform(step: Step, *, timeout: float, select_account: bool = False) -> Token:
            ask = Ask(step, request, options, select_account, self._window.handle)
            if step is Step.PROMPT or step.is_fallback:
                return self._token_in(self._prompt(flight, ask, timeout), ask)
            return self._token_in(self._ask(ask, timeout), ask)

        limits = Limits(timeout or chosen.silent_timeout, chosen.prompt_timeout)
        chosen_fallback = chosen.fallback if self._falls_back else NO_FALLBACK
        outcome: Token | BaseException
        try:
            outcome = acquire(request, flight.prompt, chosen_fallback, limits, perform, self._notify)
        except BaseException as error:  # noqa: BLE001  (everybody who waits is told)
            outcome = error
        self._land(flight, outcome)

    def _land(self, flight: Flight, outcome: Token | BaseException) -> None:
        landed = self._flights.land(flight, outcome)
        flight.settle(landed.outcome)
        if landed.failure is not None:
            _LOGGER.warning(
                "The token could not be renewed. The old one is still valid and is used: %s",
                redact(str(landed.failure)),
            )

    def _ask(self, ask: Ask, timeout: float) -> Reply:
        waited = WaitFor.WINDOWS if self._machine.kind is Kind.WSL2 else WaitFor.BROKER
        with counting_down(self._waiting, waited, timeout):
            return _timed(ask, timeout, lambda: self._broker.ask(ask, timeout))

    def _prompt(self, flight: Flight, ask: Ask, timeout: float) -> Reply:
        def started(window: Window) -> None:
            if not self._flights.show(flight, window):
                window.end()

        waited = WaitFor.WINDOW_IN_WINDOWS if self._machine.kind is Kind.WSL2 else WaitFor.WINDOW
        waited = {Step.BROWSER: WaitFor.BROWSER, Step.DEVICE_CODE: WaitFor.DEVICE_CODE}.get(ask.step, waited)
        with counting_down(self._waiting, waited, timeout):
            return _timed(ask, timeout, lambda: self._broker.prompt(ask, timeout, started))

    def _token_in(self, reply: Reply, ask: Ask) -> Token:
        if isinstance(reply, Failure):
            speaker = ENTRA if ask.step.is_fallback else BROKER
            target = ask.request.target
            named = self.settings.named(target, ask.request.username)
            raise from_trouble(reply.trouble, reply.text, reply.correlation_id, target, speaker, named)
        if not isinstance(reply, Answer) or not 0 <= reply.token.expires_on < NO_DATE:
            raise BrokerFailedError("The broker's answer has no token that can be used.", remedies=AGAIN)
        policy.check_answer(self.in_force(), reply.token)  # the policy may have come meanwhile
        return reply.token

    def _carry_out(self, step: Step, request: TokenRequest, timeout: float | None = None) -> Done:
        chosen = self.in_force()
        reply = self._ask(Ask(step, request, self._options(chosen)), timeout or chosen.silent_timeout)
        if isinstance(reply, Failure):
            raise from_trouble(reply.trouble, reply.text, reply.correlation_id, request.target, BROKER)
        if not isinstance(reply, Done):
            raise BrokerFailedError("The broker answered another question than the one that was asked.", remedies=AGAIN)
        return reply


_STEPS = {
    Step.SILENT: "Asking the broker for a token of the account, without a window",
    Step.DEFAULT: "Asking the broker for a token of the account that Windows is signed in with, without a window",
    Step.PROMPT: "Asking the broker to show its sign-in window",
    Step.BROWSER: "Signing in with a browser",
    Step.DEVICE_CODE: "Signing in with a device code",
    Step.SIGN_OUT: "Asking the broker to sign the account out",
    Step.ACCOUNTS: "Asking the broker which accounts it knows",
}
"""What ``--verbose`` tells of each step."""


def _timed(ask: Ask, timeout: float, call: Callable[[], Reply]) -> Reply:
    """Carry out one step, and log what came of it and how long it took."""
    began, outcome = time.monotonic(), "gave nothing"
    _LOGGER.info("%s (%g s at most)", _STEPS[ask.step], timeout)
    try:
        reply = call()
        outcome = f"answered {type(reply).__name__}"
        if isinstance(reply, Failure):
            outcome += f" ({reply.trouble.value}, correlation ID {reply.correlation_id or 'unknown'})"
        return reply
    finally:
        milliseconds = (time.monotonic() - began) * 1000
        scopes = " ".join(("for", *ask.request.scopes)) if ask.request.scopes else "for no scope"
        _LOGGER.info("The %s step %s: %s after %d ms", ask.step.value, scopes, outcome, milliseconds)


_LIVE: weakref.WeakSet[Tokens] = weakref.WeakSet()


def _after_fork() -> None:
    for tokens in list(_LIVE):
        tokens.start_afresh()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
