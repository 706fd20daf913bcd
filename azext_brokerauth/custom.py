"""What the commands do. The same functions serve both hosts; they return data and raise our own errors."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from knack.log import get_logger
from knack.prompting import NoTTYException, prompt_y_n

from azext_brokerauth import agents, errors, output, settings, sign_in
from azext_brokerauth.accounts import Records
from azext_brokerauth.errors.rendering import PLAIN, in_words
from azext_brokerauth.files import this_user
from azext_brokerauth.machine import Kind, detect
from azext_brokerauth.models import Account, Token, TokenRequest, own, person
from azext_brokerauth.settings import policy
from azext_brokerauth.sign_in import SignInOptions, account_store, opened_tokens, recorded, takes_options
from azext_brokerauth.tokens import Prompt, default_scope
from azext_brokerauth.tool_log import Note, noted

_LOGGER = get_logger(__name__)


@takes_options(SignInOptions)
def login(options: SignInOptions) -> dict[str, Any]:
    """Sign in through the broker."""
    return sign_in_without_az(options)


def sign_in_without_az(options: SignInOptions) -> dict[str, Any]:
    """Sign in, and leave az as it is."""
    chosen = options.in_force()
    store = account_store()
    request = TokenRequest(
        tuple(options.scopes or [default_scope(chosen.target)]),
        chosen.target,
        claims=sign_in.claims_text(options.claims_challenge),
    )
    # Without a name the sign-in starts anew: with Windows' own account, not with the one last in use here.
    with opened_tokens(chosen, store.read() if chosen.login_hint else Records(), shares=False) as tokens:
        token = tokens.get(request, options.prompt)
    sign_in.tell_who_answered(chosen, token.account)
    if token.source != "broker":
        _LOGGER.warning(
            "This sign-in by %s is not kept, because it did not come from the broker: other commands cannot use it.",
            token.source,
        )
        return {**output.account_facts(token.account, None), "source": token.source}
    with store.change() as change:
        change.after = change.before.with_account(token.account)
    return {**output.account_facts(token.account, token.account), "source": token.source}


def confirm_logout(username: str | None = None, all_accounts: bool = False) -> bool:
    """Ask the person at the terminal, who is told whom it is about.

    :raises NotSignedInError: nobody.
    """
    sign_in.in_force()
    people = sign_in.names_of(sign_in.accounts_leaving(username, all_accounts))
    try:
        return bool(prompt_y_n(f"Sign {people} out of {sign_in.HOST.left}? Windows stays signed in."))
    except NoTTYException:
        _LOGGER.warning("There is no terminal to ask at, so nobody was signed out. To sign %s out, add --yes.", people)
        return False


def logout(username: str | None = None, all_accounts: bool = False) -> None:
    """Sign accounts out."""
    chosen = sign_in.in_force()  # a policy that enforces another account does not keep this one from leaving
    sign_out(chosen, sign_in.accounts_leaving(username, all_accounts))


def sign_out(chosen: settings.Settings, accounts: Iterable[Account]) -> None:
    """Sign these out, and leave az as it is."""
    store = account_store()
    with opened_tokens(chosen, store.read()) as tokens:
        for account in accounts:
            try:
                tokens.sign_out(account)
            except (
                errors.BrokerNotReadyError,
                errors.BrokerFailedError,
                errors.BrokerTimeoutError,
                errors.SignInRefusedError,
            ) as error:
                _LOGGER.warning("%s is signed out here. The broker could not be told: %s", account.username, error)
            with store.change() as change:
                change.after = change.before.without(account)


def list_accounts() -> list[dict[str, Any]]:
    """Who is signed in."""
    sign_in.in_force()
    records = account_store().read()
    in_use = None
    if records.accounts:
        try:
            in_use = recorded(records, None)
        except errors.NotSignedInError as error:
            _LOGGER.warning("%s %s", error, in_words(error.remedies, sign_in.HOST.words))
    return [output.account_facts(account, in_use) for account in records.accounts]


def show_account() -> dict[str, Any]:
    """The account in use, and the keyring where the broker's runtime uses one."""
    chosen = sign_in.in_force()
    current = recorded(account_store().read(), None)
    facts = output.account_facts(current, current)
    machine = detect().kind
    if machine not in (Kind.WSL2, Kind.LINUX):
        return facts
    # Other commands do not pay for it.
    from azext_brokerauth.keyring.choice import in_use

    return {**facts, **output.keyring_facts(in_use(chosen.keyring, machine, os.environ, this_user()))}


def set_account(username: str) -> None:
    """Choose the account in use."""
    sign_in.in_force()
    with account_store().change() as change:
        change.after = change.before.using(recorded(change.before, username))


