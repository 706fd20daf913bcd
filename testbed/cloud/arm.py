"""The stand-in for Azure Resource Manager: who may see which tenants and subscriptions."""

from __future__ import annotations

import base64
import json
import threading
import time
from collections.abc import Mapping
from typing import Any

import jwt

from testbed.cloud.issuer import Issuer, issuer_of
from testbed.cloud.web import Reply, Request, json_reply
from testbed.directory import SUBSCRIPTIONS, TENANTS, USERS, Subscription, Tenant, User
from testbed.journal import Journal

_ENTRA_OF = {
    "management.azure.com": "login.windows.net",
    "management.core.windows.net": "login.windows.net",
    "management.usgovcloudapi.net": "login.microsoftonline.us",
    "management.core.usgovcloudapi.net": "login.microsoftonline.us",
    "management.chinacloudapi.cn": "login.chinacloudapi.cn",
    "management.core.chinacloudapi.cn": "login.chinacloudapi.cn",
}
HOSTS = tuple(_ENTRA_OF)
_AUDIENCES = tuple(f"https://{host}{slash}" for host in HOSTS for slash in ("", "/"))
_STEP_UP = "50000000-0000-4000-8000-000000000002"
"""The subscription whose resource groups need a token with authentication context ``c1``."""
_LOCATIONS = (("westeurope", "West Europe"), ("northeurope", "North Europe"), ("eastus", "East US"))
_PROVIDERS = (
    "Microsoft.Compute",
    "Microsoft.KeyVault",
    "Microsoft.Network",
    "Microsoft.Resources",
    "Microsoft.Storage",
)


class _ArmError(Exception):
    def __init__(self, status: int, code: str, message: str, challenge: str = "") -> None:
        super().__init__(message)
        self.status, self.code, self.challenge = status, code, challenge


class ResourceManager:
    """Resource groups, and the moment from which older tokens are revoked."""

    def __init__(self, issuer: Issuer, journal: Journal) -> None:
        self._issuer, self._journal = issuer, journal
        self._lock = threading.Lock()
        self._revoked_before = 0
        self._groups = {
            s.subscription_id: {name: _group(s, name, "westeurope") for name in ("app", "network")}
            for s in SUBSCRIPTIONS
        }

    def answer(self, request: Request) -> Reply:
        facts: dict[str, object] = {"host": request.host}
        try:
            with self._lock:
                if request.parts == ["testbed", "require-claims"] and request.method == "POST":
                    # The next second: even a token issued a moment ago is older.
                    self._revoked_before = int(time.time()) + 1
                    reply = json_reply({"nbf": self._revoked_before})
                else:
                    claims = self._caller(request)
                    facts |= {
                        "username": claims.get("unique_name"),
                        "tid": claims["tid"],
                        "deviceid": claims.get("deviceid"),
                    }
                    reply = self._resource(request, claims)
        except _ArmError as denied:
            facts["error"] = denied.code
            headers = {"WWW-Authenticate": denied.challenge} if denied.challenge else {}
            reply = json_reply({"error": {"code": denied.code, "message": str(denied)}}, denied.status, headers)
        self._journal.write("arm", f"{request.method} {request.path}", status=reply.status, **facts)
        return reply

    def _caller(self, request: Request) -> dict[str, Any]:
        """The claims of the request's token."""
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            raise _unauthenticated(
                request.host, "AuthenticationFailed", "Authentication failed. The 'Authorization' header is missing."
            )
        try:
            claims = self._issuer.verified(token, _AUDIENCES)
        except jwt.ExpiredSignatureError as error:
            raise _unauthenticated(
                request.host,
                "ExpiredAuthenticationToken",
                "The access token expiry UTC time is earlier than current UTC time.",
            ) from error
        except jwt.InvalidAudienceError as error:
            allowed = ",".join(f"'{audience}'" for audience in _AUDIENCES)
            raise _unauthenticated(
                request.host,
                "InvalidAuthenticationToken",
                "The access token has been obtained for wrong audience or resource. It should exactly match with one "
                f"of the allowed audiences {allowed}.",
            ) from error
        except jwt.InvalidTokenError as error:
            raise _unauthenticated(
                request.host, "InvalidAuthenticationToken", f"The access token is invalid: {error}"
            ) from error
        if claims["nbf"] < self._revoked_before:
            raise _claims_needed(request.host, {"nbf": {"essential": True, "value": str(self._revoked_before)}})
        return claims

    def _resource(self, request: Request, claims: Mapping[str, Any]) -> Reply:
        user = next((u for u in USERS if (m := u.membership(claims["tid"])) and m.object_id == claims["oid"]), None)
        match [part.lower() for part in request.parts]:
            case ["tenants"]:
                return _listed([_tenant(t) for t in TENANTS if _belongs(user, t.tenant_id, claims)])
            case ["subscriptions"]:
                return _listed([_subscription(s) for s in SUBSCRIPTIONS if s.tenant_id == claims["tid"]])
            case ["subscriptions", subscription_id, *rest]:
                return self._in_subscription(request, _permitted(request.host, subscription_id, claims), rest, claims)
        raise _ArmError(404, "InvalidResourceType", "The stand-in does not know this resource type.")

    def _in_subscription(
        self, request: Request, subscription: Subscription, rest: list[str], claims: Mapping[str, Any]
    ) -> Reply:
        groups = self._groups[subscription.subscription_id]
        match rest:
            case []:
                return json_reply(_subscription(subscription))
            case ["locations"]:
                return _listed([_location(subscription, name, shown) for name, shown in _LOCATIONS])
            case ["providers"]:
                return _listed([_provider(subscription, name) for name in _PROVIDERS])
            case ["resourcegroups", *name]:
                if subscription.subscription_id == _STEP_UP and "c1" not in claims.get("acrs", ()):
                    raise _claims_needed(request.host, {"acrs": {"essential": True, "value": "c1"}})
                if not name:
                    return _listed(list(groups.values()))
                if request.method == "PUT":
                    created = name[0] not in groups
                    groups[name[0]] = _group(subscription, request.parts[-1], json.loads(request.body)["location"])
                    return json_reply(groups[name[0]], 201 if created else 200)
                if name[0] not in groups:
                    raise _ArmError(
                        404, "ResourceGroupNotFound", f"Resource group '{request.parts[-1]}' could not be found."
                    )
                if request.method == "DELETE":
                    del groups[name[0]]
                    return Reply()
                return Reply(status=204) if request.method == "HEAD" else json_reply(groups[name[0]])
        raise _ArmError(404, "InvalidResourceType", "The stand-in does not know this resource type.")


