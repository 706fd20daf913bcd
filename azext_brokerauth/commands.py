"""The commands, registered once for both hosts: az and the plain knack CLI."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Sequence
from typing import Any

from knack.commands import CLICommandsLoader, CommandGroup
from knack.events import (
    EVENT_CLI_SUCCESSFUL_EXECUTE,
    EVENT_INVOKER_POST_PARSE_ARGS,
    EVENT_INVOKER_TRANSFORM_RESULT,
)

from azext_brokerauth import _help, _params, output
from azext_brokerauth.errors.rendering import AZ, PLAIN
from azext_brokerauth.terminal.streams import say, settle, shows_colours, written

_OPERATIONS = "azext_brokerauth.custom#{}"
_TOOL_OPERATIONS = "azext_brokerauth.tools#{}"
_AZ_OPERATIONS = "azext_brokerauth.azcli.{}"
_OTHERWISE_IN_AZ = {
    "login": "signin#login",
    "logout": "signin#logout",
    "set": "in_use#set_account",
    "check-health": "health#check_health",
    "repair": "health#repair",
}
"""Commands that do more in az, where there is an az to sign in or out, or to look at."""
UNFINISHED = 4
"""The exit code of ``repair`` where something is left to do."""
_ONLY_WITHOUT_AZ = {"set": "set_settings", "unset": "unset_settings"}
"""Of the group ``config``: where az is, it has its own."""
_ONLY_IN_AZ = {"exec": "execution#execute"}


def register(add: Callable[..., None]) -> None:
    """Name every command and the function that carries it out.

    :param add: takes the command's name, the function's name and knack's options for a command.
    """
    shown = output.shown
    add("login", "login", table_transformer=shown(output.account_row))
    add("logout", "logout", confirmation=_confirm_logout)
    add("list", "list_accounts", table_transformer=shown(_account_rows))
    # Not as the others: azdev's linter fails at a call whose first argument is "show" unless it is of a method.
    add(*("show", "show_account"), table_transformer=shown(output.account_and_keyring_row))
    add("set", "set_account")
    add("get-access-token", "get_access_token", table_transformer=shown(output.access_token_row))
    add("inspect-token", "inspect_token", table_transformer=shown(output.token_facts_rows))
    add("list-settings", "list_settings", table_transformer=shown(output.settings_rows))
    add("check-health", "check_health", table_transformer=_health_rows)
    add("repair", "repair", table_transformer=shown(output.repair_rows))
    add("measure", "measure")


def register_tools(add: Callable[..., None]) -> None:
    """The same for the commands of the group ``tool``.

    :param add: as for :func:`register`.
    """
    add(*("list", "list_tools"), table_transformer=output.shown(output.tool_rows))
    add("enable", "enable_tool")
    add("disable", "disable_tool")
    add("log", "log_of_tools", table_transformer=output.shown(_log_rows))


def _confirm_logout(arguments: dict[str, Any]) -> bool:
    from azext_brokerauth.custom import confirm_logout

    # az hands its own on as well.
    return confirm_logout(arguments["username"], arguments["all_accounts"])


def _account_rows(accounts: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows of a table, in place of which an empty list would leave nothing to see."""
    if not accounts:
        say("Nobody is signed in through the broker.\n")
    return output.account_rows(accounts)


