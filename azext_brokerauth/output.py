"""What the commands of both hosts print: the objects, and their rows in a table."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from azext_brokerauth.printable import printable

if TYPE_CHECKING:
    from azext_brokerauth.keyring.choice import Choice
    from azext_brokerauth.models import Account, Token
    from azext_brokerauth.settings import Found
    from azext_brokerauth.tool_log import Entry


def shown(to_rows: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """A table's rows, with nothing in them that a terminal would obey: JSON escapes that, and tables do not.

    :param to_rows: makes a row, or a list of rows, of what a command returned.
    """

    def rows(result: Any) -> Any:
        made = to_rows(result)
        return [_shown_row(row) for row in made] if isinstance(made, list) else _shown_row(made)

    return rows


def _shown_row(row: dict[str, Any]) -> dict[str, Any]:
    return {name: printable(cell) if isinstance(cell, str) else cell for name, cell in row.items()}


def account_facts(account: Account, in_use: Account | None) -> dict[str, Any]:
    """An account.

    :param in_use: the one in use, if any.
    """
    return {
        "username": account.username,
        "tenantId": account.tenant,
        "homeAccountId": account.home_account_id,
        "localAccountId": account.local_account_id,
        "clientId": account.client_id,
        "authority": account.authority,
        "isCurrent": account == in_use,
    }


def keyring_facts(choice: Choice) -> dict[str, Any]:
    """The keyring that the broker's runtime keeps its accounts in. The reason may quote what answered on a bus."""
    return {"keyring": choice.kind, "keyringReason": printable(choice.reason)}


def account_and_keyring_row(shown: dict[str, Any]) -> dict[str, Any]:
    """An account and the keyring, in a table."""
    keyring = {"Keyring": f"{shown['keyring']}: {shown['keyringReason']}"} if "keyring" in shown else {}
    return {**account_row(shown), **keyring}


def account_row(account: dict[str, Any]) -> dict[str, Any]:
    """An account, in a table."""
    return {
        "Username": account["username"],
        "TenantId": account["tenantId"],
        "IsCurrent": "*" if account["isCurrent"] else "",
    }


def account_rows(accounts: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Accounts, in a table."""
    return [account_row(account) for account in accounts]


def tool_rows(tools: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Tools, in a table, with a column for why one cannot be set up where there is one."""
    installed = {True: "yes", False: "no", None: "-"}
    has_problem = any(tool["problem"] for tool in tools)
    return [
        {
            "Name": tool["name"],
            "Serves": tool["serves"],
            "Installed": installed[tool["isInstalled"]],
            "SetUp": tool["setUp"],
            "Allowed": installed[tool["isAllowed"]],
            **({"Problem": tool["problem"] or ""} if has_problem else {}),
        }
        for tool in tools
    ]


def log_facts(entries: Iterable[Entry]) -> list[dict[str, Any]]:
    """The log of tools, with nothing in it that a terminal would obey: a program has the name that it likes."""
    return [{name: value and printable(value) for name, value in entry.items()} for entry in entries]


def log_rows(entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The same, in a table."""
    return [
        {
            "Time": entry["time"],
            "Tool": entry["tool"],
            "Program": entry["programName"] or entry["program"] or "",
            "Audience": entry["audience"],
            "Account": entry["account"] or "",
            "AgentSession": entry["agentSession"] or "",
            "Result": entry["result"] if entry["code"] is None else f"{entry['result']}: {entry['code']}",
        }
        for entry in entries
    ]


def settings_facts(found: Iterable[Found]) -> list[dict[str, Any]]:
    """Every setting with its value, where that came from, and what is wrong with it; beside them what is no setting,
    and a file that cannot be read."""
    return [
        {
            "name": each.name or None,
            "value": each.value,
            "origin": each.origin,
            "isEnforced": each.is_enforced,
            "problem": str(each.error) if each.error else None,
        }
        for each in found
    ]


def settings_rows(settings: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Settings, in a table, with a column for what is wrong where anything is."""
    is_wrong = any(setting["problem"] for setting in settings)
    return [
        {
            "Name": setting["name"] or "",
            "Value": "" if setting["value"] is None else str(setting["value"]),
            "Enforced": "*" if setting["isEnforced"] else "",
            "Origin": setting["origin"],
            **({"Problem": setting["problem"] or ""} if is_wrong else {}),
        }
        for setting in settings
    ]


def repair_rows(ended: dict[str, Any]) -> list[dict[str, Any]]:
    """What repair did, and what is left, in a table."""
    return [
        {"Result": result, "Check": step["check"], "Where": step["shell"], "Step": step["command"]}
        for result in ("done", "left", "advised")
        for step in ended[result]
    ]


def access_token(token: Token) -> dict[str, Any]:
    """A token, with the keys of ``az account get-access-token``."""
    return {
        "accessToken": token.value,
        # Local time without a zone, for programs that knew az before it had expires_on.
        "expiresOn": datetime.fromtimestamp(token.expires_on).strftime("%Y-%m-%d %H:%M:%S.%f"),
        "expires_on": token.expires_on,
        "tenant": token.tenant,
        "tokenType": token.token_type,
    }


def access_token_row(token: dict[str, Any]) -> dict[str, Any]:
    """A token's facts, in a table."""
    return {"ExpiresOn": token["expiresOn"], "Tenant": token["tenant"], "TokenType": token["tokenType"]}


def token_facts(token: Token) -> dict[str, Any]:
    """What a token says, and never the token."""
    claims = _claims_in(token.value)
    capabilities = claims.get("xms_cc")
    return {
        "audience": claims.get("aud"),
        "clientId": claims.get("appid") or claims.get("azp"),
        "tenantId": claims.get("tid") or token.tenant,
        "username": claims.get("upn") or claims.get("unique_name") or token.account.username,
        "objectId": claims.get("oid"),
        "deviceId": claims.get("deviceid"),
        "authenticationMethods": claims.get("amr"),
        "scopes": claims.get("scp"),
        "continuousAccessEvaluation": isinstance(capabilities, list) and "CP1" in capabilities,
        "issuedOn": _utc(claims.get("iat")),
        "expiresOn": _utc(token.expires_on),
        "tokenType": token.token_type,
        "source": token.source,
    }


def token_facts_rows(facts: dict[str, Any]) -> list[dict[str, Any]]:
    """What a token says, in a table."""
    return [
        {"Fact": name, "Value": ", ".join(map(str, value)) if isinstance(value, list) else str(value)}
        for name, value in facts.items()
    ]


def _claims_in(token: str) -> dict[str, Any]:
    """A token's claims, for display only: nothing is verified. Empty for a token that is not a JWT."""
    import base64  # only what looks into a token needs it

    try:
        body = token.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    except (IndexError, ValueError, RecursionError):
        return {}
    return claims if isinstance(claims, dict) else {}


def _utc(seconds: object) -> str | None:
    """A time that a token tells; None for what is no time."""
    if not isinstance(seconds, (int, float)):
        return None
    try:
        return datetime.fromtimestamp(int(seconds), timezone.utc).isoformat()
    except (ValueError, OverflowError, OSError):
        return None
