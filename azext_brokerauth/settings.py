"""The settings in force, and where each came from: the fleet's file, the user's, the environment, arguments."""

from __future__ import annotations

import configparser
import os
import re
import stat
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from azext_brokerauth import fallback as fallbacks
from azext_brokerauth.errors import BrokerAuthError, InvalidInputError, SettingsError, SignInRefusedError

SECTION = "brokerauth"
ENVIRONMENT_PREFIX = "AZURE_BROKERAUTH_"
FLEET_FILE = Path("/etc/brokerauth/config")
"""What whoever looks after the machine has set; its ``enforced`` names the settings that nobody below can change."""
ENFORCED = "enforced"
AZURE_CLI_CLIENT_ID = "04b07795-8ddb-461a-bbee-02f9e1bf7b46"
"""The public client that az and azure-identity both sign in to."""
SHARED_TENANTS = ("organizations", "common", "consumers")
"""Authorities that stand for many tenants; the account decides which one
(https://learn.microsoft.com/entra/identity-platform/msal-client-application-configuration#authority)."""


@dataclass(frozen=True)
class Settings:
    """Every setting with its value. Arguments win over the environment, that over the user's file, that over the
    fleet's, unless the fleet's file enforces the setting.

    :param client_id: the application to sign in to.
    :param tenant_id: tenant ID, domain, or one of :data:`SHARED_TENANTS`.
    :param authority: host name of the authority.
    :param login_hint: the username to use when none is named.
    :param enable_broker_on_wsl: use the broker under WSL 2 (MSAL's flag of this name).
    :param enable_broker_on_linux: use Microsoft's broker on native Linux (MSAL's flag of this name).
    :param enable_broker_on_windows: use WAM on Windows (MSAL's flag of this name).
    :param enable_broker_on_mac: use Company Portal on macOS (MSAL's flag of this name).
    :param require_broker: under WSL, a broker that is not ready is an error that stops a credential chain.
    :param fallback: how to sign in when the broker fails: ``none``, ``browser`` or ``device-code``.
    :param extend_az: answer az's own token requests for accounts that signed in through the broker.
    :param seed_az_cache: put tokens that az asked for into az's cache, as MSAL would.
    :param token_cache: ``az``: az keeps tokens as it always does; ``memory``: none is kept beyond the process.
    :param allow_exec: let ``exec`` run programs.
    :param silent_timeout: seconds a request without a window may take.
    :param prompt_timeout: seconds a person has to answer a prompt.
    :param origins: setting -> where its value came from.
    :param enforced: the settings that the fleet's file enforces.
    """

    client_id: str = AZURE_CLI_CLIENT_ID
    tenant_id: str = "organizations"
    authority: str = "login.microsoftonline.com"
    login_hint: str = ""
    enable_broker_on_wsl: bool = True
    enable_broker_on_linux: bool = False
    enable_broker_on_windows: bool = False
    enable_broker_on_mac: bool = False
    require_broker: bool = False
    fallback: str = fallbacks.NONE
    extend_az: bool = True
    seed_az_cache: bool = True
    token_cache: str = "az"  # noqa: S105  (the name of a cache)
    allow_exec: bool = True
    silent_timeout: float = 30.0
    prompt_timeout: float = 300.0
    origins: Mapping[str, str] = field(default_factory=dict, compare=False)
    enforced: Mapping[str, object] = field(default_factory=dict, compare=False)

    @property
    def may_seed_az(self) -> bool:
        """May tokens that az asked for be kept in az's own cache?"""
        return self.seed_az_cache and self.token_cache == "az"  # noqa: S105  (the name of a cache)

    def insist(self, name: str, value: str, what: str, remedy: str = "") -> None:
        """See that nothing slipped past an enforced setting.

        :param what: whose value it is, for the message.
        :param remedy: what to do, where it is more than to give in.
        :raises SignInRefusedError: the fleet's file enforces another value; file and value are named.
        """
        if name in self.enforced and value.lower() != self.enforced[name]:
            raise SignInRefusedError(
                f"{what} is {value}, but {self.origins[name]} is {self.enforced[name]}, and that is enforced."
                " No token was given.",
                remedy=remedy or _ASK,
            )


_ASK = "Leave it out, or ask whoever looks after this machine. To see all settings, run: az brokerauth list-settings"


def config_directory(environ: Mapping[str, str] | None = None) -> Path:
    """az's own configuration directory, where our settings and account records live too."""
    environ = os.environ if environ is None else environ
    configured = environ.get("AZURE_CONFIG_DIR")
    return Path(configured) if configured else Path(os.path.expanduser("~")) / ".azure"


