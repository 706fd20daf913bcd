"""The broker itself: does it answer, and does it give a token?"""

from __future__ import annotations

from azext_brokerauth.errors import BrokerAuthError, InteractionRequiredError
from azext_brokerauth.health.facts import Facts
from azext_brokerauth.health.finding import Finding, failed, passed, warned
from azext_brokerauth.models import Remedies, own

_UNUSABLE = "AccountUnusable"
"""The broker's status for an account that no window helps: it has to be repaired in Windows first."""
_THIS_COMMAND = own("check-health")[0].words


def broker(facts: Facts) -> Finding:
    """Does the broker's process answer?"""
    tried = facts.attempt
    if tried.known is None:
        return failed(f"The broker gave no answer ({tried.ended_after:.1f} s): {tried.error}", _remedies(tried.error))
    known = ", ".join(sorted(tried.known)) or "nobody"
    return passed(f"The broker's process answered after {tried.answered_after:.1f} s, and knows {known}")


def token(facts: Facts) -> Finding:
    """Does it give a token without a window?"""
    tried = facts.attempt
    if tried.error is None:
        whose = f"A token of {tried.username} for Azure"
        return passed(f"{whose} came from the broker, without a window, after {tried.ended_after:.1f} s")
    if isinstance(tried.error, InteractionRequiredError) and tried.error.diagnostics.status != _UNUSABLE:
        return warned(f"No token without a window: {tried.error}", own("login"))
    return failed(f"No token ({tried.ended_after:.1f} s): {tried.error}", _remedies(tried.error))


def _remedies(error: BrokerAuthError | None) -> Remedies:
    # An error that is found here sends nobody back here.
    return tuple(remedy for remedy in error.remedies if remedy.words != _THIS_COMMAND) if error else ()
