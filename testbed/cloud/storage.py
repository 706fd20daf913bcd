"""The stand-in for Azure Blob Storage: two containers of one account, blobs in memory."""

from __future__ import annotations

import email.utils
import hashlib
import re
import threading
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from xml.sax.saxutils import escape

import jwt

from testbed.cloud.issuer import Issuer
from testbed.cloud.web import Reply, Request
from testbed.directory import CONTOSO
from testbed.journal import Journal

HOSTS = ("contoso.blob.core.windows.net",)
_AUDIENCES = ("https://storage.azure.com", "https://storage.azure.com/", f"https://{HOSTS[0]}", f"https://{HOSTS[0]}/")
_META = "x-ms-meta-"


@dataclass
class _Blob:
    content: bytes = b""
    metadata: dict[str, str] = field(default_factory=dict)
    lease: str = ""
    blocks: dict[str, bytes] = field(default_factory=dict)
    """Those that are in no list yet, by their IDs."""

    def headers(self) -> dict[str, str]:
        return {
            "ETag": f'"0x{hashlib.sha256(self.content).hexdigest()[:15].upper()}"',
            "Last-Modified": email.utils.formatdate(1_790_000_000, usegmt=True),
            "Content-Type": "application/octet-stream",
            "Accept-Ranges": "bytes",
            "x-ms-blob-type": "BlockBlob",
            "x-ms-lease-state": "leased" if self.lease else "available",
            "x-ms-lease-status": "locked" if self.lease else "unlocked",
            **self.metadata,
        }


class Storage:
    """Each container's blobs by their names."""

    def __init__(self, issuer: Issuer, journal: Journal) -> None:
        self._issuer, self._journal = issuer, journal
        self._lock = threading.Lock()
        greeting = _Blob(f"hello from {HOSTS[0]}".encode())
        self._containers: dict[str, dict[str, _Blob]] = {"data": {"greeting.txt": greeting}, "state": {}}

    def answer(self, request: Request) -> Reply:
        facts: dict[str, object] = {"host": request.host}
        try:
            authorization = request.headers.get("authorization", "")
            claims = self._issuer.verified_bearer(authorization, _AUDIENCES, "no bearer token")
            if claims["tid"] != CONTOSO.tenant_id:
                raise jwt.InvalidTokenError("the token is of another tenant")
        except jwt.InvalidTokenError as error:
            authority = f"https://login.microsoftonline.com/{CONTOSO.tenant_id}/oauth2/authorize"
            challenge = f"Bearer authorization_uri={authority} resource_id={_AUDIENCES[0]}"
            reply = _error(401, "InvalidAuthenticationInfo", str(error), {"WWW-Authenticate": challenge})
        else:
            facts |= {"username": claims["unique_name"], "deviceid": claims.get("deviceid")}
            with self._lock:
                reply = self._reply(request)
        self._journal.write("storage", f"{request.method} {request.path}", status=reply.status, **facts)
        common = {"x-ms-request-id": str(uuid.uuid4()), "x-ms-version": request.headers.get("x-ms-version", "")}
        return Reply(reply.body, reply.status, {**common, **reply.headers})

    def _reply(self, request: Request) -> Reply:
        container, name = request.parts[:1], "/".join(request.parts[1:])
        blobs = self._containers.get("".join(container))
        if blobs is None:
            return _error(404, "ContainerNotFound", "The specified container does not exist.")
        if not name:
            if request.query.get("comp") == "list":
                return _listed(container[0], blobs, request.query)
            return Reply(status=200, headers={"ETag": '"0x1"', "x-ms-lease-state": "available"})
        if request.method == "PUT":
            return _put(blobs, name, request)
        if name not in blobs:
            return _error(404, "BlobNotFound", "The specified blob does not exist.")
        if request.method == "DELETE":
            del blobs[name]
            return Reply(status=202)
        return _got(blobs[name], request)


