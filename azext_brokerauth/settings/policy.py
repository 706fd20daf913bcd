"""The policy file of the people who manage the machine: read whole or not at all, and what it enforces."""

from __future__ import annotations

import configparser
import errno
import os
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from azext_brokerauth import files
from azext_brokerauth.errors import PolicyRefusedError, SettingsError, SignInRefusedError, WrongAccountError
from azext_brokerauth.models import BrokerFlag, Remedies, Target, Token, TokenRequest, own, person
from azext_brokerauth.settings.schema import SETTINGS, Settings

SECTION = "brokerauth"
POLICY_FILE = Path("/etc/brokerauth/config")
"""Its ``enforced`` names the settings that nothing below it can change."""
ENFORCED = "enforced"
LEAVE_IT_OUT: Remedies = (
    *person("Leave it out, or ask the people who manage this machine."),
    *own("list-settings", text="To see all settings,"),
)


@dataclass(frozen=True)
class Policy:
    """What the policy file says.

    :param stored: setting -> text of its value.
    :param enforced: the settings that nothing below the file can change.
    """

    stored: Mapping[str, str]
    enforced: Collection[str] = ()


_NOTHING = (errno.ENOENT,)


@dataclass(frozen=True)
class Sight:
    """What the file system said of the policy file and its directory at one time: nothing of their content, and enough
    to notice, in microseconds, that it is time to read them again.

    :param paths: the directory and the file.
    :param facts: what was seen of each.
    """

    paths: tuple[str, str]
    facts: tuple[tuple[int, ...], tuple[int, ...]]

    @classmethod
    def of(cls, path: Path) -> Sight:
        """What is seen now."""
        directory, file = os.fspath(path.parent), os.fspath(path)
        return cls((directory, file), (_seen(directory), _seen(file)))

    def is_current(self) -> bool:
        """Is it still what is seen?"""
        directory, file = self.paths
        if _seen(directory) != self.facts[0]:
            return False
        return self.facts[0] == _NOTHING or _seen(file) == self.facts[1]


def _seen(path: str) -> tuple[int, ...]:
    try:
        found = os.lstat(path)
    except OSError as error:
        return (error.errno or 0,)
    return (
        *(found.st_dev, found.st_ino, found.st_mode, found.st_uid),
        *(found.st_size, found.st_mtime_ns, found.st_ctime_ns),
    )


def read(path: Path = POLICY_FILE, owner: int = 0) -> Policy:
    """The policy; an empty one where there is no file.

    :param owner: the user ID that the file and its directory must belong to.
    :raises SettingsError: any of it cannot be trusted or understood: it is never half applied.
    """
    text = _read_guarded(path, owner)
    if text is None:
        return Policy({})
    _check_lines(path, text)
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
        if name not in SETTINGS:
            raise _unfit(path, f"there is no setting {name!r}; the settings are: {', '.join(sorted(SETTINGS))}")
    if missing := [name for name in enforced if not stored.get(name)]:
        raise _unfit(path, f"{', '.join(missing)} is enforced and has no value")
    for name in enforced:
        if reason := SETTINGS[name].not_enforceable(stored[name].strip().lower()):
            raise _unfit(path, reason)
    return Policy(stored, enforced)


def _read_guarded(path: Path, owner: int) -> str | None:
    """The text of a file that nobody but its owner could have written; None where there is none.

    What is checked is what was opened, so that nothing can be exchanged in between.
    """
    if os.name != "posix":
        return None
    try:
        above, name = path.parent.parent, path.parent.name
        with files.Directory(above, owner=owner, beneath=name, alone=True) as directory:
            return directory.read(path.name).decode()
    except FileNotFoundError:
        return None
    except UnicodeDecodeError as error:
        raise _unfit(path, str(error)) from error
    except OSError as error:
        raise _unfit(Path(error.filename or path), str(error.strerror)) from error


def _check_lines(path: Path, text: str) -> None:
    """Raise if a line would be read as something else than a person sees in it.

    To configparser an indented line belongs to the value above it, and what follows a section's name is nothing; a
    character that only looks like the end of a line is a part of the value. Each could hide ``enforced``.
    """
    for number, line in enumerate(text.split("\n"), 1):
        line = line.removesuffix("\r")
        if not line.strip() or line.lstrip()[0] in "#;":
            reason = ""
        elif line[0].isspace():
            reason = "is indented, so it would be part of the value above it"
        elif line[0] == "[" and line.strip() != f"[{SECTION}]":
            reason = f"must be [{SECTION}] and nothing else: the file has this section and no other"
        else:
            reason = ""
        if not all(character.isprintable() or character == "\t" for character in line):
            reason = "has a character that cannot be seen"
        if reason:
            raise _unfit(path, f"line {number} {reason}: {line.strip()!r}")