def _unauthenticated(host: str, code: str, message: str) -> _ArmError:
    uri = f"https://{_ENTRA_OF[host]}/common"
    return _ArmError(
        401, code, message, f'Bearer authorization_uri="{uri}", error="invalid_token", error_description="{message}"'
    )


def _claims_needed(host: str, access_token: Mapping[str, Any]) -> _ArmError:
    claims = base64.b64encode(json.dumps({"access_token": access_token}).encode()).decode()
    return _ArmError(
        401,
        "InsufficientClaims",
        "The access token does not satisfy the claims that this resource needs.",
        f'Bearer realm="", authorization_uri="https://{_ENTRA_OF[host]}/common/oauth2/authorize", client_id="", '
        f'error="insufficient_claims", claims="{claims}"',
    )


def _permitted(host: str, subscription_id: str, claims: Mapping[str, Any]) -> Subscription:
    subscription = next((s for s in SUBSCRIPTIONS if s.subscription_id == subscription_id), None)
    if subscription is None:
        raise _ArmError(404, "SubscriptionNotFound", f"The subscription '{subscription_id}' could not be found.")
    if subscription.tenant_id != claims["tid"]:
        right = f"https://{_ENTRA_OF[host]}/{subscription.tenant_id}"
        message = (
            f"The access token is from the wrong issuer '{claims['iss']}'. It must match the tenant "
            f"'{issuer_of(subscription.tenant_id)}' associated with this subscription. Please use the authority (URL) "
            f"'{right}' to get the token."
        )
        raise _ArmError(
            401,
            "InvalidAuthenticationTokenTenant",
            message,
            f'Bearer authorization_uri="{right}", error="invalid_token", error_description="{message}"',
        )
    return subscription


def _belongs(user: User | None, tenant_id: str, claims: Mapping[str, Any]) -> bool:
    """Is this one of the caller's tenants? An app has its own only."""
    return user.membership(tenant_id) is not None if user else tenant_id == claims["tid"]


def _listed(value: list[dict[str, Any]]) -> Reply:
    return json_reply({"value": value})


def _tenant(tenant: Tenant) -> dict[str, Any]:
    return {
        "id": f"/tenants/{tenant.tenant_id}",
        "tenantId": tenant.tenant_id,
        "countryCode": "GB",
        "displayName": tenant.display_name,
        "domains": [tenant.domain, tenant.domain.replace(".com", ".onmicrosoft.com")],
        "tenantCategory": "Home",
        "defaultDomain": tenant.domain,
        "tenantType": "AAD",
    }


def _subscription(subscription: Subscription) -> dict[str, Any]:
    return {
        "id": f"/subscriptions/{subscription.subscription_id}",
        "authorizationSource": "RoleBased",
        "managedByTenants": [],
        "subscriptionId": subscription.subscription_id,
        "tenantId": subscription.tenant_id,
        "displayName": subscription.name,
        "state": "Enabled",
        "subscriptionPolicies": {
            "locationPlacementId": "Public_2014-09-01",
            "quotaId": "PayAsYouGo_2014-09-01",
            "spendingLimit": "Off",
        },
    }


def _group(subscription: Subscription, name: str, location: str) -> dict[str, Any]:
    return {
        "id": f"/subscriptions/{subscription.subscription_id}/resourceGroups/{name}",
        "name": name,
        "type": "Microsoft.Resources/resourceGroups",
        "location": location,
        "tags": {},
        "properties": {"provisioningState": "Succeeded"},
    }


def _location(subscription: Subscription, name: str, shown: str) -> dict[str, Any]:
    return {
        "id": f"/subscriptions/{subscription.subscription_id}/locations/{name}",
        "name": name,
        "type": "Region",
        "displayName": shown,
        "regionalDisplayName": shown,
        "metadata": {"regionType": "Physical", "regionCategory": "Recommended", "pairedRegion": []},
    }


def _provider(subscription: Subscription, namespace: str) -> dict[str, Any]:
    return {
        "id": f"/subscriptions/{subscription.subscription_id}/providers/{namespace}",
        "namespace": namespace,
        "registrationState": "Registered",
        "registrationPolicy": "RegistrationRequired",
        "resourceTypes": [],
    }
