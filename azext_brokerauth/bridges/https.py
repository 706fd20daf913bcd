"""A request over https: through the proxy and with the trust that the variables name, and never on to where an answer
sends it."""

from __future__ import annotations

import os
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from email.message import Message
from http.client import HTTPException
from typing import Any
from urllib.request import HTTPErrorProcessor, HTTPSHandler, Request, build_opener


@dataclass(frozen=True)
class Answer:
    """What a server says, whatever its status.

    :param content: as much of it as was to be read.
    """

    status: int
    headers: Message
    content: bytes


def ask(
    url: str,
    headers: Mapping[str, str],
    patience: float,
    *,
    method: str = "GET",
    content: bytes | None = None,
    most: int = 0,
) -> Answer:
    """What the server itself answers: no redirect is followed, so that a token goes where it was meant to go.

    :param patience: seconds for each step.
    :keyword content: what is sent.
    :keyword most: bytes of the answer's content that are read.
    :raises OSError: there is no answer, or no certificates can be read where a variable says.
    :raises ValueError: the URL is none.
    """
    request = Request(url, content, dict(headers), method=method)  # noqa: S310  (all who call this name https)
    opener = build_opener(HTTPSHandler(context=_trust()), _AsItIs)
    try:
        with opener.open(request, timeout=patience) as reply:
            return Answer(reply.status, reply.headers, reply.read(most) if most else b"")
    except HTTPException as error:
        raise OSError(f"its answer is no HTTP ({type(error).__name__})") from error


class _AsItIs(HTTPErrorProcessor):
    """Takes every answer as it is: urllib would follow redirects here, and raise for other statuses."""

    def http_response(self, request: Request, response: Any) -> Any:
        return response

    https_response = http_response


def _trust() -> ssl.SSLContext:
    # requests, and so msal and az, look at these two; OpenSSL by itself at SSL_CERT_FILE and SSL_CERT_DIR.
    bundle = os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE") or None
    is_directory = bundle is not None and os.path.isdir(bundle)
    try:
        return ssl.create_default_context(
            cafile=None if is_directory else bundle, capath=bundle if is_directory else None
        )
    except OSError as error:
        raise OSError(f"the trusted certificates in {bundle} cannot be read") from error
