"""The stand-in for a Kubernetes API server that takes Entra's tokens, as AKS's do: one cluster with one pod."""

from __future__ import annotations

import threading
from typing import Any

import jwt

from testbed.cloud.issuer import Issuer
from testbed.cloud.web import Reply, Request, json_reply
from testbed.journal import Journal

HOSTS = ("contoso.hcp.westeurope.azmk8s.io", "fabrikam.hcp.westeurope.azmk8s.io")
SERVER_ID = "6dae42f8-4368-4678-94ff-3960e28e3630"
"""The application that every AKS cluster is, to Entra."""

_PODS = {"name": "pods", "singularName": "", "namespaced": True, "kind": "Pod", "verbs": ["get", "list"]}
_POD = {"metadata": {"name": "greeter", "namespace": "default"}, "spec": {"containers": []}, "status": {}}
_ANSWERS: dict[str, dict[str, Any]] = {
    "/version": {"major": "1", "minor": "32", "gitVersion": "v1.32.0"},
    "/api": {"kind": "APIVersions", "versions": ["v1"]},
    "/apis": {"kind": "APIGroupList", "apiVersion": "v1", "groups": []},
    "/api/v1": {"kind": "APIResourceList", "groupVersion": "v1", "resources": [_PODS]},
    "/api/v1/namespaces/default/pods": {"kind": "PodList", "apiVersion": "v1", "metadata": {}, "items": [_POD]},
}


class Cluster:
    """What it was shown, and what it has been told to accept no more."""

    def __init__(self, issuer: Issuer, journal: Journal) -> None:
        self._issuer, self._journal = issuer, journal
        self._lock = threading.Lock()
        self._seen: set[str] = set()
        self._revoked: set[str] = set()

    def answer(self, request: Request) -> Reply:
        if request.path == "/testbed/revoke":
            with self._lock:
                self._revoked |= self._seen
            return json_reply({})
        facts: dict[str, object] = {"host": request.host}
        try:
            authorization = request.headers.get("authorization", "")
            claims = self._issuer.verified_bearer(authorization, (SERVER_ID,), "no bearer token")
            facts |= {"username": claims["unique_name"], "tid": claims["tid"], "uti": claims["uti"]}
            with self._lock:
                self._seen.add(claims["uti"])
                if claims["uti"] in self._revoked:
                    raise jwt.InvalidTokenError("revoked")
        except jwt.InvalidTokenError as error:
            facts["why"] = str(error)
            reply = _status(401, "Unauthorized")
        else:
            found = _ANSWERS.get(request.path)
            reply = json_reply(found) if found else _status(404, "NotFound")
        self._journal.write("kubernetes", f"{request.method} {request.path}", status=reply.status, **facts)
        return reply


def _status(code: int, reason: str) -> Reply:
    body = {
        "kind": "Status",
        "apiVersion": "v1",
        "status": "Failure",
        "message": reason,
        "reason": reason,
        "code": code,
    }
    return json_reply(body, code)