def _log_rows(entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
    if not entries:
        say("Nothing is written in the log.\n")
    return output.log_rows(entries)


def _health_rows(report: dict[str, Any]) -> list[dict[str, str]]:
    from azext_brokerauth.health.report import to_rows

    return to_rows(report, coloured=shows_colours())


_CODES: dict[str, Callable[[Any], int]] = {
    "check-health": lambda report: 0 if report["healthy"] else 1,
    "list-settings": lambda settings: int(any(setting["problem"] for setting in settings)),
    "repair": lambda ended: 0 if ended["ready"] else UNFINISHED,
}
"""The exit codes of commands that print what is wrong, and do not fail."""
_TABLES = ("check-health", "repair")
"""Commands that print a table to a person who has not asked for anything else."""


def _finish(cli: Any, arguments: Sequence[str], ours: str = "") -> None:
    """After a command that prints what is wrong: set the exit code, and below check-health's table write its remedies.
    In az, after any command of ours: see that what it printed is written; :mod:`azext_brokerauth.__main__` does so
    elsewhere.

    :param arguments: the command line, without the program.
    :param ours: in az, the word before our commands.
    """
    results: list[tuple[str, Any]] = []

    def name_of(command: str) -> str:
        return command.removeprefix(ours) if command.startswith(ours) else ""

    def choose(cli: Any, command: str, args: Any, **_: Any) -> None:
        if name_of(command) in _TABLES and _is_for_a_person(cli, arguments):
            cli.invocation.data["output"] = "table"

    def keep(cli: Any, event_data: dict[str, Any], **_: Any) -> None:
        # Before --query makes something else of it.
        name = name_of(cli.invocation.data["command_string"])
        if name in _CODES:
            results.append((name, event_data["result"]))

    def end(cli: Any, result: Any, **_: Any) -> None:
        code = 0
        for name, printed in results:
            if name == "check-health" and cli.invocation.data["output"] == "table" and not result.is_query_active:
                from azext_brokerauth.health.report import to_block

                cli.out_file.write(to_block(printed, AZ if ours else PLAIN))
            code = code or _CODES[name](printed)
        if ours and cli.invocation and cli.invocation.data["command_string"].startswith(ours):
            code = written(code)
        if code:
            sys.exit(code)

    cli.register_event(EVENT_INVOKER_POST_PARSE_ARGS, choose)  # after knack's own, which takes --output or the default
    cli.register_event(EVENT_INVOKER_TRANSFORM_RESULT, keep)
    cli.register_event(EVENT_CLI_SUCCESSFUL_EXECUTE, end)


def _is_for_a_person(cli: Any, arguments: Sequence[str]) -> bool:
    """Does the output go to a terminal, and has nobody said in which form?"""
    words = [word.partition("=")[0] for word in arguments]
    for word in words:
        # argparse knows an option by its beginning too.
        if word.startswith("-o") or any(len(word) > 3 and name.startswith(word) for name in ("--output", "--query")):
            return False
    return bool(cli.out_file.isatty()) and not cli.config.has_option("core", "output")


class PlainCommandsLoader(CLICommandsLoader):  # type: ignore[misc]
    """The commands at the top level of ``brokerauth``."""

    command_table: dict[str, Any]

    def load_command_table(self, args: list[str]) -> Any:
        """Register the commands, as knack asks for it."""
        _help.load("brokerauth", group="")
        _help.load_plain()
        _finish(self.cli_ctx, args or ())
        with CommandGroup(self, "", _OPERATIONS) as group:
            register(group.command)
        with CommandGroup(self, "tool", _TOOL_OPERATIONS) as group:
            register_tools(group.command)
        with CommandGroup(self, "config", "azext_brokerauth.configuration#{}") as group:
            for name, function in _ONLY_WITHOUT_AZ.items():
                group.command(name, function)
        with CommandGroup(self, "", "azext_brokerauth.bridges.{}") as group:
            group.command("exec", "execution#execute")
        name = args[0] if args else ""
        if name in self.command_table and not self.cli_ctx.data["completer_active"]:
            self.command_table = {name: self.command_table[name]}  # knack makes a parser of each
        return super().load_command_table(args)

    def load_arguments(self, command: str) -> None:
        """Describe the parameters, as knack asks for it."""
        _params.load(self, group="")
        _params.load_plain(self)
        super().load_arguments(command)


def _begin_in_az(cli_ctx: Any) -> None:
    """What precedes each command of ours in az."""
    from azext_brokerauth.azcli import in_use
    from azext_brokerauth.speaker import show_steps
    from azext_brokerauth.terminal.signals import end_on_signals

    settle()
    end_on_signals()
    show_steps()
    in_use.tell_commands(cli_ctx)
    in_use.notice_sign_out(cli_ctx)


def az_commands_loader() -> type:
    """The loader that az finds by the name ``COMMAND_LOADER_CLS``."""
    from azure.cli.core import AzCommandsLoader
    from azure.cli.core.commands import CliCommandType

    from azext_brokerauth.azcli.errors import raise_as_az_error, raising_az_errors
    from azext_brokerauth.azcli.hook import HOOK
    from azext_brokerauth.redaction import redact_logs

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
            _finish(self.cli_ctx, args or (), "brokerauth ")
            in_az = CliCommandType(operations_tmpl=_AZ_OPERATIONS, exception_handler=raise_as_az_error)
            with self.command_group("brokerauth") as group:

                def add(name: str, function: str, **options: Any) -> None:
                    kind = {"custom_command_type": in_az} if name in _OTHERWISE_IN_AZ else {}
                    if "confirmation" in options:  # which az asks for outside of its handler of errors
                        options["confirmation"] = raising_az_errors(options["confirmation"])
                    group.custom_command(name, _OTHERWISE_IN_AZ.get(name, function), **kind, is_preview=True, **options)

                register(add)
                for name, function in _ONLY_IN_AZ.items():
                    group.custom_command(name, function, custom_command_type=in_az, is_preview=True)
            tools = CliCommandType(operations_tmpl=_TOOL_OPERATIONS, exception_handler=raise_as_az_error)
            with self.command_group("brokerauth tool") as group:
                register_tools(functools.partial(group.custom_command, custom_command_type=tools, is_preview=True))
            # Having a command there is also what gets this extension loaded for all of `az account`.
            with self.command_group("account") as group:
                group.custom_command("show-broker", "state#show_broker", custom_command_type=in_az, is_preview=True)
            if args and args[0] == "brokerauth":
                _begin_in_az(self.cli_ctx)
                if args[1:2] not in (["check-health"], ["repair"]):  # which tell of them
                    HOOK.remove_tokens(self.cli_ctx)
            return self.command_table

        def load_arguments(self, command: str) -> None:
            _params.load(self, group="brokerauth")
            _params.load_az(self)

    # az's command index remembers an extension by its loader's module, and looks only at the extension's top level.
    BrokerAuthCommandsLoader.__module__ = "azext_brokerauth"
    return BrokerAuthCommandsLoader
