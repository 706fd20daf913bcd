"""Who is in use in az: az's own current account, and nobody else."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from azure.cli.core import _profile
from azure.cli.core.util import should_encrypt_token_cache
from knack.log import get_logger
from knack.util import CLIError

from azext_brokerauth import sign_in
from azext_brokerauth.accounts import Records
from azext_brokerauth.azcli import presence
from azext_brokerauth.azcli.cache_entries import BROKER
from azext_brokerauth.azcli.hook import HOOK
from azext_brokerauth.errors import NotSignedInError
from azext_brokerauth.errors.rendering import AZ
from azext_brokerauth.health.az_cache import UnreadableCacheError, read_file
from azext_brokerauth.models import Account, Remedies, Target, filled, own
from azext_brokerauth.settings import AZURE_CLI_CLIENT_ID

_LOGGER = get_logger(__name__)

_IDENTITIES = ("systemAssignedIdentity", "userAssignedIdentity")
"""az's names for a managed identity (``Profile.login_with_managed_identity``)."""


def tell_commands(cli_ctx: Any) -> None:
    """Have the commands of both hosts follow this az."""
    host = sign_in.HOST
    host.words, host.left = AZ, "az and brokerauth"
    host.in_use, host.tenant = partial(in_use, cli_ctx), partial(_tenant, cli_ctx)
    host.resource = partial(_resource, cli_ctx)


def _resource(cli_ctx: Any, kind: str, target: Target) -> str:
    """As ``az account get-access-token --resource-type``."""
    from azure.cli.command_modules.profile.custom import cloud_resource_type_mappings

    return str(getattr(cli_ctx.cloud.endpoints, cloud_resource_type_mappings[kind]))


def _tenant(cli_ctx: Any, account: Account) -> str:
    """That of az's current subscription, if az uses it as this account."""
    current = None if HOOK.stands_aside else _current(cli_ctx)
    is_azs = current and current["user"]["name"].lower() == account.username.lower()
    return str(current["tenantId"]) if current and is_azs else account.tenant


def in_use(cli_ctx: Any, records: Records, hint: str = "") -> Account:
    """az's current account. Where az is left as it is, the one that brokerauth would use without az.

    :param hint: the name that the settings have for it.
    :raises NotSignedInError: there is none, or it has not signed in through the broker.
    """
    if HOOK.stands_aside:
        return sign_in.in_use_by_record(records, hint)
    current = _current(cli_ctx)
    if current is None and not records.signed_in_to_az:
        return sign_in.in_use_by_record(records, hint)
    account = _signed_in(cli_ctx, records, current["user"]) if current else None
    if account is None:
        if HOOK.attach():
            return sign_in.in_use_by_record(records, hint)
        raise NotSignedInError(_not_the_brokers(current), remedies=_choice(cli_ctx, records, current))
    return account


def set_account(cmd: Any, username: str) -> None:
    """Have az use a subscription of this person."""
    chosen = None
    sign_in.in_force()
    with sign_in.account_store().change() as change:
        account = sign_in.recorded(change.before, username)
        records = change.before.using(account)
        if not HOOK.attach():
            records = note_last_used(cmd.cli_ctx, records)
            chosen = _switch(cmd.cli_ctx, records, account)
            records = note_last_used(cmd.cli_ctx, records)
        change.after = records
    if chosen:
        _LOGGER.warning("az now uses the subscription %s (%s) as %s.", chosen["name"], chosen["id"], account.username)
    else:
        _LOGGER.warning("az itself uses the same account as before. %s", HOOK.attach())


def note_last_used(cli_ctx: Any, records: Records) -> Records:
    """The records, with the subscription that az uses now as the one last used by whoever that is."""
    current = _current(cli_ctx)
    account = _signed_in(cli_ctx, records, current["user"]) if current else None
    return records.with_last_used(account, current["id"]) if current and account else records


def notice_sign_out(cli_ctx: Any) -> None:
    """Forget whom we signed in to az and ``az logout`` or ``az account clear`` has signed out since.

    We are not loaded there, so the next command of ours looks. Whatever goes wrong, that command goes on.
    """
    try:
        store = sign_in.account_store()
        records = store.read()
        signed_in = [a for a in records.accounts if a.home_account_id in records.signed_in_to_az]
        if not signed_in:
            return
        names = {
            s["user"]["name"] for s in _profile.Profile(cli_ctx=cli_ctx).load_cached_subscriptions(all_clouds=True)
        }
        for account in signed_in:
            # The name is the cheap answer. Another account may have taken all its subscriptions over, so az's token
            # cache has the last word.
            if account.username in names or presence.is_in_cache(cli_ctx, account):
                continue
            with store.change() as change:
                change.after = change.before.without(account)
            _LOGGER.warning("%s has been signed out of az, and so is signed out here too.", account.username)
    except Exception:
        _LOGGER.debug("could not look whether az was signed out", exc_info=True)


