"""The stand-in for Azure Artifacts: one feed in each organisation, for pip, npm and cargo; and a look-alike."""

from __future__ import annotations

import base64
import binascii
import email.parser
import email.policy
import gzip
import hashlib
import io
import json
import tarfile
import threading
import zipfile
from collections.abc import Mapping

import jwt

from testbed.cloud.issuer import Issuer
from testbed.cloud.web import Reply, Request, html_reply, json_reply
from testbed.directory import CONTOSO, FABRIKAM
from testbed.journal import Journal

_HOST, _OLD_HOST = "pkgs.dev.azure.com", "contoso.pkgs.visualstudio.com"
_LOOK_ALIKE = "evilpkgs.dev.azure.com"
"""It refuses everybody, and the journal has whatever it was sent."""
HOSTS = (_HOST, _OLD_HOST, _LOOK_ALIKE)
_TENANT_OF = {"contoso": CONTOSO.tenant_id, "fabrikam": FABRIKAM.tenant_id}
_PUBLIC = "public"
"""The feed of each organisation that everybody may read."""
_AZURE_DEVOPS = "499b84ac-1321-427f-aa17-267ca6975798"
_VERSION = "1.0.0"
_WHEEL = f"greeting-{_VERSION}-py3-none-any.whl"
_EPOCH = (2026, 1, 1, 0, 0, 0)


class Feeds:
    """The packages of all organisations: each has one by the name of ``greeting``."""

    def __init__(self, issuer: Issuer, journal: Journal) -> None:
        self._issuer, self._journal = issuer, journal
        self._lock = threading.Lock()
        self._seen: set[str] = set()
        self._refused: set[str] = set()
        self._uploaded: dict[str, bytes] = {}

    def answer(self, request: Request) -> Reply:
        facts: dict[str, object] = {"host": request.host}
        authorization = request.headers.get("authorization", "")
        organisation, *path = _organisation_and_path(request)
        if (organisation, *path) == ("testbed", "refuse-what-you-saw"):
            with self._lock:
                self._refused |= self._seen
            reply = json_reply({})
        elif request.host == _LOOK_ALIKE or organisation not in _TENANT_OF:
            facts["authorization"] = authorization
            reply = json_reply({"message": "no"}, 401, {"WWW-Authenticate": 'Basic realm="feeds"'})
        elif path[:2] == ["_packaging", _PUBLIC] and request.method != "POST":
            reply = self._package(request, path)
        else:
            facts["scheme"] = authorization.partition(" ")[0]
            try:
                claims = self._claims(authorization, _TENANT_OF[organisation])
            except jwt.InvalidTokenError as error:
                reply = _refusal(_TENANT_OF[organisation], str(error))
            else:
                facts |= {"username": claims.get("unique_name"), "deviceid": claims.get("deviceid")}
                reply = self._package(request, path)
        self._journal.write("feeds", f"{request.method} {request.path}", status=reply.status, **facts)
        return reply

    def _claims(self, authorization: str, tenant: str) -> Mapping[str, object]:
        scheme, _, secret = authorization.partition(" ")
        if scheme.lower() == "basic":
            try:
                secret = base64.b64decode(secret).decode().partition(":")[2]
            except (binascii.Error, UnicodeDecodeError):
                raise jwt.InvalidTokenError("no Basic credentials") from None
        digest = hashlib.sha256(secret.encode()).hexdigest()
        with self._lock:
            self._seen.add(digest)
            if digest in self._refused:
                raise jwt.InvalidTokenError("revoked")
        claims = self._issuer.verified(secret, (_AZURE_DEVOPS,))
        if claims["tid"] != tenant:
            raise jwt.InvalidTokenError("a token of another tenant")
        return claims

    def _package(self, request: Request, path: list[str]) -> Reply:
        here = f"https://{request.host}{request.path}"
        match path:
            case ["_packaging", _, "pypi", "simple"]:
                return html_reply('<a href="greeting/">greeting</a>')
            case ["_packaging", _, "pypi", "simple", "greeting"]:
                names = [_WHEEL, *self._uploaded]
                return html_reply("".join(f'<a href="../../download/{name}">{name}</a>' for name in names))
            case ["_packaging", _, "pypi", "download", name]:
                return Reply(self._uploaded.get(name) or _wheel())
            case ["_packaging", _, "pypi", "upload"] if request.method == "POST":
                name, content = _upload(request)
                self._uploaded[name] = content
                return Reply(b"", 200)
            case ["_packaging", _, "npm", "registry", "greeting"]:
                return json_reply(_npm_package(here))
            case ["_packaging", _, "npm", "registry", "greeting", "-", _]:
                return Reply(_npm_archive())
            case ["_packaging", _, "Cargo", "index", "config.json"]:
                download = here.removesuffix("index/config.json") + "download"
                return json_reply(
                    {"dl": download, "api": here.removesuffix("/index/config.json"), "auth-required": True}
                )
            case ["_packaging", _, "Cargo", "index", "gr", "ee", "greeting"]:
                checksum = hashlib.sha256(_crate()).hexdigest()
                entry = {"name": "greeting", "vers": _VERSION, "deps": [], "cksum": checksum, "features": {}}
                return json_reply({**entry, "yanked": False})
            case ["_packaging", _, "Cargo", "download", "greeting", _, "download"]:
                return Reply(_crate())
        return Reply(b"", 404)


