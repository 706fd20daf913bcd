"""The stand-in for Azure DevOps: an organisation in each tenant, each with one git repository."""

from __future__ import annotations

import base64
import os
import shutil
import subprocess
import threading
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlencode

import jwt

from testbed.cloud.issuer import Issuer
from testbed.cloud.web import Headers, Reply, Request, json_reply
from testbed.directory import CONTOSO, FABRIKAM
from testbed.journal import Journal

AUDIENCE = "499b84ac-1321-427f-aa17-267ca6975798"
_TENANT_OF = {"contoso": CONTOSO.tenant_id, "fabrikam": FABRIKAM.tenant_id}
_OLD_HOSTS = {f"{name}.visualstudio.com": name for name in _TENANT_OF}
HOSTS = ("dev.azure.com", *_OLD_HOSTS)
REPOSITORY = "app/_git/app"
"""The one of each organisation."""


class DevOps:
    """The repositories, and the tokens that count no more.

    :param directory: where the repositories are made when they are first asked for.
    """

    def __init__(self, issuer: Issuer, journal: Journal, directory: Path) -> None:
        self._issuer, self._journal = issuer, journal
        self._directory = directory
        self._lock = threading.Lock()
        self._seen: set[str] = set()
        self._revoked: set[str] = set()

    def answer(self, request: Request) -> Reply:
        if request.parts == ["testbed", "revoke"] and request.method == "POST":
            self._revoked |= self._seen
            return json_reply({"revoked": len(self._revoked)})
        old = _OLD_HOSTS.get(request.host, "")
        organisation, *rest = [old, *request.parts] if old else request.parts or [""]
        facts: dict[str, object] = {"host": request.host}
        tenant = _TENANT_OF.get(organisation.lower(), "")
        scheme, token = _credential(request.headers.get("authorization", ""))
        facts["scheme"] = scheme
        if not tenant:
            reply = json_reply({"message": "TF400813: There is no such organisation."}, 404)
        else:
            try:
                claims = self._issuer.verified(token, (AUDIENCE,))
                if claims["tid"] != tenant or claims["uti"] in self._revoked:
                    raise jwt.InvalidTokenError("another tenant's, or revoked")
                self._seen.add(claims["uti"])
                facts |= {"username": claims.get("unique_name"), "tid": claims["tid"]}
                reply = self._repository(request, organisation.lower(), rest)
            except jwt.InvalidTokenError:
                reply = _refusal(tenant)
        self._journal.write("devops", f"{request.method} {request.path}", status=reply.status, **facts)
        return reply

    def _repository(self, request: Request, organisation: str, rest: list[str]) -> Reply:
        name = REPOSITORY.split("/")
        if rest[: len(name)] != name:
            return json_reply({"message": "TF401019: The repository does not exist."}, 404)
        path = self._directory / organisation / "app"
        with self._lock:
            if not path.exists():
                path.parent.mkdir(parents=True, exist_ok=True)
                _git("init", "--quiet", "--bare", "--initial-branch=main", str(path))
                _git("-C", str(path), "config", "http.receivepack", "true")
        done = _git("http-backend", input=request.body, variables=_variables(request, path, rest[len(name) :]))
        head, _, body = done.partition(b"\r\n\r\n")
        headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n"))
        return Reply(body, int(headers.pop("Status", "200").split()[0]), {**headers})


def _git(*words: str, input: bytes = b"", variables: Mapping[str, str] | None = None) -> bytes:
    env_program = shutil.which("env")
    assert env_program
    # This process ignores what git waits for.
    command = [env_program, "--default-signal=CHLD", "git", *words]
    env = {"PATH": os.environ["PATH"], **(variables or {})}
    return subprocess.run(command, input=input, env=env, cwd="/", capture_output=True, check=True).stdout


def _credential(header: str) -> tuple[str, str]:
    """The scheme, and the token: with Basic it is the password, whatever the user name."""
    scheme, _, value = header.partition(" ")
    if scheme.lower() == "basic":
        value = base64.b64decode(value).decode().partition(":")[2]
    return scheme.lower(), value


def _refusal(tenant: str) -> Reply:
    challenges = (
        f"Bearer authorization_uri=https://login.microsoftonline.com/{tenant}",
        'Basic realm="https://dev.azure.com/"',
        "TFS-Federated",
    )
    headers: Headers = {"WWW-Authenticate": challenges, "X-VSS-ResourceTenant": tenant}
    return json_reply({"message": "TF400813: The user is not authorized to access this resource."}, 401, headers)


def _variables(request: Request, path: Path, rest: list[str]) -> dict[str, str]:
    """As RFC 3875 has them."""
    return {
        "GIT_PROJECT_ROOT": str(path),
        "GIT_HTTP_EXPORT_ALL": "1",
        "REMOTE_USER": "somebody",
        "REMOTE_ADDR": "127.0.0.1",
        "REQUEST_METHOD": request.method,
        "PATH_INFO": "/" + "/".join(rest),
        "QUERY_STRING": urlencode(request.query),
        "CONTENT_TYPE": request.headers.get("content-type", ""),
        "CONTENT_LENGTH": str(len(request.body)),
        "HTTP_CONTENT_ENCODING": request.headers.get("content-encoding", ""),
        "GIT_PROTOCOL": request.headers.get("git-protocol", ""),
    }
