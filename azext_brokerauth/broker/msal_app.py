"""The only code that imports msal: one request to the broker, through MSAL's public API."""

from __future__ import annotations

import base64
import binascii
import json
import threading
import time
import uuid
from collections.abc import Callable
from typing import Any

import msal

from azext_brokerauth.broker import pages
from azext_brokerauth.broker.authorities import Authorities
from azext_brokerauth.broker.messages import Answer, AppOptions, Ask, Done, Failure, Step
from azext_brokerauth.errors.network import network_reason, network_trouble
from azext_brokerauth.errors.troubles import Trouble
from azext_brokerauth.models import SHARED_TENANTS, Account, BrokerFlag, Target, Token
from azext_brokerauth.redaction import redact
from azext_brokerauth.spelling import is_challenge

HTTP_TIMEOUT = 10
"""Seconds for each read of the authority's metadata; the broker's own calls have the parent's deadline instead."""

_LONGEST = 10 * 365 * 86400
"""Seconds that no token lives; more is nonsense, and may not even be a date."""


class NoTokenError(Exception):
    """There is no token, for the reason in ``failure``."""

    def __init__(self, trouble: Trouble, text: str, correlation_id: str = "") -> None:
        super().__init__(text)
        self.failure = Failure(trouble, redact(text, personal=False), correlation_id)


def build(target: Target, options: AppOptions, *, enable_cae: bool = False) -> msal.PublicClientApplication:
    """MSAL's application, with the broker on.

    :param enable_cae: declare the capability for continuous access evaluation.
    :raises NoTokenError: the broker is not on: MSAL itself would only log that and go on with a browser
        (``ClientApplication._decide_broker``).
    """
    try:
        # MSAL hides this import's real error behind "You must install dependency", so meet it first.
        import pymsalruntime  # type: ignore[import-not-found,import-untyped,unused-ignore]  # noqa: F401
    except ModuleNotFoundError as error:
        raise NoTokenError(Trouble.RUNTIME_MISSING, str(error)) from error
    except (ImportError, OSError) as error:
        raise NoTokenError(Trouble.LIBRARY_MISSING, str(error)) from error
    except RuntimeError as error:
        raise NoTokenError(Trouble.NO_BROKER, str(error)) from error
    flags = {flag.value: flag is options.flag for flag in BrokerFlag}
    application = _application(
        target,
        options,
        enable_cae,
        **flags,
        enable_pii_log=options.enable_pii_log,
        # The broker goes nowhere by what is remembered; a sign-in without it would.
        http_client=Authorities(HTTP_TIMEOUT),
    )
    # az reads the same attribute (azure.cli.core.auth.identity); MSAL has no public one.
    if getattr(application, "_enable_broker", False) is not True:
        raise NoTokenError(Trouble.NOT_THE_BROKER, "MSAL turned its broker off for this authority or platform.")
    return application


def _application(target: Target, options: AppOptions, enable_cae: bool, **more: Any) -> msal.PublicClientApplication:
    try:
        return msal.PublicClientApplication(
            target.client_id,
            authority=f"https://{target.authority}/{target.tenant}",
            client_capabilities=["CP1"] if enable_cae else None,
            # Instance discovery would add an HTTP request after every refusal, whose own failure would hide
            # the broker's. Hosts that Microsoft is known to run need none.
            instance_discovery=False
            if options.disable_instance_discovery or target.authority in msal.authority.WELL_KNOWN_AUTHORITY_HOSTS
            else None,
            timeout=HTTP_TIMEOUT,
            **more,
        )
    except ValueError as error:
        raise NoTokenError(Trouble.AUTHORITY, str(error)) from error
    except OSError as error:  # RequestException among them
        raise _no_network(target, error) from error
    except RuntimeError as error:
        raise NoTokenError(Trouble.NO_BROKER, str(error)) from error


def _no_network(target: Target, error: OSError) -> NoTokenError:
    return NoTokenError(network_trouble(error), f"https://{target.authority}: {network_reason(error)}")


