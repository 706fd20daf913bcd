"""What crosses between azure-core and us: scopes and options come in, tokens and records go out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from azure.core.credentials import AccessToken, AccessTokenInfo

from azext_brokerauth import keywords, spelling
from azext_brokerauth.models import Account, Token

if TYPE_CHECKING:
    from azure.identity import AuthenticationRecord


class Asked(NamedTuple):
    """What one call asks a credential for, checked.

    :param tenant: empty for the credential's own.
    :param claims: JSON text; empty for none.
    :param pop: HTTP method, URL and nonce for a proof-of-possession token; empty for a bearer token.
    """

    scopes: tuple[str, ...]
    tenant: str = ""
    claims: str = ""
    enable_cae: bool = False
    pop: tuple[str, ...] = ()


def checked_call(scopes: Iterable[str] | None, options: Mapping[str, Any] | None, needs_scope: str = "") -> Asked:
    """What the arguments of a credential's method ask for. Unknown options are ignored.

    :param needs_scope: the method's name, where one scope at least must be given.
    :raises TypeError, ValueError: one cannot be used; it is named.
    """
    given = keywords.texts("scopes", scopes, "https://vault.azure.net/.default")
    if needs_scope and not given:
        raise ValueError(f"{needs_scope} needs at least one scope")
    for scope in given:
        _spelled(spelling.scope, "each of scopes", scope)
    if options is None:
        return Asked(given)
    if not isinstance(options, Mapping):
        raise TypeError(f"options must be a dict, not {type(options).__name__}.")
    tenant = keywords.text("tenant_id", options.get("tenant_id"), "contoso.com")
    claims = keywords.text("claims", options.get("claims"), '{"access_token": {}}')
    return Asked(
        given,
        _spelled(spelling.tenant, "tenant_id", tenant) if tenant else "",
        _spelled(spelling.claims, "claims", claims) if claims else "",
        keywords.flag("enable_cae", options.get("enable_cae")),
        _pop_parameters(options.get("pop")),
    )


def allowed_tenants(given: Iterable[str] | None) -> frozenset[str]:
    """The keyword ``additionally_allowed_tenants``; "*" stands for any.

    :raises TypeError, ValueError: it is not a list of tenants.
    """
    name = "additionally_allowed_tenants"
    tenants = keywords.texts(name, given, "contoso.com")
    return frozenset(one if one == "*" else _spelled(spelling.tenant, f"each of {name}", one) for one in tenants)


def _spelled(check: Callable[[str], str], name: str, given: str) -> str:
    try:
        return check(given)
    except ValueError as error:
        raise ValueError(f"{name} cannot be {given[:200]!r}: {error}.") from None


def access_token(token: Token) -> AccessToken:
    """The token as ``get_token`` gives it."""
    return AccessToken(token.value, token.expires_on)


def access_token_info(token: Token) -> AccessTokenInfo:
    """The token as ``get_token_info`` gives it."""
    return AccessTokenInfo(token.value, token.expires_on, token_type=token.token_type, refresh_on=token.refresh_on)


def authentication_record(account: Account) -> AuthenticationRecord:
    """The account as ``authenticate`` gives it."""
    from azure.identity import AuthenticationRecord

    return AuthenticationRecord(
        tenant_id=account.tenant,
        client_id=account.client_id,
        authority=account.authority,
        home_account_id=account.home_account_id,
        username=account.username,
    )


def account_of(record: AuthenticationRecord) -> Account:
    """The account that a record of ``authenticate`` names.

    :raises TypeError, ValueError: it is none, or names no account.
    """
    from azure.identity import AuthenticationRecord

    if not isinstance(record, AuthenticationRecord):
        raise TypeError(
            "authentication_record must be an AuthenticationRecord, such as AuthenticationRecord.deserialize gives,"
            f" and not of the type {type(record).__name__}."
        )
    fields = {
        name: keywords.text(f"authentication_record.{name}", getattr(record, name)) or ""
        for name in ("username", "home_account_id", "tenant_id", "client_id", "authority")
    }
    object_id, _, home_tenant = fields["home_account_id"].partition(".")
    return Account(
        username=fields["username"],
        home_account_id=fields["home_account_id"],
        local_account_id=object_id,
        tenant=fields["tenant_id"] or home_tenant,
        client_id=fields["client_id"],
        authority=_spelled(spelling.authority_host, "authentication_record.authority", fields["authority"]),
    )


def _pop_parameters(given: object) -> tuple[str, ...]:
    """HTTP method, URL and nonce, under the names that azure-identity-broker gives them."""
    names = ("resource_request_method", "resource_request_url", "nonce")
    if not given:
        return ()
    if not isinstance(given, Mapping) or not all(given.get(name) for name in names):
        raise ValueError(f"The option 'pop' needs all of these: {', '.join(names)}.")
    return tuple(str(given[name]) for name in names)
