"""The broker, tried: its process started and asked for one token, without a window."""

from __future__ import annotations

import time
from dataclasses import replace

from azext_brokerauth import errors
from azext_brokerauth.accounts import Records
from azext_brokerauth.health.checks import Finding, Look, Remedy, Severity
from azext_brokerauth.tokens import Prompt, TokenRequest, Tokens

TIMEOUT = 10.0
"""Seconds for everything that the broker is asked."""
SCOPE = "https://management.core.windows.net//.default"
_LOGIN = (Remedy("bash", "az brokerauth login"),)


def attempt(look: Look) -> tuple[Finding, Finding]:
    """Ask for a token of the account in use, or with nobody signed in for one of Windows' own account.

    :returns: whether the broker answers, and whether it gives a token.
    """
    if not look.served:
        skipped = Finding(Severity.SKIP, f"this is {look.machine.kind.value}")
        return skipped, skipped
    account = look.records.find()
    chosen = replace(look.settings, silent_timeout=min(look.settings.silent_timeout, TIMEOUT))
    if account:
        chosen = replace(chosen, client_id=account.client_id, authority=account.authority)
    started = time.monotonic()
    tokens = Tokens(chosen, machine=look.machine, records=Records)
    try:
        request = TokenRequest((SCOPE,), tenant=account.tenant if account else "", account=account)
        token = tokens.get(request, Prompt.NEVER)
    except errors.BrokerAuthError as error:
        return _refused(error, f"{time.monotonic() - started:.1f} s", account.username if account else "")
    finally:
        tokens.close()
    took = f"{time.monotonic() - started:.1f} s"
    known = f"it knows {account.username}" if account else f"Windows' own account is {token.account.username}"
    return (
        Finding(Severity.PASS, f"The broker's process answered after {took}, and {known}"),
        Finding(Severity.PASS, f"A token for Azure came from the {token.source}, without a window, in {took}"),
    )


def _refused(error: errors.BrokerAuthError, took: str, username: str) -> tuple[Finding, Finding]:
    # What an error that is found here says of this command leads nowhere.
    remedy = error.remedy.partition("To see all that is missing")[0].strip()
    remedies = (Remedy("person", remedy),) if remedy else ()
    if isinstance(
        error, (errors.BrokerNotReadyError, errors.BrokerOffError, errors.BrokerFailedError, errors.BrokerTimeoutError)
    ):
        return (
            Finding(Severity.FAIL, f"The broker gave no answer ({took}): {error}", remedies),
            Finding(Severity.SKIP, "the broker gave no answer"),
        )
    if isinstance(error, errors.AccountUnknownError):
        answers = Finding(Severity.PASS, f"The broker's process answered after {took}: it does not know {username}")
    else:
        answers = Finding(Severity.PASS, f"The broker's process answered after {took}")
    if isinstance(error, errors.InteractionRequiredError):
        return answers, Finding(Severity.WARN, f"No token without a window: {error}", _LOGIN)
    return answers, Finding(Severity.FAIL, f"No token ({took}): {error}", remedies)
