"""The one place that decides how a token is got: cache, then the broker silently, then a prompt where allowed."""

from __future__ import annotations

import logging
import os
import re
import threading
import time
import weakref
from collections.abc import Callable
from concurrent.futures import Future, wait
from dataclasses import dataclass, replace
from enum import Enum

from azext_brokerauth import errors, fallback
from azext_brokerauth.accounts import Records
from azext_brokerauth.broker.messages import Account, Answer, App, Ask, Done, Failure, Step, Trouble
from azext_brokerauth.broker.process import Broker, BrokerProcess
from azext_brokerauth.cache import RETRY, Age, Key, MemoryCache, Token, age
from azext_brokerauth.redaction import redact
from azext_brokerauth.settings import SHARED_TENANTS, Settings
from azext_brokerauth.wsl import Kind, Machine, detect

_LOGGER = logging.getLogger(__name__)

LISTEN = 0.2
"""Seconds after which one who waits looks for signals. Python handles them between two of its own steps, so one that
comes just before the wait begins would otherwise be noticed only when that ends."""


class Prompt(Enum):
    """May a window be shown?"""

    NEVER = "never"
    IF_NEEDED = "if needed"
    SELECT_ACCOUNT = "select account"
    """Show the account picker, whatever could be had without it."""


@dataclass(frozen=True)
class TokenRequest:
    """What a caller wants a token for.

    :param scopes: scopes of one resource, such as ``https://vault.azure.net/.default``.
    :param tenant: tenant ID or domain; empty for the settings' own.
    :param claims: a claims challenge, JSON text; such a request is never answered from the cache.
    :param enable_cae: declare the capability for continuous access evaluation (``CP1``).
    :param username: whose token; empty for the account in use.
    :param account: whose token, when the caller keeps the record itself.
    :param pop: HTTP method, URL and nonce for a proof-of-possession token; empty for a bearer token. It belongs to one
        request, so it is never cached.
    :param client_session: an AI agent's session, for which the token is; it is never cached either.
    """

    scopes: tuple[str, ...]
    tenant: str = ""
    claims: str = ""
    enable_cae: bool = False
    username: str = ""
    account: Account | None = None
    pop: tuple[str, ...] = ()
    client_session: str = ""


@dataclass(frozen=True)
class Window:
    """How a prompt is shown.

    :param handle: the parent window's handle; 0: the console's.
    :param enable_msa_passthrough: let legacy first-party applications see personal accounts (MSAL's parameter).
    """

    handle: int = 0
    enable_msa_passthrough: bool = False


def check_authority(authority: str, tenant: str) -> None:
    """See that MSAL would use the broker for an authority (``ClientApplication._decide_broker``).

    :raises SignInRefusedError: it would not, and would open a browser instead.
    """
    reason = ""
    if tenant == "adfs":
        reason = "AD FS"
    elif re.search(r"\.b2clogin\.(com|cn|us|de)$", authority):
        reason = "Azure AD B2C"
    elif authority.endswith(".ciamlogin.com"):
        reason = "Microsoft Entra External ID"
    if reason:
        raise errors.SignInRefusedError(
            f"{authority}/{tenant} is an authority of {reason}, for which MSAL never uses the account broker."
            " Nothing was attempted.",
            remedy="Sign in there by browser: with az login, or in a program with InteractiveBrowserCredential.",
        )


