"""The broker, tried: its process is started and asked for one token, without a window."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from azext_brokerauth import clouds
from azext_brokerauth.accounts import Records
from azext_brokerauth.errors import BrokerAuthError
from azext_brokerauth.machine import Machine
from azext_brokerauth.models import Account, TokenRequest
from azext_brokerauth.settings import Settings

if TYPE_CHECKING:
    from azext_brokerauth.tokens import Prompt, Tokens

TIMEOUT = 10.0
"""Seconds for everything that the broker is asked."""
_LEAST = 1.0
"""Seconds that the request for a token has at least, however long the first answer took."""


@dataclass(frozen=True)
class Attempt:
    """How a try of the broker ended.

    :param known: the user names of the accounts that the broker knows; None: it gave no answer.
    :param answered_after: seconds until it told them.
    :param ended_after: seconds that the whole try took.
    :param username: whose token it gave; empty where it gave none.
    :param error: why it gave no answer, or no token; None where it gave a token.
    """

    known: tuple[str, ...] | None
    answered_after: float
    ended_after: float
    username: str = ""
    error: BrokerAuthError | None = None


def open_tokens(settings: Settings, machine: Machine) -> tuple[Tokens, Prompt]:
    """What asks the broker, and its word for "no window"."""
    # Only who asks the broker pays for it.
    from azext_brokerauth.tokens import Prompt, Tokens

    return Tokens(settings, machine=machine, records=Records, shares=False), Prompt.NEVER


def attempt(
    settings: Settings,
    machine: Machine,
    account: Account | None,
    open: Callable[[Settings, Machine], tuple[Tokens, Prompt]] = open_tokens,
) -> Attempt:
    """Ask the broker whom it knows, and for a token for Azure Resource Manager.

    :param account: whose token; None: of Windows' own account.
    :param open: gives what asks the broker, and its word for "no window".
    """
    target = account.target if account else settings.target
    cloud = clouds.of_authority(target.authority) or clouds.PUBLIC
    request = TokenRequest((cloud.arm_scope,), target, whose=account or settings.login_hint)
    limit = min(settings.silent_timeout, TIMEOUT)
    started = time.monotonic()
    known: tuple[str, ...] | None = None
    answered = 0.0
    tokens, never = open(settings, machine)
    try:
        known = tokens.known_to_broker(target, timeout=limit)
        answered = time.monotonic() - started
        token = tokens.get(request, never, timeout=max(_LEAST, limit - answered))
    except BrokerAuthError as error:
        return Attempt(known, answered, time.monotonic() - started, error=error)
    finally:
        tokens.close()
    return Attempt(known, answered, time.monotonic() - started, username=token.account.username)
