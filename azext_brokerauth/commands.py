"""The commands, registered once for both hosts: az and the plain knack CLI."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import Any

from knack.commands import CLICommandsLoader, CommandGroup
from knack.events import EVENT_CLI_SUCCESSFUL_EXECUTE, EVENT_INVOKER_TRANSFORM_RESULT

from azext_brokerauth import _help, _params, output
from azext_brokerauth.terminal.streams import settle, written

_OPERATIONS = "azext_brokerauth.custom#{}"
_AZ_OPERATIONS = "azext_brokerauth.azcli.{}"
_OTHERWISE_IN_AZ = {
    "login": "signin#login",
    "logout": "signin#logout",
    "check-health": "health#check_health",
}
"""Commands that do more in az, where there is an az to sign in or out, or to look at."""
_ONLY_IN_AZ = {"enable-az": "enable#enable_az", "disable-az": "enable#disable_az", "exec": "enable#execute"}


def register(add: Callable[..., None]) -> None:
    """Name every command and the function that carries it out.

    :param add: takes the command's name, the function's name and knack's options for a command.
    """
    shown = output.shown
    add("login", "login", table_transformer=shown(output.account_row))
    add("logout", "logout", confirmation="This signs the account out for every tool that uses brokerauth. Continue?")
    add("list", "list_accounts", table_transformer=shown(output.account_rows))
    # Not as the others: azdev's linter fails at a call whose first argument is "show" unless it is of a method.
    add(*("show", "show_account"), table_transformer=shown(output.account_row))
    add("set", "set_account")
    add("get-access-token", "get_access_token", table_transformer=shown(output.access_token_row))
    add("inspect-token", "inspect_token", table_transformer=shown(output.token_facts_rows))
    add("list-settings", "list_settings", table_transformer=shown(output.settings_rows))
    add("check-health", "check_health", table_transformer=_health_rows)


def _health_rows(report: dict[str, Any]) -> list[dict[str, str]]:
    from azext_brokerauth.health.report import to_rows

    return to_rows(report, coloured=sys.stdout.isatty() and sys.stderr.isatty() and "NO_COLOR" not in os.environ)


def _finish(cli: Any, ours: str = "") -> None:
    """After check-health: write its remedies below the table, and set the exit code. In az, after any command of ours:
    see that what it printed is written; :mod:`azext_brokerauth.__main__` does so elsewhere.

    :param ours: in az, the word before our commands.
    """
    reports: list[dict[str, Any]] = []

    def keep(cli: Any, event_data: dict[str, Any], **_: Any) -> None:
        # Before --query makes something else of it.
        if cli.invocation.data["command_string"].endswith("check-health"):
            reports.append(event_data["result"])

    def end(cli: Any, result: Any, **_: Any) -> None:
        code = 0
        for report in reports:
            if cli.invocation.data["output"] == "table" and not result.is_query_active:
                from azext_brokerauth.health.report import to_block

                cli.out_file.write(to_block(report))
            code = code if report["healthy"] else 1
        if ours and cli.invocation and cli.invocation.data["command_string"].startswith(ours):
            code = written(code)
        if code:
            sys.exit(code)

    cli.register_event(EVENT_INVOKER_TRANSFORM_RESULT, keep)
    cli.register_event(EVENT_CLI_SUCCESSFUL_EXECUTE, end)


class PlainCommandsLoader(CLICommandsLoader):  # type: ignore[misc]
    """The commands at the top level of ``brokerauth``."""

    def load_command_table(self, args: list[str]) -> Any:
        """Register the commands, as knack asks for it."""
        _help.load("brokerauth", group="")
        _finish(self.cli_ctx)
        with CommandGroup(self, "", _OPERATIONS) as group:
            register(group.command)
        return super().load_command_table(args)

    def load_arguments(self, command: str) -> None:
        """Describe the parameters, as knack asks for it."""
        _params.load(self, group="")
        super().load_arguments(command)


def az_commands_loader() -> type:
    """The loader that az finds by the name ``COMMAND_LOADER_CLS``."""
    from azure.cli.core import AzCommandsLoader
    from azure.cli.core.commands import CliCommandType

    from azext_brokerauth.azcli.errors import raise_as_az_error
    from azext_brokerauth.azcli.hook import HOOK
    from azext_brokerauth.redaction import redact_logs
    from azext_brokerauth.terminal.signals import end_on_signals

    class BrokerAuthCommandsLoader(AzCommandsLoader):  # type: ignore[misc]
        """The commands below ``az brokerauth``."""

        def __init__(self, cli_ctx: Any = None) -> None:
            _help.load("az brokerauth", group="brokerauth")
            _help.load_az()
            operations = CliCommandType(operations_tmpl=_OPERATIONS, exception_handler=raise_as_az_error)
            super().__init__(cli_ctx=cli_ctx, custom_command_type=operations)

        def load_command_table(self, args: list[str]) -> Any:
            # az's own records are az's; ours, and those of MSAL that our facade causes, are not for it to show.
            redact_logs("azext_brokerauth", "cli.azext_brokerauth", "msal")
            HOOK.prepare()
            _finish(self.cli_ctx, "brokerauth ")
            in_az = CliCommandType(operations_tmpl=_AZ_OPERATIONS, exception_handler=raise_as_az_error)
            with self.command_group("brokerauth") as group:

                def add(name: str, function: str, **options: Any) -> None:
                    kind = {"custom_command_type": in_az} if name in _OTHERWISE_IN_AZ else {}
                    group.custom_command(name, _OTHERWISE_IN_AZ.get(name, function), **kind, is_preview=True, **options)

                register(add)
                for name, function in _ONLY_IN_AZ.items():
                    group.custom_command(name, function, custom_command_type=in_az, is_preview=True)
            # Having a command there is also what gets this extension loaded for all of `az account`.
            with self.command_group("account") as group:
                group.custom_command("show-broker", "state#show_broker", custom_command_type=in_az, is_preview=True)
            if args and args[0] == "brokerauth":
                settle()
                end_on_signals()
                from azext_brokerauth.azcli import signin

                signin.notice_sign_out(self.cli_ctx)
                if args[1:2] != ["check-health"]:  # which tells of them
                    HOOK.remove_tokens(self.cli_ctx)
            return self.command_table

        def load_arguments(self, command: str) -> None:
            _params.load(self, group="brokerauth")
            _params.load_az(self)

    # az's command index remembers an extension by its loader's module, and looks only at the extension's top level.
    BrokerAuthCommandsLoader.__module__ = "azext_brokerauth"
    return BrokerAuthCommandsLoader
