"""``az account show-broker``: how az gets the tokens of the account in use, and why so."""

from __future__ import annotations

import time
from datetime import datetime, timezone
from typing import Any

from azure.cli.core import _profile
from knack.util import CLIError

from azext_brokerauth.azcli.az_accounts import is_brokered
from azext_brokerauth.azcli.hook import HOOK
from azext_brokerauth.errors import SIGN_IN, NotSignedInError
from azext_brokerauth.models import run


def show_broker(cmd: Any) -> dict[str, Any]:
    """How az gets the tokens of the account in use."""
    profile = _profile.Profile(cli_ctx=cmd.cli_ctx)
    try:
        account = profile.get_subscription()
    except CLIError as error:
        if not HOOK.attach():
            raise NotSignedInError("az is not signed in.", remedies=SIGN_IN) from error
        raise NotSignedInError(
            f"az is not signed in, and here it cannot be through the broker: {HOOK.attach()}",
            remedies=run("az", "login"),
        ) from error
    reason = HOOK.attach()
    source, expires_on = _user_tokens(cmd.cli_ctx, profile, account, active=not reason)
    return {
        "username": account["user"]["name"],
        "tenantId": account["tenantId"],
        "subscriptionId": account["id"],
        "tokenSource": source,
        "tokenExpiresOn": expires_on,
        "everyCommand": HOOK.in_launcher and not reason,
        "isActive": not reason,
        "reason": reason or None,
    }


def _user_tokens(cli_ctx: Any, profile: Any, account: dict[str, Any], *, active: bool) -> tuple[str, str | None]:
    """Where the account's tokens come from, and when the cached one for Azure Resource Manager expires."""
    user = account["user"]
    if user.get("cloudShellID"):
        return "cloudShell", None
    if user["name"] in ("systemAssignedIdentity", "userAssignedIdentity"):
        return "managedIdentity", None
    if user["type"] != "user":
        return user["type"], None
    tenant = account["tenantId"]
    identity = _profile._create_identity_instance(cli_ctx, profile._authority, tenant_id=tenant)
    application = identity._msal_app
    cache = application.token_cache
    signed_in = identity.get_user(user["name"])
    if not signed_in:
        return "none", None
    owner = {"home_account_id": signed_in[0]["home_account_id"], "realm": tenant, "client_id": identity.client_id}
    access = cache.search(cache.CredentialType.ACCESS_TOKEN, target=profile._arm_scope, query=owner)
    expires_on = max((int(entry["expires_on"]) for entry in access), default=0)
    until = datetime.fromtimestamp(expires_on, timezone.utc).isoformat() if expires_on > time.time() else None
    if not is_brokered(cache, signed_in[0]):
        return "refreshToken", until
    return "broker" if active else "cacheOnly", until
