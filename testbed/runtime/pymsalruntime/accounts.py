"""An account, as the broker sends it and as the runtime hands it out."""

from __future__ import annotations

from typing import Any


class MSALRuntimeAccount:
    def __init__(self, fields: dict[str, Any]) -> None:
        self._fields = fields
        """As the broker sends them."""

    def _get(self, name: str) -> str | None:
        return self._fields.get(name) or None

    def get_account_id(self) -> str | None:
        return self._get("localAccountId")

    def get_home_account_id(self) -> str | None:
        return self._get("homeAccountId")

    def get_environment(self) -> str | None:
        return self._get("environment")

    def get_realm(self) -> str | None:
        return self._get("realm")

    def get_local_account_id(self) -> str | None:
        return self._get("localAccountId")

    def get_user_name(self) -> str | None:
        return self._get("username")

    def get_given_name(self) -> str | None:
        return self._get("givenName")

    def get_family_name(self) -> str | None:
        return self._get("familyName")

    def get_middle_name(self) -> str | None:
        return self._get("middleName")

    def get_display_name(self) -> str | None:
        return self._get("name")

    def get_additional_fields_json(self) -> str:
        return "{}"

    def get_home_environment(self) -> str | None:
        return None

    def get_client_info(self) -> str | None:
        return self._get("clientInfo")


def normalised(account: dict[str, Any]) -> dict[str, Any]:
    """The account, under the name of its cloud that the runtime uses."""
    return account | {"environment": account["environment"].replace("login.windows.net", "login.microsoftonline.com")}


def home_tenant(account: dict[str, Any]) -> str:
    return str(account["homeAccountId"].partition(".")[2])


def at_home(account: dict[str, Any]) -> dict[str, Any]:
    """What a guest's account tells of the same person's in the home tenant."""
    object_id, _, tenant = account["homeAccountId"].partition(".")
    same = {name: account[name] for name in ("clientInfo", "environment", "homeAccountId", "username")}
    return same | {"localAccountId": object_id, "realm": tenant}


def account_key(account: dict[str, Any]) -> str:
    """Under what an account is kept: a person has one in each tenant."""
    return f"{account['homeAccountId']} {account['realm']}"


def check_account(account: MSALRuntimeAccount) -> None:
    """:raises TypeError: it is no account, in the words of the runtime."""
    if not isinstance(account, MSALRuntimeAccount):
        raise TypeError(
            "Argument 'account' has incorrect type (expected pymsalruntime.pymsalruntime.MSALRuntimeAccount, "
            f"got {type(account).__name__})"
        )
