"""Signing az itself in and out: az's own sign-in code, with the broker in place of the browser."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from types import SimpleNamespace
from typing import Any

from azure.cli.core import _profile
from knack.log import get_logger
from knack.util import CLIError

from azext_brokerauth import custom, errors, output, settings, sign_in
from azext_brokerauth.azcli import network, presence
from azext_brokerauth.azcli.az_accounts import to_account
from azext_brokerauth.azcli.facade import SIGNING_IN, SignIn
from azext_brokerauth.azcli.hook import HOOK
from azext_brokerauth.azcli.in_use import note_last_used
from azext_brokerauth.models import SHARED_TENANTS, Token, own, run
from azext_brokerauth.sign_in import SignInOptions, takes_options
from azext_brokerauth.tokens.renewal import MANDATORY

_LOGGER = get_logger(__name__)


@takes_options(SignInOptions)
def login(
    cmd: Any,
    options: SignInOptions,
    subscription: str | None = None,
    allow_no_subscriptions: bool = False,
    skip_subscription_discovery: bool = False,
) -> dict[str, Any]:
    """Sign in, and az with it."""
    chosen = options.in_force()
    outside = HOOK.attach()
    if not outside and chosen.client_id != settings.AZURE_CLI_CLIENT_ID:
        outside = f"az can only be signed in with Azure CLI's own application; this sign-in is for {chosen.client_id}."
    if outside:
        _LOGGER.warning("az itself was not signed in. %s", outside)
        return custom.sign_in_without_az(options)
    from azure.cli.command_modules.profile import _validators
    from azure.cli.command_modules.profile import custom as az_profile
    from azure.cli.core.util import b64encode

    _check_cache(cmd.cli_ctx)
    claims = sign_in.claims_text(options.claims_challenge)
    if sign_in.account_store().read().signed_in_to_az:
        with sign_in.account_store().change() as change:  # whoever signs in may take subscriptions over
            change.after = note_last_used(cmd.cli_ctx, change.before)
    wanted = SimpleNamespace(tenant=None if chosen.tenant_id in SHARED_TENANTS else chosen.tenant_id)
    reached = network.explained(chosen.target, cmd.cli_ctx.cloud.endpoints.resource_manager)
    with reached, _signing_in(cmd.cli_ctx, SignIn(chosen, options.prompt)) as signing_in:
        _validators.validate_tenant(cmd, wanted)
        subscriptions = az_profile.login(
            cmd,
            tenant=wanted.tenant,
            scopes=options.scopes,
            claims_challenge=b64encode(claims) if claims else None,
            subscription=subscription,
            allow_no_subscriptions=allow_no_subscriptions,
            skip_subscription_discovery=skip_subscription_discovery,
        )
    token = signing_in.token
    if token is None and signing_in.fell_back:
        return _fell_back(cmd, signing_in.fell_back, chosen, subscriptions)
    if token is None:
        raise errors.BrokerFailedError(
            "az did not ask the broker for a token.", remedies=run("az", "login", text="To sign in without it,")
        )
    _record(cmd.cli_ctx, token)
    sign_in.tell_who_answered(chosen, token.account)
    if signing_in.replaced_browser:
        _LOGGER.warning(
            "The earlier sign-in of %s by browser was removed from az: its refresh token would have been used instead"
            " of the broker.",
            token.account.username,
        )
    _tell_what_lasts(token, chosen)
    if subscriptions is None:  # az's picker has shown them
        profile = _profile.Profile(cli_ctx=cmd.cli_ctx)
        subscriptions = [s for s in profile.load_cached_subscriptions() if s["user"]["name"] == token.account.username]
    facts = output.account_facts(token.account, token.account)
    return {**facts, "source": token.source, "subscriptions": subscriptions}


def _record(cli_ctx: Any, token: Token) -> None:
    """Write down who has signed in.

    :raises SignInCanceledError: the person was signed out meanwhile.
    """
    with sign_in.account_store().change() as change:
        if kept := presence.is_in_cache(cli_ctx, token.account):
            signed_in = change.before.with_account(token.account).with_az(token.account)
            change.after = note_last_used(cli_ctx, signed_in)
    if not kept:
        raise _signed_out_meanwhile(cli_ctx, token)


def _fell_back(
    cmd: Any, known: dict[str, Any], chosen: settings.Settings, subscriptions: list[dict[str, Any]] | None
) -> dict[str, Any]:
    """What is told of a sign-in that is az's own, and none of the broker's."""
    account = to_account(known, chosen.client_id, known["environment"])
    sign_in.tell_who_answered(chosen, account)
    if subscriptions is None:  # az's picker has shown them
        cached = _profile.Profile(cli_ctx=cmd.cli_ctx).load_cached_subscriptions()
        subscriptions = [s for s in cached if s["user"]["name"] == account.username]
    return {**output.account_facts(account, None), "source": chosen.fallback, "subscriptions": subscriptions}


def logout(cmd: Any, username: str | None = None, all_accounts: bool = False) -> None:
    """Sign accounts out, of az too."""
    chosen = sign_in.in_force()  # a policy that enforces another account does not keep this one from leaving
    leaving = sign_in.accounts_leaving(username, all_accounts)
    ours = sign_in.account_store().read().signed_in_to_az
    custom.sign_out(chosen, leaving)
    for account in leaving:
        # A sign-in that ends at the same time comes before all of this, or after.
        with sign_in.account_store().change() as change:
            change.after = change.before.without(account)
            presence.sign_out(cmd.cli_ctx, account, is_ours=account.home_account_id in ours)


def _check_cache(cli_ctx: Any) -> None:
    """Raise if az could not keep a sign-in, before anybody is asked for one.

    :raises BrokerNotReadyError: it is told to encrypt its cache, and lacks the packages for that.
    """
    from azext_brokerauth.azcli import token_cache  # with MSAL, which az imports next

    try:
        token_cache.of_az(cli_ctx)
    except ImportError as error:
        raise errors.BrokerNotReadyError(
            f"az cannot open its own token cache (core.encrypt_token_cache is true): {str(error).splitlines()[0]}",
            remedies=run(
                *("az", "config", "set", "core.encrypt_token_cache=false"),
                text="Install PyGObject and libsecret's typelib for az's Python, or",
            ),
        ) from error


def _signed_out_meanwhile(cli_ctx: Any, token: Token) -> errors.BrokerAuthError:
    """Take back what is left of a sign-in, and say why."""
    presence.sign_out(cli_ctx, token.account, is_ours=True)
    return errors.SignInCanceledError(
        f"{token.account.username} was signed out while this sign-in ran, so it was not kept.",
        remedies=own("login", "--username", token.account.username),
    )


@contextmanager
def _signing_in(cli_ctx: Any, signing_in: SignIn) -> Iterator[SignIn]:
    """Let az's interactive sign-in be ours, also where there is no browser that az could open.

    :raises SignInCanceledError: the person was signed out meanwhile, which az would call by another name.
    """
    launches = _profile.can_launch_browser
    _profile.can_launch_browser = lambda: True
    before = SIGNING_IN.set(signing_in)
    try:
        yield signing_in
    except CLIError as error:
        token = signing_in.token
        if token is None or presence.is_in_cache(cli_ctx, token.account):
            raise
        raise _signed_out_meanwhile(cli_ctx, token) from error
    finally:
        SIGNING_IN.reset(before)
        _profile.can_launch_browser = launches


def _tell_what_lasts(token: Token, chosen: settings.Settings) -> None:
    if HOOK.in_launcher:
        return
    left = token.expires_on - MANDATORY
    if not chosen.may_seed_az or left <= time.time():
        covered, lasting = "Signed in for az account and az brokerauth.", "To use all other az commands too"
    else:
        until = datetime.fromtimestamp(left).strftime("%H:%M")
        covered = f"az account and az brokerauth renew tokens by themselves. Other az commands work until {until}."
        lasting = f"To keep all az commands working after {until}"
    # Who must not use the launcher is not told of it.
    advice = f" {lasting}, run once: az brokerauth tool enable --name az" if not chosen.why_no_launcher else ""
    _LOGGER.warning("%s%s", covered, advice)