def broker_flags(settings: Settings, machine: Machine) -> dict[str, bool]:
    """MSAL's flag for this machine, by MSAL's own name.

    :raises BrokerOffError: the broker is not for this machine, or is switched off here.
    :raises BrokerNotReadyError: WSL, but of a kind from which Windows' broker cannot be reached.
    """
    if machine.kind is Kind.WSL1:
        raise errors.BrokerNotReadyError(
            f"This is WSL 1 ({machine.evidence}), from which Windows' account broker cannot be reached.",
            remedy="Run in PowerShell: wsl --set-version <distribution> 2",
            check="machine",
        )
    if machine.kind is Kind.CUSTOM_KERNEL:
        raise errors.BrokerNotReadyError(
            f"This is WSL with a custom kernel ({machine.evidence}). Microsoft's runtime recognises WSL by 'microsoft'"
            " in the kernel's release, so it does not look for Windows' account broker here.",
            remedy="Remove 'kernel=' from %UserProfile%\\.wslconfig, or build the kernel with 'microsoft' in"
            " CONFIG_LOCALVERSION; then run in PowerShell: wsl --shutdown",
            check="machine",
        )
    flags = {
        Kind.WSL2: "enable_broker_on_wsl",
        Kind.LINUX: "enable_broker_on_linux",
        Kind.WINDOWS: "enable_broker_on_windows",
        Kind.MACOS: "enable_broker_on_mac",
    }
    flag = flags.get(machine.kind)
    if flag and getattr(settings, flag):
        return {flag: True}
    if machine.kind is Kind.WSL2:
        if settings.enable_broker_on_linux:  # MSAL's flag for Linux covers WSL too.
            return {"enable_broker_on_linux": True}
        origin = settings.origins.get("enable_broker_on_wsl", "enable_broker_on_wsl")
        raise errors.BrokerOffError(
            f"The broker is switched off: {origin} is false.", remedy="Set it to true to use the broker."
        )
    message = f"Not under WSL: this is {machine.kind.value} ({machine.evidence}). Nothing was done."
    if flag:
        raise errors.BrokerOffError(
            message, remedy=f"To use this platform's own broker, run: az config set brokerauth.{flag}=true"
        )
    raise errors.BrokerOffError(message, remedy="Sign in with az login, or run this under WSL 2 itself.")


_Name = tuple[Key, str, tuple[str, ...], str, Prompt]


class _Flight:
    """One acquisition, and everybody who waits for it."""

    def __init__(self, ask: Callable[[_Flight], None]) -> None:
        self.future: Future[Token] = Future()
        self.future.set_running_or_notify_cancel()  # one who stops waiting cannot cancel it for the others
        self.waiting = 0
        self.prompt: BrokerProcess | None = None
        self.thread = threading.Thread(target=ask, args=(self,), daemon=True, name="brokerauth-token")