def _unfit(path: Path, reason: str) -> SettingsError:
    return SettingsError(
        f"The policy file {path} cannot be used: {reason}.",
        remedies=(*person(f"Ask the people who manage this machine to fix {path}. Until then, you get no token."),),
    )


def check_request(settings: Settings, request: TokenRequest, remedies: Remedies = LEAVE_IT_OUT) -> None:
    """Raise if a request's target is not what the policy enforces.

    :param remedies: what to do then, where it is more than to give in.
    :raises PolicyRefusedError: the policy enforces another value; file and value are named.
    """
    check_target(settings, request.target, "of this request", remedies)
    if request.username:
        _insist_on_account(settings, request.username, "The account of this request", PolicyRefusedError)


def check_target(settings: Settings, target: Target, whose: str, remedies: Remedies = LEAVE_IT_OUT) -> None:
    """As :func:`check_request`, for a target that is not a request's yet.

    :param whose: what the target belongs to, for the message, such as "of ada@contoso.com's sign-in".
    """
    _insist(settings, "client_id", target.client_id, f"The application {whose}", remedies)
    _insist(settings, "authority", target.authority, f"The authority {whose}", remedies)
    _insist(settings, "tenant_id", target.tenant, f"The tenant {whose}", remedies)


def check_answer(settings: Settings, token: Token) -> None:
    """Raise if a token is not one that the policy allows.

    :raises PolicyRefusedError, WrongAccountError: as :func:`check_sign_in`.
    """
    check_sign_in(settings, token.tenant, token.account.username)


def check_sign_in(settings: Settings, tenant: str, username: str) -> None:
    """Raise if the policy does not allow what somebody signed in to, or who it was, whatever they were asked for.

    :param tenant: the ID of the tenant that answered.
    :param username: whom it answered for.
    :raises PolicyRefusedError: another tenant is enforced.
    :raises WrongAccountError: another account is enforced.
    """
    _insist(settings, "tenant_id", tenant, "The tenant of the token", LEAVE_IT_OUT)
    _insist_on_account(settings, username or "not named", "The account that answered", WrongAccountError)


def off_against(settings: Settings) -> SettingsError | None:
    """The error where the broker is off under WSL and the policy enforces that it is required; None where not so.

    MSAL's flag for Linux covers WSL too, so both flags have a part in it.
    """
    flags = (BrokerFlag.WSL.value, BrokerFlag.LINUX.value)
    enforced = "require_broker" in settings.enforced and settings.require_broker
    if not enforced or any(getattr(settings, flag) for flag in flags):
        return None
    off = [settings.origin(flag) for flag in flags if settings.origin(flag) != "default"] or flags[:1]
    return SettingsError(
        f"The broker is switched off: {' and '.join(off)} cannot be false, because"
        f" {settings.origin('require_broker')} is true, and that is enforced. No token was given.",
        remedies=LEAVE_IT_OUT,
    )


def allows(settings: Settings, target: Target) -> bool:
    """Does the policy let tokens be asked for there?"""
    values = {"client_id": target.client_id, "authority": target.authority, "tenant_id": target.tenant}
    return all(values[name].lower() == getattr(settings, name) for name in settings.enforced & values.keys())


def allows_account(settings: Settings, username: str) -> bool:
    """Does the policy let tokens of this account be given?"""
    return "login_hint" not in settings.enforced or username.lower() == settings.login_hint.lower()


def _insist_on_account(settings: Settings, username: str, what: str, error: type[SignInRefusedError]) -> None:
    if not allows_account(settings, username):
        again = own(
            "login", "--username", settings.login_hint, text="To sign in with the account that is enforced,"
        ) + own("list-settings", text="To see all settings,")
        _insist(settings, "login_hint", username, what, again, error)


def _insist(
    settings: Settings,
    name: str,
    value: str,
    what: str,
    remedies: Remedies,
    error: type[SignInRefusedError] = PolicyRefusedError,
) -> None:
    enforced = getattr(settings, name)
    if name in settings.enforced and value.lower() != enforced.lower():
        raise error(
            f"{what} is {value}, but {settings.origin(name)} enforces {enforced}. No token was given.",
            remedies=remedies,
        )
