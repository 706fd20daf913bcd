"""``az brokerauth check-health``: and ``repair``: as without az, with az's token cache read by az's own functions."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import partial
from typing import Any

from azure.cli.core.auth import persistence
from azure.cli.core.util import should_encrypt_token_cache

from azext_brokerauth.custom import confirmed
from azext_brokerauth.errors.rendering import AZ
from azext_brokerauth.health import repair as repairs
from azext_brokerauth.health import report
from azext_brokerauth.health.az_cache import CachedSignIn, UnreadableCacheError, read_text


def check_health(cmd: Any, online: bool = False, bundle: str | None = None, with_names: bool = False) -> dict[str, Any]:
    """The report of every condition that brokered sign-in needs, az's own cache included."""
    return report.for_command(online, bundle, with_names, AZ, partial(_read_cache, cmd.cli_ctx))


def repair(cmd: Any, dry_run: bool = False, yes: bool = False) -> dict[str, Any]:
    """What was repaired, and what is left."""
    ask = (lambda _: True) if yes else confirmed
    return repairs.for_command(AZ, ask, dry_run, partial(_read_cache, cmd.cli_ctx))


def _read_cache(cli_ctx: Any) -> Sequence[CachedSignIn]:
    """:raises UnreadableCacheError: az itself cannot read it."""
    location = os.path.join(cli_ctx.config.config_dir, "msal_token_cache")
    try:
        return read_text(persistence.build_persistence(location, should_encrypt_token_cache(cli_ctx)).load())
    except persistence.PersistenceNotFound:
        return []
    except Exception as error:
        raise UnreadableCacheError(f"az cannot read its token cache: {type(error).__name__}") from error