def _organisation_and_path(request: Request) -> list[str]:
    if request.host == _OLD_HOST:
        return [_OLD_HOST.partition(".")[0], *request.parts]
    return request.parts or [""]


def _refusal(tenant: str, why: str) -> Reply:
    challenge = f'Bearer authorization_uri=https://login.windows.net/{tenant}, Basic realm="https://{_HOST}/"'
    return json_reply({"message": why}, 401, {"WWW-Authenticate": challenge})


def _upload(request: Request) -> tuple[str, bytes]:
    """The file that twine or uv sends, with its name."""
    kind = f"Content-Type: {request.headers['content-type']}\r\n\r\n".encode()
    form = email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(kind + request.body)
    for part in form.iter_parts():
        name, content = part.get_filename(), part.get_payload(decode=True)
        if name and isinstance(content, bytes):
            return name, content
    raise ValueError("no file in it")


def _wheel() -> bytes:
    files = {
        "greeting.py": "TEXT = 'hello'\n",
        f"greeting-{_VERSION}.dist-info/METADATA": f"Metadata-Version: 2.1\nName: greeting\nVersion: {_VERSION}\n",
        f"greeting-{_VERSION}.dist-info/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    files[f"greeting-{_VERSION}.dist-info/RECORD"] = "".join(f"{name},,\n" for name in files)
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as wheel:
        for name, text in files.items():
            wheel.writestr(zipfile.ZipInfo(name, _EPOCH), text)
    return archive.getvalue()


def _npm_package(here: str) -> dict[str, object]:
    digest = base64.b64encode(hashlib.sha512(_npm_archive()).digest()).decode()
    dist = {"tarball": f"{here}/-/greeting-{_VERSION}.tgz", "integrity": f"sha512-{digest}"}
    version = {"name": "greeting", "version": _VERSION, "main": "index.js", "dist": dist}
    return {"name": "greeting", "dist-tags": {"latest": _VERSION}, "versions": {_VERSION: version}}


def _npm_archive() -> bytes:
    package = json.dumps({"name": "greeting", "version": _VERSION, "main": "index.js"})
    return _tar({"package/package.json": package, "package/index.js": "module.exports = 'hello';\n"})


def _crate() -> bytes:
    manifest = f'[package]\nname = "greeting"\nversion = "{_VERSION}"\nedition = "2021"\n'
    folder = f"greeting-{_VERSION}"
    return _tar({f"{folder}/Cargo.toml": manifest, f"{folder}/src/lib.rs": 'pub const TEXT: &str = "hello";\n'})


def _tar(files: Mapping[str, str]) -> bytes:
    """The same bytes each time: their digest is in the index."""
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w") as archive:
        for name, text in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(text.encode())
            archive.addfile(entry, io.BytesIO(text.encode()))
    return gzip.compress(plain.getvalue(), mtime=0)
