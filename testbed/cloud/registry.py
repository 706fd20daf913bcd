"""The stand-in for Azure Container Registry: its exchange of tokens, before a registry that runs on this machine."""

from __future__ import annotations

import base64
import datetime
import http.client
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor

import jwt
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from testbed.cloud.issuer import Issuer
from testbed.cloud.web import Reply, Request, json_reply
from testbed.directory import CONTOSO, FABRIKAM
from testbed.journal import Journal

_TENANT_OF = {"contoso.azurecr.io": CONTOSO.tenant_id, "fabrikam.azurecr.io": FABRIKAM.tenant_id}
HOSTS = tuple(_TENANT_OF)
BEHIND = 5000
"""The port of the registry that keeps the images; whoever wants one starts it."""
_RESOURCE = "https://containerregistry.azure.net"
_USER = "00000000-0000-0000-0000-000000000000"
_HOP_BY_HOP = ("connection", "content-length", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade")


class Registry:
    """The refresh tokens handed out, by the host that each is for."""

    def __init__(self, issuer: Issuer, journal: Journal) -> None:
        self._issuer, self._journal = issuer, journal
        self._lock = threading.Lock()
        self._refresh_tokens: dict[str, str] = {}
        self._seen: set[str] = set()
        self._revoked: set[str] = set()
        self._identity = ThreadPoolExecutor(1).submit(_certified)

    def answer(self, request: Request) -> Reply:
        if request.path == "/testbed/certificate":
            return Reply(self._identity.result()[1].public_bytes(serialization.Encoding.PEM))
        if request.path == "/testbed/revoke":
            with self._lock:
                self._refresh_tokens.clear()
                self._revoked |= self._seen
            return json_reply({})
        facts: dict[str, object] = {"host": request.host}
        if request.path == "/oauth2/exchange" and request.method == "POST":
            reply = self._exchange(request, facts)
        elif request.path == "/oauth2/token":
            reply = self._token(request, facts)
        else:
            reply = _forwarded(request)
        self._journal.write("registry", f"{request.method} {request.path}", status=reply.status, **facts)
        return reply

    def _exchange(self, request: Request, facts: dict[str, object]) -> Reply:
        form = request.form
        try:
            if form.get("grant_type") != "access_token" or form.get("service") != request.host:
                raise jwt.InvalidTokenError("invalid request")
            claims = self._issuer.verified(form.get("access_token", ""), (_RESOURCE,))
            facts |= {"username": claims["unique_name"], "tid": claims["tid"], "uti": claims["uti"]}
            with self._lock:
                self._seen.add(claims["uti"])
                if claims["uti"] in self._revoked:
                    raise jwt.InvalidTokenError("revoked")
            if claims["tid"] != _TENANT_OF[request.host]:
                raise jwt.InvalidTokenError("the token is of another tenant")
        except jwt.InvalidTokenError as error:
            facts["why"] = str(error)
            return _unauthorized(f"{error}, visit https://aka.ms/acr/authorization for more information.")
        refresh_token = self._issuer.opaque("acr.")
        with self._lock:
            self._refresh_tokens[refresh_token] = request.host
        return json_reply({"refresh_token": refresh_token})

    def _token(self, request: Request, facts: dict[str, object]) -> Reply:
        asked = {**request.query, **(request.form if request.method == "POST" else {})}
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "basic":
            username, _, password = base64.b64decode(given).decode().partition(":")
        else:
            username = asked.get("username", _USER)
            password = asked.get("refresh_token") or asked.get("password", "")
        with self._lock:
            known = username == _USER and self._refresh_tokens.get(password) == request.host
        if not known:
            return _unauthorized("authentication required")
        kind, name, actions = [*asked.get("scope", "").split(":"), "", ""][:3]
        facts["scope"] = asked.get("scope", "")
        access = [{"type": kind, "name": name, "actions": actions.split(",")}] if name else []
        key, certificate = self._identity.result()
        now = int(time.time())
        token = jwt.encode(
            {
                "iss": "stand-in",
                "sub": username,
                "aud": request.host,
                "exp": now + 300,
                "nbf": now - 10,
                "iat": now,
                "jti": str(uuid.uuid4()),
                "access": access,
            },
            key,
            algorithm="ES256",
            headers={"x5c": [base64.b64encode(certificate.public_bytes(serialization.Encoding.DER)).decode()]},
        )
        return json_reply({"access_token": token, "token": token, "expires_in": 300})


def _forwarded(request: Request) -> Reply:
    """What the registry behind answers."""
    connection = http.client.HTTPConnection("127.0.0.1", BEHIND, timeout=60)
    query = "&".join(f"{name}={value}" for name, value in request.query.items())
    headers = {name: value for name, value in request.headers.items() if name not in _HOP_BY_HOP}
    try:
        connection.request(
            request.method,
            request.path + (f"?{query}" if query else ""),
            request.body,
            {**headers, "X-Forwarded-Proto": "https"},
        )
        answer = connection.getresponse()
        body = answer.read()
        kept = {name: value for name, value in answer.getheaders() if name.lower() not in _HOP_BY_HOP}
        if request.method == "HEAD" and (length := answer.getheader("Content-Length")):
            kept["Content-Length"] = length
        return Reply(body, answer.status, kept)
    except OSError:
        return json_reply({"errors": [{"code": "NAME_UNKNOWN", "message": "nobody started a registry here"}]}, 404)
    finally:
        connection.close()


def _unauthorized(message: str) -> Reply:
    return json_reply({"errors": [{"code": "UNAUTHORIZED", "message": message}]}, 401)


def _certified() -> tuple[ec.EllipticCurvePrivateKey, x509.Certificate]:
    """What the access tokens are signed with, as the registry behind is told."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Stand-in registry for tests")])
    now = datetime.datetime.now(datetime.timezone.utc)
    day = datetime.timedelta(days=1)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(x509.random_serial_number()).not_valid_before(now - day).not_valid_after(now + day)
    constraints = x509.BasicConstraints(ca=True, path_length=0)
    return key, builder.add_extension(constraints, critical=True).sign(key, hashes.SHA256())
