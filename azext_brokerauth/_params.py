"""The parameters of the commands, for both hosts."""

from __future__ import annotations

from typing import Any

from knack.arguments import ArgumentsContext


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
        c.argument("timeout", help="Seconds to wait for you to answer the window. Default: 300.")
    with command("logout") as c:
        c.argument("all_accounts", options_list=["--all"], action="store_true", help="Sign all accounts out.")
    for name in ("get-access-token", "inspect-token"):
        with command(name) as c:
            c.argument("resource", help="Resource to get the token for, such as https://vault.azure.net.")
