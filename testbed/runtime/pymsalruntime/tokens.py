"""Getting a token from the broker, and what the runtime makes of the answer."""

from __future__ import annotations

import json
import time
from typing import Any

from .accounts import MSALRuntimeAccount, account_key, at_home, normalised
from .broker import call
from .keyring import keyring, there
from .parameters import MSALRuntimeAuthParameters, broker_request, token_key
from .results import payload
from .statuses import MSALRuntimeError, Response_Status

_REFRESH_BEFORE_EXPIRY = 300
"""Seconds before its expiry from which a token is neither kept nor used."""


def has_time(token: dict[str, Any]) -> bool:
    """Is it worth keeping, and giving again?"""
    return bool(token["expiresOn"] / 1000 - time.time() > _REFRESH_BEFORE_EXPIRY)


def sign_in_silently(parameters: MSALRuntimeAuthParameters, correlation_id: str) -> dict[str, Any]:
    """Get a token for Windows' default account."""
    accounts_of_windows(parameters._client_id, correlation_id)  # asked for, and not kept
    return token_from_broker("acquireTokenSilently", parameters, correlation_id)


def accounts_of_windows(client_id: str, correlation_id: str) -> list[dict[str, Any]]:
    """The accounts that Windows is signed in with; none when the broker fails."""
    try:
        told = call("getAccounts", correlation_id, {"clientId": client_id, "redirectUri": client_id})["accounts"]
    except MSALRuntimeError:
        return []  # the runtime goes on with the accounts that it knows
    return list(map(normalised, told))


def token_from_broker(
    method: str,
    parameters: MSALRuntimeAuthParameters,
    correlation_id: str,
    account: MSALRuntimeAccount | None = None,
    hint: str | None = None,
) -> dict[str, Any]:
    """Get a token from the broker, and keep it.

    :param method: `acquireTokenSilently` or `acquireTokenInteractively`.
    :param account: whose token is wanted; None is for whoever signs in.
    :param hint: the username to suggest to the person.
    :raises MSALRuntimeError: a refusal, or an answer that the runtime does not accept.
    """
    answer = call(method, correlation_id, broker_request(parameters, account, hint))
    token: dict[str, Any] = answer["brokerTokenResponse"]
    got = token["account"] = normalised(token["account"])
    identity = json.loads(payload(token["idToken"]))
    got |= {"givenName": identity.get("given_name"), "familyName": identity.get("family_name")}
    if account and got["homeAccountId"] != account.get_home_account_id():
        if method == "acquireTokenInteractively":
            text = (
                "Authentication was blocked because a user switch was detected during authorization type 9. Old ID: "
                "'(pii)', new ID: '(pii)', isSameUPN 0, isSameEnv 1. "
                "Diagnostics: 'uidMismatch-MismatchLocal'.'utidMatch'"
            )
            raise MSALRuntimeError(Response_Status.Status_InteractionRequired, 0, 508901573, text)
        got |= {name: account._fields[name] for name in ("homeAccountId", "clientInfo")}
    if not there():
        text = "Error '(pii)' was returned for API: 'EnumerateNoLock'"
        raise MSALRuntimeError(Response_Status.Status_Unexpected, 2, 544564044, text)
    granted = token["grantedScopes"].split()
    declined = granted and not set(parameters._scopes) <= set(granted)
    with keyring() as kept:
        home = at_home(got)
        kept["accounts"].setdefault(account_key(home), home)
        known = kept["accounts"].setdefault(account_key(got), got)
        known |= got | {"localAccountId": known["localAccountId"]}
        got["localAccountId"] = known["localAccountId"]
        signed_out = [got["homeAccountId"], parameters._client_id]
        if not declined and method == "acquireTokenInteractively" and signed_out in kept["signed out"]:
            # A silent sign-in leaves the account signed out, and its tokens where they are.
            kept["signed out"] = [entry for entry in kept["signed out"] if entry != signed_out]
            kept["tokens"] = {key: each for key, each in kept["tokens"].items() if json.loads(key)[:2] != signed_out}
        if not declined and has_time(token):  # else an earlier one stays, which may live longer
            kept["tokens"][token_key(parameters, MSALRuntimeAccount(got), got["realm"])] = token
    if declined:
        text = "Token response failed because declined scopes are present:'(pii)'"
        raise MSALRuntimeError(Response_Status.Status_ApiContractViolation, 0, 593794722, text)
    return token
