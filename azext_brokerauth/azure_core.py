"""What crosses between azure-core and us: scopes and options come in, tokens and records go out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from azure.core.credentials import AccessToken, AccessTokenInfo

from azext_brokerauth import errors, settings
from azext_brokerauth.models import Account, Token

if TYPE_CHECKING:
    from azure.identity import AuthenticationRecord


def check_given(method: str, scopes: tuple[str, ...]) -> None:
    """:raises ValueError: no scope was given to a method that needs one."""
    if not scopes:
        raise ValueError(f"{method} needs at least one scope")


def check_spelling(scopes: tuple[str, ...]) -> None:
    """:raises ValueError: one has characters that no scope has."""
    for scope in scopes:
        if not scope or not all(c.isascii() and (c.isalnum() or c in "_-.:/") for c in scope):
            raise ValueError(f"{scope!r} is not a scope: only letters, digits and . - _ : / can be in one")


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
    """The account that a record of ``authenticate`` names."""
    object_id, _, home_tenant = record.home_account_id.partition(".")
    return Account(
        username=record.username,
        home_account_id=record.home_account_id,
        local_account_id=object_id,
        tenant=record.tenant_id or home_tenant,
        client_id=record.client_id,
        authority=settings.authority_host(record.authority),
    )


def pop_parameters(asked: object) -> tuple[str, ...]:
    """HTTP method, URL and nonce, under the names that azure-identity-broker gives them."""
    names = ("resource_request_method", "resource_request_url", "nonce")
    if not asked:
        return ()
    if not isinstance(asked, Mapping) or not all(asked.get(name) for name in names):
        raise errors.InvalidInputError(f"The option 'pop' needs {', '.join(names)}: MSAL has no other kind of PoP.")
    return tuple(str(asked[name]) for name in names)
