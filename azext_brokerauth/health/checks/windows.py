"""Windows: its session, the device and the clock, as its own programs describe them."""

from __future__ import annotations

from azext_brokerauth.health.facts import Facts
from azext_brokerauth.health.finding import Finding, failed, passed, warned
from azext_brokerauth.health.remedies import RESTART
from azext_brokerauth.models import person, powershell, run

_SKEW = 300.0
"""Seconds. A token may be refused as not yet valid, or as expired, when clocks differ by more."""
_SHORTEST_LIFE = 3600.0
"""Seconds. Entra's access tokens live for 60 to 90 minutes
(https://learn.microsoft.com/entra/identity-platform/access-tokens#token-lifetime)."""
_JOINED = {"AzureAdJoined": "joined to Microsoft Entra", "WorkplaceJoined": "registered with Microsoft Entra"}


def windows_elevated(facts: Facts) -> Finding:
    """Is the terminal elevated? Then the account picker may not show
    (https://github.com/AzureAD/microsoft-authentication-library-for-python/issues/810)."""
    if facts.windows.session.elevated:
        return warned(
            "This terminal runs as administrator, from which Windows' account picker may not show",
            person("Open WSL from a terminal that does not run as administrator"),
        )
    return passed("The terminal does not run as administrator")


def windows_desktop(facts: Facts) -> Finding:
    """Has the Windows session a desktop for the picker? That of ssh has none."""
    if facts.windows.session.number == 0:
        return warned(
            "WSL runs in Windows' session 0 (ssh or a service), which has no desktop to show a window on",
            person("Sign in once from a WSL window on Windows' desktop; after that, tokens come without a window"),
        )
    return passed(f"WSL runs in Windows' session {facts.windows.session.number}, which has a desktop")


def device(facts: Facts) -> Finding:
    """Is the Windows device joined to, or registered with, an organization?"""
    found = [text for name, text in _JOINED.items() if facts.windows.device.get(name, "").upper() == "YES"]
    if found:
        return passed(f"Windows is {' and '.join(found)}")
    return warned(
        "Windows is neither joined to nor registered with Microsoft Entra: a policy for known devices refuses you",
        person("In Windows: Settings > Accounts > Access work or school > Connect"),
    )


def prt(facts: Facts) -> Finding:
    """Has Windows a primary refresh token, with which it signs in silently?"""
    if facts.windows.device.get("AzureAdPrt", "").upper() == "YES":
        return passed("Windows has a primary refresh token")
    return warned(
        "Windows has no primary refresh token, so it cannot sign in silently",
        person("Lock Windows and unlock it with your password or PIN, while it has a network")
        + powershell("dsregcmd.exe", "/refreshprt"),
    )


def clock(facts: Facts) -> Finding:
    """Do both clocks show the same time? After a sleep, WSL's may be behind."""
    skew = facts.windows.powershell.ended - facts.windows.session.time
    remedies = run(*facts.linux.sudo, "hwclock", "--hctosys") + RESTART
    if skew >= _SHORTEST_LIFE:
        return failed(
            f"The clock is {skew:.0f} s ahead of Windows', so every token counts as expired when it arrives", remedies
        )
    if abs(skew) > _SKEW:
        way = "ahead of" if skew > 0 else "behind"
        text = f"The clock is {abs(skew):.0f} s {way} Windows', so tokens seem to expire too early or too late"
        return warned(text, remedies)
    return passed(f"The clock is within {_SKEW:.0f} s of Windows'")
