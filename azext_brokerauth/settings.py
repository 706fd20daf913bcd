"""The settings in force, and where each came from: the user's az config file, the environment, arguments."""

from __future__ import annotations

import configparser
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from azext_brokerauth.errors import BrokerAuthError, InvalidInputError, SettingsError

SECTION = "brokerauth"
ENVIRONMENT_PREFIX = "AZURE_BROKERAUTH_"
AZURE_CLI_CLIENT_ID = "04b07795-8ddb-461a-bbee-02f9e1bf7b46"
"""The public client that az and azure-identity both sign in to."""
SHARED_TENANTS = ("organizations", "common", "consumers")
"""Authorities that stand for many tenants; the account decides which one
(https://learn.microsoft.com/entra/identity-platform/msal-client-application-configuration#authority)."""


@dataclass(frozen=True)
class Settings:
    """Every setting with its value. Arguments win over the environment, the environment over the file.

    :param client_id: the application to sign in to.
    :param tenant_id: tenant ID, domain, or one of :data:`SHARED_TENANTS`.
    :param authority: host name of the authority.
    :param login_hint: the username to use when none is named.
    :param enable_broker_on_wsl: use the broker under WSL 2 (MSAL's flag of this name).
    :param enable_broker_on_linux: use Microsoft's broker on native Linux (MSAL's flag of this name).
    :param enable_broker_on_windows: use WAM on Windows (MSAL's flag of this name).
    :param enable_broker_on_mac: use Company Portal on macOS (MSAL's flag of this name).
    :param require_broker: under WSL, a broker that is not ready is an error that stops a credential chain.
    :param extend_az: answer az's own token requests for accounts that signed in through the broker.
    :param seed_az_cache: put tokens that az asked for into az's cache, as MSAL would.
    :param allow_exec: let ``exec`` run programs.
    :param silent_timeout: seconds a request without a window may take.
    :param prompt_timeout: seconds a person has to answer a prompt.
    :param origins: setting -> where its value came from.
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
    extend_az: bool = True
    seed_az_cache: bool = True
    allow_exec: bool = True
    silent_timeout: float = 30.0
    prompt_timeout: float = 300.0
    origins: Mapping[str, str] = field(default_factory=dict, compare=False)


def config_directory(environ: Mapping[str, str] | None = None) -> Path:
    """az's own configuration directory, where our settings and account records live too."""
    environ = os.environ if environ is None else environ
    configured = environ.get("AZURE_CONFIG_DIR")
    return Path(configured) if configured else Path(os.path.expanduser("~")) / ".azure"


def load(
    arguments: Mapping[str, object] | None = None,
    environ: Mapping[str, str] | None = None,
    labels: Mapping[str, str] | None = None,
) -> Settings:
    """Read all sources. An argument that is None counts as not given.

    A ``.azure/config`` in the working directory is never read: whoever wrote that directory would choose the
    tenant that people sign in to.

    :param labels: how messages name an argument, such as ``--tenant`` for ``tenant_id``.
    :raises SettingsError: a file or a variable cannot be used; it is named.
    :raises InvalidInputError: an argument cannot be used; it is named.
    """
    environ = os.environ if environ is None else environ
    return _combine(
        [
            *_from_file(config_directory(environ) / "config"),
            *_from_environment(environ),
            *_from_arguments(arguments or {}, labels or {}),
        ]
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


def _combine(given: Iterable[_Given]) -> Settings:
    values: dict[str, Any] = {}
    origins = dict.fromkeys(_CONVERT, "default")
    for item in given:
        try:
            values[item.name] = _CONVERT[item.name](item.raw)
        except ValueError as problem:
            raise item.error(f"{item.origin} cannot be {item.raw!r}: {problem}.") from None
        origins[item.name] = item.origin
    return Settings(**values, origins=origins)


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


def tenant(raw: object) -> str:
    """A tenant ID, domain or shared tenant, in lower case.

    :raises ValueError: it has characters that no tenant has, which could change the authority's address.
    """
    text = str(raw).strip()
    if not re.fullmatch(r"[A-Za-z0-9](?:[A-Za-z0-9.-]{0,252}[A-Za-z0-9])?", text):
        raise ValueError("use a tenant ID or a domain name")
    return text.lower()


def client(raw: object) -> str:
    """A client ID.

    :raises ValueError: it is not a GUID.
    """
    text = str(raw).strip().lower()
    if not re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", text):
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
    "extend_az": _boolean,
    "seed_az_cache": _boolean,
    "allow_exec": _boolean,
    "silent_timeout": _seconds,
    "prompt_timeout": _seconds,
}