def load(
    arguments: Mapping[str, object] | None = None,
    environ: Mapping[str, str] | None = None,
    labels: Mapping[str, str] | None = None,
    *,
    fleet_file: Path = FLEET_FILE,
    fleet_owner: int = 0,
) -> Settings:
    """Read all sources. An argument that is None counts as not given.

    A ``.azure/config`` in the working directory is never read: whoever wrote that directory would choose the
    tenant that people sign in to.

    :param labels: how messages name an argument, such as ``--tenant`` for ``tenant_id``.
    :keyword fleet_file: the fleet's file.
    :keyword fleet_owner: the user ID that it and its directory must belong to.
    :raises SettingsError: a file or a variable cannot be used, or contradicts what is enforced; it is named.
    :raises InvalidInputError: an argument cannot be used, or contradicts what is enforced; it is named.
    """
    environ = os.environ if environ is None else environ
    fleet, enforced = _from_fleet(fleet_file, fleet_owner)
    return _combine(
        [
            *fleet,
            *_from_file(config_directory(environ) / "config"),
            *_from_environment(environ),
            *_from_arguments(arguments or {}, labels or {}),
        ],
        enforced,
    )


def check(arguments: Mapping[str, object]) -> None:
    """See that arguments could be used, without reading anything else.

    :raises InvalidInputError: one cannot; it is named.
    """
    _combine(_from_arguments(arguments, {}))


@dataclass(frozen=True)
class _Given:
    name: str
    raw: object
    origin: str
    error: type[BrokerAuthError] = SettingsError


def _combine(given: Iterable[_Given], enforced: Collection[str] = ()) -> Settings:
    """:param enforced: what the first item of that name settles for all that follow."""
    values: dict[str, Any] = {}
    origins = dict.fromkeys(_CONVERT, "default")
    for item in given:
        try:
            value = _CONVERT[item.name](item.raw)
        except ValueError as problem:
            raise item.error(f"{item.origin} cannot be {item.raw!r}: {problem}.") from None
        if item.name in enforced and item.name in values:
            if value != values[item.name]:
                raise item.error(
                    f"{item.origin} cannot be {item.raw!r}: {origins[item.name]} is {values[item.name]}, and that is"
                    " enforced.",
                    remedy=_ASK,
                )
            continue
        values[item.name], origins[item.name] = value, item.origin
    return Settings(**values, origins=origins, enforced={name: values[name] for name in enforced})


def _from_fleet(path: Path, owner: int) -> tuple[list[_Given], Collection[str]]:
    """What the fleet's file says, and which of it is enforced.

    :raises SettingsError: any of it cannot be trusted or understood: it is never half applied.
    """
    text = _read_guarded(path, owner)
    if text is None:
        return [], ()
    parser = configparser.RawConfigParser()
    try:
        parser.read_string(text, str(path))
    except configparser.Error as error:
        raise _unfit(path, " ".join(str(error).split())) from error
    if parser.sections() != [SECTION] or parser.defaults():
        raise _unfit(path, f"it must have the section [{SECTION}] and no other")
    stored = dict(parser.items(SECTION))
    enforced = [name.strip().lower() for name in stored.pop(ENFORCED, "").split(",") if name.strip()]
    for name in (*stored, *enforced):
        if name not in _CONVERT:
            raise _unfit(path, f"there is no setting {name!r}; the settings are: {', '.join(sorted(_CONVERT))}")
    if missing := [name for name in enforced if not stored.get(name)]:
        raise _unfit(path, f"{', '.join(missing)} is enforced and has no value")
    if "tenant_id" in enforced and not re.fullmatch(_GUID, stored["tenant_id"].strip().lower()):
        raise _unfit(path, "an enforced tenant_id must be a tenant ID (a GUID): tokens do not name domains")
    given = [_Given(name, raw, f"{SECTION}.{name} in {path}") for name, raw in stored.items()]
    _combine(given)
    return given, enforced


def _read_guarded(path: Path, owner: int) -> str | None:
    """The text of a file that nobody but its owner could have written; None where there is none.

    What is looked at is what was opened, so that nothing can be exchanged in between.
    """
    if os.name != "posix":
        return None
    try:
        directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            _see_to_ownership(path.parent, os.fstat(directory), owner)
            # Without O_NONBLOCK, a pipe of that name would block us.
            flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
            descriptor = os.open(path.name, flags, dir_fd=directory)
        finally:
            os.close(directory)
        with os.fdopen(descriptor, "rb") as stream:
            found = os.fstat(descriptor)
            if not stat.S_ISREG(found.st_mode):
                raise _unfit(path, "it is not a file")
            _see_to_ownership(path, found, owner)
            return stream.read().decode()
    except FileNotFoundError:
        return None
    except UnicodeDecodeError as error:
        raise _unfit(path, str(error)) from error
    except OSError as error:
        # A symbolic link is ELOOP for a file, and ENOTDIR for a directory.
        reason = "it is a symbolic link" if path.is_symlink() or path.parent.is_symlink() else error.strerror
        raise _unfit(path, str(reason)) from error


def _see_to_ownership(path: Path, found: os.stat_result, owner: int) -> None:
    if found.st_uid != owner:
        raise _unfit(path, "it does not belong to root" if owner == 0 else f"it does not belong to user {owner}")
    if found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise _unfit(path, "others than its owner can write to it")


