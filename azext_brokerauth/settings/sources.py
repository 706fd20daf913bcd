"""Where settings come from: the policy file, the user's file, the environment, arguments; the later win."""

from __future__ import annotations

import configparser
import contextlib
import io
import os
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from azext_brokerauth import files
from azext_brokerauth.errors import BrokerAuthError, InvalidInputError, SettingsError
from azext_brokerauth.models import Remedies, code, configure, person, script
from azext_brokerauth.redaction import know
from azext_brokerauth.settings import policy
from azext_brokerauth.settings.policy import LEAVE_IT_OUT, POLICY_FILE, SECTION
from azext_brokerauth.settings.schema import SETTINGS, Settings

ENVIRONMENT_PREFIX = "AZURE_BROKERAUTH_"
_VARIABLE = "the environment variable "
_HINT = "login_hint"


def config_directory(environ: Mapping[str, str] | None = None) -> Path:
    """az's own configuration directory, where our settings and account records are too."""
    environ = os.environ if environ is None else environ
    configured = environ.get("AZURE_CONFIG_DIR")
    return Path(configured) if configured else Path(os.path.expanduser("~")) / ".azure"


def load(
    arguments: Mapping[str, object] | None = None,
    environ: Mapping[str, str] | None = None,
    labels: Mapping[str, str] | None = None,
    *,
    policy_file: Path = POLICY_FILE,
    policy_owner: int = 0,
) -> Settings:
    """Read all sources. An argument that is None counts as not given.

    A ``.azure/config`` in the working directory is never read: whoever wrote that directory would choose the
    tenant that people sign in to. What is read here follows the policy file from then on (:meth:`Settings.now`).

    :param labels: how messages name an argument, such as ``--tenant`` for ``tenant_id``.
    :keyword policy_file: the policy file.
    :keyword policy_owner: the user ID that it and its directory must belong to.
    :raises SettingsError: a file or a variable cannot be used, or contradicts what is enforced; it is named.
    :raises InvalidInputError: an argument cannot be used, or contradicts what is enforced; it is named.
    """
    environ = os.environ if environ is None else environ

    def below() -> Iterator[_Given]:
        yield from _from_file(config_directory(environ) / "config")
        yield from _from_environment(environ)
        yield from _from_arguments(arguments or {}, labels or {})

    return _under_policy(policy_file, policy_owner, below())


def check(arguments: Mapping[str, object], labels: Mapping[str, str] | None = None) -> None:
    """Raise if an argument could not be used, without reading anything else.

    :param labels: as for :func:`load`.
    :raises InvalidInputError: it is named.
    """
    _combine(_from_arguments(arguments, labels or {}))


def check_for_file(values: Mapping[str, str], policy_file: Path = POLICY_FILE, policy_owner: int = 0) -> None:
    """Raise if the user's file could not hold these settings: one is spelt wrong, or the policy enforces another value.

    :raises InvalidInputError: it is named.
    :raises SettingsError: the policy file cannot be used.
    """
    labels = {name: f"{SECTION}.{name}" for name in values}
    _under_policy(policy_file, policy_owner, _from_arguments(values, labels))


def change(chosen: Settings, name: str, value: str) -> Remedies:
    """How a setting gets another value, at the place where it was set."""
    origin = chosen.origin(name)
    key, _, path = origin.partition(" in ")
    if name in chosen.enforced:
        return LEAVE_IT_OUT
    if origin.startswith(_VARIABLE):
        return script(f"unset {origin.removeprefix(_VARIABLE)}")
    if path or origin == "default":
        return configure("set", f"{key if path else f'{SECTION}.{name}'}={value}")
    return code(f"Give {origin}={value.capitalize()}.")


def hints(environ: Mapping[str, str], policy_file: Path = POLICY_FILE) -> list[str]:
    """Whom the files and the environment name as ``login_hint``, whether it counts or not; a file that cannot be read
    names nobody."""
    found = [environ.get(ENVIRONMENT_PREFIX + _HINT.upper())]
    for path in (config_directory(environ) / "config", policy_file):
        with contextlib.suppress(BrokerAuthError):
            found.append(_read(path).get(SECTION, {}).get(_HINT))
    return [hint for hint in found if hint]


@dataclass(frozen=True)
class Found:
    """A setting as it stands, whether it can be used or not.

    :param name: its name; of something that is no setting, the name that it was given; empty for a whole file.
    :param value: the value in force; where it cannot be used, what was given.
    :param origin: where that came from.
    :param error: what is wrong with it, or with what contradicts it; None where nothing is.
    :param blamed: where that came from which cannot be used; empty where nothing is wrong.
    """

    name: str
    value: object
    origin: str
    is_enforced: bool = False
    error: BrokerAuthError | None = None
    blamed: str = ""


