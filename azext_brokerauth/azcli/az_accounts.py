"""az's accounts: which of them hold because of a sign-in through the broker, and what they are as ours."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from azext_brokerauth.azcli import cache_entries
from azext_brokerauth.azcli.cache_entries import BROKER
from azext_brokerauth.models import Account


def is_brokered(cache: Any, account: Mapping[str, Any]) -> bool:
    """Does az's account hold because of a broker sign-in?

    A later sign-in by browser leaves MSAL's mark of the broker in place for tenants that it did not touch, but it
    brings a refresh token, which a broker sign-in never does. The later sign-in counts.

    :param cache: MSAL's token cache.
    :param account: as ``get_accounts`` gives it.
    """
    owner = {name: account.get(name) for name in ("environment", "home_account_id")}
    refresh_tokens = cache.search(cache.CredentialType.REFRESH_TOKEN, query=owner)
    return account.get("account_source") == BROKER and not any(True for _ in refresh_tokens)


def is_signed_in(cache: Any, environment: str, home_account_id: str, *, brokered: bool = False) -> bool:
    """Has az an account?

    :param cache: MSAL's token cache.
    :param environment: the authority's host name.
    :keyword brokered: and does it hold because of a broker sign-in?
    """
    found = cache_entries.entries(cache, cache.CredentialType.ACCOUNT, environment, home_account_id)
    return any(not brokered or is_brokered(cache, account) for account in found)


def to_account(account: Mapping[str, Any], client_id: str, authority: str) -> Account:
    """MSAL's account as ours.

    :param account: as ``get_accounts`` gives it.
    :param client_id: the application that was signed in to.
    :param authority: the authority's host name.
    """
    return Account(
        username=account["username"],
        home_account_id=account["home_account_id"],
        local_account_id=account["local_account_id"],
        tenant=account["realm"],
        client_id=client_id,
        authority=authority,
    )