class Tokens:
    """Gets tokens for any number of threads, from one set of settings.

    :param settings: the settings in force.
    :keyword machine: what machine this is.
    :keyword records: gives the accounts signed in through us, read anew for each acquisition.
    :keyword window: how prompts are shown.
    :keyword disable_instance_discovery: trust an authority that Microsoft does not know.
    :keyword enable_pii_log: let error messages of the broker tell what it otherwise writes as ``(pii)``.
    :keyword waiting: while a prompt waits for a person, is given the seconds left, about once a second, in a thread
        of its own; and None when that is over.
    :keyword notify: is given what a person must read meanwhile. Default: a warning in the log.
    :keyword broker: asks the broker.
    :keyword clock: gives epoch seconds.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        machine: Machine | None = None,
        records: Callable[[], Records] = Records,
        window: Window | None = None,
        disable_instance_discovery: bool = False,
        enable_pii_log: bool = False,
        waiting: Callable[[float | None], None] | None = None,
        notify: Callable[[str], None] = _LOGGER.warning,
        broker: Broker | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.settings = settings
        self._machine = machine or detect()
        self._records = records
        self._window = window or Window()
        self._disable_instance_discovery = disable_instance_discovery
        self._enable_pii_log = enable_pii_log
        self._waiting = waiting
        self._new_broker: Callable[[], Broker] = (lambda: broker) if broker else Broker
        self._clock = clock
        self._notify = notify
        self._closed = False
        self._start_afresh()
        _LIVE.add(self)

    def _start_afresh(self) -> None:
        """In a forked copy of the process, locks may be held by threads that do not exist there."""
        self._lock = threading.Lock()
        self._cache = MemoryCache()
        self._retry_after: dict[Key, float] = {}
        self._flights: dict[_Name, _Flight] = {}
        self._broker = self._new_broker()

    def get(self, request: TokenRequest, prompt: Prompt) -> Token:
        """A token that answers the request.

        One acquisition serves all threads that ask for the same at once. A token near its end is renewed early; when
        that fails and the token is still valid, it is given again.

        :raises BrokerOffError: not a machine for the broker; nothing was attempted.
        :raises BrokerNotReadyError: under WSL, and something the broker needs is missing; nothing was attempted.
        :raises InteractionRequiredError: only a prompt would help, and ``prompt`` is NEVER.
        :raises SignInRefusedError: refused, by Entra, the broker or the person.
        :raises BrokerTimeoutError: no answer by the deadline.
        :raises BrokerFailedError: the broker crashed or answered nonsense.
        :raises ClosedError: after :meth:`close`.
        """
        future = self.begin(request, prompt)
        try:
            while not future.done():
                wait([future], LISTEN)
            return future.result()
        except KeyboardInterrupt:
            self.abandon(future)
            raise

    def begin(self, request: TokenRequest, prompt: Prompt) -> Future[Token]:
        """As :meth:`get`, without waiting. Whoever stops waiting tells :meth:`abandon`.

        :raises BrokerOffError, BrokerNotReadyError, ClosedError: as :meth:`get`; all other errors come with the future.
        """
        app = self._app(request)
        self.permit(app.tenant)
        check_authority(app.authority, app.tenant)
        if request.pop and (app.enable_broker_on_wsl or app.enable_broker_on_linux):
            raise errors.SignInRefusedError(
                "MSAL has no proof of possession (PoP) on Linux and WSL: its tokens are bearer tokens.",
                remedy="Ask without the option 'pop'.",
            )
        account, username = self._whose(request)
        key = Key(app, frozenset(request.scopes), account.home_account_id if account else username.lower())
        with self._lock:
            if self._closed:
                raise errors.ClosedError("This was closed and cannot give tokens any more.", remedy="Make a new one.")
            now = self._clock()
            token = None
            cacheable = not (request.claims or request.pop or request.client_session)
            if cacheable and prompt is not Prompt.SELECT_ACCOUNT:
                token = self._cache.get(key, now)
                if token and age(token, now) is Age.ADVISORY:
                    # Nobody is shown a window for the sake of a token that is still good for minutes.
                    prompt = Prompt.NEVER
            name = (key, request.claims, request.pop, request.client_session, prompt)
            flight = self._flights.get(name)
            if token and self._good_enough(
                token, now, renewing=flight is not None, retry=self._retry_after.get(key, 0.0)
            ):
                _LOGGER.debug("from memory: a token for %s, valid until %d", " ".join(request.scopes), token.expires_on)
                done: Future[Token] = Future()
                done.set_result(token)
                return done
            if flight is None:
                ask = Ask(
                    Step.SILENT,
                    app,
                    tuple(request.scopes),
                    request.claims,
                    account,
                    login_hint=username,
                    pop=request.pop,
                    client_session=request.client_session,
                )
                flight = _Flight(lambda flight: self._fly(name, flight, ask, prompt))
                flight.thread.start()  # first: were there no thread to be had, the next callers would wait for ever
                self._flights[name] = flight
            flight.waiting += 1
            return flight.future

    def permit(self, tenant: str) -> None:
        """See that what is enforced allows a token of this tenant.

        :raises SignInRefusedError: it does not; the file that enforces it is named.
        """
        self.settings.insist("tenant_id", tenant, "The tenant of this request")
        self.settings.insist("client_id", self.settings.client_id, "The application of this request")
        self.settings.insist("authority", self.settings.authority, "The authority of this request")

    def abandon(self, future: Future[Token]) -> None:
        """Say that a caller no longer waits. A prompt that nobody waits for is taken away."""
        with self._lock:
            for flight in list(self._flights.values()):
                if flight.future is future:
                    flight.waiting -= 1
                    if flight.waiting == 0 and flight.prompt is not None:
                        self._land(flight)
                        # Not here: ending takes a while, and this may be an event loop's thread.
                        threading.Thread(target=flight.prompt.end, daemon=True).start()

    def sign_out(self, account: Account) -> None:
        """Have the broker forget the account for its application.

        :raises: as :meth:`get`.
        """
        self._cache.clear()
        app = replace(
            self._app(TokenRequest((), account.tenant)), client_id=account.client_id, authority=account.authority
        )
        self._carry_out(Ask(Step.SIGN_OUT, app, account=account))

    def known_to_broker(self) -> tuple[str, ...]:
        """The user names of the accounts that the broker knows.

        :raises: as :meth:`get`.
        """
        return self._carry_out(Ask(Step.ACCOUNTS, self._app(TokenRequest(())))).usernames

    def _carry_out(self, ask: Ask) -> Done:
        reply = self._ask(ask, self.settings.silent_timeout)
        if isinstance(reply, Failure):
            raise _error(reply, ask.app)
        if not isinstance(reply, Done):
            raise errors.BrokerFailedError("The broker's process answered something else.", remedy="Try again.")
        return reply

    def close(self) -> None:
        """End the broker's processes and forget all tokens. Requests under way fail."""
        with self._lock:
            self._closed = True
        self._cache.clear()
        self._broker.close()

    @staticmethod
    def _good_enough(token: Token, now: float, *, renewing: bool, retry: float) -> bool:
        match age(token, now):
            case Age.FRESH:
                return True
            case Age.ADVISORY:
                return renewing or now < retry
            case _:
                return now < retry

    def _app(self, request: TokenRequest) -> App:
        settings = self.settings
        return App(
            settings.client_id,
            settings.authority,
            request.tenant or settings.tenant_id,
            **broker_flags(settings, self._machine),
            capabilities=("CP1",) if request.enable_cae else (),
            disable_instance_discovery=self._disable_instance_discovery,
            enable_msa_passthrough=self._window.enable_msa_passthrough,
            enable_pii_log=self._enable_pii_log,
        )

    def _whose(self, request: TokenRequest) -> tuple[Account | None, str]:
        """The account to ask for, if its record is known, and its username, if one was named."""
        if request.account:
            return request.account, request.account.username
        username = request.username or self.settings.login_hint
        account = self._records().find(username, client_id=self.settings.client_id, authority=self.settings.authority)
        if account and account.tenant != self.settings.enforced.get("tenant_id", account.tenant):
            account = None  # it signed in to another tenant, before this one was enforced
        return account, account.username if account else username

    def _fly(self, name: _Name, flight: _Flight, ask: Ask, prompt: Prompt) -> None:
        key = name[0]
        outcome: Token | BaseException
        try:
            outcome = self._acquire(flight, ask, prompt)
        except BaseException as error:  # noqa: BLE001  (everybody who waits is told)
            outcome = error
        with self._lock:
            now = self._clock()
            if isinstance(outcome, Token):
                # Whoever answered is asked for by name from now on. After the picker, the key may name another.
                keys = {replace(key, account=outcome.account.home_account_id)}
                if prompt is not Prompt.SELECT_ACCOUNT:
                    keys.add(key)
                for answered in () if ask.pop or ask.client_session else keys:
                    self._cache.put(answered, outcome, now)
                    # The runtime has a cache of its own, and may give the same old token again.
                    self._retry_after[answered] = 0.0 if age(outcome, now) is Age.FRESH else now + RETRY
            elif not (ask.claims or ask.pop or ask.client_session) and (token := self._cache.get(key, now)):
                _LOGGER.warning(
                    "Renewing a token failed; going on with the one that is still valid: %s", redact(str(outcome))
                )
                self._retry_after[key] = now + RETRY
                outcome = token
            self._land(flight)
        if isinstance(outcome, Token):
            flight.future.set_result(outcome)
        else:
            flight.future.set_exception(outcome)

    def _land(self, flight: _Flight) -> None:
        """Who asks from now on gets an acquisition of its own."""
        self._flights = {name: other for name, other in self._flights.items() if other is not flight}

    def _acquire(self, flight: _Flight, ask: Ask, prompt: Prompt) -> Token:
        try:
            return self._from_broker(flight, ask, prompt)
        except errors.BrokerAuthError as error:
            if prompt is Prompt.NEVER:
                raise
            self._notify(fallback.warning(self.settings.fallback, error))
        return self._without_broker(flight, ask, select_account=prompt is Prompt.SELECT_ACCOUNT)

    def _without_broker(self, flight: _Flight, ask: Ask, *, select_account: bool) -> Token:
        hint = ask.account.username if ask.account else ask.login_hint
        ask = replace(
            ask,
            step=Step(self.settings.fallback),
            select_account=select_account,
            login_hint="" if select_account else hint,
        )
        token = self._check(self._wait_for_person(flight, ask), ask)
        return token if select_account else self._same_account(token, ask)

    def _from_broker(self, flight: _Flight, ask: Ask, prompt: Prompt) -> Token:
        if prompt is not Prompt.SELECT_ACCOUNT:
            try:
                return self._silently(ask)
            except errors.InteractionRequiredError as error:
                if prompt is Prompt.NEVER:
                    raise
                _LOGGER.debug("a prompt is needed: %s", error.message)
        return self._by_prompt(flight, ask, select_account=prompt is Prompt.SELECT_ACCOUNT)

    def _silently(self, ask: Ask) -> Token:
        deadline = time.monotonic() + self.settings.silent_timeout
        if ask.account is None:
            return self._as_windows_default(ask, deadline)
        try:
            return self._same_account(self._check(self._ask(ask, self.settings.silent_timeout), ask), ask)
        except errors.AccountUnknownError as unknown:
            # The runtime keeps its accounts in the keyring. With a new or a locked one it knows nobody; and a sign-out
            # of which Windows could not be told it remembers, whoever signs in silently since. Only Windows' own
            # account can then be had silently: as good, if it is the one asked for, and Windows has the last word.
            _LOGGER.debug("the broker's runtime does not have the account; trying Windows' own")
            try:
                return self._as_windows_default(ask, deadline)
            except errors.BrokerAuthError as error:
                raise unknown from error

    def _as_windows_default(self, ask: Ask, deadline: float) -> Token:
        left = max(0.0, deadline - time.monotonic())
        token = self._check(self._ask(replace(ask, step=Step.DEFAULT, account=None), left), ask)
        try:
            return self._same_account(token, ask)
        except errors.WrongAccountError:
            # Windows is signed in as somebody else, whose token was not asked for.
            raise errors.InteractionRequiredError(
                f"{ask.login_hint} has not signed in here.",
                remedy=f"Run: az brokerauth login --username {ask.login_hint}",
            ) from None

    def _wait_for_person(self, flight: _Flight, ask: Ask) -> Answer | Done | Failure:
        def started(process: BrokerProcess) -> None:
            process.notify = self._notify
            with self._lock:
                flight.prompt = process
                if flight.waiting > 0:
                    return
                self._land(flight)
            process.end()

        timeout = self.settings.prompt_timeout
        return _timed(ask, lambda: self._telling(lambda: self._broker.prompt(ask, timeout, started)))

    def _by_prompt(self, flight: _Flight, ask: Ask, *, select_account: bool) -> Token:
        ask = replace(
            ask,
            step=Step.PROMPT,
            select_account=select_account,
            login_hint="" if select_account else ask.login_hint,
            window=self._window.handle,
        )
        try:
            token = self._check(self._wait_for_person(flight, ask), ask)
        except errors.InteractionRequiredError as error:
            # The person was asked, and that did not help: a refusal, at which a chain of credentials must stop.
            raise errors.SignInRefusedError(
                error.message, remedy=error.remedy, diagnostics=error.diagnostics
            ) from error
        return token if select_account else self._same_account(token, ask)

    def _telling(self, call: Callable[[], Answer | Done | Failure]) -> Answer | Done | Failure:
        """Make a call that waits for a person, and keep telling how long it still will."""
        if self._waiting is None:
            return call()
        tell, over = self._waiting, threading.Event()

        def count_down() -> None:
            deadline = time.monotonic() + self.settings.prompt_timeout
            while not over.wait(1):
                tell(max(0.0, deadline - time.monotonic()))
            tell(None)

        telling = threading.Thread(target=count_down, daemon=True, name="brokerauth-waiting")
        telling.start()
        try:
            return call()
        finally:
            over.set()
            telling.join()

    def _ask(self, ask: Ask, timeout: float) -> Answer | Done | Failure:
        return _timed(ask, lambda: self._broker.ask(ask, timeout))

    def _check(self, reply: Answer | Done | Failure, ask: Ask) -> Token:
        if isinstance(reply, Failure):
            raise _error(reply, ask.app, "Microsoft Entra" if _is_fallback(ask) else "The broker")
        if not isinstance(reply, Answer):
            raise errors.BrokerFailedError("The broker's process gave no token.", remedy="Try again.")
        self.settings.insist("tenant_id", reply.tenant, "The tenant of the token")
        return Token(
            reply.access_token,
            reply.expires_on,
            reply.token_type,
            ask.step.value if _is_fallback(ask) else "broker",
            reply.tenant,
            reply.account,
            reply.refresh_on,
        )

    @staticmethod
    def _same_account(token: Token, ask: Ask) -> Token:
        """The account that answers must be the one asked for."""
        asked = ask.account.username if ask.account else ask.login_hint
        same = (
            token.account.home_account_id == ask.account.home_account_id
            if ask.account
            else not asked or token.account.username.lower() == asked.lower()
        )
        if not same:
            raise errors.WrongAccountError(
                f"The {token.source} answered for {token.account.username}; {asked} was asked for."
                " The token was discarded.",
                remedy=f"Choose {asked} when asked, or run: az brokerauth login --select-account",
            )
        if ask.app.tenant not in SHARED_TENANTS and "." not in ask.app.tenant and token.tenant != ask.app.tenant:
            raise errors.SignInRefusedError(
                f"The {token.source} answered with a token of tenant {token.tenant}, but {ask.app.tenant} was asked"
                " for. It was discarded.",
                remedy="Check --tenant.",
            )
        return token


