"""The parameters of the commands, for both hosts."""

from __future__ import annotations

from typing import Any

from knack.arguments import ArgumentsContext, enum_choice_list

from azext_brokerauth.clouds import RESOURCE_TYPES


def load(loader: Any, *, group: str) -> None:
    """Describe every parameter.

    :param group: the command group that the commands are in; empty at the top level.
    """

    def command(name: str) -> ArgumentsContext:
        return ArgumentsContext(loader, f"{group} {name}".strip())

    with ArgumentsContext(loader, group) as c:
        c.argument(
            "username", options_list=["--username", "-u"], help="User name of the account, such as ada@contoso.com."
        )
        c.argument("tenant", options_list=["--tenant", "-t"], help="Tenant ID or domain name.")
        c.argument(
            "scopes",
            options_list=["--scope"],
            nargs="+",
            help="Space-separated scopes of one resource. Default: Azure's.",
        )
        c.argument("claims_challenge", help="Base64-encoded claims challenge that a resource asked for.")
        if group:
            # az would add its global --subscription otherwise; none of these commands is about one.
            c.ignore("_subscription")
    with command("login") as c:
        c.argument("client_id", help="Client ID of the application to sign in to. Default: Azure CLI's.")
        c.argument("select_account", action="store_true", help="Show the account picker even if it is not needed.")
        c.argument("no_prompt", action="store_true", help="Fail instead of showing a window.")
        c.argument(
            "fallback",
            help="How to sign in when the broker fails: none, browser or device-code. The token of a browser or device"
            " code is not device-bound. Default: none.",
        )
        c.argument("timeout", help="Seconds to wait for you to answer the window. Default: 300.")
    with command("logout") as c:
        c.argument("all_accounts", options_list=["--all"], action="store_true", help="Sign all accounts out.")
    for name in ("get-access-token", "inspect-token"):
        with command(name) as c:
            c.argument("resource", help="Resource to get the token for, such as `https://vault.azure.net`.")
            c.argument(
                "resource_type",
                options_list=["--resource-type"],
                help="Type of well-known resource, whose address is that of the account's cloud.",
                **enum_choice_list(RESOURCE_TYPES),
            )
    with command("check-health") as c:
        c.argument(
            "online", action="store_true", help="Also start the broker and ask it for one token, without a window."
        )
        c.argument("bundle", help="File to write a support archive (zip) to. Implies --online.")
        c.argument("with_names", action="store_true", help="Leave the names and IDs of people in the archive unhashed.")


def load_az(loader: Any) -> None:
    """Describe the parameters that only az's commands have."""
    with ArgumentsContext(loader, "brokerauth login") as c:
        c.argument(
            "subscription",
            options_list=["--subscription", "-s"],
            help="Subscription ID or name to set as the default. With --skip-subscription-discovery only this one is"
            " fetched, and it must be an ID.",
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
    for name in ("enable-az", "disable-az"):
        with ArgumentsContext(loader, f"brokerauth {name}") as c:
            c.argument("directory", help="Directory of the az to make or remove. Default: ~/.local/bin.")
    with ArgumentsContext(loader, "brokerauth exec") as c:
        c.positional("arguments", nargs="*", help="The az command to run, after two dashes.")
    with ArgumentsContext(loader, "account show-broker") as c:
        c.ignore("_subscription")
