"""Managed identity as App Service has it, for the SDKs of all languages.

https://learn.microsoft.com/azure/app-service/overview-managed-identity#rest-endpoint-reference
"""

from __future__ import annotations

import time
from collections.abc import Callable

from azext_brokerauth import spelling
from azext_brokerauth.bridges.calls import Call, Get, Reply, Terms, malformed, no_key
from azext_brokerauth.bridges.silent import Wanted
from azext_brokerauth.errors import BrokerAuthError, InvalidInputError

PATH = "/managed-identity/token"
VERSION = "2019-08-01"
_VERSIONS = (VERSION, "2017-09-01")
"""The older one is asked for by whoever looks at ``MSI_ENDPOINT`` and ``MSI_SECRET`` alone."""
_KEYS = ("x-identity-header", "x-ms-identity", "secret")
_OF_AN_APPLICATION = ("client_id", "clientid")
_OF_ANOTHER = ("mi_res_id", "msi_res_id", "object_id", "principal_id")


def answer(call: Call, terms: Terms, get: Get, now: Callable[[], float] = time.time) -> Reply:
    """The answer to a request for a token.

    :param now: gives epoch seconds.
    """
    if not terms.admits(call.values(*_KEYS)):
        return no_key()
    if call.method != "GET":
        return malformed("Only GET is known here.")
    try:
        asked = call.query()
    except ValueError as error:
        return malformed(f"The request cannot be understood: {error}.")
    if asked.get("api-version") not in _VERSIONS:
        return malformed(f"The api-version must be {VERSION}.")
    try:
        _check_identity(asked, terms)
        resource = asked.get("resource", "").removesuffix("/.default")
        token = get(Wanted(_scope(resource)))
    except BrokerAuthError as error:
        return terms.refused(error)
    return Reply(
        200,
        {
            "access_token": token.value,
            "client_id": token.account.client_id,
            "resource": resource,
            "token_type": token.token_type,
            # Digits in strings: msal4j parses nothing else. MSAL.NET takes the last of the two, Terraform expires_in.
            "expires_in": str(max(0, int(token.expires_on - now()))),
            "expires_on": str(int(token.expires_on)),
        },
    )


def _scope(resource: str) -> str:
    if not resource:
        raise InvalidInputError("The parameter resource is missing.")
    try:
        return spelling.scope(f"{resource}/.default")
    except ValueError:
        raise InvalidInputError("The parameter resource is not one: it has other characters.") from None


def _check_identity(asked: dict[str, str], terms: Terms) -> None:
    named = next((name for name in _OF_ANOTHER if name in asked), "") or next(
        (name for name in _OF_AN_APPLICATION if asked.get(name, terms.client_id).lower() != terms.client_id), ""
    )
    if named:
        raise InvalidInputError(
            f"{named} asks for a user-assigned managed identity, and there is none: the tokens given here are those of"
            " the person who is signed in. Leave it out. AZURE_CLIENT_ID and ARM_CLIENT_ID set it too."
        )
