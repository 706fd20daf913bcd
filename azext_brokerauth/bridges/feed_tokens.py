"""A token that a feed accepts: one that it refuses is renewed once, in the tenant that the feed names."""

from __future__ import annotations

import os
import ssl
from base64 import b64encode
from collections.abc import Callable, Iterable
from dataclasses import replace
from http.client import HTTPException
from urllib.error import HTTPError
from urllib.request import HTTPRedirectHandler, HTTPSHandler, Request, build_opener

from azext_brokerauth.bridges.feeds import SCOPE, USERNAME
from azext_brokerauth.bridges.organisations import tenant_in
from azext_brokerauth.bridges.silent import Source, Wanted
from azext_brokerauth.models import Token

_PATIENCE = 5.0
"""Seconds that a feed may take to say whether it accepts a token. One that takes longer is taken to accept it."""

Ask = Callable[[str, str], "str | None"]
"""Asks a feed, at a URL, whether it accepts a token: None where it does or does not say; else the tenant that it names,
empty where it names none."""


def tenant_named(challenges: Iterable[str]) -> str:
    """The tenant that a feed wants a token of; empty where it names none.

    :param challenges: the values of its ``WWW-Authenticate`` headers, or lines with their names.
    """
    return next(filter(None, map(tenant_in, challenges)), "")


def refused(url: str, token: str) -> str | None:
    """What :data:`Ask` is, over the network.

    The tools say nothing to us about a token that was refused: they end with an error, and ask for it again next time.
    ``artifacts-keyring`` asks in the same way (``ArtifactsKeyringBackend``), and once more without any token, which we
    do not: a tool asks for one when a feed has refused it without, and a public feed takes one as well.
    """
    request = Request(url)  # noqa: S310  (https: see feed_url)
    basic = b64encode(f"{USERNAME}:{token}".encode()).decode()
    request.add_unredirected_header("Authorization", f"Basic {basic}")
    try:
        opener = build_opener(_NoRedirects(), HTTPSHandler(context=_trust()))
        opener.open(request, timeout=_PATIENCE).close()
    except HTTPError as error:
        with error:
            return tenant_named(error.headers.get_all("WWW-Authenticate", [])) if error.code == 401 else None
    except (OSError, ValueError, HTTPException):
        return None  # the tool itself will meet this, and tells its user
    return None


class _NoRedirects(HTTPRedirectHandler):
    def redirect_request(self, *_: object) -> None:
        return None


def _trust() -> ssl.SSLContext:
    """Whom the tools trust: the system's certificates, or those that ``requests`` is told of."""
    return ssl.create_default_context(cafile=os.environ.get("REQUESTS_CA_BUNDLE") or None)


def accepted(source: Source, url: str, username: str = "", tenant: str = "", ask: Ask = refused) -> Token:
    """A token for a feed, silently.

    :param url: the feed's, from :func:`~azext_brokerauth.bridges.feeds.feed_url`; of a host alone nothing is asked.
    :param username: whose token; empty for the account in use.
    :param tenant: the one that the feed has named already; empty for none.
    :raises ~azext_brokerauth.errors.BrokerAuthError: there is none.
    """
    wanted = Wanted(SCOPE, tenant=tenant, username=username)
    token = source.token(wanted)
    if url.removeprefix("https://").partition("/")[2] == "":
        return token
    named = ask(url, token.value)
    if named and named != token.tenant:
        wanted = replace(wanted, tenant=named)
        token = source.token(wanted)
        named = ask(url, token.value)
    return token if named is None else source.token(replace(wanted, renew=True))
