"""Azure DevOps' organisations: which hosts are theirs, in which tenant each is, and whose last token was refused."""

from __future__ import annotations

import contextlib
import json
import re
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from azext_brokerauth import clouds, files
from azext_brokerauth.bridges.feeds import NAME
from azext_brokerauth.spelling import GUID

FILE = "organisations.json"
_OTHERS = ("ssh", "vs-ssh", "app", "www")
"""Hosts below visualstudio.com that are no organisation's."""
_BEARER = re.compile(r"\bbearer\b", re.IGNORECASE)
_CHALLENGE = re.compile(r"\bauthorization_uri=\"?https://([^/\"\s,]+)/([^/\"\s,]+)", re.IGNORECASE)
_NOBODYS = "00000000-0000-0000-0000-000000000000"
_PATIENCE = 5.0
"""Seconds that an organisation may take to say which tenant it is in."""
_MOST = 200
"""Organisations that are remembered."""

Ask = Callable[[str], Iterable[str]]
"""Gives what a server answers, to a request without a token, in ``WWW-Authenticate`` and ``X-VSS-ResourceTenant``."""


@dataclass(frozen=True)
class Organisation:
    """One organisation, as a URL names it.

    :param host: one that is Azure DevOps' own, in lower case.
    :param name: in lower case; empty where the URL does not say.
    """

    host: str
    name: str

    @property
    def url(self) -> str:
        """Where it is asked in which tenant it is."""
        return f"https://{self.host}/" if self.host.startswith(f"{self.name}.") else f"https://{self.host}/{self.name}"


def organisation(host: str, path: str) -> Organisation | None:
    """The organisation that a URL belongs to; None for a host that is not exactly one of Azure DevOps'.

    :param host: as it stands in the URL, with a port if there is one.
    :param path: the URL's path, as far as it is known.
    """
    if not host.isascii():  # some letters of other alphabets become ours in lower case
        return None
    host = host.lower()
    if host == "dev.azure.com":
        name = path.lstrip("/").partition("/")[0].lower()
        return Organisation(host, name if re.fullmatch(NAME, name) else "")
    name, dot, domain = host.partition(".")
    if dot and domain == "visualstudio.com" and re.fullmatch(NAME, name) and name not in _OTHERS:
        return Organisation(host, name)
    return None


def tenant_named(headers: Iterable[str]) -> str:
    """The ID of the tenant that ``WWW-Authenticate`` or ``X-VSS-ResourceTenant`` headers name; empty for none.

    Nothing but the tenant is taken from them: where a token is asked for is for the account to say.

    :param headers: their values, or lines with their names.
    """
    return next(filter(None, map(_tenant_in, headers)), "")


def _tenant_in(header: str) -> str:
    bearer = _BEARER.search(header)
    found = _CHALLENGE.search(header, bearer.end()) if bearer else None
    if found and clouds.of_authority(found[1].lower()) is None:
        return ""
    named = (found[2] if found else header).strip().lower().split(",")
    return next((each for each in named if re.fullmatch(GUID, each) and each != _NOBODYS), "")


def ask(url: str) -> list[str]:
    """What a server says when it is asked for a page without a token; redirections are not followed.

    :raises OSError: it cannot be reached.
    """
    from azext_brokerauth.bridges import https  # slow to load, and needed once for an organisation

    headers = https.ask(url, {"X-TFS-FedAuthRedirect": "Suppress"}, _PATIENCE, method="HEAD").headers
    return [*headers.get_all("WWW-Authenticate", []), *headers.get_all("X-VSS-ResourceTenant", [])]


class Memory:
    """What is remembered of organisations, in this user's cache directory. None of it is secret, and none is needed.

    Of two processes that write at once, one is not remembered.

    :param above: the directory of caches.
    :param clock: gives epoch seconds.
    """

    def __init__(self, above: str, clock: Callable[[], float] = time.time) -> None:
        self._above, self._clock = above, clock

    def tenant(self, of: Organisation, challenges: Iterable[str], ask: Ask = ask) -> str:
        """The tenant that an organisation is in; empty where nobody can say.

        :param challenges: the ``WWW-Authenticate`` headers of a refusal, where they are known.
        :param ask: asks the organisation, where neither they nor anything remembered tells.
        """
        if found := tenant_named(challenges):
            return found
        if not of.name:
            return ""
        known = self._read()
        if found := known.tenants.get(of.url, ""):
            return found
        with contextlib.suppress(OSError, ValueError):
            found = tenant_named(ask(of.url))
        if found:
            known.tenants[of.url] = found
            self._write(known)
        return found

    def was_refused(self, of: Organisation) -> bool:
        """Was the token refused that it was given last?"""
        return of.url in self._read().refused

    def refuse(self, of: Organisation) -> None:
        """Its token was refused: the tenant may be another one too."""
        known = self._read()
        known.tenants.pop(of.url, None)
        known.refused[of.url] = int(self._clock())
        self._write(known)

    def accept(self, of: Organisation) -> None:
        """It is given a new token."""
        known = self._read()
        if known.refused.pop(of.url, None) is not None:
            self._write(known)

    def _read(self) -> _Known:
        with contextlib.suppress(OSError, ValueError, RecursionError), files.ours(self._above) as directory:
            found = json.loads(directory.read(FILE))
            if isinstance(found, dict):
                return _Known(_pairs(found.get("tenants"), str), _pairs(found.get("refused"), int))
        return _Known()

    def _write(self, known: _Known) -> None:
        content = {"tenants": _last(known.tenants), "refused": _last(known.refused)}
        with contextlib.suppress(OSError), files.ours(self._above, make=True) as directory:
            directory.replace(FILE, json.dumps(content).encode())


@dataclass
class _Known:
    tenants: dict[str, str] = field(default_factory=dict)
    refused: dict[str, int] = field(default_factory=dict)


def _pairs(found: object, kind: type) -> dict[str, Any]:
    return {key: value for key, value in found.items() if isinstance(value, kind)} if isinstance(found, dict) else {}


def _last(pairs: Mapping[str, object]) -> dict[str, object]:
    return dict(list(pairs.items())[-_MOST:])
