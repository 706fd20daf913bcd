"""The parameters of the commands, for both hosts."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable
from typing import Any

from argcomplete.completers import DirectoriesCompleter, FilesCompleter
from knack.arguments import ArgumentsContext, enum_choice_list

from azext_brokerauth import agents, bridges, configuration
from azext_brokerauth.accounts import AccountStore
from azext_brokerauth.clouds import RESOURCE_TYPES
from azext_brokerauth.errors import BrokerAuthError
from azext_brokerauth.models import Account
from azext_brokerauth.settings import FALLBACKS, SETTINGS, config_directory

_Completer = Callable[..., Iterable[str]]
"""Gives the values that the Tab key offers for an option, as argcomplete asks for them. Every option that takes a value
has one: knack's and az's completion end with a TypeError at one that has none."""


def _one_of(*values: str) -> _Completer:
    return lambda **_: values


_nothing = _one_of()


def _recorded(value: Callable[[Account], str]) -> _Completer:
    """What the accounts that have signed in through the broker have; nothing where they cannot be read."""

    def complete(**_: Any) -> Iterable[str]:
        with contextlib.suppress(BrokerAuthError):
            return dict.fromkeys(map(value, AccountStore(config_directory()).read().accounts))
        return ()

    return complete


def load(loader: Any, *, group: str) -> None:
    """Describe every parameter.

    :param group: the command group that the commands are in; empty at the top level.
    """

    def command(name: str) -> ArgumentsContext:
        return ArgumentsContext(loader, f"{group} {name}".strip())

    with ArgumentsContext(loader, group) as c:
        c.argument(
            "username",
            options_list=["--username", "-u"],
            help="User name of the account, such as ada@contoso.com.",
            completer=_recorded(lambda account: account.username),
        )
        c.argument(
            "tenant",
            options_list=["--tenant", "-t"],
            help="Tenant ID or domain name.",
            completer=_recorded(lambda account: account.tenant),
        )
        c.argument(
            "scopes",
            options_list=["--scope"],
            nargs="+",
            help="Space-separated scopes of one resource. Default: Azure's.",
            completer=_nothing,
        )
        c.argument(
            "claims_challenge", help="Base64-encoded claims challenge that a resource asked for.", completer=_nothing
        )
        if group:
            # az would add its global --subscription otherwise; none of these commands is about one.
            c.ignore("_subscription")
    with command("login") as c:
        _load_login(c)
    with command("logout") as c:
        c.argument("all_accounts", options_list=["--all"], action="store_true", help="Sign all accounts out.")
    for name in ("get-access-token", "inspect-token"):
        with command(name) as c:
            _load_resource(c)
    _load_health(command)
    with command("exec") as c:
        _load_exec(c)
    for name in ("tool enable", "tool disable"):
        with command(name) as c:
            _load_tool(c, asks=name == "tool enable")


def _load_health(command: Callable[[str], ArgumentsContext]) -> None:
    with command("check-health") as c:
        c.argument(
            "online", action="store_true", help="Also start the broker and ask it for one token, without a window."
        )
        c.argument(
            "bundle",
            help="File to write a support archive (zip) to. Implies --online.",
            completer=FilesCompleter(),
        )
        c.argument("with_names", action="store_true", help="Do not hash the names and IDs of people in the archive.")
    with command("measure") as c:
        c.argument(
            "guest_tenant",
            help="Tenant in which you are a guest, to ask for a token of it as well: an ID or a domain name.",
            completer=_nothing,
        )
    with command("repair") as c:
        c.argument("dry_run", action="store_true", help="List what would be run and what would be left. Run nothing.")
        c.argument("yes", options_list=["--yes", "-y"], action="store_true", help="Run every command without asking.")


def _load_tool(c: ArgumentsContext, asks: bool) -> None:
    if asks:
        c.argument("yes", options_list=["--yes", "-y"], action="store_true", help="Change it without asking.")
    c.argument("name", options_list=["--name", "-n"], help="Name of the tool.", completer=_one_of(*bridges.TOOLS))
    c.argument(
        "directory",
        help="Directory of PATH for a program that the tool finds there. Default: ~/.local/bin.",
        completer=DirectoriesCompleter(),
    )


def _load_resource(c: ArgumentsContext) -> None:
    c.argument(
        "resource",
        help="Resource to get the token for, such as `https://vault.azure.net`.",
        completer=_nothing,
    )
    c.argument(
        "resource_type",
        options_list=["--resource-type"],
        help="Name of a well-known resource. Its address is that of the account's cloud.",
        completer=_one_of(*RESOURCE_TYPES),
        **enum_choice_list(RESOURCE_TYPES),
    )
    _load_agent_session(c)


def _load_agent_session(c: ArgumentsContext) -> None:
    c.argument(
        "agent_session",
        help="ID of the AI agent's session that the tokens are for, which they are marked with. Default: that of"
        f" {agents.VARIABLE}.",
        completer=_nothing,
    )


def _load_exec(c: ArgumentsContext) -> None:
    c.positional("arguments", nargs="*", help="The command to run, after two dashes.", completer=_nothing)
    c.argument(
        "resources",
        options_list=["--resource"],
        action="append",
        help="Resource that tokens are given for, such as `https://vault.azure.net`. Can be given several times."
        " Default: any.",
        completer=_nothing,
    )
    c.argument(
        "feeds",
        options_list=["--feed"],
        action="append",
        help="Organisation of Azure DevOps for whose package feeds a token is put into the command's variables, as npm"
        " and NuGet read it. Can be given several times.",
        completer=_nothing,
    )
    c.argument("containers", action="store_true", help="Listen where containers reach this machine, too.")
    c.argument(
        "container_address",
        help="Address at which containers reach this machine. Implies --containers. Default: that of docker's or"
        " podman's bridge.",
        completer=_nothing,
    )
    _load_agent_session(c)


def _load_login(c: ArgumentsContext) -> None:
    c.argument(
        "client_id",
        help="Client ID of the application to sign in to. Default: Azure CLI's.",
        completer=_recorded(lambda account: account.client_id),
    )
    c.argument("select_account", action="store_true", help="Show the account picker even if it is not needed.")
    c.argument("no_prompt", action="store_true", help="Fail instead of showing a window.")
    c.argument(
        "fallback",
        help="How to sign in when the broker fails: none, browser or device-code. The token of a browser or device"
        " code is not device-bound. Default: none.",
        completer=_one_of(*FALLBACKS),
    )
    c.argument("timeout", help="Seconds to wait for you to answer the window. Default: 300.", completer=_nothing)


def load_plain(loader: Any) -> None:
    """Describe the parameters of the commands that az has no need of."""
    with ArgumentsContext(loader, "config set") as c:
        c.positional("assignments", nargs="+", help="Settings, as NAME=VALUE.", completer=configuration.completions)
    with ArgumentsContext(loader, "config unset") as c:
        c.positional("names", nargs="+", help="Names of settings.", completer=_one_of(*SETTINGS))


def load_az(loader: Any) -> None:
    """Describe the parameters that only az's commands have."""
    with ArgumentsContext(loader, "brokerauth login") as c:
        c.argument(
            "subscription",
            options_list=["--subscription", "-s"],
            help="Subscription ID or name to set as the default. With --skip-subscription-discovery only this one is"
            " fetched, and it must be an ID.",
            completer=_nothing,
        )
        c.argument(
            "allow_no_subscriptions", action="store_true", help="Sign in to tenants without subscriptions as well."
        )
        c.argument(
            "skip_subscription_discovery",
            options_list=["--skip-subscription-discovery", "--skip-sub"],
            action="store_true",
            help="Do not look for subscriptions. Needs --tenant.",
        )
    with ArgumentsContext(loader, "account show-broker") as c:
        c.ignore("_subscription")
