"""Tokens as Entra issues them: who may have one, and what is written in it."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import secrets
import threading
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

from testbed.cloud.refusals import EntraError
from testbed.directory import DEVICE_ID, Membership, Tenant, User, tenant_named
from testbed.scenarios import Scenario

AZURE_CLI = "04b07795-8ddb-461a-bbee-02f9e1bf7b46"
GRAPH = "https://graph.microsoft.com"
NO_TENANT_IN_PARTICULAR = ("organizations", "common")
_OIDC_SCOPES = ("openid", "profile", "email", "offline_access")
_CLAIMS_ON_REQUEST = ("acrs", "xms_cc", "xms_cli_sid")
"""What a token carries because the client asked: authentication contexts met, its capabilities, az's agent session."""
_KEY_ID = "stand-in-for-tests"


@dataclass(frozen=True)
class Ask:
    """What a client wants a token for."""

    client_id: str
    tenant: str
    """As the authority names it: an ID, a domain, `organizations` or `common`."""
    scopes: tuple[str, ...]
    claims: Mapping[str, Any] = field(default_factory=dict)
    """The decoded claims request; empty when there is none."""
    host: str = "login.microsoftonline.com"
    """The authority's host."""


@dataclass(frozen=True)
class AccessToken:
    value: str
    expires_on: int
    """Epoch seconds."""


def find_tenant(name: str) -> Tenant:
    """The tenant with this ID, verified domain or ``*.onmicrosoft.com`` domain.

    :raises EntraError: there is none.
    """
    tenant = tenant_named(name.replace(".onmicrosoft.com", ".com"))
    if tenant is None:
        raise EntraError(90002, tenant=name)
    return tenant


def membership_of(user: User, ask: Ask) -> Membership:
    """The user's presence in the tenant that a token is asked for.

    :raises EntraError: there is no such tenant, or the user is not in it.
    """
    if ask.tenant in NO_TENANT_IN_PARTICULAR:
        return user.home
    tenant = find_tenant(ask.tenant)
    membership = user.membership(tenant.tenant_id)
    if membership is None:
        raise EntraError(
            50020,
            username=user.username,
            idp=issuer_of(user.home.tenant_id),
            tenant=tenant.display_name,
            client_id=ask.client_id,
        )
    return membership


def audience_of(scopes: Sequence[str]) -> tuple[str, list[str]]:
    """The one resource these scopes belong to, and their names within it. A scope that names no resource is Graph's.

    :raises EntraError: they belong to more than one.
    """
    names: dict[str, list[str]] = {}
    for scope in scopes:
        if scope not in _OIDC_SCOPES:
            resource, slash, name = scope.rpartition("/")
            names.setdefault(resource if slash else GRAPH, []).append(name)
    if len(names) > 1:
        raise EntraError(28000, scope=" ".join(scopes))
    return next(iter(names.items()), (GRAPH, ["User.Read"]))


def client_info(user: User) -> str:
    """What tells MSAL the home account ID, as it crosses the wire."""
    return _base64url(json.dumps({"uid": user.home.object_id, "utid": user.home.tenant_id}).encode())


def issuer_of(tenant_id: str) -> str:
    return f"https://sts.windows.net/{tenant_id}/"