def survey(
    environ: Mapping[str, str] | None = None, *, policy_file: Path = POLICY_FILE, policy_owner: int = 0
) -> list[Found]:
    """Every setting as it stands, and whatever keeps :func:`load` from reading it. Nothing is raised.

    :keyword policy_file: the policy file.
    :keyword policy_owner: the user ID that it and its directory must belong to.
    """
    environ = os.environ if environ is None else environ
    wrong: dict[str, BrokerAuthError] = {}
    beside: list[Found] = []
    given: list[_Given] = []
    enforced: Collection[str] = ()
    try:
        found = policy.read(policy_file, policy_owner)
        given, enforced = _from_policy(policy_file, found), found.enforced
    except SettingsError as error:
        beside.append(Found("", None, str(policy_file), error=error, blamed=str(policy_file)))
    path = config_directory(environ) / "config"
    try:
        given += _from_file(path)
    except SettingsError as error:
        beside.append(Found("", None, str(path), error=error, blamed=str(path)))
    given += _from_environment(environ)
    usable: list[_Given] = []
    for item in given:
        try:
            _combine([*usable, item], enforced)
            usable.append(item)
        except BrokerAuthError as error:
            if item.name in SETTINGS:
                wrong.setdefault(item.name, error)
            else:
                beside.append(Found(item.name, item.raw, item.origin, error=error, blamed=item.origin))
    chosen = _combine(usable, enforced)
    refused = {item.name: item for item in reversed(given) if item not in usable}

    def as_it_stands(name: str) -> Found:
        error, item = wrong.get(name), refused.get(name)
        blamed = item.origin if item else ""
        if item and name not in enforced:
            return Found(name, item.raw, item.origin, error=error, blamed=blamed)
        return Found(name, getattr(chosen, name), chosen.origin(name), name in enforced, error, blamed)

    return [*map(as_it_stands, SETTINGS), *beside]


@dataclass(frozen=True)
class _Given:
    name: str
    raw: object
    origin: str
    error: type[BrokerAuthError] = SettingsError


@dataclass(frozen=True)
class _Followed:
    """The policy file, which may change at any time, and what was found below it, once.

    :param below: in the order in which the later win.
    :param seen: what the file looked like just before it was read.
    """

    policy_file: Path
    policy_owner: int
    below: tuple[_Given, ...]
    seen: policy.Sight

    def is_current(self) -> bool:
        return self.seen.is_current()

    def again(self) -> Settings:
        return _under_policy(self.policy_file, self.policy_owner, self.below)


def _under_policy(path: Path, owner: int, below: Iterable[_Given]) -> Settings:
    """The policy file as it is now, and what is set below it."""
    seen = policy.Sight.of(path)
    found = policy.read(path, owner)
    from_policy = _from_policy(path, found)
    _combine(from_policy)  # first, so that a value below it is never blamed for one that cannot be used
    given = tuple(below)
    chosen = _combine([*from_policy, *given], found.enforced)
    return replace(chosen, sources=_Followed(path, owner, given, seen))


def _from_policy(path: Path, found: policy.Policy) -> list[_Given]:
    return [_Given(name, raw, f"{SECTION}.{name} in {path}") for name, raw in found.stored.items()]


def _combine(given: Iterable[_Given], enforced: Collection[str] = ()) -> Settings:
    """:param enforced: what the first item of that name decides for all that follow."""
    values: dict[str, Any] = {}
    origins = dict.fromkeys(SETTINGS, "default")
    for item in given:
        if item.name == _HINT:
            know(str(item.raw))
        if item.name not in SETTINGS:
            raise item.error(
                f"{item.origin}: there is no setting {item.name!r}. The settings are: {', '.join(sorted(SETTINGS))}.",
                remedies=configure("unset", f"{SECTION}.{item.name}"),
            )
        try:
            value = SETTINGS[item.name].convert(item.raw)
        except ValueError as problem:
            raise item.error(f"{item.origin} cannot be {item.raw!r}: {problem}.") from None
        if item.name in enforced and item.name in values:
            if not _same(value, values[item.name]):
                raise item.error(
                    f"{item.origin} cannot be {item.raw!r}: {origins[item.name]} is {values[item.name]}, and that is"
                    " enforced.",
                    remedies=LEAVE_IT_OUT,
                )
            continue
        values[item.name], origins[item.name] = value, item.origin
    return Settings(**values, origins=tuple(origins.items()), enforced=frozenset(enforced))


def _same(one: object, other: object) -> bool:
    """Are two values of a setting the same? User names differ in case and are one person's."""
    return str(one).lower() == str(other).lower()


def _from_file(path: Path) -> Iterator[_Given]:
    stored = _read(path)
    if "enable_broker_on_wsl" in (core := stored.get("core", {})):
        origin = f"core.enable_broker_on_wsl in {path}"
        yield _Given("enable_broker_on_wsl", core["enable_broker_on_wsl"], origin)
    for name, raw in stored.get(SECTION, {}).items():
        yield _Given(name, raw, f"{SECTION}.{name} in {path}")


def _from_environment(environ: Mapping[str, str]) -> Iterator[_Given]:
    variables = {"AZURE_CORE_ENABLE_BROKER_ON_WSL": "enable_broker_on_wsl"}
    variables.update({ENVIRONMENT_PREFIX + name.upper(): name for name in SETTINGS})
    for variable, name in variables.items():
        if raw := environ.get(variable, "").strip():
            yield _Given(name, raw, f"{_VARIABLE}{variable}")


def _from_arguments(arguments: Mapping[str, object], labels: Mapping[str, str]) -> Iterator[_Given]:
    for name, value in arguments.items():
        if value is not None:
            yield _Given(name, value, labels.get(name, name), InvalidInputError)


def _read(path: Path) -> Mapping[str, Mapping[str, str]]:
    # az's own files: knack reads them with configparser too, without interpolation.
    parser = configparser.RawConfigParser()
    try:
        content = files.read_beyond_links(path)
        parser.read_file(io.TextIOWrapper(io.BytesIO(content), encoding="utf-8"), str(path))
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (OSError, UnicodeDecodeError, configparser.Error) as error:
        raise SettingsError(
            f"The settings file {path} cannot be read: {' '.join(str(error).split())}.",
            remedies=person("Fix or remove the file."),
        ) from error
    return {name: dict(parser.items(name)) for name in parser.sections()}