def list_settings() -> list[dict[str, Any]]:
    """The settings as they stand, whether they can be used or not."""
    return output.settings_facts(settings.survey())


@dataclass(frozen=True)
class TokenOptions:
    """What the commands that get a token can be told; :mod:`azext_brokerauth._params` has the meanings."""

    resource: str | None = None
    scopes: list[str] | None = None
    tenant: str | None = None
    username: str | None = None
    claims_challenge: str | None = None
    resource_type: str | None = None
    agent_session: str | None = None


@takes_options(TokenOptions)
def get_access_token(options: TokenOptions) -> dict[str, Any]:
    """A token, silently."""
    return output.access_token(_token(options, "get-access-token"))


@takes_options(TokenOptions)
def inspect_token(options: TokenOptions) -> dict[str, Any]:
    """What a token says, and never the token."""
    return output.token_facts(_token(options))


def check_health(online: bool = False, bundle: str | None = None, with_names: bool = False) -> dict[str, Any]:
    """The report of every condition that brokered sign-in needs."""
    # Other commands do not pay for it.
    from azext_brokerauth.health import report

    return report.for_command(online, bundle, with_names, PLAIN)


def measure(guest_tenant: str | None = None) -> dict[str, Any]:
    """What only a machine with Windows can show, with nothing secret and nobody's name in it."""
    # Other commands do not pay for it.
    from azext_brokerauth.health.facts import Facts
    from azext_brokerauth.health.measurements import measure as measured
    from azext_brokerauth.health.probe import Probe

    chosen = sign_in.in_force()
    account = recorded(account_store().read(), None, chosen.login_hint)
    guest = sign_in.in_force(tenant=guest_tenant).tenant_id if guest_tenant else ""
    return measured(Facts(Probe()), account, guest, output.token_facts)


def repair(dry_run: bool = False, yes: bool = False) -> dict[str, Any]:
    """What was repaired, and what is left."""
    from azext_brokerauth.health import repair as repairs

    return repairs.for_command(PLAIN, confirmed if not yes else lambda _: True, dry_run)


def confirmed(
    question: str,
    nobody: str = "repair asks before it runs anything",
    instead: str = "Add --yes to run all commands, or --dry-run to list them.",
) -> bool:
    """Does the person at the terminal say yes? It is asked on standard error.

    :param nobody: what is wrong where there is no terminal, a clause.
    :param instead: what to do then.
    :raises InvalidInputError: there is no terminal to ask at.
    """
    try:
        with contextlib.redirect_stdout(sys.stderr):
            return bool(prompt_y_n(question))
    except EOFError:
        return False
    except NoTTYException:
        raise errors.InvalidInputError(
            f"{nobody}, but there is no terminal to ask at.", remedies=person(instead)
        ) from None


def _token(options: TokenOptions, logged: str = "") -> Token:
    """:param logged: the name of the command in the log of tools; empty for one that gives no token."""
    session = agents.session(os.environ, options.agent_session)
    named = options.scopes
    ways = {"--resource": options.resource, "--resource-type": options.resource_type, "--scope": named}
    given = [option for option, value in ways.items() if value]
    if len(given) > 1:
        raise errors.InvalidInputError(
            f"{' and '.join(given)} cannot be given together: each says what the token is for.",
            remedies=person("Leave one out."),
        )
    if options.resource:
        named = [f"{options.resource}/.default"]
    sign_in.check_scopes(named or (), "--resource" if options.resource else "--scope")
    chosen = sign_in.in_force(options.username, options.tenant)
    note = Note(logged, " ".join(named or ()), options.tenant or "", options.username or "", session)
    with noted(chosen.tool_log and bool(logged), note):
        account = recorded(account_store().read(), options.username, chosen.login_hint)
        if options.tenant:
            tenant = chosen.tenant_id
        else:
            tenant = account.tenant if options.username else sign_in.HOST.tenant(account)
        target = replace(account.target, tenant=tenant)
        if options.resource_type:
            named = [f"{sign_in.HOST.resource(options.resource_type, target)}/.default"]
        # A sign-in may be older than the policy.
        again = own("login", "--username", account.username)
        policy.check_target(chosen, target, f"of {account.username}'s sign-in", again)
        asked = TokenRequest(
            tuple(named or [default_scope(target)]),
            target,
            whose=account,
            claims=sign_in.claims_text(options.claims_challenge),
        )
        request = agents.marked(asked, session)
        note.about(request)
        with opened_tokens(chosen, Records()) as tokens:
            token = tokens.get(request, Prompt.NEVER)
        note.given(token)
        return token