def _timed(ask: Ask, call: Callable[[], Answer | Done | Failure]) -> Answer | Done | Failure:
    """Carry out one step, and log what came of it and how long it took."""
    began, outcome = time.monotonic(), "gave nothing"
    try:
        reply = call()
        outcome = f"answered {type(reply).__name__}"
        if isinstance(reply, Failure):
            outcome += f" ({reply.trouble.value}, correlation ID {reply.correlation_id or 'unknown'})"
        return reply
    finally:
        milliseconds = (time.monotonic() - began) * 1000
        _LOGGER.debug("%s step for %s: %s after %d ms", ask.step.value, " ".join(ask.scopes), outcome, milliseconds)


_REPAIR = "Run: python3 -m pip install --force-reinstall 'msal[broker]'"


def _is_fallback(ask: Ask) -> bool:
    return ask.step in (Step.BROWSER, Step.DEVICE_CODE)


def _error(failure: Failure, app: App, speaker: str = "The broker") -> errors.BrokerAuthError:
    """What the broker's process told, as an error that teaches."""
    told = errors.Diagnostics.parse(failure.text, failure.correlation_id)
    match failure.trouble:
        case Trouble.REFUSED:
            consent_url = f"https://{app.authority}/{app.tenant}/adminconsent?client_id={app.client_id}"
            return errors.from_msal(
                failure.text, correlation_id=failure.correlation_id, consent_url=consent_url, speaker=speaker
            )
        case Trouble.NO_ACCOUNT:
            return errors.STATUS_ADVICE["AccountNotFound"].as_error()
        case Trouble.RUNTIME_MISSING:
            return errors.BrokerNotReadyError(
                f"A Python package that the broker needs is not installed: {failure.text}.",
                remedy=_REPAIR,
                check="pymsalruntime",
            )
        case Trouble.LIBRARY_MISSING if "failed to map segment" in failure.text:  # ld.so's words for no memory
            return errors.BrokerNotReadyError(
                f"There is not enough memory to load Microsoft's runtime (pymsalruntime): {failure.text}",
                remedy="Close programs, raise the limit that ulimit -v shows, or give WSL more memory"
                " (memory= in %UserProfile%\\.wslconfig; then run in PowerShell: wsl --shutdown).",
            )
        case Trouble.LIBRARY_MISSING:
            return errors.BrokerNotReadyError(
                f"Microsoft's runtime (pymsalruntime) cannot be loaded: {failure.text}",
                remedy="On Debian run: sudo apt-get install libwebkit2gtk-4.1-0 libfido2-1 libcurl4 libubsan1",
                check="libraries",
            )
        case Trouble.NO_BROKER:
            return errors.BrokerNotReadyError(
                "Microsoft's runtime found no broker in Windows. WSL has it since version 2.4.13, and it needs interop"
                " (starting Windows programs from WSL).",
                remedy="Run in PowerShell: wsl --update; wsl --shutdown."
                " See that /etc/wsl.conf does not switch interop off.",
                diagnostics=told,
                check="wsl-version, interop or proxy",
            )
        case Trouble.NOT_THE_BROKER:
            return errors.SignInRefusedError(
                "MSAL would not use the broker for this request, and nothing else was tried.",
                remedy="AD FS and B2C authorities are not served by the broker: use az login for them.",
                diagnostics=told,
            )
        case Trouble.AUTHORITY:
            return errors.SignInRefusedError(
                "The tenant or authority cannot be used.",
                remedy="Check --tenant (a tenant ID or domain).",
                diagnostics=told,
            )
        case Trouble.NETWORK:
            return errors.SignInRefusedError(
                "The authority cannot be reached from WSL.",
                remedy="Check WSL's network and proxy settings (HTTPS_PROXY, REQUESTS_CA_BUNDLE), then try again.",
                diagnostics=told,
            )
        case Trouble.REDIRECT_URI:
            return errors.AADSTS_ADVICE[50011].as_error(told)
        case Trouble.NONSENSE:
            return errors.BrokerFailedError("The broker's answer made no sense.", remedy="Try again.", diagnostics=told)


_LIVE: weakref.WeakSet[Tokens] = weakref.WeakSet()


def _after_fork() -> None:
    for tokens in list(_LIVE):
        tokens._start_afresh()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
