"""The stand-in for Key Vault: one vault in each tenant, secrets in memory."""

from __future__ import annotations

import json
import threading
import time
import uuid
from typing import Any

import jwt

from testbed.cloud.issuer import Issuer
from testbed.cloud.web import Reply, Request, json_reply
from testbed.directory import CONTOSO, FABRIKAM
from testbed.journal import Journal

_TENANT_OF = {"contoso.vault.azure.net": CONTOSO.tenant_id, "fabrikam.vault.azure.net": FABRIKAM.tenant_id}
HOSTS = tuple(_TENANT_OF)
_RESOURCE = "https://vault.azure.net"


class KeyVault:
    """The secrets of both vaults, the versions of each from old to new."""

    def __init__(self, issuer: Issuer, journal: Journal) -> None:
        self._issuer, self._journal = issuer, journal
        self._lock = threading.Lock()
        self._secrets: dict[str, dict[str, list[dict[str, Any]]]] = {
            host: {"greeting": [_secret(host, "greeting", {"value": f"hello from {host}"})]} for host in HOSTS
        }

    def answer(self, request: Request) -> Reply:
        facts: dict[str, object] = {"host": request.host}
        try:
            authorization = request.headers.get("authorization", "")
            claims = self._issuer.verified_bearer(
                authorization, (_RESOURCE, f"{_RESOURCE}/"), "AKV10000: Request is missing a Bearer or PoP token."
            )
            if claims["tid"] != _TENANT_OF[request.host]:
                raise jwt.InvalidTokenError(
                    "AKV10032: Invalid issuer. The token is of another tenant than the vault's."
                )
        except jwt.InvalidTokenError as error:
            authority = f"https://login.microsoftonline.com/{_TENANT_OF[request.host]}"
            reply = json_reply(
                {"error": {"code": "Unauthorized", "message": str(error)}},
                401,
                {"WWW-Authenticate": f'Bearer authorization="{authority}", resource="{_RESOURCE}"'},
            )
        else:
            facts |= {"username": claims.get("unique_name"), "tid": claims["tid"], "deviceid": claims.get("deviceid")}
            with self._lock:
                reply = self._secret_reply(request, self._secrets[request.host])
        self._journal.write("vault", f"{request.method} {request.path}", status=reply.status, **facts)
        return reply

    def _secret_reply(self, request: Request, vault: dict[str, list[dict[str, Any]]]) -> Reply:
        match request.method, request.parts:
            case "GET", ["secrets"]:
                return json_reply(
                    {"value": [_without_value(versions[-1]) for versions in vault.values()], "nextLink": None}
                )
            case "GET", ["secrets", name, *version] if name in vault:
                found = [s for s in vault[name] if version in ([], [s["id"].rpartition("/")[2]])]
                if found:
                    return json_reply(found[-1])
            case "PUT", ["secrets", name]:
                vault.setdefault(name, []).append(_secret(request.host, name, json.loads(request.body)))
                return json_reply(vault[name][-1])
        return json_reply(
            {
                "error": {
                    "code": "SecretNotFound",
                    "message": "A secret with this name was not found in this key vault.",
                }
            },
            404,
        )


def _secret(host: str, name: str, given: dict[str, Any]) -> dict[str, Any]:
    now = int(time.time())
    return {
        "id": f"https://{host}/secrets/{name}/{uuid.uuid4().hex}",
        "value": given["value"],
        "contentType": given.get("contentType"),
        "tags": given.get("tags") or {},
        "attributes": {"enabled": True, "created": now, "updated": now, "recoveryLevel": "Recoverable+Purgeable"},
    }


def _without_value(secret: dict[str, Any]) -> dict[str, Any]:
    """As a list shows it: no value, and the ID names no version."""
    return {**{k: v for k, v in secret.items() if k != "value"}, "id": secret["id"].rpartition("/")[0]}