def _put(blobs: dict[str, _Blob], name: str, request: Request) -> Reply:
    what, blob = request.query.get("comp", ""), blobs.get(name) or _Blob()
    given = request.headers.get("x-ms-lease-id", "")
    if blob.lease and blob.lease != given and what != "block":
        return _error(409, "LeaseAlreadyPresent", "There is already a lease present.")
    if what not in ("", "block", "blocklist") and name not in blobs:
        return _error(404, "BlobNotFound", "The specified blob does not exist.")
    metadata = {key: value for key, value in request.headers.items() if key.startswith(_META)}
    if what == "lease":
        action = request.headers.get("x-ms-lease-action", "")
        blob.lease = "" if action in ("release", "break") else blob.lease or str(uuid.uuid4())
        headers = {"x-ms-lease-id": blob.lease, "ETag": blob.headers()["ETag"]}
        return Reply(status={"acquire": 201, "break": 202}.get(action, 200), headers=headers)
    if what == "block":
        blob.blocks[request.query["blockid"]] = request.body
    elif what == "metadata":
        blob.metadata = metadata
    else:
        named = re.findall(r"<(?:Latest|Uncommitted)>([^<]*)</", request.body.decode(errors="replace"))
        blob.content = b"".join(blob.blocks[each] for each in named) if what == "blocklist" else request.body
        blob.metadata = metadata
    blobs[name] = blob
    return Reply(status=200 if what == "metadata" else 201, headers={"ETag": blob.headers()["ETag"]})


def _got(blob: _Blob, request: Request) -> Reply:
    asked = request.headers.get("x-ms-range") or request.headers.get("range") or ""
    headers, found = blob.headers(), re.fullmatch(r"bytes=(\d+)-(\d*)", asked)
    if found is None or not blob.content:
        return Reply(blob.content, 200, headers)
    first, last = int(found[1]), min(int(found[2] or len(blob.content)), len(blob.content) - 1)
    headers["Content-Range"] = f"bytes {first}-{last}/{len(blob.content)}"
    return Reply(blob.content[first : last + 1], 206, headers)


def _listed(container: str, blobs: Mapping[str, _Blob], query: Mapping[str, str]) -> Reply:
    prefix, delimiter = query.get("prefix", ""), query.get("delimiter")
    found, folders = "", set()
    for name, blob in sorted(blobs.items()):
        if not name.startswith(prefix):
            continue
        rest = name.removeprefix(prefix)
        if delimiter and delimiter in rest:
            folders.add(prefix + rest.partition(delimiter)[0] + delimiter)
            continue
        facts = {**blob.headers(), "Content-Length": len(blob.content), "BlobType": "BlockBlob"}
        shown = ("ETag", "Last-Modified", "Content-Type", "Content-Length", "BlobType")
        properties = "".join(f"<{key}>{escape(str(facts[key]))}</{key}>" for key in shown)
        found += f"<Blob><Name>{escape(name)}</Name><Properties>{properties}</Properties></Blob>"
    found += "".join(f"<BlobPrefix><Name>{escape(name)}</Name></BlobPrefix>" for name in sorted(folders))
    text = (
        f'<?xml version="1.0" encoding="utf-8"?><EnumerationResults ServiceEndpoint="https://{HOSTS[0]}/"'
        f' ContainerName="{container}"><Prefix>{escape(prefix)}</Prefix><Blobs>{found}</Blobs><NextMarker />'
        "</EnumerationResults>"
    )
    return Reply(text.encode(), 200, {"Content-Type": "application/xml"})


def _error(status: int, code: str, message: str, headers: Mapping[str, str] | None = None) -> Reply:
    text = f'<?xml version="1.0" encoding="utf-8"?><Error><Code>{code}</Code><Message>{message}</Message></Error>'
    told = {"Content-Type": "application/xml", "x-ms-error-code": code}
    return Reply(text.encode(), status, {**told, **(headers or {})})