def _unfit(path: Path, reason: str) -> SettingsError:
    return SettingsError(
        f"The fleet's settings in {path} cannot be used: {reason}.",
        remedy=f"Ask whoever looks after this machine to mend {path}. Until then no token is given.",
    )


def _from_file(path: Path) -> Iterator[_Given]:
    stored = _read(path)
    if "enable_broker_on_wsl" in (core := stored.get("core", {})):
        origin = f"core.enable_broker_on_wsl in {path}"
        yield _Given("enable_broker_on_wsl", core["enable_broker_on_wsl"], origin)
    for name, raw in stored.get(SECTION, {}).items():
        if name not in _CONVERT:
            raise SettingsError(
                f"{path}: section [{SECTION}] has no setting {name!r}.",
                remedy=f"Run: az config unset {SECTION}.{name} (the settings are: {', '.join(sorted(_CONVERT))})",
            )
        yield _Given(name, raw, f"{SECTION}.{name} in {path}")


def _from_environment(environ: Mapping[str, str]) -> Iterator[_Given]:
    variables = {"AZURE_CORE_ENABLE_BROKER_ON_WSL": "enable_broker_on_wsl"}
    variables.update({ENVIRONMENT_PREFIX + name.upper(): name for name in _CONVERT})
    for variable, name in variables.items():
        if raw := environ.get(variable):
            yield _Given(name, raw, f"the environment variable {variable}")


def _from_arguments(arguments: Mapping[str, object], labels: Mapping[str, str]) -> Iterator[_Given]:
    for name, value in arguments.items():
        if value is not None:
            yield _Given(name, value, labels.get(name, name), InvalidInputError)


def _read(path: Path) -> Mapping[str, Mapping[str, str]]:
    # az's own files: knack reads them with configparser too, without interpolation.
    parser = configparser.RawConfigParser()
    try:
        with path.open(encoding="utf-8") as stream:
            parser.read_file(stream)
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (OSError, UnicodeDecodeError, configparser.Error) as error:
        raise SettingsError(
            f"The settings file {path} cannot be read: {' '.join(str(error).split())}.",
            remedy=f"Mend or remove {path}.",
        ) from error
    return {name: dict(parser.items(name)) for name in parser.sections()}


def _boolean(raw: object) -> bool:
    if isinstance(raw, bool):
        return raw
    known = configparser.RawConfigParser.BOOLEAN_STATES
    if str(raw).lower() not in known:
        raise ValueError("use true or false")
    return known[str(raw).lower()]


def _seconds(raw: object) -> float:
    message = "use a number of seconds above 0"
    try:
        seconds = float(str(raw))
    except ValueError:
        raise ValueError(message) from None
    if not 0 < seconds < 86400:
        raise ValueError(message)
    return seconds


def _fallback(raw: object) -> str:
    text = str(raw).strip().lower()
    if text not in fallbacks.CHOICES:
        raise ValueError(f"use one of {', '.join(fallbacks.CHOICES)}")
    return text


def tenant(raw: object) -> str:
    """A tenant ID, domain or shared tenant, in lower case.

    :raises ValueError: it has characters that no tenant has, which could change the authority's address.
    """
    text = str(raw).strip()
    if not re.fullmatch(r"[A-Za-z0-9](?:[A-Za-z0-9.-]{0,252}[A-Za-z0-9])?", text):
        raise ValueError("use a tenant ID or a domain name")
    return text.lower()


_GUID = r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"


def client(raw: object) -> str:
    """A client ID.

    :raises ValueError: it is not a GUID.
    """
    text = str(raw).strip().lower()
    if not re.fullmatch(_GUID, text):
        raise ValueError("use the application's client ID, a GUID")
    return text


def authority_host(raw: object) -> str:
    """The host name of an authority given as a host name or an https URL.

    :raises ValueError: it is neither.
    """
    text = str(raw).strip().lower()
    if "://" in text and not text.startswith("https://"):
        raise ValueError("use https")
    host = text.removeprefix("https://").rstrip("/")
    if not re.fullmatch(r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)+", host):
        raise ValueError("use a host name such as login.microsoftonline.com")
    return host


def _token_cache(raw: object) -> str:
    if (text := str(raw).strip().lower()) not in ("az", "memory"):
        raise ValueError("use az or memory")
    return text


_CONVERT: dict[str, Callable[[object], object]] = {
    "client_id": client,
    "tenant_id": tenant,
    "authority": authority_host,
    "login_hint": lambda raw: str(raw).strip(),
    "enable_broker_on_wsl": _boolean,
    "enable_broker_on_linux": _boolean,
    "enable_broker_on_windows": _boolean,
    "enable_broker_on_mac": _boolean,
    "require_broker": _boolean,
    "fallback": _fallback,
    "extend_az": _boolean,
    "seed_az_cache": _boolean,
    "token_cache": _token_cache,
    "allow_exec": _boolean,
    "silent_timeout": _seconds,
    "prompt_timeout": _seconds,
}
