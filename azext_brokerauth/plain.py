"""The command line without az: what az otherwise does, which is to read settings, log, and show an error."""

from __future__ import annotations

import configparser
import contextlib
import os
import sys
from argparse import ArgumentParser
from collections.abc import Iterator, Sequence
from typing import Any, NoReturn

import argcomplete
from argcomplete.completers import SuppressCompleter
from knack import CLI
from knack.completion import CLICompletion
from knack.log import CLILogging, get_logger
from knack.parser import CLICommandParser

from azext_brokerauth import __version__, errors, files, settings
from azext_brokerauth.commands import PlainCommandsLoader
from azext_brokerauth.errors.rendering import PLAIN, in_words
from azext_brokerauth.printable import printable
from azext_brokerauth.redaction import know, redact_logs
from azext_brokerauth.speaker import show_steps
from azext_brokerauth.terminal.streams import is_lost, say, shows_colours

_LOGGER = get_logger(__name__)
_WITHOUT_CONFIGURATION = ("check-health", "list-settings", "repair")
"""Commands that say what is wrong with az's settings file, and so work although knack cannot read it."""


def run(arguments: list[str]) -> int:
    """Run one command.

    :returns: the exit code.
    """
    try:
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            # knack would wait for a pipe of that name.
            files.read_beyond_links(settings.config_directory() / "config")
        cli = PlainCLI()
    except (configparser.Error, UnicodeDecodeError, OSError) as error:
        if arguments and arguments[0] in _WITHOUT_CONFIGURATION:
            import tempfile

            with tempfile.TemporaryDirectory() as empty:
                return int(PlainCLI(empty, "NOTHING_OF").invoke(arguments))
        # knack reads az's settings files, whose name the error has, before it can handle any error.
        problem = printable(" ".join(str(error).split()))
        say(f"ERROR: az's settings cannot be read: {problem}\nFix or remove that file, or run: brokerauth repair\n")
        return 1
    return int(cli.invoke(arguments))


class _RedactedLogging(CLILogging):  # type: ignore[misc]
    def configure(self, args: list[str]) -> None:
        super().configure(args)
        redact_logs()
        show_steps()
        know(*_named_in(args))  # knack logs them before anything else


def _named_in(arguments: Sequence[str]) -> Iterator[str]:
    """The user names in a command line, in each way of writing them that argparse knows."""
    for word, following in zip(arguments, [*arguments, ""][1:], strict=True):
        option, _, value = word.partition("=")
        if len(option) > 2 and "--username".startswith(option):
            yield value or following
        elif word.startswith("-u"):
            yield word[2:].removeprefix("=") or following


class _Completion(CLICompletion):  # type: ignore[misc]
    def enable_autocomplete(self, parser: ArgumentParser) -> None:
        """As knack's, whose own completer of an option without one is not what argcomplete can call."""
        if self.cli_ctx.data["completer_active"]:
            argcomplete.autocomplete(
                parser,
                validator=lambda word, typed: word.lower().startswith(typed.lower()),
                default_completer=SuppressCompleter(),
            )


class _Parser(CLICommandParser):  # type: ignore[misc]
    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """As argparse's; in a command, an option that it does not have ends here, with those that look like it."""
        parsed, left = super().parse_known_args(args, namespace)
        unknown = next((word.partition("=")[0] for word in left if word.startswith("--")), "")
        if unknown and not self.is_group():
            import difflib

            known = [option for action in self._actions for option in action.option_strings]
            near = " or ".join(difflib.get_close_matches(unknown, known))
            self.error(f"{unknown} is not an option of this command." + (f" Did you mean {near}?" if near else ""))
        return parsed, left

    def error(self, message: str) -> NoReturn:
        """Say what is wrong as every other error is said, and where help is."""
        if "_ARGCOMPLETE" not in os.environ:  # half a line is no mistake when it is to be completed
            _LOGGER.error("%s: %s", self.prog, message)
            say(f"To see all options, run: {self.prog} --help\n")
        sys.exit(2)


def _version(name: str) -> str:
    """A package's version, which is not imported for it."""
    from importlib import metadata  # slow to load, and no other command needs it

    try:
        return __version__ if name == "brokerauth" else metadata.version(name)
    except metadata.PackageNotFoundError:
        return "(not installed)"


class PlainCLI(CLI):  # type: ignore[misc]
    """knack's CLI over az's configuration directory.

    :param directory: another one to take its configuration from; None: az's.
    :param prefix: of the variables with knack's own settings.
    """

    def __init__(self, directory: str | None = None, prefix: str = "AZURE") -> None:
        super().__init__(
            cli_name="brokerauth",
            config_dir=directory or str(settings.config_directory()),
            config_env_var_prefix=prefix,
            commands_loader_cls=PlainCommandsLoader,
            logging_cls=_RedactedLogging,
            completion_cls=_Completion,
            parser_cls=_Parser,
        )
        if not shows_colours():
            self.enable_color = False

    def get_cli_version(self) -> str:
        """What ``--version`` says."""
        return "\n".join(f"{name} {_version(name)}" for name in ("brokerauth", "msal", "pymsalruntime"))

    def exception_handler(self, ex: Exception) -> int:
        """Show an error with its remedy, as az does."""
        if isinstance(ex, OSError) and is_lost():
            return 0  # told when the program ends
        if not isinstance(ex, errors.BrokerAuthError):
            return int(super().exception_handler(ex))
        _LOGGER.error("%s", ex)
        if ex.remedies:
            say(printable(in_words(ex.remedies, PLAIN), lines=True) + "\n")
        return ex.exit_code
