"""Why az's own HTTP, in a sign-in of ours, does not reach Microsoft's hosts, as our errors."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from azext_brokerauth.errors import BrokerAuthError, SignInRefusedError
from azext_brokerauth.errors.lookup import from_trouble
from azext_brokerauth.errors.network import network_reason, network_trouble
from azext_brokerauth.errors.troubles import Trouble
from azext_brokerauth.models import Target
from azext_brokerauth.settings import Settings


def authority_error(
    error: Exception, authority: str, client_id: str, chosen: Settings | None = None
) -> BrokerAuthError | None:
    """The error that explains why MSAL's application could not be made; None when it is no matter of the authority.

    :param authority: the authority's URL, with the tenant.
    :param chosen: the settings of the sign-in that runs; None where none does.
    """
    parts = urlsplit(authority)
    target = Target(client_id, parts.hostname or "", parts.path.strip("/") or "organizations")
    if _is_of_requests(error):
        return _unreachable(error, target)
    # MSAL's word for a tenant or an authority that does not exist.
    if not isinstance(error, ValueError):
        return None
    return from_trouble(Trouble.AUTHORITY, str(error), "", target, named=chosen.named(target) if chosen else None)


@contextmanager
def explained(target: Target, resource_manager: str) -> Iterator[None]:
    """Let what az asks of Microsoft's hosts fail with an error of ours.

    :param target: where the sign-in is.
    :param resource_manager: the URL of Azure Resource Manager.
    :raises BrokerAuthError: a host cannot be reached.
    """
    try:
        yield
    except Exception as error:
        if _is_of_requests(error):
            raise _unreachable(error, target) from error
        if not _is_of_azure_core(error):
            raise
        host = urlsplit(resource_manager).hostname
        raise SignInRefusedError(
            f"Azure Resource Manager (https://{host}), which az asks for your subscriptions, cannot be reached from"
            f" WSL: {network_reason(error)}.",
            remedies=_unreachable(error, target).remedies,
        ) from error


def _unreachable(error: Exception, target: Target) -> BrokerAuthError:
    text = f"https://{target.authority}: {network_reason(error)}"
    return from_trouble(network_trouble(error), text, "", target)


# Whoever raises their errors has loaded these libraries, which are slow to load.
def _is_of_requests(error: Exception) -> bool:
    import requests

    return isinstance(error, requests.RequestException)


def _is_of_azure_core(error: Exception) -> bool:
    from azure.core.exceptions import ServiceRequestError, ServiceResponseError

    return isinstance(error, (ServiceRequestError, ServiceResponseError))
