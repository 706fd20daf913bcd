"""Entra's ways of saying no, in the numbers and words that clients parse."""

from __future__ import annotations

import time
import uuid
from typing import Any

_GRANT, _REQUEST = "invalid_grant", "invalid_request"
_TEXTS: dict[int, tuple[str, str, str]] = {
    28000: (
        _REQUEST,
        "Provided value for the input parameter scope is not valid because it contains more than one resource. "
        "Scope {scope} is not valid.",
        "",
    ),
    50005: (
        _GRANT,
        "User tried to log in to a device from a platform (Unknown) that's currently not supported through Conditional "
        "Access policy. Supported device platforms are: iOS, Android, Mac, and Windows flavors.",
        "message_only",
    ),
    50011: (
        _REQUEST,
        "The redirect URI '{redirect_uri}' specified in the request does not match the redirect URIs configured for "
        "the application '{client_id}'.",
        "",
    ),
    50020: (
        _GRANT,
        "User account '{username}' from identity provider '{idp}' does not exist in tenant '{tenant}' and cannot "
        "access the application '{client_id}' in that tenant. The account needs to be added as an external user in the "
        "tenant first. Sign out and sign in again with a different Azure Active Directory user account.",
        "",
    ),
    50049: ("invalid_instance", "Unknown or invalid instance.", ""),
    50058: ("login_required", "A silent sign-in request was sent but no user is signed in.", ""),
    50076: (
        _GRANT,
        "Due to a configuration change made by your administrator, or because you moved to a new location, you must "
        "use multi-factor authentication to access the resource.",
        "basic_action",
    ),
    53000: (
        _GRANT,
        "Device is not in required device state: unknown. Conditional Access policy requires a compliant device, and "
        "the device is not compliant. The user must enroll their device with an approved MDM provider like Intune.",
        "message_only",
    ),
    53001: (
        _GRANT,
        "Device is not in required device state: unknown. Conditional Access policy requires a domain joined device, "
        "and the device is not domain joined.",
        "message_only",
    ),
    53003: (
        _GRANT,
        "Access has been blocked by Conditional Access policies. The access policy does not allow token issuance.",
        "message_only",
    ),
    70003: ("unsupported_grant_type", "The app requested an unsupported grant type '{grant_type}'.", ""),
    70008: (
        _GRANT,
        "The provided authorization code or refresh token has expired due to inactivity. Send a new interactive "
        "authorization request for this user and resource.",
        "bad_token",
    ),
    70016: (
        "authorization_pending",
        "OAuth 2.0 device flow error. Authorization is pending. Continue polling.",
        "",
    ),
    70018: ("bad_verification_code", "Invalid verification code.", ""),
    70020: (
        "expired_token",
        "The provided value for the input parameter 'device_code' is not valid. This device code has expired.",
        "",
    ),
    90002: (
        _REQUEST,
        "Tenant '{tenant}' not found. Check to make sure you have the correct tenant ID and are signing into the "
        "correct cloud. Check with your subscription administrator, this may happen if there are no active "
        "subscriptions for the tenant.",
        "",
    ),
    501481: (
        _GRANT,
        "The Code_Verifier does not match the code_challenge supplied in the authorization request.",
        "",
    ),
    530003: (_GRANT, "Your device is required to be managed to access this resource.", "message_only"),
    900144: (_REQUEST, "The request body must contain the following parameter: '{parameter}'.", ""),
    7000216: (
        "invalid_client",
        "'client_assertion', 'client_secret' or 'request' is required for the 'client_credentials' grant type.",
        "",
    ),
}
"""AADSTS number -> OAuth error code, text, suberror."""


class EntraError(Exception):
    """A request that Entra refuses."""

    def __init__(self, number: int, **details: str) -> None:
        """:param details: what the text of this AADSTS number names."""
        self.number = number
        self.error, text, self.suberror = _TEXTS[number]
        super().__init__(f"AADSTS{number}: {text.format(**details)}")

    def body(self, correlation_id: str) -> dict[str, Any]:
        """The refusal as the token endpoint sends it."""
        trace_id, timestamp = str(uuid.uuid4()), time.strftime("%Y-%m-%d %H:%M:%SZ", time.gmtime())
        return {
            "error": self.error,
            "error_description": f"{self} Trace ID: {trace_id} Correlation ID: {correlation_id} Timestamp: {timestamp}",
            "error_codes": [self.number],
            "timestamp": timestamp,
            "trace_id": trace_id,
            "correlation_id": correlation_id,
            "error_uri": f"https://login.microsoftonline.com/error?code={self.number}",
            **({"suberror": self.suberror} if self.suberror else {}),
        }
