"""The stand-in for Entra: sign-in by browser and device code, and the token endpoint."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urlsplit

from testbed.cloud import discovery, pages
from testbed.cloud.issuer import (
    AZURE_CLI,
    NO_TENANT_IN_PARTICULAR,
    Ask,
    Issuer,
    audience_of,
    client_info,
    find_tenant,
    membership_of,
)
from testbed.cloud.refusals import EntraError
from testbed.cloud.web import Reply, Request, json_reply
from testbed.directory import ADA, User, user_named
from testbed.journal import Journal
from testbed.scenarios import Scenario

_DEVICE_CODE_LIFETIME = 900
_NATIVE_CLIENT = "https://login.microsoftonline.com/common/oauth2/nativeclient"


@dataclass(frozen=True)
class Grant:
    """What a code or refresh token stands for."""

    user: User
    ask: Ask
    amr: tuple[str, ...]
    redirect_uri: str = ""
    challenge: str = ""
    """PKCE's, S256."""
    nonce: str = ""


@dataclass
class Device:
    """A device-code sign-in under way."""

    user_code: str
    ask: Ask
    expires_at: float
    user: User | None = None


class Entra:
    """Every code and refresh token handed out."""

    def __init__(self, issuer: Issuer, journal: Journal, scenario: Callable[[], Scenario]) -> None:
        self._issuer, self._journal, self._scenario = issuer, journal, scenario
        self._lock = threading.Lock()
        self._codes: dict[str, Grant] = {}
        self._refresh_tokens: dict[str, Grant] = {}
        self._devices: dict[str, Device] = {}

    def answer(self, request: Request) -> Reply:
        correlation_id = request.headers.get("client-request-id") or str(uuid.uuid4())
        facts: dict[str, object] = {"host": request.host, "correlation_id": correlation_id}
        form = request.form if request.method == "POST" else {}
        for name, value in {**request.query, **form}.items():
            if name in ("grant_type", "client_id", "scope", "login_hint", "prompt", "resource"):
                facts[name] = value
        try:
            with self._lock:
                reply = self._routed(request, form)
        except EntraError as refusal:
            facts["error"] = refusal.number
            body = refusal.body(correlation_id)
            reply = json_reply(body, 401 if refusal.error == "invalid_client" else 400)
        self._journal.write("entra", f"{request.method} {request.path}", status=reply.status, **facts)
        return reply

    def _routed(self, request: Request, form: Mapping[str, str]) -> Reply:
        tenant, *rest = request.parts or [""]
        match "/".join(rest):
            case "v2.0/.well-known/openid-configuration":
                return discovery.configuration(request.host, tenant, "/v2.0", self._tells_tenant_ids(request))
            case ".well-known/openid-configuration":
                return discovery.configuration(request.host, tenant, "", self._tells_tenant_ids(request))
            case "discovery/instance":
                return discovery.instances(request)
            case "discovery/v2.0/keys" | "discovery/keys":
                return json_reply(self._issuer.keys())
            case "oauth2/v2.0/token" | "oauth2/token" if request.method == "POST":
                return json_reply(
                    self._redeemed(_ask(request, tenant, form), form), headers={"Cache-Control": "no-store"}
                )
            case "oauth2/v2.0/devicecode":
                return self._device_code(_ask(request, tenant, form))
            case "oauth2/v2.0/authorize" | "oauth2/authorize":
                return self._authorize(request, tenant, {**request.query, **form})
            case "oauth2/deviceauth":
                return pages.device_code(request.query.get("user_code", ""))
            case "oauth2/v2.0/logout" | "oauth2/logout":
                return pages.page("<p>Signed out.</p>")
            case "approve" if tenant == "testbed" and request.method == "POST":
                return self._approve({**request.query, **form})
        if rest and rest[0] == "userrealm":
            return discovery.user_realm(rest[-1])
        return json_reply({"error": "not_found"}, 404)

    def _tells_tenant_ids(self, request: Request) -> bool:
        is_msal = "python-requests" in request.headers.get("user-agent", "")
        return self._scenario().msal_learns_tenant_ids or not is_msal

    def _device_code(self, ask: Ask) -> Reply:
        if ask.tenant not in NO_TENANT_IN_PARTICULAR:
            find_tenant(ask.tenant)
        user_code = "".join(secrets.choice("ABCDEFGHJKLMNPQRSTUVWXYZ23456789") for _ in range(9))
        device_code = self._issuer.opaque("D")
        self._devices[device_code] = Device(user_code, ask, time.time() + _DEVICE_CODE_LIFETIME)
        page = f"https://{ask.host}/common/oauth2/deviceauth"
        return json_reply(
            {
                "user_code": user_code,
                "device_code": device_code,
                "verification_uri": page,
                "expires_in": _DEVICE_CODE_LIFETIME,
                "interval": 1,
                "message": f"To sign in, use a web browser to open the page {page} and enter the code {user_code} to "
                "authenticate.",
            }
        )

    def _approve(self, asked: Mapping[str, str]) -> Reply:
        """Sign in to the device code named `user_code`, else to all that wait; as `username`, else as the default."""
        user = user_named(asked.get("username") or next(iter(self._scenario().accounts), ADA.username))
        code = asked.get("user_code", "").strip().upper()
        waiting = [
            device for device in self._devices.values() if device.user is None and code in ("", device.user_code)
        ]
        for device in waiting:
            device.user = user
        signed_in = len(waiting) if user else 0
        return pages.page(f"<p>Signed in on {signed_in} device(s).</p>", 200 if signed_in else 404)

    def _authorize(self, request: Request, tenant: str, asked: Mapping[str, str]) -> Reply:
        redirect_uri = asked.get("redirect_uri", "")
        if urlsplit(redirect_uri).hostname not in ("localhost", "127.0.0.1", "::1") and redirect_uri != _NATIVE_CLIENT:
            raise EntraError(50011, redirect_uri=redirect_uri, client_id=asked.get("client_id", ""))
        user = user_named(_chosen(asked))
        try:
            if user is None and asked.get("prompt") == "none":
                raise EntraError(50058)
            if user is None:
                return pages.sign_in(request.path, asked)
            ask = _ask(request, tenant, asked)
            membership_of(user, ask)
        except EntraError as refusal:
            answer = {"error": refusal.error, "error_description": str(refusal)}
        else:
            code = self._issuer.opaque("1.")
            self._codes[code] = Grant(
                user, ask, ("pwd", "mfa"), redirect_uri, asked.get("code_challenge", ""), asked.get("nonce", "")
            )
            answer = {"code": code}
        if "state" in asked:
            answer["state"] = asked["state"]
        if asked.get("response_mode") == "form_post":
            return pages.form_post(redirect_uri, answer)
        mark = "#" if asked.get("response_mode") == "fragment" else "?"
        return Reply(status=302, headers={"Location": f"{redirect_uri}{mark}{urlencode(answer)}"})

    def _redeemed(self, ask: Ask, form: Mapping[str, str]) -> dict[str, Any]:
        grant_type = form.get("grant_type")
        if grant_type == "client_credentials":
            return self._app_tokens(ask, form)
        if grant_type == "authorization_code":
            grant = self._code_grant(form)
        elif grant_type == "refresh_token":
            grant = self._known(self._refresh_tokens.get(form.get("refresh_token", "")))
        elif grant_type in ("urn:ietf:params:oauth:grant-type:device_code", "device_code"):
            grant = self._device_grant(form.get("device_code") or form.get("code", ""))
        elif grant_type == "password":
            raise EntraError(50076)
        elif grant_type is None:
            raise EntraError(900144, parameter="grant_type")
        else:
            raise EntraError(70003, grant_type=grant_type)
        self._check_policy()
        return self._user_tokens(grant, ask, form)

    def _check_policy(self) -> None:
        """Conditional Access: a browser or a device code proves no device."""
        refused = self._scenario().device_required
        if refused:
            raise EntraError(refused)

    def _code_grant(self, form: Mapping[str, str]) -> Grant:
        grant = self._known(self._codes.pop(form.get("code", ""), None))
        if form.get("redirect_uri") != grant.redirect_uri:
            raise EntraError(50011, redirect_uri=form.get("redirect_uri", ""), client_id=form.get("client_id", ""))
        verifier = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        if grant.challenge and base64.urlsafe_b64encode(verifier).rstrip(b"=").decode() != grant.challenge:
            raise EntraError(501481)
        return grant

    def _device_grant(self, device_code: str) -> Grant:
        device = self._devices.get(device_code)
        if device is None:
            raise EntraError(70018)
        if device.expires_at < time.time():
            raise EntraError(70020)
        if device.user is None:
            raise EntraError(70016)
        del self._devices[device_code]
        return Grant(device.user, device.ask, ("pwd", "mfa"))

    @staticmethod
    def _known(grant: Grant | None) -> Grant:
        if grant is None:
            raise EntraError(70008)
        return grant

    def _user_tokens(self, grant: Grant, ask: Ask, form: Mapping[str, str]) -> dict[str, Any]:
        scopes = ask.scopes or grant.ask.scopes
        ask = Ask(ask.client_id, ask.tenant, scopes, ask.claims or grant.ask.claims, ask.host)
        token = self._issuer.access_token(grant.user, ask, grant.amr)
        body = _bearer(token.value, token.expires_on, scopes)
        if "offline_access" in scopes:
            body["refresh_token"] = self._issuer.opaque("1.")
            self._refresh_tokens[body["refresh_token"]] = Grant(grant.user, ask, grant.amr)
            if ask.client_id == AZURE_CLI:
                body["foci"] = "1"
        if "openid" in scopes:
            body["id_token"] = self._issuer.id_token(grant.user, ask, grant.nonce)
        if form.get("client_info"):
            body["client_info"] = client_info(grant.user)
        return body

    def _app_tokens(self, ask: Ask, form: Mapping[str, str]) -> dict[str, Any]:
        if not (form.get("client_secret") or form.get("client_assertion")):
            raise EntraError(7000216)
        token = self._issuer.app_token(ask)
        return _bearer(token.value, token.expires_on, ask.scopes)


def _bearer(value: str, expires_on: int, scopes: tuple[str, ...]) -> dict[str, Any]:
    lifetime = expires_on - int(time.time())
    return {
        "token_type": "Bearer",
        "scope": " ".join(scopes),
        "expires_in": lifetime,
        "ext_expires_in": lifetime,
        "access_token": value,
    }


def _chosen(asked: Mapping[str, str]) -> str:
    """Who signs in at the authorize endpoint: the one whose button was pressed (`as_user`), else the one hinted at,
    unless the client wants the person to be asked."""
    if asked.get("prompt") in ("select_account", "login", "consent", "create"):
        return asked.get("as_user", "")
    return asked.get("as_user") or asked.get("login_hint", "")


def _ask(request: Request, tenant: str, asked: Mapping[str, str]) -> Ask:
    """What is asked of the authorize, device-code or token endpoint, of either version."""
    scope = asked.get("scope", "")
    if "resource" in asked:
        scope = f"openid offline_access {asked['resource']}/.default"
    audience_of(scope.split())
    return Ask(
        asked.get("client_id", ""), tenant, tuple(scope.split()), json.loads(asked.get("claims") or "{}"), request.host
    )
