"""What a check is, and what it finds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from azext_brokerauth.health.facts import Facts
from azext_brokerauth.health.prerequisites import Prerequisite
from azext_brokerauth.models import Remedies


class Severity(Enum):
    """How a check ended."""

    PASS = "pass"  # noqa: S105
    WARN = "warn"
    FAIL = "fail"
    SKIP = "skip"


@dataclass(frozen=True)
class Finding:
    """What a check found.

    :param text: one line, with its evidence; for a skipped check the reason.
    :param remedies: the steps that fix it, in their order.
    """

    severity: Severity
    text: str
    remedies: Remedies = ()


def passed(text: str) -> Finding:
    """The condition holds."""
    return Finding(Severity.PASS, text)


def skipped(reason: str) -> Finding:
    """There was nothing to check."""
    return Finding(Severity.SKIP, reason)


def warned(text: str, remedies: Remedies) -> Finding:
    """Signing in may fail for this."""
    return Finding(Severity.WARN, text, remedies)


def failed(text: str, remedies: Remedies) -> Finding:
    """Signing in fails until this is fixed."""
    return Finding(Severity.FAIL, text, remedies)


@dataclass(frozen=True)
class Check:
    """One condition of brokered sign-in.

    :param id: its name in the report, which stays.
    :param group: the heading below which the report has it.
    :param run: looks at the condition, where all prerequisites are fulfilled.
    :param needs: prerequisites, asked in this order: what a check elsewhere already says is broken is not said again.
    """

    id: str
    group: str
    run: Callable[[Facts], Finding]
    needs: tuple[Prerequisite, ...] = ()

    def find(self, facts: Facts) -> Finding:
        """What the check finds; it is skipped for the first prerequisite that is not fulfilled."""
        for prerequisite in self.needs:
            if reason := prerequisite(facts):
                return skipped(reason)
        return self.run(facts)
