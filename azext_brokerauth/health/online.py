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

    def took() -> str:
        return f"{time.monotonic() - started:.1f} s"

    tokens = Tokens(chosen, machine=look.machine, records=Records)
    answers = None
    try:
        known = ", ".join(sorted(tokens.known_to_broker())) or "nobody"
        answers = Finding(Severity.PASS, f"The broker's process answered after {took()}, and knows {known}")
        left = max(1.0, chosen.silent_timeout - (time.monotonic() - started))
        tokens.settings = replace(chosen, silent_timeout=left)
        request = TokenRequest((SCOPE,), tenant=account.tenant if account else "", account=account)
        token = tokens.get(request, Prompt.NEVER)
    except errors.BrokerAuthError as error:
        return _refused(error, took(), answers)
    finally:
        tokens.close()
    text = f"A token of {token.account.username} for Azure came from the broker, without a window, after {took()}"
    return answers, Finding(Severity.PASS, text)


def _refused(error: errors.BrokerAuthError, took: str, answers: Finding | None) -> tuple[Finding, Finding]:
    # What an error that is found here says of this command leads nowhere.
    remedy = error.remedy.partition("To see all that is missing")[0].strip()
    remedies = (Remedy("person", remedy),) if remedy else ()
    if answers is None:
        return (
            Finding(Severity.FAIL, f"The broker gave no answer ({took}): {error}", remedies),
            Finding(Severity.SKIP, "the broker gave no answer"),
        )
    if isinstance(error, errors.InteractionRequiredError):
        return answers, Finding(Severity.WARN, f"No token without a window: {error}", _LOGIN)
    return answers, Finding(Severity.FAIL, f"No token ({took}): {error}", remedies)
