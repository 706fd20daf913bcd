"""The stand-in for Azure OpenAI: a model that greets whoever asks, in both of the service's paths."""

from __future__ import annotations

import json
import time

import jwt

from testbed.cloud.issuer import Issuer
from testbed.cloud.web import Reply, Request, json_reply
from testbed.directory import CONTOSO
from testbed.journal import Journal

HOSTS = ("contoso.openai.azure.com",)
_AUDIENCES = ("https://cognitiveservices.azure.com", "https://cognitiveservices.azure.com/")


class OpenAI:
    """Chat completions, for people of one tenant."""

    def __init__(self, issuer: Issuer, journal: Journal) -> None:
        self._issuer, self._journal = issuer, journal

    def answer(self, request: Request) -> Reply:
        facts: dict[str, object] = {"host": request.host}
        try:
            authorization = request.headers.get("authorization", "")
            claims = self._issuer.verified_bearer(authorization, _AUDIENCES, "no bearer token")
            if claims["tid"] != CONTOSO.tenant_id:
                raise jwt.InvalidTokenError("Token tenant does not match resource tenant.")
        except jwt.InvalidTokenError as error:
            reply = json_reply({"error": {"code": "401", "message": str(error)}}, 401)
        else:
            facts |= {"username": claims["unique_name"], "deviceid": claims.get("deviceid")}
            reply = _completion(request, claims["unique_name"])
        self._journal.write("openai", f"{request.method} {request.path}", status=reply.status, **facts)
        return reply


def _completion(request: Request, username: str) -> Reply:
    match request.method, request.parts:
        case "POST", ["openai", "deployments", model, "chat", "completions"]:
            pass
        case "POST", ["openai", "v1", "chat", "completions"]:
            model = json.loads(request.body)["model"]
        case _:
            return json_reply({"error": {"code": "404", "message": "Resource not found"}}, 404)
    message = {"role": "assistant", "content": f"hello {username}"}
    return json_reply(
        {
            "id": "chatcmpl-1",
            "object": "chat.completion",
            "created": int(time.time()),
            "model": model,
            "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3},
        }
    )
