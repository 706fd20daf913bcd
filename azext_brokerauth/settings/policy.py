"""The policy file of whoever looks after the machine: read whole or not at all, and what it enforces."""

from __future__ import annotations

import configparser
import os
import stat
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from azext_brokerauth.errors import SettingsError, SignInRefusedError
from azext_brokerauth.models import Remedies, Target, Token, TokenRequest, own, person
from azext_brokerauth.settings.schema import SETTINGS, Settings

SECTION = "brokerauth"
POLICY_FILE = Path("/etc/brokerauth/config")
"""Its ``enforced`` names the settings that nothing below it can change."""
ENFORCED = "enforced"
LEAVE_IT_OUT: Remedies = (
    *person("Leave it out, or ask whoever looks after this machine."),
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


def read(path: Path = POLICY_FILE, owner: int = 0) -> Policy:
    """The policy; an empty one where there is no file.

    :param owner: the user ID that the file and its directory must belong to.
    :raises SettingsError: any of it cannot be trusted or understood: it is never half applied.
    """
    text = _read_guarded(path, owner)
    if text is None:
        return Policy({})
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
        directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            _check_owner(path.parent, os.fstat(directory), owner)
            # Without O_NONBLOCK, a pipe of that name would block us.
            flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
            descriptor = os.open(path.name, flags, dir_fd=directory)
        finally:
            os.close(directory)
        with os.fdopen(descriptor, "rb") as stream:
            found = os.fstat(descriptor)
            if not stat.S_ISREG(found.st_mode):
                raise _unfit(path, "it is not a file")
            _check_owner(path, found, owner)
            return stream.read().decode()
    except FileNotFoundError:
        return None
    except UnicodeDecodeError as error:
        raise _unfit(path, str(error)) from error
    except OSError as error:
        # A symbolic link is ELOOP for a file, and ENOTDIR for a directory.
        reason = "it is a symbolic link" if path.is_symlink() or path.parent.is_symlink() else error.strerror
        raise _unfit(path, str(reason)) from error


def _check_owner(path: Path, found: os.stat_result, owner: int) -> None:
    if found.st_uid != owner:
        raise _unfit(path, "it does not belong to root" if owner == 0 else f"it does not belong to user {owner}")
    if found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise _unfit(path, "others than its owner can write to it")


def _unfit(path: Path, reason: str) -> SettingsError:
    return SettingsError(
        f"The policy file {path} cannot be used: {reason}.",
        remedies=(*person(f"Ask whoever looks after this machine to fix {path}. Until then no token is given."),),
    )


def check_request(settings: Settings, request: TokenRequest, remedies: Remedies = LEAVE_IT_OUT) -> None:
    """Raise if a request's target is not what the policy enforces.

    :param remedies: what to do then, where it is more than to give in.
    :raises SignInRefusedError: the policy enforces another value; file and value are named.
    """
    check_target(settings, request.target, "of this request", remedies)


def check_target(settings: Settings, target: Target, whose: str, remedies: Remedies = LEAVE_IT_OUT) -> None:
    """As :func:`check_request`, for a target that is not a request's yet.

    :param whose: what the target belongs to, for the message, such as "of ada@contoso.com's sign-in".
    """
    _insist(settings, "client_id", target.client_id, f"The application {whose}", remedies)
    _insist(settings, "authority", target.authority, f"The authority {whose}", remedies)
    _insist(settings, "tenant_id", target.tenant, f"The tenant {whose}", remedies)


def check_answer(settings: Settings, token: Token) -> None:
    """Raise if a token is not one that the policy allows.

    :raises SignInRefusedError: it is of another tenant than the enforced one.
    """
    _insist(settings, "tenant_id", token.tenant, "The tenant of the token", LEAVE_IT_OUT)


def allows(settings: Settings, target: Target) -> bool:
    """Does the policy let tokens be asked for there?"""
    values = {"client_id": target.client_id, "authority": target.authority, "tenant_id": target.tenant}
    return all(values[name].lower() == getattr(settings, name) for name in settings.enforced & values.keys())


def _insist(settings: Settings, name: str, value: str, what: str, remedies: Remedies) -> None:
    enforced = getattr(settings, name)
    if name in settings.enforced and value.lower() != enforced:
        raise SignInRefusedError(
            f"{what} is {value}, but {settings.origin(name)} is {enforced}, and that is enforced. No token was given.",
            remedies=remedies,
        )
