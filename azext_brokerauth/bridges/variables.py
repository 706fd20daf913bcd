"""The variables by which a program finds the listener, and those that would lead it elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from azext_brokerauth.bridges import azd, managed_identity

ENV_FILE = "BROKERAUTH_ENV_FILE"
HELPERS = "BROKERAUTH_HELPERS"
_CREDENTIALS = "AZURE_TOKEN_CREDENTIALS"
_ONLY_OURS = "prod"
"""Of the environment, a workload's and a managed identity. Newer clients know ``ManagedIdentityCredential`` too; older
ones know nothing but ``dev`` and ``prod``, and fail where it is something else."""
_IN_THE_WAY = (
    # https://learn.microsoft.com/python/api/overview/azure/identity-readme#environment-variables
    *("AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET", "AZURE_CLIENT_CERTIFICATE_PATH", "AZURE_CLIENT_CERTIFICATE_PASSWORD"),
    *("AZURE_CLIENT_SEND_CERTIFICATE_CHAIN", "AZURE_USERNAME", "AZURE_PASSWORD", "AZURE_FEDERATED_TOKEN_FILE"),
    # Other kinds of managed identity, which are looked for first or by the same variables.
    *("IDENTITY_SERVER_THUMBPRINT", "IMDS_ENDPOINT", "AZURE_POD_IDENTITY_AUTHORITY_HOST", "AZD_AUTH_CERT"),
    # https://registry.terraform.io/providers/hashicorp/azurerm/latest/docs#argument-reference
    *("ARM_CLIENT_ID", "ARM_CLIENT_ID_FILE_PATH", "ARM_CLIENT_SECRET", "ARM_CLIENT_SECRET_FILE_PATH"),
    *("ARM_CLIENT_CERTIFICATE", "ARM_CLIENT_CERTIFICATE_PATH", "ARM_CLIENT_CERTIFICATE_PASSWORD"),
    *("ARM_OIDC_TOKEN", "ARM_OIDC_TOKEN_FILE_PATH", "ARM_USE_OIDC"),
)
_PROXIES = ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY")
_NO_PROXIES = ("no_proxy", "NO_PROXY")


@dataclass(frozen=True)
class Handed:
    """What a program is started with.

    :param environ: all its variables.
    :param removed: the names of those that it does not get.
    """

    environ: dict[str, str] = field(repr=False)
    removed: tuple[str, ...]


def of_listener(url: str, key: str) -> dict[str, str]:
    """The variables that lead each kind of client to a listener.

    :param url: the listener's.
    """
    identity = url + managed_identity.PATH
    return {
        "IDENTITY_ENDPOINT": identity,
        "IDENTITY_HEADER": key,
        "MSI_ENDPOINT": identity,
        "MSI_SECRET": key,
        # Terraform's, which shows no key so far: it is told so at once, and does not look for a virtual machine's.
        "ARM_MSI_ENDPOINT": identity,
        "ARM_MSI_API_VERSION": managed_identity.VERSION,
        "AZD_AUTH_ENDPOINT": url + azd.BASE,
        "AZD_AUTH_KEY": key,
        _CREDENTIALS: _ONLY_OURS,
    }


def handed(environ: Mapping[str, str], ours: Mapping[str, str], address: str) -> Handed:
    """The variables for a program.

    :param environ: those of this process.
    :param ours: those that it gets from us.
    :param address: the listener's, to which no proxy must lead: it would be told the key.
    """
    removed = [name for name in _IN_THE_WAY if name in environ]
    if environ.get(_CREDENTIALS, _ONLY_OURS) not in (_ONLY_OURS, "ManagedIdentityCredential"):
        removed.append(_CREDENTIALS)
    given = {name: value for name, value in environ.items() if name not in _IN_THE_WAY} | dict(ours)
    if any(environ.get(name) for name in _PROXIES):
        for name, other in (_NO_PROXIES, _NO_PROXIES[::-1]):
            excepted = environ.get(name) or environ.get(other) or ""
            given[name] = ",".join(filter(None, (excepted, address)))
    return Handed(given, tuple(removed))
