"""Asks the broker: the steps of one acquisition, and what is not about tokens.

Only who needs the broker loads this, and with it all that starts and talks to a process.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from azext_brokerauth.broker.messages import Answer, AppOptions, Ask, Done, Failure, Reply, Step
from azext_brokerauth.broker.pool import Broker
from azext_brokerauth.errors import AGAIN, BrokerFailedError
from azext_brokerauth.errors.diagnostics import BROKER, ENTRA
from azext_brokerauth.errors.lookup import from_trouble
from azext_brokerauth.machine import Kind
from azext_brokerauth.models import NO_DATE, Account, BrokerFlag, Prompt, PromptWindow, Target, Token, TokenRequest
from azext_brokerauth.settings import NO_FALLBACK, Settings, policy
from azext_brokerauth.speaker import Logger
from azext_brokerauth.terminal.countdown import Tell, WaitFor, counting_down
from azext_brokerauth.tokens.acquisition import Limits, acquire
from azext_brokerauth.tokens.flights import Window

_LOGGER = Logger("azext_brokerauth.tokens")
"""By the name of what people know, and filter by: its machinery is no logger of its own."""


class Asker:
    """Has the broker asked for one :class:`~azext_brokerauth.tokens.Tokens`, whose parameters it has.

    :param in_force: gives the settings, as the policy file has them by then.
    :param notify: is given what a person must read meanwhile.
    """

    def __init__(
        self,
        in_force: Callable[[], Settings],
        notify: Callable[[str], None],
        *,
        broker: Callable[[Callable[[str], None]], Broker] | None,
        window: PromptWindow,
        disable_instance_discovery: bool,
        enable_pii_log: bool,
        waiting: Tell | None,
        kind: Kind,
        falls_back: bool,
    ) -> None:
        self._in_force = in_force
        self._notify = notify
        self._broker = (broker or Broker)(notify)
        self._window = window
        self._disable_instance_discovery = disable_instance_discovery
        self._enable_pii_log = enable_pii_log
        self._waiting = waiting
        self._falls_back = falls_back
        self._kind = kind
        self.close = self._broker.close

    def token(
        self,
        request: TokenRequest,
        prompt: Prompt,
        chosen: Settings,
        flag: BrokerFlag,
        timeout: float | None,
        show: Callable[[Window], bool],
        before_prompt: Callable[[], None],
    ) -> Token:
        """The broker's token, or that of the fallback.

        :param timeout: seconds for what needs no window; None: the setting ``silent_timeout``.
        :param show: is told of a window that is open, and tells whether anybody waits for it.
        :param before_prompt: called before anything waits for a person.
        :raises BrokerAuthError: there is none.
        """
        options = self._options(chosen, flag)

        def perform(step: Step, *, timeout: float, select_account: bool = False) -> Token:
            ask = Ask(step, request, options, select_account, self._window.handle)
            if step is Step.PROMPT or step.is_fallback:
                before_prompt()
                return self._token_in(self._prompt(ask, timeout, show), ask)
            return self._token_in(self._ask(ask, timeout), ask)

        limits = Limits(timeout or chosen.silent_timeout, chosen.prompt_timeout)
        fallback = chosen.fallback if self._falls_back else NO_FALLBACK
        return acquire(request, prompt, fallback, limits, perform, self._notify)

    def sign_out(self, account: Account, chosen: Settings, flag: BrokerFlag) -> None:
        """Have the broker forget the account for its application."""
        self._carry_out(Step.SIGN_OUT, TokenRequest((), account.target, whose=account), chosen, flag)

    def known_to_broker(
        self, target: Target, chosen: Settings, flag: BrokerFlag, timeout: float | None
    ) -> tuple[str, ...]:
        """The user names of the accounts that the broker knows.

        :param timeout: seconds; None: the setting ``silent_timeout``.
        """
        return self._carry_out(Step.ACCOUNTS, TokenRequest((), target), chosen, flag, timeout).usernames

    def _options(self, chosen: Settings, flag: BrokerFlag) -> AppOptions:
        return AppOptions(
            flag,
            disable_instance_discovery=self._disable_instance_discovery,
            enable_msa_passthrough=self._window.enable_msa_passthrough,
            enable_pii_log=self._enable_pii_log,
            keyring=chosen.keyring,
        )

    def _ask(self, ask: Ask, timeout: float) -> Reply:
        waited = WaitFor.WINDOWS if self._kind is Kind.WSL2 else WaitFor.BROKER
        with counting_down(self._waiting, waited, timeout):
            return _timed(ask, timeout, lambda: self._broker.ask(ask, timeout))

    def _prompt(self, ask: Ask, timeout: float, show: Callable[[Window], bool]) -> Reply:
        def started(window: Window) -> None:
            if not show(window):
                window.end()

        waited = WaitFor.WINDOW_IN_WINDOWS if self._kind is Kind.WSL2 else WaitFor.WINDOW
        waited = {Step.BROWSER: WaitFor.BROWSER, Step.DEVICE_CODE: WaitFor.DEVICE_CODE}.get(ask.step, waited)
        with counting_down(self._waiting, waited, timeout):
            return _timed(ask, timeout, lambda: self._broker.prompt(ask, timeout, started))

    def _token_in(self, reply: Reply, ask: Ask) -> Token:
        if isinstance(reply, Failure):
            speaker = ENTRA if ask.step.is_fallback else BROKER
            target = ask.request.target
            named = self._in_force().named(target, ask.request.username)
            raise from_trouble(reply.trouble, reply.text, reply.correlation_id, target, speaker, named)
        if not isinstance(reply, Answer) or not 0 <= reply.token.expires_on < NO_DATE:
            raise BrokerFailedError("The broker's answer has no token that can be used.", remedies=AGAIN)
        policy.check_answer(self._in_force(), reply.token)  # the policy may have come meanwhile
        return reply.token

    def _carry_out(
        self, step: Step, request: TokenRequest, chosen: Settings, flag: BrokerFlag, timeout: float | None = None
    ) -> Done:
        reply = self._ask(Ask(step, request, self._options(chosen, flag)), timeout or chosen.silent_timeout)
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
