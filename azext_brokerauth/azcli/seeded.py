"""Tokens that earlier commands put into az's own cache: taken out of it where the settings in force want none there."""

from __future__ import annotations

import os
from typing import Any

from knack.log import get_logger

_LOGGER = get_logger(__name__)


def remove_tokens(cli_ctx: Any, why: str) -> None:
    """Take the access tokens of broker sign-ins out of az's cache, by MSAL's own functions and under the cache's own
    lock. The sign-ins themselves stay, and so does everything that is not the broker's.

    Whatever goes wrong, az goes on.

    :param why: the setting that wants none there, for the message.
    """
    from azure.cli.core.auth import persistence
    from azure.cli.core.util import should_encrypt_token_cache

    location = os.path.join(cli_ctx.config.config_dir, "msal_token_cache")
    try:
        removed = _removed_from(persistence.load_persisted_token_cache(location, should_encrypt_token_cache(cli_ctx)))
    except ImportError:
        _LOGGER.debug("az lacks the packages for its encrypted cache, so it cannot read tokens there either")
    except Exception as error:  # noqa: BLE001  (not its text, which might quote the cache)
        _LOGGER.warning("Tokens could not be removed from az's cache, although %s: %s", why, type(error).__name__)
    else:
        if removed:
            _LOGGER.warning("%d older token(s) were removed from az's cache, because %s.", removed, why)


def _removed_from(cache: Any) -> int:
    from azext_brokerauth.azcli.az_accounts import is_brokered

    removed = 0
    for account in list(cache.search(cache.CredentialType.ACCOUNT)):
        if not is_brokered(cache, account):
            continue
        owner = {name: account.get(name) for name in ("environment", "home_account_id")}
        for token in list(cache.search(cache.CredentialType.ACCESS_TOKEN, query=owner)):
            cache.remove_at(token)
            removed += 1
    return removed
