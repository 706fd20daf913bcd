"""Writes docs/reference.md and man/brokerauth.1 from the commands' own help.

``python -m tests.unit.commands.reference``. What only ``az brokerauth`` has is asked of az: ``make az`` first.
"""

from __future__ import annotations

import argparse
import json
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from azext_brokerauth import __version__
from azext_brokerauth.commands import UNFINISHED
from azext_brokerauth.errors import BrokerAuthError, NotSignedInError
from tests.unit.commands import helps
from tests.unit.commands.helps import GLOBAL, Command, Option

REPOSITORY = Path(__file__).resolve().parents[3]
PAGE = REPOSITORY / "docs" / "reference.md"
MAN = REPOSITORY / "man" / "brokerauth.1"
_HEAD = """# Every command

Made from what the commands say of themselves (`make reference`). `brokerauth COMMAND --help` shows the same, as does
the manual page (`make man`, then `man man/brokerauth.1`). `az brokerauth` has the same commands; [the end](#in-az) has
what differs there.
"""
IN_AZ = "\n## In az\n"
EXIT_CODES = {
    0: "it worked",
    BrokerAuthError.exit_code: "it failed, and standard error says why and what to do; or a check failed",
    2: "the command line is wrong; `az` ends so as well",
    NotSignedInError.exit_code: "nobody is signed in, or not the account that was named",
    UNFINISHED: "`repair`: something is left to do",
    126: "`exec`: the command cannot be run",
    127: "`exec`: there is no such command",
    130: "Ctrl-C",
    141: "nobody reads standard output any more",
    143: "SIGTERM",
}


def page(commands: Sequence[Command]) -> str:
    """The page up to what only az has."""
    shared = shared_options(commands)
    return "".join(
        [
            _HEAD,
            "\n## Exit codes\n\n| code | when |\n|---|---|\n",
            *(f"| {code} | {when} |\n" for code, when in EXIT_CODES.items()),
            "\n`exec` ends as its command does, whatever that is.\n",
            "\n## Options of every command\n",
            _table(shared),
            *(_section(command, shared, "brokerauth") for command in commands),
        ]
    )


def in_az(commands: Sequence[Command], plain: Sequence[Command]) -> str:
    """The end of the page: where ``az brokerauth`` differs from ``brokerauth``.

    :param plain: the commands of ``brokerauth``.
    """
    known = {command.name: {name for each in command.options for name in each.names} for command in plain}
    shared = shared_options(commands)
    parts = [IN_AZ, "\nEvery command takes az's own global options too. Beyond what stands above:\n"]
    for command in commands:
        name = command.name.removeprefix("brokerauth").strip()
        if not command.name.startswith("brokerauth"):
            parts.append(_section(command, shared, "az"))
        elif name in known:
            more = [each for each in own(command, shared) if not known[name].intersection(each.names)]
            if more:
                parts.append(f"\n### az {command.name}\n{_table(more)}")
    missing = sorted(name for name in known if f"brokerauth {name}" not in {command.name for command in commands})
    parts.append(f"\nNot in az: {', '.join(f'`{name}`' for name in missing)}; az has `az config` for it.\n")
    return "".join(parts)


def shared_options(commands: Sequence[Command]) -> list[Option]:
    """The options that the host gives every command."""
    found = {each.names: each for command in commands for each in command.options if each.group == GLOBAL}
    return list(found.values())


def own(command: Command, shared: Sequence[Option]) -> list[Option]:
    """A command's own options."""
    return [each for each in command.options if each not in shared]


def _section(command: Command, shared: Sequence[Option], program: str) -> str:
    details = f" {command.details}" if command.details else ""
    examples = "".join(f"- {what} `{line}`\n" for what, line in _told(command.examples))
    return f"\n## {program} {command.name}\n\n{command.summary}{details}\n{_table(own(command, shared))}" + (
        f"\n{examples}" if examples else ""
    )