def without_broker(ask: Ask, notify: Callable[[str], None]) -> Answer:
    """Sign in by browser or device code, in an application with the broker off and its cache in memory only.

    :param notify: is given what the person must read meanwhile; never a secret.
    :raises NoTokenError: there is no token to answer with.
    """
    request = ask.request
    _check_claims(request.claims)
    application = _application(request.target, ask.options, request.enable_cae)
    claims, scopes = request.claims or None, list(request.scopes)
    try:
        if ask.step is Step.DEVICE_CODE:
            flow = application.initiate_device_flow(scopes, claims_challenge=claims)
            if "user_code" not in flow:
                return _to_answer(application, flow, ask)
            notify(str(flow["message"]))
            result = application.acquire_token_by_device_flow(flow, claims_challenge=claims)
        else:
            result = application.acquire_token_interactive(
                scopes,
                prompt="select_account" if ask.select_account else None,
                login_hint=request.username or None,
                claims_challenge=claims,
                success_template=pages.SUCCESS,
                error_template=pages.FAILURE,
                auth_uri_callback=lambda uri: notify(f"No browser could be opened. Open this address in one: {uri}"),
            )
        return _to_answer(application, dict(result), ask, source="identity_provider")
    except OSError as error:  # RequestException among them
        raise _no_network(ask.request.target, error) from error


def answer(application: msal.PublicClientApplication, ask: Ask) -> Answer | Done:
    """Carry out one request.

    :raises NoTokenError: there is no token to answer with.
    """
    try:
        if ask.step is Step.SIGN_OUT:
            application.remove_account(_msal_account(ask))
            return Done()
        if ask.step is Step.ACCOUNTS:
            return Done(_usernames(ask.request.target.client_id))
        _check_claims(ask.request.claims)
        return _to_answer(application, _acquire(application, ask), ask)
    except OSError as error:  # RequestException among them
        raise _no_network(ask.request.target, error) from error
    except msal.broker.RedirectUriError as error:
        raise NoTokenError(Trouble.REDIRECT_URI, str(error)) from error


def _check_claims(claims: str) -> None:
    """MSAL, which adds the client's capabilities, and the runtime fail over others each in their own way, or not."""
    if claims and not is_challenge(claims):
        raise NoTokenError(Trouble.CLAIMS, "The claims are not a JSON object, or it is empty.")


def _usernames(client_id: str) -> tuple[str, ...]:
    """Whom the broker knows. MSAL has no method for it."""
    import pymsalruntime

    results: list[Any] = []
    arrived = threading.Event()

    def take(result: Any) -> None:
        results.append(result)
        arrived.set()

    handle = pymsalruntime.discover_accounts(client_id, str(uuid.uuid4()), take)
    arrived.wait()  # the parent has the deadline
    del handle  # which had to live until now
    if error := results[0].get_error():
        told = f"{error.get_context()}. Status: {error.get_status()}"  # as MSAL puts it
        raise NoTokenError(Trouble.REFUSED, f"{told}, Error code: {error.get_error_code()}, Tag: {error.get_tag()}")
    return tuple(str(account.get_user_name() or "") for account in results[0].get_accounts())


def _acquire(application: msal.PublicClientApplication, ask: Ask) -> dict[str, Any]:
    request = ask.request
    claims, scopes = request.claims or None, list(request.scopes)
    scheme = msal.PopAuthScheme(*request.pop) if request.pop else None
    # MSAL hands these on as the runtime's additional parameters (msal.broker).
    request_data = {"client_session": request.client_session} if request.client_session else {}
    if ask.step is Step.SILENT:
        # MSAL's own cache is left out: ours has answered already, and only the broker's word counts here.
        result = application.acquire_token_silent_with_error(
            scopes,
            account=_msal_account(ask),
            claims_challenge=claims,
            force_refresh=True,
            auth_scheme=scheme,
            data=request_data,
        )
        if result is None:
            raise NoTokenError(Trouble.NO_ACCOUNT, "The broker does not know the account.")
        return dict(result)
    prompt, hint = _prompt_and_hint(ask)
    return dict(
        application.acquire_token_interactive(
            scopes,
            prompt=prompt,
            login_hint=hint,
            claims_challenge=claims,
            parent_window_handle=ask.window or application.CONSOLE_WINDOW_HANDLE,
            enable_msa_passthrough=ask.options.enable_msa_passthrough,
            auth_scheme=scheme,
            data=request_data,
        )
    )


def _prompt_and_hint(ask: Ask) -> tuple[str | None, str | None]:
    """How MSAL is told whether to show a window, and whom to put forward in it."""
    if ask.step is Step.DEFAULT:
        return msal.Prompt.NONE, None  # MSAL refuses any hint but the default account's name
    hint = ask.request.username or None
    if not ask.select_account:
        return None, hint
    # With select_account MSAL drops the hint, and without a prompt it may answer with no window. Any other value it
    # does not hand on (msal.broker._signin_interactively): the runtime shows its window, with the hint.
    return msal.Prompt.LOGIN if hint else msal.Prompt.SELECT_ACCOUNT, hint


