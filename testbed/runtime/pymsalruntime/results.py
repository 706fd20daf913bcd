"""What the runtime hands to a callback: a token, accounts, the end of a sign-out, or an error."""

from __future__ import annotations

import base64
from typing import Any

from .accounts import MSALRuntimeAccount
from .statuses import MSALRuntimeError, Response_Status, runtime_error


class _Result:
    correlation_id = ""

    def __init__(self, error: MSALRuntimeError | None = None) -> None:
        self._error = error

    def get_error(self) -> MSALRuntimeError | None:
        return self._error

    def get_telemetry_data(self) -> dict[str, str]:
        return {"correlation_id": self.correlation_id} if self.correlation_id else {}


class MSALRuntimeAuthResult(_Result):
    def __init__(self, token: dict[str, Any] | None = None, error: MSALRuntimeError | None = None) -> None:
        super().__init__(error)
        self._token = token or {}
        """As the broker sends it."""

    def get_account(self) -> MSALRuntimeAccount | None:
        return MSALRuntimeAccount(self._token["account"]) if self._token else None

    def get_id_token(self) -> str:
        return payload(self._token["idToken"]) if self._token else ""

    def get_raw_id_token(self) -> str:
        return str(self._token.get("idToken", ""))

    def get_access_token(self) -> str:
        return str(self._token.get("accessToken", ""))

    def get_granted_scopes(self) -> list[str]:
        return str(self._token.get("grantedScopes", "")).split()

    def get_authorization_header(self) -> str | None:
        return None

    def is_pop_authorization(self) -> bool:
        return False

    def get_access_token_expiry_time(self) -> int:
        return int(self._token.get("expiresOn", 0)) // 1000


class MSALRuntimeSignOutResult(_Result):
    pass


class MSALRuntimeReadAccountResult(_Result):
    def __init__(self, account: MSALRuntimeAccount | None = None, error: MSALRuntimeError | None = None) -> None:
        super().__init__(error)
        self._account = account

    def get_account(self) -> MSALRuntimeAccount | None:
        if self._error:
            raise runtime_error(525121626, "Account not found", Response_Status.Status_AccountNotFound)
        return self._account


class MSALRuntimeDiscoverAccountsResult(_Result):
    def __init__(self, accounts: list[MSALRuntimeAccount]) -> None:
        super().__init__()
        self._accounts = accounts

    def get_accounts(self) -> list[MSALRuntimeAccount]:
        return self._accounts


def payload(token: str) -> str:
    """What a JWT says, as JSON."""
    body = token.split(".")[1]
    return base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)).decode()