def _told(examples: Iterable[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    return ((f"{what.rstrip('.')}:", line) for what, line in examples)


def _table(options: Sequence[Option]) -> str:
    if not options:
        return ""
    rows = "".join(
        f"| {', '.join(f'`{name}`' for name in each.names)} | {_cell(meaning(each))} |\n" for each in options
    )
    return f"\n| option | meaning |\n|---|---|\n{rows}"


def meaning(option: Option) -> str:
    """What an option is for, with the values that it takes."""
    values = f" One of: {', '.join(option.choices)}." if option.choices else ""
    needed = " Needed." if option.required else ""
    return f"{option.meaning}{values}{needed}".strip()


def _cell(text: str) -> str:
    return text.replace("\\", "\\\\").replace("<", "&lt;").replace("|", "\\|")


def manual(commands: Sequence[Command]) -> str:
    """The manual page (man(7)'s macros)."""
    shared = shared_options(commands)
    lines = [
        f'.TH BROKERAUTH 1 "" "brokerauth {__version__}" "User Commands"',
        ".SH NAME",
        "brokerauth \\- sign in from WSL through Windows' account broker",
        ".SH SYNOPSIS",
        ".B brokerauth",
        ".I COMMAND",
        "[\\fIOPTION\\fR ...]",
        ".SH COMMANDS",
    ]
    for command in commands:
        lines += [f".SS {_roff(command.name)}", _roff(f"{command.summary} {command.details}".strip())]
        lines += _roff_options(own(command, shared))
        for what, line in _told(command.examples):
            lines += [".PP", _roff(what), ".RS", ".nf", _roff(line), ".fi", ".RE"]
    lines += [".SH OPTIONS OF EVERY COMMAND", *_roff_options(shared), ".SH EXIT STATUS"]
    for code, when in EXIT_CODES.items():
        lines += [".TP", f".B {code}", _roff(when.replace("`", ""))]
    return "\n".join(lines) + "\n"


def _roff_options(options: Sequence[Option]) -> list[str]:
    return [
        line
        for each in options
        for line in (".TP", f"\\fB{_roff(', '.join(each.names))}\\fR", _roff(meaning(each).replace("`", "")))
    ]


def _roff(text: str) -> str:
    """Text as man(7) takes it."""
    escaped = text.replace("\\", "\\e").replace("-", "\\-")
    return f"\\&{escaped}" if escaped[:1] in (".", "'") else escaped


def az_commands(az_python: Path, extensions: Path, config: Path) -> list[Command]:
    """What az says of our commands.

    :param az_python: the Python that runs az.
    :param extensions: az's folder of extensions.
    :param config: a directory for az's configuration.
    """
    env = {"AZURE_CONFIG_DIR": str(config), "AZURE_EXTENSION_DIR": str(extensions), "HOME": str(config)}
    done = subprocess.run(
        [az_python, "-c", _ASK_AZ, REPOSITORY],
        env=env | {"AZURE_CORE_COLLECT_TELEMETRY": "false", "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return helps.from_json(json.loads(done.stdout))


_ASK_AZ = """
import json, sys
from importlib import util
from azure.cli.core import get_default_cli
spec = util.spec_from_file_location("helps", f"{sys.argv[1]}/tests/unit/commands/helps.py")
helps = sys.modules["helps"] = util.module_from_spec(spec)
spec.loader.exec_module(helps)
found = helps.described(get_default_cli(), ["brokerauth"], ("brokerauth", "account show-broker"))
print(json.dumps(helps.to_json(found)))
"""


def main() -> None:
    """Write the page, or the manual."""
    import tempfile

    parser = argparse.ArgumentParser(prog="python -m tests.unit.commands.reference")
    parser.add_argument("--man", action="store_true", help="write the manual page instead")
    plain = helps.of_brokerauth()
    if parser.parse_args().man:
        MAN.parent.mkdir(exist_ok=True)
        MAN.write_text(manual(plain), encoding="utf-8")
        return
    with tempfile.TemporaryDirectory() as config:
        told = az_commands(REPOSITORY / ".az/venv/bin/python", REPOSITORY / ".az/cliextensions", Path(config))
    PAGE.write_text(page(plain) + in_az(told, plain), encoding="utf-8")


if __name__ == "__main__":
    main()