def _msal_account(ask: Ask) -> dict[str, str]:
    """The account as ``get_accounts`` would give it. ``account_source`` is what sends MSAL to the broker."""
    account = ask.request.account
    if account is None:
        raise NoTokenError(Trouble.NO_ACCOUNT, "The request names no account.")
    return {
        "home_account_id": account.home_account_id,
        "local_account_id": account.local_account_id,
        "username": account.username,
        "environment": ask.request.target.authority,
        "realm": account.tenant,
        "authority_type": "MSSTS",
        "account_source": "broker",
    }


def _to_answer(
    application: msal.PublicClientApplication, result: dict[str, Any], ask: Ask, source: str = "broker"
) -> Answer:
    try:
        return Answer(_read_token(application, result, ask, source))
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        # Not the error's text: it might quote the token.
        text = f"The broker's answer is not what MSAL documents ({type(error).__name__})."
        raise NoTokenError(Trouble.NONSENSE, text) from error


def _read_token(application: msal.PublicClientApplication, result: dict[str, Any], ask: Ask, source: str) -> Token:
    if "access_token" not in result:
        reason = str(result.get("error_description") or result.get("error") or "no reason given")
        raise NoTokenError(Trouble.REFUSED, reason, _correlation_id(result))
    if result.get("token_source") != source:
        raise NoTokenError(Trouble.NOT_THE_BROKER, f"MSAL's token came from {result.get('token_source')!r}.")
    lifetime = int(result["expires_in"])
    if not 0 <= lifetime <= _LONGEST:
        raise NoTokenError(Trouble.NONSENSE, f"A token's lifetime cannot be {lifetime} seconds.")
    account = _read_account(application, result, ask)
    return Token(
        value=str(result["access_token"]),
        expires_on=int(time.time()) + lifetime,
        token_type=str(result.get("token_type") or "Bearer").capitalize(),
        source=ask.step.value if ask.step.is_fallback else "broker",
        tenant=account.tenant,
        account=account,
        refresh_on=int(result["refresh_on"]) if "refresh_on" in result else None,
    )


def _read_account(application: msal.PublicClientApplication, result: dict[str, Any], ask: Ask) -> Account:
    """Whose token it is."""
    target = ask.request.target
    claims = result.get("id_token_claims") or {}
    home_account_id, home_tenant = _client_info(result.get("client_info"))
    known = [a for a in application.get_accounts() if a["home_account_id"] == home_account_id]
    if not known:
        raise NoTokenError(Trouble.NONSENSE, "MSAL kept no account with the token.")
    tenant = str(claims.get("tid") or home_tenant)
    # After a silent request the runtime names the account that was asked for, even where the token is another's. The ID
    # token tells; but a guest's object ID in it is not the home account's, and only the runtime knows whose it is.
    at_home = tenant == home_tenant or (target.tenant in SHARED_TENANTS and not ask.options.enable_msa_passthrough)
    return Account(
        username=str(claims.get("preferred_username") or claims.get("upn") or ""),
        home_account_id=f"{claims['oid']}.{tenant}" if at_home and "oid" in claims else home_account_id,
        local_account_id=str(known[0]["local_account_id"]),
        tenant=tenant,
        client_id=target.client_id,
        authority=target.authority,
    )


def _correlation_id(result: dict[str, Any]) -> str:
    """Under which the broker and Entra logged the request; MSAL tells it in the runtime's telemetry only."""
    try:
        return str(json.loads(result["msal_telemetry"])["msalruntime_telemetry"]["correlation_id"])
    except (KeyError, TypeError, ValueError, RecursionError):
        return ""


def _client_info(text: str | None) -> tuple[str, str]:
    """Home account ID and home tenant ID, from MSAL's ``client_info``."""
    try:
        info = json.loads(base64.urlsafe_b64decode((text or "") + "=="))
        return f"{info['uid']}.{info['utid']}", str(info["utid"])
    except (binascii.Error, ValueError, KeyError, TypeError, RecursionError) as error:
        raise NoTokenError(Trouble.NONSENSE, "The broker's answer does not say whose token it is.") from error
