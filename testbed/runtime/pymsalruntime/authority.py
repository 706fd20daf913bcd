"""HTTPS of the runtime's own: it asks the authority for the ID of a tenant that is named by its domain."""

from __future__ import annotations

import functools
import json
import re
import ssl
import urllib.error
import urllib.request
from urllib.parse import urlsplit

from .statuses import MSALRuntimeError, Response_Status

_SYSTEM_STORES = (
    *("/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/ca-bundle.pem"),
    "/etc/ssl/cert.pem",
)
"""Where distributions keep it. No variable changes that, as observed."""
_TENANTS_THAT_ARE_MANY = ("organizations", "common", "consumers")
_GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


def tenant_id(authority: str) -> str:
    """The tenant of an authority's URL, by its ID unless it stands for many. Each process asks once for each.

    :raises MSALRuntimeError: the authority gives no answer.
    """
    tenant = authority.rpartition("/")[2]
    if tenant in _TENANTS_THAT_ARE_MANY or _GUID.fullmatch(tenant):
        return tenant
    return _ask(authority.lower())


@functools.cache
def _ask(authority: str) -> str:
    https = urllib.request.HTTPSHandler(context=_context())
    try:
        with urllib.request.build_opener(https).open(f"{authority}/v2.0/.well-known/openid-configuration") as answer:
            return str(urlsplit(json.load(answer)["issuer"]).path.split("/")[1])
    except urllib.error.HTTPError as error:
        text = f"status code : '{error.code}', contents : '(pii)'"
        raise MSALRuntimeError(Response_Status.Status_IncorrectConfiguration, 0, 545077064, text) from error
    except urllib.error.URLError as error:
        if isinstance(error.reason, ssl.SSLError):
            text = "The remote server's SSL certificate or SSH md5 fingerprint was deemed not OK"
            status = Response_Status.Status_NetworkTemporarilyUnavailable
            raise MSALRuntimeError(status, 60, 573683466, text) from error
        # libcurl's numbers: 6 for a name that is not known, 7 for an address that is not reached. The text is the same.
        code = 6 if isinstance(error.reason, OSError) and (error.reason.errno or 0) < 0 else 7
        text = "Could not resolve hostname"
        raise MSALRuntimeError(Response_Status.Status_NoNetwork, code, 573683463, text) from error


def _context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    for store in _SYSTEM_STORES:
        try:
            context.load_verify_locations(store)
        except OSError:  # this distribution keeps it elsewhere
            continue
        break
    return context
