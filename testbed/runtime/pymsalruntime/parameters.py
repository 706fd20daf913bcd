"""What a caller asks a token for, and the request to the broker that this becomes."""

from __future__ import annotations

import json
from typing import Any

from .accounts import MSALRuntimeAccount, home_tenant
from .authority import tenant_id
from .statuses import MSALRuntimeError, Response_Status


class MSALRuntimeAuthParameters:
    def __init__(self, client_id: str, authority: str) -> None:
        self._client_id, self._authority = client_id, authority
        self._scopes: list[str] = []
        self._redirect_uri = self._claims = self._to_renew = ""
        self._additional: dict[str, str] = {}

    def set_requested_scopes(self, scopes: list[str]) -> None:
        self._scopes = list(scopes)

    def set_redirect_uri(self, redirect_uri: str) -> None:
        self._redirect_uri = redirect_uri

    def set_decoded_claims(self, claims: str) -> None:
        self._claims = claims

    def set_access_token_to_renew(self, access_token: str) -> None:
        self._to_renew = access_token

    def set_pop_params(self, http_method: str, uri_host: str, uri_path: str, nonce: str) -> None:
        raise NotImplementedError("there is no proof of possession on Linux")

    def set_additional_parameter(self, key: str, value: str) -> None:
        self._additional[key] = value


def broker_request(
    parameters: MSALRuntimeAuthParameters, account: MSALRuntimeAccount | None, hint: str | None = None
) -> dict[str, Any]:
    """The JSON with which the broker is asked for a token, or told of a sign-out.

    :param account: whose; None is for whoever signs in.
    :param hint: the username to suggest to the person, where there is no account.
    """
    return {
        "authParameters": {
            "account": account and account._fields,
            "additionalQueryParametersForAuthorization": parameters._additional,
            "authority": _authority(parameters, account),
            "clientId": parameters._client_id,
            "decodedClaims": parameters._claims,
            "isSignIn": account is None,
            "popParams": None,
            "redirectUri": parameters._redirect_uri,
            "requestedScopes": parameters._scopes,
            "username": account.get_user_name() if account else hint or "",
        }
    }


def _authority(parameters: MSALRuntimeAuthParameters, account: MSALRuntimeAccount | None) -> str:
    """The authority with the account's home tenant where it names no tenant in particular."""
    host, _, tenant = parameters._authority.rpartition("/")
    if account and tenant in ("organizations", "common"):
        return f"{host}/{home_tenant(account._fields)}"
    return parameters._authority


def resolve(parameters: MSALRuntimeAuthParameters) -> None:
    """Put the tenant's ID in place of its domain.

    :raises MSALRuntimeError: the authority does not tell it.
    """
    host = parameters._authority.rpartition("/")[0]
    parameters._authority = f"{host}/{tenant_id(parameters._authority)}"


def check_claims(parameters: MSALRuntimeAuthParameters) -> None:
    """:raises MSALRuntimeError: the claims are not what the runtime takes for a challenge."""
    if parameters._claims:
        _parsed(parameters._claims)


def _parsed(claims: str) -> dict[str, Any]:
    try:
        parsed = json.loads(claims)
    except ValueError:
        parsed = None
    if not isinstance(parsed, dict) or not parsed:
        text = "Failed to parse non-empty claims challenge '(pii)' to Json due to invalid format."
        raise MSALRuntimeError(Response_Status.Status_ApiContractViolation, 0, 591975578, text)
    return parsed


def token_key(parameters: MSALRuntimeAuthParameters, account: MSALRuntimeAccount, tenant: str = "") -> str:
    """Under what a token is kept: everything that must be the same for it to be given again.

    :param tenant: the ID of the one that issued it; empty for the one that the parameters ask.
    """
    home, client_id = account.get_home_account_id(), parameters._client_id
    host, _, asked = _authority(parameters, account).rpartition("/")
    # A challenge is the same however it is spelt.
    claims = [_parsed(parameters._claims)] if parameters._claims else []
    key = [home, client_id, host, tenant or asked, sorted(parameters._scopes), *claims]
    return json.dumps(key, sort_keys=True)
