"""Whether az is signed in with an account, and taking it out of az: all of it without a network."""

from __future__ import annotations

from typing import Any

from azure.cli.core import _profile

from azext_brokerauth.azcli import cache_entries
from azext_brokerauth.azcli.az_accounts import is_signed_in
from azext_brokerauth.models import Account


def is_in_cache(cli_ctx: Any, account: Account, *, brokered: bool = False) -> bool:
    """Has az's token cache the account?

    :keyword brokered: and does it hold because of a broker sign-in?
    """
    return is_signed_in(_cache(cli_ctx), account.authority, account.home_account_id, brokered=brokered)


def sign_out(cli_ctx: Any, account: Account, *, is_ours: bool) -> None:
    """Sign az out, unless the person has signed in without the broker since.

    :keyword is_ours: did a command of ours sign az in? Then what is left of that goes, even without an account.
    """
    cache, owner = _cache(cli_ctx), (account.authority, account.home_account_id)
    with cache_entries.undisturbed(cache):
        leaves = is_signed_in(cache, *owner, brokered=True) or (is_ours and not is_signed_in(cache, *owner))
        if leaves:
            cache_entries.forget(cache, *owner)
    if leaves:
        _remove_subscriptions(cli_ctx, account.username)


def _cache(cli_ctx: Any) -> Any:
    # It brings MSAL, which few commands need.
    from azext_brokerauth.azcli import token_cache

    return token_cache.of_az(cli_ctx)


def _remove_subscriptions(cli_ctx: Any, username: str) -> None:
    """As az's ``Profile.logout``, which would ask the authority about itself first."""
    profile = _profile.Profile(cli_ctx=cli_ctx)
    profile._storage.load(profile._storage.filename)  # az read it when it started
    others = [
        subscription
        for subscription in profile.load_cached_subscriptions(all_clouds=True)
        if subscription["user"]["name"].lower() != username.lower()
    ]
    profile._storage["subscriptions"] = others