def _switch(cli_ctx: Any, records: Records, account: Account) -> Mapping[str, Any]:
    """Make az use the subscription that it used last as this person, or else the first that it has of them.

    :returns: the subscription.
    :raises NotSignedInError: there is none.
    """
    if _signed_in(cli_ctx, records, {"name": account.username, "type": "user"}) is None:
        raise NotSignedInError(
            f"{account.username} is not signed in to az through the broker.", remedies=_sign_in_as(account.username)
        )
    profile = _profile.Profile(cli_ctx=cli_ctx)
    profile._storage.load(profile._storage.filename)  # az read it when it started
    found = _subscriptions_of(profile, records, account)
    if not found:
        raise NotSignedInError(
            f"az has no subscription of {account.username} any more.", remedies=_sign_in_as(account.username)
        )
    chosen = {**profile._pick_working_subscription(found), "user": {"name": account.username, "type": "user"}}
    profile._set_subscriptions([chosen])
    return chosen


def _subscriptions_of(profile: Any, records: Records, account: Account) -> list[Mapping[str, Any]]:
    """What az can use as this person: the subscription last used, or else all that it has of them.

    az has one owner for each subscription, who signed in last. What one of ours took over of another goes back.
    """
    subscriptions = [s for s in profile.load_cached_subscriptions() if s["user"]["type"] == "user"]
    ours = {a.username.lower() for a in records.accounts if a.home_account_id in records.signed_in_to_az}
    last = dict(records.last_used).get(account.home_account_id)
    found = [s for s in subscriptions if s["id"] == last and s["user"]["name"].lower() in ours]
    return found or [s for s in subscriptions if s["user"]["name"].lower() == account.username.lower()]


def _sign_in_as(username: str) -> Remedies:
    return own("login", "--username", username)


def _current(cli_ctx: Any) -> Mapping[str, Any] | None:
    """The subscription that az uses, with the account that it uses it as."""
    try:
        current: Mapping[str, Any] = _profile.Profile(cli_ctx=cli_ctx).get_subscription()
    except CLIError:
        return None
    return current


def _signed_in(cli_ctx: Any, records: Records, user: Mapping[str, Any]) -> Account | None:
    """The record of az's account, if it holds because of a sign-in through the broker.

    :param user: as a subscription in az's profile names it.
    """
    if user["type"] != "user" or user.get("cloudShellID"):
        return None
    authority = urlsplit(cli_ctx.cloud.endpoints.active_directory).netloc
    account = records.find(user["name"], client_id=AZURE_CLI_CLIENT_ID, authority=authority)
    return account if account and _is_brokered(cli_ctx, records, account) else None


def _is_brokered(cli_ctx: Any, records: Records, account: Account) -> bool:
    """As :func:`azext_brokerauth.azcli.az_accounts.is_brokered`, without MSAL where az's cache can be read as it is:
    MSAL takes longer to be loaded than all the rest of these commands."""
    if not should_encrypt_token_cache(cli_ctx):
        try:
            stored = read_file(Path(cli_ctx.config.config_dir))
        except UnreadableCacheError:
            # Whose sign-in was lost with it, our own records know.
            return account.home_account_id in records.signed_in_to_az
        else:
            found = [entry for entry in stored if entry.home_account_id == account.home_account_id]
            return any(e.source == BROKER for e in found) and not any(e.kind == "refresh token" for e in found)
    return presence.is_in_cache(cli_ctx, account, brokered=True)


def _not_the_brokers(current: Mapping[str, Any] | None) -> str:
    """Why az's current account is not for us to use."""
    if current is None:
        return "az has no current account."
    user = current["user"]
    if user["name"] in _IDENTITIES:
        return "az is using a managed identity, which does not sign in through the broker."
    if user["type"] != "user":
        return f"az is using the service principal {user['name']}, which does not sign in through the broker."
    return f"az is using {user['name']}, who signed in to az without the broker."


def _choice(cli_ctx: Any, records: Records, current: Mapping[str, Any] | None) -> Remedies:
    """How to come to an account of the broker's: whoever is signed in to az through it, or a sign-in."""
    found = (_signed_in(cli_ctx, records, {"name": a.username, "type": "user"}) for a in records.accounts)
    people = [account for account in found if account and account.home_account_id in records.signed_in_to_az]
    if not people:
        user = current["user"] if current else {"type": ""}
        words = ("--username", user["name"]) if user["type"] == "user" else ()
        return own("login", *words, text="To sign in through the broker,")
    profile = _profile.Profile(cli_ctx=cli_ctx)
    at_hand = [account for account in people if _subscriptions_of(profile, records, account)]
    if not at_hand:
        return _sign_in_as(people[-1].username)
    people, last = at_hand, records.find()
    account = last if last in people else people[-1]
    others = "" if len(people) == 1 else "These are signed in through the broker: {accounts}. "
    return filled(
        own("set", "--username", account.username, text=others + "To use {account},"),
        account=account.username,
        accounts=sign_in.names_of(people),
    )
