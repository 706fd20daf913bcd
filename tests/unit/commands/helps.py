"""The commands as they describe themselves: what `--help` shows of each, in either host."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

GLOBAL = "Global Arguments"
"""The group of options that the host gives every command."""


@dataclass(frozen=True)
class Option:
    """An option, or a word without one.

    :param names: as they are typed, the longest first.
    :param group: as ``--help`` groups them; empty for a command's own.
    :param choices: the values that it takes; empty where it takes others.
    """

    names: tuple[str, ...]
    meaning: str
    group: str = ""
    required: bool = False
    choices: tuple[str, ...] = ()


@dataclass(frozen=True)
class Command:
    """A command or a group of them.

    :param name: without the program.
    :param examples: what each is for, and its command line.
    """

    name: str
    summary: str
    details: str
    is_group: bool = False
    options: tuple[Option, ...] = ()
    examples: tuple[tuple[str, str], ...] = ()


def of_brokerauth() -> list[Command]:
    """The commands of ``brokerauth``."""
    from azext_brokerauth.plain import PlainCLI

    with tempfile.TemporaryDirectory() as empty:
        return list(described(PlainCLI(empty, "NOTHING_OF"), []))


def described(cli: Any, arguments: list[str], ours: Iterable[str] = ("",)) -> Iterator[Command]:
    """What a knack CLI says of its commands, groups before what is in them.

    :param arguments: the command line that has it load ours.
    :param ours: how the names of our commands begin.
    """
    parts = {"parser_cls": cli.parser_cls, "commands_loader_cls": cli.commands_loader_cls, "help_cls": cli.help_cls}
    cli.invocation = invocation = cli.invocation_cls(cli_ctx=cli, **parts)
    loader = invocation.commands_loader
    loader.load_command_table(arguments)
    names = [name for name in loader.command_table if name.startswith(tuple(ours))]
    for name in names:
        loader.command_name = invocation.data["command_string"] = name  # for whose parameters are looked at
        loader.load_arguments(name)
    loader.command_table = {name: loader.command_table[name] for name in names}
    cli.raise_event("CommandTableCreated", commands_loader=loader)
    invocation.parser.load_command_table(loader)
    yield from _below(invocation.help, invocation.parser, tuple(ours))


def _below(shown: Any, parser: Any, ours: tuple[str, ...]) -> Iterator[Command]:
    subparsers = next((action for action in parser._actions if action.choices and hasattr(action, "add_parser")), None)
    for child in subparsers.choices.values() if subparsers else ():
        name = " ".join(child.prog.split()[1:])
        if child.is_group():
            told = shown.group_help_cls(shown, name, child._actions[-1])
        else:
            told = shown.command_help_cls(shown, name, child)
        told.load(child)
        if name.startswith(ours):
            yield _command(name, told, child.is_group())
        yield from _below(shown, child, ours)


def _command(name: str, told: Any, is_group: bool) -> Command:
    parameters = () if is_group else tuple(map(_option, told.parameters))
    examples = tuple((_flat(example.name), _flat(example.text)) for example in told.examples)
    return Command(name, _flat(told.short_summary), _flat(told.long_summary), is_group, parameters, examples)


def _option(parameter: Any) -> Option:
    names = sorted(map(str, parameter.name_source), key=len, reverse=True)
    meaning = " ".join(filter(None, (_flat(parameter.short_summary), _flat(parameter.long_summary))))
    group = "" if parameter.group_name in (None, "Positional") else parameter.group_name
    return Option(tuple(names), meaning, group, bool(parameter.required), tuple(map(str, parameter.choices or ())))


def _flat(text: Any) -> str:
    return " ".join(str(text or "").split())


def to_json(commands: Iterable[Command]) -> list[dict[str, Any]]:
    """For another process."""
    return [asdict(command) for command in commands]


def from_json(told: list[dict[str, Any]]) -> list[Command]:
    """What :func:`to_json` made."""
    return [
        Command(
            **{
                **each,
                "options": tuple(
                    Option(**{**one, "names": tuple(one["names"]), "choices": tuple(one["choices"])})
                    for one in each["options"]
                ),
                "examples": tuple((name, text) for name, text in each["examples"]),
            }
        )
        for each in told
    ]
