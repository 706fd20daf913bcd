"""Microsoft's clouds: the hosts and the Azure Resource Manager scope of each, in one table."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Cloud:
    """One cloud. Names and addresses are those of ``az cloud list``; a scope has az's spelling, double slash included.

    :param name: as az names it.
    :param authorities: host names of its authority, the usual one first.
    :param arm_scope: the scope of its Azure Resource Manager.
    :param portal: its portal, where an application's registration is changed.
    """

    name: str
    authorities: tuple[str, ...]
    arm_scope: str
    portal: str


PUBLIC = Cloud(
    "AzureCloud",
    ("login.microsoftonline.com", "login.windows.net", "login.microsoft.com", "sts.windows.net"),
    "https://management.core.windows.net//.default",
    "https://portal.azure.com",
)
CLOUDS = (
    PUBLIC,
    Cloud(
        "AzureUSGovernment",
        ("login.microsoftonline.us", "login.usgovcloudapi.net"),
        "https://management.core.usgovcloudapi.net//.default",
        "https://portal.azure.us",
    ),
    Cloud(
        "AzureChinaCloud",
        ("login.chinacloudapi.cn", "login.partner.microsoftonline.cn"),
        "https://management.core.chinacloudapi.cn//.default",
        "https://portal.azure.cn",
    ),
    Cloud(
        "AzureBleuCloud",
        ("login.sovcloud-identity.fr",),
        "https://management.sovcloud-api.fr//.default",
        "https://portal.sovcloud-azure.fr",
    ),
)


def of_authority(authority: str) -> Cloud | None:
    """The cloud that an authority's host belongs to; None for a host that is not Microsoft's."""
    return next((cloud for cloud in CLOUDS if authority in cloud.authorities), None)
