"""A giver of tokens that asks nobody, and the terms on which it gives them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from azext_brokerauth.bridges.calls import Call, Terms
from azext_brokerauth.bridges.managed_identity import PATH
from azext_brokerauth.bridges.silent import Wanted
from azext_brokerauth.errors import BrokerAuthError
from azext_brokerauth.models import Account, Token

NOW = 1_800_000_000
KEY = "k" * 64
CLIENT = "04b07795-8ddb-461a-bbee-02f9e1bf7b46"
ADA = Account("ada@contoso.com", "a.t", "a", "t", CLIENT, "login.microsoftonline.com")
TERMS = Terms(KEY, CLIENT)
VAULT = "https://vault.azure.net"
QUERY = f"?api-version=2019-08-01&resource={VAULT}"


@dataclass
class Giver:
    """Gives a token for whatever is wanted, or raises.

    :param error: what to raise.
    :param check: raises for what is not given, as the source of ``exec`` does.
    """

    error: Exception | None = None
    check: Callable[[str], None] = lambda _: None
    wanted: list[Wanted] = field(default_factory=list)

    def __call__(self, wanted: Wanted) -> Token:
        self.check(wanted.scope)
        self.wanted.append(wanted)
        if self.error:
            raise self.error
        return Token("the token", NOW + 3599, "Bearer", "broker", "t", ADA)


def get(query: str = QUERY, method: str = "GET", headers: Mapping[str, str] | None = None) -> Call:
    """A request to the managed identity's endpoint, with the key unless the headers say otherwise."""
    given = {"x-identity-header": KEY} if headers is None else headers
    return Call(method, PATH + query, tuple(given.items()))


REFUSED = ("statusCode", "message", "error", "error_description", "correlation_id")
ERRORS = BrokerAuthError.__subclasses__()
