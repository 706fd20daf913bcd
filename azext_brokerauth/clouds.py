"""Microsoft's clouds: the hosts and the well-known resources of each, in one table."""

from __future__ import annotations

from dataclasses import dataclass

RESOURCE_TYPES = ("oss-rdbms", "arm", "aad-graph", "ms-graph", "batch", "media", "data-lake")
"""az's names of well-known resources (``az account get-access-token --resource-type``)."""


@dataclass(frozen=True)
class Cloud:
    """One cloud. Names and addresses are those of ``az cloud list``; a scope has az's spelling, double slash included.

    :param name: as az names it.
    :param authorities: host names of its authority, the usual one first.
    :param arm_scope: the scope of its Azure Resource Manager.
    :param portal: its portal, where an application's registration is changed.
    :param resources: the addresses of :data:`RESOURCE_TYPES`, in that order; empty for one that it does not have.
    """

    name: str
    authorities: tuple[str, ...]
    arm_scope: str
    portal: str
    resources: tuple[str, ...]

    def resource(self, kind: str) -> str:
        """The address of a well-known resource, by az's name for its type; empty where there is none."""
        return dict(zip(RESOURCE_TYPES, self.resources, strict=True)).get(kind, "")


PUBLIC = Cloud(
    "AzureCloud",
    ("login.microsoftonline.com", "login.windows.net", "login.microsoft.com", "sts.windows.net"),
    "https://management.core.windows.net//.default",
    "https://portal.azure.com",
    (
        "https://ossrdbms-aad.database.windows.net",
        "https://management.core.windows.net/",
        "https://graph.windows.net/",
        "https://graph.microsoft.com/",
        "https://batch.core.windows.net/",
        "https://rest.media.azure.net",
        "https://datalake.azure.net/",
    ),
)
CLOUDS = (
    PUBLIC,
    Cloud(
        "AzureUSGovernment",
        ("login.microsoftonline.us", "login.usgovcloudapi.net"),
        "https://management.core.usgovcloudapi.net//.default",
        "https://portal.azure.us",
        (
            "https://ossrdbms-aad.database.usgovcloudapi.net",
            "https://management.core.usgovcloudapi.net/",
            "https://graph.microsoftazure.us/",
            "https://graph.microsoft.us/",
            "https://batch.core.usgovcloudapi.net/",
            "https://rest.media.usgovcloudapi.net",
            "",
        ),
    ),
    Cloud(
        "AzureChinaCloud",
        ("login.chinacloudapi.cn", "login.partner.microsoftonline.cn"),
        "https://management.core.chinacloudapi.cn//.default",
        "https://portal.azure.cn",
        (
            "https://ossrdbms-aad.database.chinacloudapi.cn",
            "https://management.core.chinacloudapi.cn/",
            "https://graph.chinacloudapi.cn/",
            "https://microsoftgraph.chinacloudapi.cn",
            "https://batch.chinacloudapi.cn/",
            "https://rest.media.chinacloudapi.cn",
            "",
        ),
    ),
    Cloud(
        "AzureBleuCloud",
        ("login.sovcloud-identity.fr",),
        "https://management.sovcloud-api.fr//.default",
        "https://portal.sovcloud-azure.fr",
        (
            "https://ossrdbms-aad.database.sovcloud-api.fr",
            "https://management.sovcloud-api.fr/",
            "https://graph.svc.sovcloud.fr/",
            "https://graph.svc.sovcloud.fr",
            "https://batch.sovcloud-api.fr/",
            "https://rest.media.sovcloud-api.fr",
            "",
        ),
    ),
)


def of_authority(authority: str) -> Cloud | None:
    """The cloud that an authority's host belongs to; None for a host that is not Microsoft's."""
    return next((cloud for cloud in CLOUDS if authority in cloud.authorities), None)
