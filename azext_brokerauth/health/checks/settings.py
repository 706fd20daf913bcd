"""Settings and sign-ins: the policy file, the settings in force, who signed in, and what az's cache holds of them."""

from __future__ import annotations

from azext_brokerauth import settings
from azext_brokerauth.errors import BrokerAuthError
from azext_brokerauth.health.az_cache import UnreadableCacheError
from azext_brokerauth.health.facts import Facts
from azext_brokerauth.health.finding import Finding, failed, passed, skipped, warned
from azext_brokerauth.health.remedies import fix_setting
from azext_brokerauth.machine import Kind
from azext_brokerauth.models import own, run
from azext_brokerauth.settings import POLICY_FILE


def policy_file(facts: Facts) -> Finding:
    """Is the policy file one that only root can have written?"""
    found = facts.own.policy_file
    if found.problem:
        return failed(found.problem, found.remedies)
    if found.mode is None:
        return passed(f"{POLICY_FILE} does not exist: nothing is set for the whole machine")
    return passed(f"{POLICY_FILE} is root's, mode {found.mode:o}")


def own_settings(facts: Facts) -> Finding:
    """Can the settings be read, and do they leave the broker on?"""
    found = facts.own.settings_or_error
    if isinstance(found, BrokerAuthError):
        wrong = [each for each in facts.own.survey if each.error]
        steps = [step for each in wrong for step in fix_setting(facts, each)]
        return failed(" ".join(str(each.error) for each in wrong) or str(found), tuple(steps) or found.remedies)
    if facts.linux.machine.kind is Kind.WSL2 and not (found.enable_broker_on_wsl or found.enable_broker_on_linux):
        origin = found.origin("enable_broker_on_wsl")
        text = f"The broker is switched off: {origin} is false"
        return failed(text, settings.change(found, "enable_broker_on_wsl", "true"))
    changed = sorted(name for name, origin in found.origins if origin != "default")
    return passed(f"Settings that are not the default: {', '.join(changed) or 'none'}")


def accounts(facts: Facts) -> Finding:
    """Can the file of those signed in be read?"""
    found = facts.own.records_or_error
    if isinstance(found, BrokerAuthError):
        path = facts.own.directory / "brokerauth/accounts.json"
        return failed(str(found), run("rm", "--", str(path)) + own("login"))
    return passed(f"{len(found.accounts)} account(s) signed in through the broker")


def az_cache(facts: Facts) -> Finding:
    """Does az's cache hold an older sign-in of somebody who signs in through the broker? Its refresh token can be
    used by whoever reads it, and MSAL would redeem it in place of asking the broker."""
    ours = {account.home_account_id: account.username for account in facts.own.records.accounts}
    try:
        cached = [entry for entry in facts.read_cache() if entry.home_account_id in ours]
    except UnreadableCacheError as error:
        return skipped(str(error))
    old = {e.home_account_id for e in cached if e.kind == "refresh token" or e.source not in ("", "broker")}
    if not old:
        return passed("az's token cache holds no sign-in by browser or device code of these accounts")
    names = sorted(ours[home_account_id] for home_account_id in old)
    again = [
        step for name in names for step in run("az", "logout", "--username", name) + own("login", "--username", name)
    ]
    text = f"az's token cache holds a refresh token or an older sign-in of {', '.join(names)}"
    return warned(text, tuple(again))


def az_tokens(facts: Facts) -> Finding:
    """Does az's cache hold tokens of broker sign-ins from a time before the settings wanted none there? az hands them
    out until they expire, whatever the settings say."""
    why = facts.own.settings.why_not_seed
    if not why:
        return passed("az's token cache may hold tokens, as for every sign-in to az")
    try:
        cached = facts.read_cache()
    except UnreadableCacheError as error:
        return skipped(str(error))
    renewable = {entry.home_account_id for entry in cached if entry.kind == "refresh token"}
    brokered = {entry.home_account_id for entry in cached if entry.source == "broker"} - renewable
    left = [entry for entry in cached if entry.kind == "access token" and entry.home_account_id in brokered]
    if not left:
        return passed("az's token cache holds no token of a sign-in through the broker")
    text = f"az's token cache holds {len(left)} older token(s), although {why}; the next az brokerauth command removes"
    return warned(f"{text} them", run("az", "brokerauth", "list"))


def redirect_uri(facts: Facts) -> Finding:
    """Which redirect URI does the application need? Whether it has it, only Entra can tell."""
    client_id = facts.own.settings.client_id
    if client_id == settings.AZURE_CLI_CLIENT_ID:
        return passed("Azure CLI's own application has the broker's redirect URI")
    uri = (
        "https://login.microsoftonline.com/common/oauth2/nativeclient"
        if facts.on_linux
        else f"ms-appx-web://Microsoft.AAD.BrokerPlugin/{client_id}"
    )
    return skipped(f"only a sign-in shows whether application {client_id} has the redirect URI {uri}")
