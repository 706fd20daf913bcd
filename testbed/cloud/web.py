"""One HTTP exchange, as the stand-ins for Microsoft's services see it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, unquote

Headers = Mapping[str, str | tuple[str, ...]]
"""By name. Several values are several lines."""


@dataclass(frozen=True)
class Request:
    method: str
    host: str
    path: str
    """Still quoted, without the query."""
    query: Mapping[str, str]
    headers: Mapping[str, str]
    """By lower-case name."""
    body: bytes

    @property
    def parts(self) -> list[str]:
        """The path's segments, unquoted. Empty ones are left out, as ARM and Entra do."""
        return [unquote(part) for part in self.path.split("/") if part]

    @property
    def form(self) -> dict[str, str]:
        return dict(parse_qsl(self.body.decode()))


@dataclass(frozen=True)
class Reply:
    body: bytes = b""
    status: int = 200
    headers: Headers = field(default_factory=dict)


def json_reply(body: Any, status: int = 200, headers: Headers | None = None) -> Reply:
    return Reply(
        json.dumps(body).encode(), status, {"Content-Type": "application/json; charset=utf-8", **(headers or {})}
    )


def html_reply(body: str, status: int = 200) -> Reply:
    return Reply(body.encode(), status, {"Content-Type": "text/html; charset=utf-8", "Cache-Control": "no-store"})
