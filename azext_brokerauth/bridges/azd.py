"""Azure Developer CLI's external authentication.

https://github.com/Azure/azure-dev/blob/main/cli/azd/docs/external-authentication.md
"""

from __future__ import annotations

import json
from datetime import datetime, timezone

from azext_brokerauth import spelling
from azext_brokerauth.bridges.calls import Call, Get, Reply, Terms, malformed, no_key
from azext_brokerauth.bridges.silent import Wanted
from azext_brokerauth.errors import BrokerAuthError, InteractionRequiredError, InvalidInputError, NotSignedInError

BASE = "/azd"
PATH = f"{BASE}/token"
VERSION = "2023-07-12-preview"


def answer(call: Call, terms: Terms, get: Get) -> Reply:
    """The answer to a request for a token: whoever knows the key gets 200, with a token or with the reason."""
    offered = [value.removeprefix("Bearer ") for value in call.values("authorization")]
    if not terms.admits(offered):
        return no_key()
    if call.method != "POST" or call.target != f"{PATH}?api-version={VERSION}":
        return malformed(f"Only POST with the api-version {VERSION} is known here.")
    if call.values("content-type") != ["application/json"]:
        return malformed("The Content-Type must be application/json.")
    try:
        asked = json.loads(call.body)
        if not isinstance(asked, dict):
            raise ValueError
    except (ValueError, RecursionError):
        return malformed("The body must be a JSON object.")
    try:
        token = get(_wanted(asked))
    except BrokerAuthError as error:
        absent = isinstance(error, (NotSignedInError, InteractionRequiredError))
        code = "NotSignedInError" if absent else "GetTokenError"
        return Reply(200, {"status": "error", "code": code, "message": terms.explained(error)})
    expires = datetime.fromtimestamp(int(token.expires_on), timezone.utc)
    return Reply(200, {"status": "success", "token": token.value, "expiresOn": expires.strftime("%Y-%m-%dT%H:%M:%SZ")})


def _wanted(asked: dict[str, object]) -> Wanted:
    """:raises InvalidInputError: it cannot be understood."""
    scopes, tenant = asked.get("scopes"), asked.get("tenantId") or ""
    if not (isinstance(scopes, list) and len(scopes) == 1 and isinstance(scopes[0], str)):
        raise InvalidInputError("Exactly one scope is given a token for here.")
    try:
        scope = spelling.scope(scopes[0])
        tenant = spelling.tenant(tenant) if tenant else ""
    except ValueError as error:
        raise InvalidInputError(f"The request cannot be understood: {error}.") from None
    return Wanted(scope, tenant)
