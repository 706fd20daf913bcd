"""``brokerauth config``: settings written into az's own file, in the way that ``az config`` writes them.

For machines without az. The names are those that messages show, so that both commands take the same words.
"""

from __future__ import annotations

from collections.abc import Iterable

from knack.config import CLIConfig

from azext_brokerauth import settings
from azext_brokerauth.errors import InvalidInputError
from azext_brokerauth.models import own, person

_OF_AZ = "core.enable_broker_on_wsl"
"""The one setting of az's that counts here too."""
_SEE = own("list-settings", text="To see all settings,")


def set_settings(assignments: list[str]) -> None:
    """Write settings, all of them or none."""
    written = [_parted(assignment) for assignment in assignments]
    settings.check_for_file({name: value for _, name, value in written})
    file = _file()
    for section, name, value in written:
        file.set_value(section, name, value)


def unset_settings(names: list[str]) -> None:
    """Remove settings, also those that do not exist, which no other command accepts."""
    file = _file()
    for name in names:
        section, _, option = name.rpartition(".")
        if section not in ("", settings.SECTION) and name != _OF_AZ:
            raise _unknown(name)
        file.remove_option(section or settings.SECTION, option)


def completions(**_: object) -> Iterable[str]:
    """What the Tab key offers to be set."""
    return [f"{name}=" for name in settings.SETTINGS]


def _file() -> CLIConfig:
    return CLIConfig(str(settings.config_directory()), "AZURE")


def _parted(assignment: str) -> tuple[str, str, str]:
    """Section, name and value.

    :raises InvalidInputError: it is not ``NAME=VALUE``, or there is no such setting.
    """
    key, equals, value = assignment.partition("=")
    if not equals:
        raise InvalidInputError(
            f"{assignment!r} is not NAME=VALUE.", remedies=person("Write it like this: fallback=browser")
        )
    section, _, name = key.rpartition(".")
    if key != _OF_AZ and (section not in ("", settings.SECTION) or name not in settings.SETTINGS):
        raise _unknown(key)
    if "%" in value:
        raise InvalidInputError(f"{key} cannot be {value!r}: '%' has another meaning in az's settings file.")
    return section or settings.SECTION, name, value.strip()


def _unknown(name: str) -> InvalidInputError:
    return InvalidInputError(f"There is no setting {name!r}.", remedies=_SEE)
