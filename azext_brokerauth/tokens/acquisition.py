"""The steps of one acquisition: silently, Windows' own account, a prompt, and the fallback if it was chosen."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from azext_brokerauth.broker.messages import Step
from azext_brokerauth.errors import (
    AccountUnknownError,
    BrokerAuthError,
    InteractionRequiredError,
    SignInRefusedError,
    WrongAccountError,
)
from azext_brokerauth.models import Prompt, Token, TokenRequest, filled, own, person
from azext_brokerauth.redaction import redact
from azext_brokerauth.speaker import Logger
from azext_brokerauth.tokens import fallback

_LOGGER = Logger(__name__)


@dataclass(frozen=True)
class Limits:
    """How long one acquisition may take, in seconds.

    :param silent: for everything that needs no window.
    :param prompt: for a person to answer.
    """

    silent: float
    prompt: float


class Perform(Protocol):
    """Carries out one step of the request."""

    def __call__(self, step: Step, *, timeout: float, select_account: bool = False) -> Token:
        """Have the broker carry it out.

        :param timeout: seconds.
        :raises BrokerAuthError: it gave no token.
        """


def acquire(
    request: TokenRequest,
    prompt: Prompt,
    chosen_fallback: str,
    limits: Limits,
    perform: Perform,
    notify: Callable[[str], None],
) -> Token:
    """Get a token by as few steps as will do.

    :param chosen_fallback: as the setting ``fallback``.
    :param notify: is given what a person must read meanwhile.
    :raises BrokerAuthError: there is no token; never of a step that another one made up for.
    """
    picker = prompt.shows_picker
    check = _of_tenant if prompt is Prompt.SELECT_ACCOUNT else _checked
    try:
        if not picker:
            try:
                return _silently(request, perform, limits.silent)
            except InteractionRequiredError as error:
                if prompt is Prompt.NEVER:
                    raise
                _LOGGER.info("A window is needed: %s", redact(error.message))
        return check(_by_prompt(perform, limits.prompt, picker=picker), request)
    except BrokerAuthError as error:
        if prompt is Prompt.NEVER:
            raise
        notify(fallback.warning(chosen_fallback, error))
    token = perform(Step(chosen_fallback), timeout=limits.prompt, select_account=picker)
    return check(token, request)


def _silently(request: TokenRequest, perform: Perform, timeout: float) -> Token:
    deadline = time.monotonic() + timeout
    if request.account is None:
        return _as_windows_default(request, perform, timeout)
    try:
        return _checked(perform(Step.SILENT, timeout=timeout), request)
    except AccountUnknownError as unknown:
        # The runtime keeps its accounts in the keyring. With a new or a locked one it knows nobody; and a sign-out of
        # which Windows could not be told it remembers, whoever signs in silently since. Only Windows' own account can
        # then be had silently: as good, if it is the one asked for, and Windows has the last word.
        _LOGGER.info("The broker's runtime does not have the account; trying the one that Windows is signed in with")
        try:
            return _as_windows_default(request, perform, max(0.0, deadline - time.monotonic()))
        except BrokerAuthError as error:
            # The account did sign in: its own command, and not the one that begins with Windows' account.
            again = own("login", "--username", request.username)
            raise AccountUnknownError(unknown.message, remedies=again, diagnostics=unknown.diagnostics) from error


def _as_windows_default(request: TokenRequest, perform: Perform, timeout: float) -> Token:
    try:
        return _checked(perform(Step.DEFAULT, timeout=timeout), request)
    except WrongAccountError:
        # Windows is signed in as somebody else, whose token was not asked for.
        raise InteractionRequiredError(
            f"{request.username} has not signed in here.", remedies=own("login", "--username", request.username)
        ) from None


def _by_prompt(perform: Perform, timeout: float, *, picker: bool) -> Token:
    try:
        return perform(Step.PROMPT, timeout=timeout, select_account=picker)
    except InteractionRequiredError as error:
        # The person was asked, and that did not help: a refusal, at which a chain of credentials must stop.
        raise SignInRefusedError(error.message, remedies=error.remedies, diagnostics=error.diagnostics) from error


def _checked(token: Token, request: TokenRequest) -> Token:
    """The token, if it is of the account and of the tenant that were asked for.

    :raises WrongAccountError, SignInRefusedError: it is not.
    """
    asked = request.username
    same = (
        token.account.home_account_id == request.account.home_account_id
        if request.account
        else not asked or token.account.username.lower() == asked.lower()
    )
    if not same:
        answered, wanted = token.account.username, asked
        if request.account and answered.lower() == asked.lower():  # such as the same name in two tenants
            answered += f" (account ID {token.account.home_account_id})"
            wanted += f" (account ID {request.account.home_account_id})"
        raise WrongAccountError(
            f"The {token.source} answered for {answered}; {wanted} was asked for. The token was discarded.",
            remedies=filled(own("login", "--select-account", text="Choose {account} when asked, or"), account=asked),
        )
    return _of_tenant(token, request)


def _of_tenant(token: Token, request: TokenRequest) -> Token:
    """The token, if it is of the tenant that was asked for, whoever was picked.

    :raises SignInRefusedError: it is not.
    """
    if request.target.names_tenant and token.tenant != request.target.tenant:
        raise SignInRefusedError(
            f"The {token.source} answered with a token of tenant {token.tenant}, but {request.target.tenant} was asked"
            " for. It was discarded.",
            remedies=person("Check {--tenant}."),
        )
    return token
