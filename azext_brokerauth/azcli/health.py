"""``az brokerauth check-health``: as without az, with az's token cache read by az's own functions."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from functools import partial
from typing import Any

from azure.cli.core.auth import persistence
from azure.cli.core.util import should_encrypt_token_cache

from azext_brokerauth import custom
from azext_brokerauth.health.checks import CachedSignIn, UnreadableCacheError
from azext_brokerauth.health.report import cached_sign_ins


def check_health(cmd: Any, online: bool = False, bundle: str | None = None, with_names: bool = False) -> dict[str, Any]:
    return custom.health_report(
        online, bundle, with_names, "az brokerauth", read_cache=partial(_read_cache, cmd.cli_ctx)
    )


def _read_cache(cli_ctx: Any) -> Sequence[CachedSignIn]:
    """:raises UnreadableCacheError: az itself cannot read it."""
    location = os.path.join(cli_ctx.config.config_dir, "msal_token_cache")
    try:
        text = persistence.build_persistence(location, should_encrypt_token_cache(cli_ctx)).load()
        return cached_sign_ins(json.loads(text)) if text.strip() else []
    except persistence.PersistenceNotFound:
        return []
    except Exception as error:
        raise UnreadableCacheError(f"az cannot read its token cache: {type(error).__name__}") from error