class Issuer:
    """One signing key, and every token signed with it."""

    def __init__(self, scenario: Callable[[], Scenario], ledger: Path | None = None) -> None:
        """
        :param scenario: tells how long tokens live.
        :param ledger: a file (0600) that gets one line for each secret handed out: its SHA-256 in hex, a space, and the
            secret itself, so that a test can look for leaks.
        """
        self._scenario = scenario
        self._ledger = ledger
        self._lock = threading.Lock()
        # Making the key takes longer than starting all the rest: the first token waits for it, not the start.
        background = ThreadPoolExecutor(1)
        self._key = background.submit(rsa.generate_private_key, public_exponent=65537, key_size=2048)
        background.shutdown(wait=False)

    def access_token(self, user: User, ask: Ask, amr: Sequence[str], brokered: bool = False) -> AccessToken:
        """A bearer token for `user`.

        :param amr: how the person signed in.
        :param brokered: issued through the Windows broker, hence with the device's ID in it.
        :raises EntraError: the user is not in the tenant, or the scopes belong to several resources.
        """
        membership = membership_of(user, ask)
        audience, names = audience_of(ask.scopes)
        guest = membership != user.home
        puid = "1003" + hashlib.sha256(membership.object_id.encode()).hexdigest()[:12].upper()
        who = {
            "acr": "1",
            "amr": list(amr),
            "appidacr": "0",
            "family_name": user.family_name,
            "given_name": user.given_name,
            "idtyp": "user",
            "ipaddr": "203.0.113.7",
            "name": user.name,
            "oid": membership.object_id,
            "puid": puid,
            "scp": " ".join(n for n in names if n != ".default") or "user_impersonation",
            "sub": _pairwise(membership, ask.client_id),
            "unique_name": user.username,
            **({"email": user.username, "idp": issuer_of(user.home.tenant_id)} if guest else {"upn": user.username}),
            **({"deviceid": DEVICE_ID} if brokered else {}),
        }
        return self._sign(audience, membership.tenant_id, ask, who)

    def app_token(self, ask: Ask) -> AccessToken:
        """A bearer token for the service principal of the client itself."""
        tenant, (audience, _) = find_tenant(ask.tenant), audience_of(ask.scopes)
        object_id = str(uuid.uuid5(uuid.UUID(tenant.tenant_id), ask.client_id))
        return self._sign(
            audience,
            tenant.tenant_id,
            ask,
            {"appidacr": "1", "idp": issuer_of(tenant.tenant_id), "idtyp": "app", "oid": object_id, "sub": object_id},
        )

    def id_token(self, user: User, ask: Ask, nonce: str = "") -> str:
        """Who signed in, for the client's own eyes (version 2.0)."""
        membership, now = membership_of(user, ask), int(time.time())
        return self._encode(
            {
                "aud": ask.client_id,
                "iss": f"https://{ask.host}/{membership.tenant_id}/v2.0",
                "iat": now,
                "nbf": now,
                "exp": now + 3600,
                "name": user.name,
                "oid": membership.object_id,
                "preferred_username": user.username,
                "rh": _opaque("1."),
                "sub": _pairwise(membership, ask.client_id),
                "tid": membership.tenant_id,
                "uti": _opaque(),
                "ver": "2.0",
                **({"nonce": nonce} if nonce else {}),
            }
        )

    def opaque(self, prefix: str) -> str:
        """A secret that only the stand-ins can read: a refresh token or a code."""
        return self._recorded(_opaque(prefix, 64))

    def verified_bearer(self, authorization: str, audiences: Sequence[str], missing: str) -> dict[str, Any]:
        """The claims of the token in an ``Authorization`` header, as :meth:`verified` has them.

        :param missing: the resource's words where there is none.
        """
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer":
            raise jwt.InvalidTokenError(missing)
        return self.verified(token, audiences)

    def verified(self, token: str, audiences: Sequence[str]) -> dict[str, Any]:
        """The claims of an access token that a resource should accept.

        :raises jwt.InvalidTokenError: signature, expiry, audience or issuer is wrong.
        """
        claims: dict[str, Any] = jwt.decode(
            token,
            self._key.result().public_key(),
            algorithms=["RS256"],
            audience=list(audiences),
            # A token that answers a revocation may start in the second after its issue.
            options={"require": ["exp", "iss", "aud", "tid"], "verify_nbf": False},
        )
        if claims["iss"] != issuer_of(claims["tid"]):
            raise jwt.InvalidIssuerError(claims["iss"])
        return claims

    def keys(self) -> dict[str, Any]:
        """The public key as a JSON Web Key Set."""
        key = RSAAlgorithm.to_jwk(self._key.result().public_key(), as_dict=True)
        return {"keys": [{**key, "use": "sig", "kid": _KEY_ID, "x5t": _KEY_ID}]}

    def _sign(self, audience: str, tenant_id: str, ask: Ask, who: Mapping[str, Any]) -> AccessToken:
        now = int(time.time())
        expires_on = now + self._scenario().token_lifetime
        wanted = ask.claims.get("access_token") or {}
        claims = {
            **{name: _values(wanted[name]) for name in _CLAIMS_ON_REQUEST if name in wanted},
            "aud": audience,
            "iss": issuer_of(tenant_id),
            "iat": now,
            "nbf": max([now, *map(int, _values(wanted.get("nbf") or {}))]),
            "exp": expires_on,
            "aio": _opaque(),
            "appid": ask.client_id,
            "rh": _opaque("1."),
            "tid": tenant_id,
            "uti": _opaque(),
            "ver": "1.0",
            "xms_tcdt": 1577836800,
            **who,
        }
        return AccessToken(self._encode(claims), expires_on)

    def _encode(self, claims: Mapping[str, Any]) -> str:
        headers = {"kid": _KEY_ID, "x5t": _KEY_ID}
        return self._recorded(jwt.encode(dict(claims), self._key.result(), algorithm="RS256", headers=headers))

    def _recorded(self, secret: str) -> str:
        if self._ledger is not None:
            line = f"{hashlib.sha256(secret.encode()).hexdigest()} {secret}\n".encode()
            with self._lock:
                descriptor = os.open(self._ledger, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
                os.write(descriptor, line)
                os.close(descriptor)
        return secret


def _pairwise(membership: Membership, client_id: str) -> str:
    """The `sub` claim: one person, as one app knows them."""
    return _base64url(hashlib.sha256(f"{membership.object_id} {client_id}".encode()).digest())


def _values(wanted: Mapping[str, Any]) -> list[Any]:
    """The values that one entry of a claims request names."""
    return [*wanted.get("values", ()), *([wanted["value"]] if "value" in wanted else [])]


def _opaque(prefix: str = "", size: int = 16) -> str:
    return prefix + secrets.token_urlsafe(size)


def _base64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
