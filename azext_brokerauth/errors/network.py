"""Why an HTTPS request failed, read out of the exception that a library has made of it.

It knows none of the libraries: requests and urllib3 (MSAL, az) and azure-core wrap the same errors of Python's own.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator

from azext_brokerauth.errors.troubles import Trouble

_NOT_YET_VALID, _HAS_EXPIRED = 9, 10
"""X509_V_ERR_* of OpenSSL (https://docs.openssl.org/master/man3/X509_STORE_CTX_get_error)."""
_UNKNOWN_SIGNER = (18, 19, 20, 21)
"""Self-signed, self-signed in the chain, issuer unknown, first certificate not verified."""
_WRAPPED = ("reason", "inner_exception", "__cause__", "__context__")
"""Where urllib3, azure-core and Python keep the error behind one."""


def network_trouble(error: BaseException) -> Trouble:
    """What kept a request from its server."""
    return next((trouble for each in _all(error) if (trouble := _trouble(each))), Trouble.NETWORK)


def network_reason(error: BaseException) -> str:
    """The same in the system's or OpenSSL's own words, for whoever has to support it. Never an address or a header."""
    for each in _all(error):
        if isinstance(each, ssl.SSLCertVerificationError):
            return each.verify_message
        if isinstance(each, OSError) and each.strerror and each.errno:
            return each.strerror
    return type(error).__name__


def _trouble(error: BaseException) -> Trouble | None:
    match error:
        case ssl.SSLCertVerificationError(verify_code=code):
            if code in (_NOT_YET_VALID, _HAS_EXPIRED):
                return Trouble.CERTIFICATE_EXPIRED
            return Trouble.CERTIFICATE_UNTRUSTED if code in _UNKNOWN_SIGNER else None
        case ssl.SSLError(reason="NO_CERTIFICATE_OR_CRL_FOUND"):
            return Trouble.CA_BUNDLE
        case socket.gaierror():
            return Trouble.NAME_NOT_FOUND
        case ConnectionRefusedError():
            return Trouble.CONNECTION_REFUSED
        case TimeoutError():
            return Trouble.NO_ANSWER
        case OSError(errno=None) if "TLS CA certificate" in str(error):
            return Trouble.CA_BUNDLE  # requests.adapters.HTTPAdapter.cert_verify
    return None


def _all(error: BaseException) -> Iterator[BaseException]:
    """The error and all that are behind it, the outermost first."""
    waiting, seen = [error], set[int]()
    while waiting:
        each = waiting.pop(0)
        if id(each) in seen:
            continue
        seen.add(id(each))
        yield each
        behind = (*each.args, *(getattr(each, name, None) for name in _WRAPPED))
        waiting += [one for one in behind if isinstance(one, BaseException)]
