"""The functions of the runtime's API, under the names that the runtime gives their parameters."""
# ruff: noqa: N803

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .accounts import MSALRuntimeAccount, account_key, check_account
from .broker import call, is_linux_broker
from .callbacks import MSALRuntimeAsyncHandle, MSALRuntimeLogCallbackHandle, as_result, in_background
from .keyring import keyring
from .parameters import MSALRuntimeAuthParameters, broker_request, resolve, token_key
from .results import (
    MSALRuntimeAuthResult,
    MSALRuntimeDiscoverAccountsResult,
    MSALRuntimeReadAccountResult,
    MSALRuntimeSignOutResult,
)
from .statuses import LogLevel, MSALRuntimeError, Response_Status, SsoPolicyType
from .tokens import accounts_of_windows, has_time, sign_in_silently, token_from_broker

_AN_INTERACTION_HELPS = (Response_Status.Status_InteractionRequired, Response_Status.Status_AccountUnusable)


def read_account_by_id(
    accountid: str, correlationId: str, callback: Callable[[MSALRuntimeReadAccountResult], None]
) -> MSALRuntimeAsyncHandle:
    def read() -> MSALRuntimeReadAccountResult:
        with keyring() as kept:
            found = [a for a in kept["accounts"].values() if a["localAccountId"] == accountid]
        if found:
            return MSALRuntimeReadAccountResult(MSALRuntimeAccount(found[0]))
        problem = (Response_Status.Status_AccountNotFound, 0, 525678464, "Account with id '(pii)' not found")
        return MSALRuntimeReadAccountResult(error=MSALRuntimeError(*problem))

    return in_background(read, callback)


def signin(
    parentWindowHandle: int,
    auth_params: MSALRuntimeAuthParameters,
    correlationId: str,
    accountHint: str,
    callback: Callable[[MSALRuntimeAuthResult], None],
) -> MSALRuntimeAsyncHandle:
    def sign_in() -> dict[str, Any]:
        try:
            return sign_in_silently(auth_params, correlationId)
        except MSALRuntimeError as refusal:
            if refusal.get_status() not in _AN_INTERACTION_HELPS:
                raise
            return token_from_broker("acquireTokenInteractively", auth_params, correlationId, hint=accountHint)

    return in_background(as_result(sign_in, auth_params, correlationId), callback)


def signin_silently(
    auth_params: MSALRuntimeAuthParameters, correlationId: str, callback: Callable[[MSALRuntimeAuthResult], None]
) -> MSALRuntimeAsyncHandle:
    return in_background(
        as_result(lambda: sign_in_silently(auth_params, correlationId), auth_params, correlationId), callback
    )


def signin_interactively(
    parentWindowHandle: int,
    auth_params: MSALRuntimeAuthParameters,
    correlationId: str,
    accountHint: str | None,
    callback: Callable[[MSALRuntimeAuthResult], None],
) -> MSALRuntimeAsyncHandle:
    def sign_in() -> dict[str, Any]:
        return token_from_broker("acquireTokenInteractively", auth_params, correlationId, hint=accountHint)

    return in_background(as_result(sign_in, auth_params, correlationId), callback)


def signout_silently(
    clientId: str, correlationId: str, account: MSALRuntimeAccount, callback: Callable[[MSALRuntimeSignOutResult], None]
) -> MSALRuntimeAsyncHandle:
    def sign_out() -> MSALRuntimeSignOutResult:
        with keyring() as kept:
            kept["signed out"].append([account.get_home_account_id(), clientId])
        if is_linux_broker():
            return MSALRuntimeSignOutResult()
        parameters = MSALRuntimeAuthParameters(clientId, f"https://{account.get_environment()}/{account.get_realm()}")
        try:
            call("signOutSilently", correlationId, broker_request(parameters, account))
        except MSALRuntimeError as error:
            return MSALRuntimeSignOutResult(error)
        return MSALRuntimeSignOutResult()

    check_account(account)
    return in_background(sign_out, callback)


def discover_accounts(
    clientId: str, correlationId: str, callback: Callable[[MSALRuntimeDiscoverAccountsResult], None]
) -> MSALRuntimeAsyncHandle:
    def discover() -> MSALRuntimeDiscoverAccountsResult:
        told = accounts_of_windows(clientId, correlationId)
        with keyring() as kept:
            for account in told:
                kept["accounts"][account_key(account)] = account
        with keyring() as kept:  # where nothing can be kept, nothing is found
            at_home = [a for a in kept["accounts"].values() if a["homeAccountId"].endswith(a["realm"])]
        return MSALRuntimeDiscoverAccountsResult([MSALRuntimeAccount(account) for account in at_home])

    return in_background(discover, callback)


def acquire_token_silently(
    auth_params: MSALRuntimeAuthParameters,
    correlationId: str,
    account: MSALRuntimeAccount,
    callback: Callable[[MSALRuntimeAuthResult], None],
) -> MSALRuntimeAsyncHandle:
    def acquire() -> dict[str, Any]:
        resolve(auth_params)
        with keyring() as kept:
            if [account.get_home_account_id(), auth_params._client_id] in kept["signed out"]:
                text = "Account has previously been signed out of this application."
                raise MSALRuntimeError(Response_Status.Status_AccountUnusable, 0, 540940121, text)
            token: dict[str, Any] | None = kept["tokens"].get(token_key(auth_params, account))
        if token and token["accessToken"] != auth_params._to_renew and has_time(token):
            return token
        return token_from_broker("acquireTokenSilently", auth_params, correlationId, account)

    check_account(account)
    return in_background(as_result(acquire, auth_params, correlationId), callback)


def acquire_token_interactively(
    parentWindowHandle: int,
    auth_params: MSALRuntimeAuthParameters,
    correlationId: str,
    account: MSALRuntimeAccount,
    callback: Callable[[MSALRuntimeAuthResult], None],
) -> MSALRuntimeAsyncHandle:
    def acquire() -> dict[str, Any]:
        return token_from_broker("acquireTokenInteractively", auth_params, correlationId, account)

    check_account(account)
    return in_background(as_result(acquire, auth_params, correlationId), callback)


def register_logging_callback(callback: Callable[[str, LogLevel], None]) -> MSALRuntimeLogCallbackHandle:
    return MSALRuntimeLogCallbackHandle()


def set_is_pii_enabled(enabled: int) -> None:
    """The double logs nothing."""


def get_console_window() -> int:
    return 1


def get_desktop_window() -> int:
    return 1


def get_sso_policy() -> SsoPolicyType:
    return SsoPolicyType.AlwaysAllowed
