"""The command line without az: what az otherwise does, which is to read settings, log, and show an error."""

from __future__ import annotations

import configparser
import contextlib
from argparse import ArgumentParser
from collections.abc import Iterator, Sequence

import argcomplete
from argcomplete.completers import SuppressCompleter
from knack import CLI
from knack.completion import CLICompletion
from knack.log import CLILogging, get_logger

from azext_brokerauth import __version__, errors, files, settings
from azext_brokerauth.commands import PlainCommandsLoader
from azext_brokerauth.errors.rendering import PLAIN, in_words
from azext_brokerauth.printable import printable
from azext_brokerauth.redaction import know, redact_logs
from azext_brokerauth.terminal.streams import is_lost, say

_LOGGER = get_logger(__name__)


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
        # knack reads az's settings files, whose name the error has, before it can handle any error.
        problem = printable(" ".join(str(error).split()))
        say(f"ERROR: az's settings cannot be read: {problem}\nFix or remove that file.\n")
        return 1
    return int(cli.invoke(arguments))


class _RedactedLogging(CLILogging):  # type: ignore[misc]
    def configure(self, args: list[str]) -> None:
        super().configure(args)
        redact_logs()
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


class PlainCLI(CLI):  # type: ignore[misc]
    """knack's CLI over az's configuration directory."""

    def __init__(self) -> None:
        super().__init__(
            cli_name="brokerauth",
            config_dir=str(settings.config_directory()),
            config_env_var_prefix="AZURE",
            commands_loader_cls=PlainCommandsLoader,
            logging_cls=_RedactedLogging,
            completion_cls=_Completion,
        )

    def get_cli_version(self) -> str:
        """What ``--version`` says."""
        return f"brokerauth {__version__}"

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
