"""Azure Artifacts: which hosts its package feeds are on, and the variables from which tools read a token for them.

keyring loads this in every program that uses it, so it loads nothing itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import SplitResult, urlsplit

SCOPE = "499b84ac-1321-427f-aa17-267ca6975798/.default"
"""Azure DevOps, which Azure Artifacts is a part of
(microsoft/artifacts-credprovider, ``src/Authentication/MsalConstants.cs``)."""
USERNAME = "EntraToken"
"""As Microsoft's provider answers with a token. A feed looks at the password alone
(microsoft/artifacts-credprovider, ``VstsCredentialProvider.cs``)."""

_HOST = "pkgs.dev.azure.com"
_OLD_HOST = "pkgs.visualstudio.com"
_NAME = r"[a-z0-9](?:[a-z0-9-]{0,48}[a-z0-9])?"
"""An organisation's
(https://learn.microsoft.com/azure/devops/organizations/settings/naming-restrictions)."""
_FEED_HOSTS = re.compile(rf"{re.escape(_HOST)}|{_NAME}\.{re.escape(_OLD_HOST)}")
_AS_WRITTEN = re.compile(r"[!-\[\]-~]+")
"""Printable ASCII without blanks and without the backslash, which some programs take for a slash."""
_HTTPS_PORT = 443


def feed_url(service: str) -> str:
    """The https URL of a service that is on a host of Azure Artifacts; empty for every other service.

    :param service: a URL, or a host alone; either may name a user, who is left out.
    """
    if not _AS_WRITTEN.fullmatch(service):
        return ""
    try:
        split = urlsplit(service if "://" in service else f"https://{service}")
        is_ours = _is_feed_host(split)
    except ValueError:  # a port or an address that is none
        return ""
    return f"https://{split.hostname}{split.path}" if is_ours else ""


def _is_feed_host(split: SplitResult) -> bool:
    return (
        split.scheme == "https"
        and split.port in (None, _HTTPS_PORT)
        and _FEED_HOSTS.fullmatch(split.hostname or "") is not None
    )


def feed_variables(organisations: Iterable[str], token: str) -> dict[str, str]:
    """The variables from which tools read a token for the feeds of these organisations, and of no others.

    dotnet, NuGet and MSBuild read the first four, through Microsoft's credential provider: older versions of it know
    the names with VSS alone (microsoft/artifacts-credprovider, ``src/Util/EnvUtil.cs``). npm, pnpm and yarn read the
    last one, where an ``.npmrc`` says so.

    :param organisations: their names, as in ``https://pkgs.dev.azure.com/NAME/``; without any, there are no variables.
    :param token: an access token for :data:`SCOPE`.
    :raises ValueError: a name is none.
    """
    names = list(dict.fromkeys(map(organisation, organisations)))
    if not names:
        return {}
    # With the slash at its end a prefix fits no organisation whose name only begins in the same way.
    prefixes = ";".join(f"https://{_HOST}/{name}/;https://{name}.{_OLD_HOST}/" for name in names)
    return {
        "ARTIFACTS_CREDENTIALPROVIDER_URI_PREFIXES": prefixes,
        "ARTIFACTS_CREDENTIALPROVIDER_ACCESSTOKEN": token,
        "VSS_NUGET_URI_PREFIXES": prefixes,
        "VSS_NUGET_ACCESSTOKEN": token,
        "ARTIFACTS_ACCESSTOKEN": token,
    }


def organisation(raw: object) -> str:
    """The name of an organisation, in lower case.

    :raises ValueError: it has characters that no organisation's name has.
    """
    text = str(raw).lower()
    if not re.fullmatch(_NAME, text):
        raise ValueError("use the name of an organisation, such as contoso: letters, digits and hyphens, at most 50")
    return text


def in_a_line(error: Exception) -> str:
    """Why there is no token, and what to do, as one line for the standard error of another tool.

    :param error: one of ours, or a fault.
    """
    from azext_brokerauth.bridges import programs

    return f"brokerauth: {programs.in_a_line(error)}"
