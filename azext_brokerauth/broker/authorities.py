"""What authorities say about themselves, remembered for a day: a process of the broker need not ask anew.

It is public and the same for everybody. MSAL keeps it too where a program gives it a place (``http_cache``), but as
pickles, which run what is in them. Whatever is wrong with the file, nothing is remembered.
"""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import requests

from azext_brokerauth import files

LIFETIME = 86400
"""Seconds, as MSAL remembers it (``msal.throttled_http_client``)."""
_METADATA = "/.well-known/openid-configuration"
_ABOVE, _NAME = "~/.cache", "authorities.json"
_MOST = 64
"""Tenants. Nobody has more in a day, and the file stays small."""


@dataclass(frozen=True)
class _Said:
    """As much of a response as MSAL reads."""

    text: str
    status_code: int = 200
    headers: dict[str, str] = field(default_factory=dict)


class Authorities:
    """MSAL's HTTP client: a session as MSAL itself makes one, and what it was told before.

    :param timeout: seconds for each read.
    :keyword session: what sends requests. Default: a session as MSAL makes it.
    :keyword above: the directory in which ours is.
    :keyword clock: gives epoch seconds.
    """

    def __init__(
        self,
        timeout: float,
        *,
        session: Any = None,
        above: str = _ABOVE,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._session = session or _session()
        self._timeout, self._above, self._clock = timeout, above, clock

    def get(self, url: str, **options: Any) -> Any:
        """As MSAL's client."""
        is_metadata = url.endswith(_METADATA) and url.startswith("https://")
        if is_metadata and (kept := self._read().get(url)):
            return _Said(kept[0])
        response = self._session.get(url, timeout=self._timeout, **options)
        if is_metadata and response.status_code == 200 and _is_metadata(response.text):
            self._keep(url, response.text)
        return response

    def post(self, url: str, **options: Any) -> Any:
        """As MSAL's client."""
        return self._session.post(url, timeout=self._timeout, **options)

    def close(self) -> None:
        """As MSAL's client."""
        self._session.close()

    def _read(self) -> dict[str, tuple[str, float]]:
        """What is remembered, by its address, and until when."""
        now = self._clock()
        unfit = (OSError, ValueError, TypeError, AttributeError, RecursionError)
        with contextlib.suppress(*unfit), files.ours(self._above) as directory:
            return {
                url: (text, until)
                for url, (text, until) in json.loads(directory.read(_NAME)).items()
                if now < float(until) <= now + LIFETIME and _is_metadata(text)
            }
        return {}

    def _keep(self, url: str, text: str) -> None:
        newest = sorted(self._read().items(), key=lambda item: item[1][1])[1 - _MOST :]
        kept = {**dict(newest), url: (text, self._clock() + LIFETIME)}
        with contextlib.suppress(OSError), files.ours(self._above, make=True) as directory:
            directory.replace(_NAME, json.dumps(kept).encode())


def _session() -> requests.Session:
    session = requests.Session()
    session.mount("https://", requests.adapters.HTTPAdapter(max_retries=1))
    return session


def _is_metadata(text: str) -> bool:
    try:
        said = json.loads(text)
    except (ValueError, TypeError, RecursionError):
        return False
    return isinstance(said, dict) and isinstance(said.get("token_endpoint"), str)
