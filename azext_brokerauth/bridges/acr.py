"""Azure Container Registry: which hosts are its own, and its credential for a token of Entra's.

The exchange: https://github.com/Azure/acr/blob/main/docs/AAD-OAuth.md.
"""

from __future__ import annotations

import json
import re
import ssl
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NoReturn
from urllib.parse import urlencode

from azext_brokerauth.bridges import https
from azext_brokerauth.bridges.silent import Wanted
from azext_brokerauth.errors import AGAIN, BrokerAuthError, BrokerFailedError, BrokerTimeoutError, SignInRefusedError
from azext_brokerauth.models import Token, own, person

USER = "00000000-0000-0000-0000-000000000000"
"""The user name that goes with a refresh token of ACR's."""
SCOPE = "https://containerregistry.azure.net/.default"
"""az asks for this one in every cloud, and for no other. Many registries take a token for Azure Resource Manager too,
which can do far more: a registry need not have that."""

_CLOUDS = {"io": "AzureCloud", "cn": "AzureChinaCloud", "us": "AzureUSGovernment"}
_HOST = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.azurecr\.(?P<cloud>io|cn|us)")
_PATIENCE = 20.0
"""Seconds that the registry may take."""
_LONGEST = 1 << 20
"""Bytes of the longest answer that is read."""

Post = Callable[[str, "dict[str, str]"], "tuple[int, bytes]"]
"""Sends a form to an address, and gives the status and the content of the answer.

Raises ``OSError`` where there is none, and ``TimeoutError`` where it took too long."""


@dataclass(frozen=True)
class Registry:
    """One registry.

    :param host: its name, in lower case.
    :param cloud: whose it is, as az names it.
    """

    host: str
    cloud: str


def registry(server: str) -> Registry | None:
    """The registry that a tool means, by its address or host; None where it is not one of ACR's.

    Just the host, or https and the host: with a user, a port or another scheme it is nobody's, nor with another
    alphabet's letters, some of which look like ours, or become ours in lower case.
    """
    if not server.isascii():
        return None
    host = server.lower().removeprefix("https://").partition("/")[0]
    found = _HOST.fullmatch(host)
    return Registry(host, _CLOUDS[found["cloud"]]) if found else None


def credential(where: Registry, token_for: Callable[[Wanted], Token], send: Post | None = None) -> str:
    """The registry's own refresh token, which goes with the user name :data:`USER`.

    :param token_for: gets a token of Entra's. One that the registry refuses is renewed once.
    :param send: asks the registry; None: :func:`post`.
    :raises ~azext_brokerauth.errors.BrokerAuthError: there is none.
    """
    send = send or post
    for renew in (False, True):
        token = token_for(Wanted(SCOPE, cloud=where.cloud, renew=renew))
        form = {
            "grant_type": "access_token",
            "service": where.host,
            "tenant": token.tenant,
            "access_token": token.value,
        }
        try:
            status, content = send(f"https://{where.host}/oauth2/exchange", form)
        except TimeoutError as error:
            raise BrokerTimeoutError(
                f"{where.host} did not answer within {_PATIENCE:.0f} s.", remedies=AGAIN
            ) from error
        except OSError as error:
            raise _unreachable(where, error) from error
        if status == 200:
            return _refresh_token(where, content)
        if status != 401:
            break
    _refuse(where, token, status, content)


def _refresh_token(where: Registry, content: bytes) -> str:
    try:
        found = json.loads(content)["refresh_token"]
        if isinstance(found, str) and found:
            return found
    except (ValueError, KeyError, TypeError, RecursionError):
        pass
    raise BrokerFailedError(f"{where.host} answered with something else than a credential.", remedies=AGAIN)


def _refuse(where: Registry, token: Token, status: int, content: bytes) -> NoReturn:
    """:raises BrokerAuthError: with what the registry said."""
    said = ""
    try:
        first = json.loads(content)["errors"][0]
        said = f": {' '.join(str(first[name]) for name in ('code', 'message') if first.get(name))[:300]}"
    except (ValueError, KeyError, TypeError, IndexError, AttributeError, RecursionError):
        pass
    told = f"{where.host} does not take the token of {token.account.username} in tenant {token.tenant}"
    raise SignInRefusedError(
        f"{told} (HTTP {status}{said}).",
        remedies=person("See that this person has a role on the registry, such as AcrPull.")
        + own("login", "--tenant", "TENANT", text="If the registry is in another tenant,")
        if status in (401, 403)
        else AGAIN,
    )


def _unreachable(where: Registry, error: OSError) -> BrokerAuthError:
    reason = getattr(error, "reason", error)
    if isinstance(reason, ssl.SSLCertVerificationError):
        return BrokerFailedError(
            f"{where.host} shows a certificate that this machine does not trust: {reason.verify_message}.",
            remedies=own("check-health", text="To see which certificates are trusted,"),
        )
    return BrokerFailedError(
        f"{where.host} cannot be reached: {reason}.",
        remedies=person("Check the name of the registry, and the network and its proxy (HTTPS_PROXY)."),
    )


def post(url: str, form: Mapping[str, str], patience: float = _PATIENCE) -> tuple[int, bytes]:
    """As :data:`Post`.

    In a thread that nobody waits for longer: neither a name server nor a slow answer has any limit of its own.

    :param patience: seconds.
    """
    content = urlencode(form).encode()
    outcome: list[tuple[int, bytes] | OSError] = []

    def send() -> None:
        try:
            answer = https.ask(
                url, {"Accept": "application/json"}, patience, method="POST", content=content, most=_LONGEST
            )
            outcome.append((answer.status, answer.content))
        except OSError as error:
            outcome.append(error)

    thread = threading.Thread(target=send, daemon=True)
    thread.start()
    thread.join(patience)
    if not outcome:
        raise TimeoutError
    if isinstance(outcome[0], OSError):
        raise outcome[0]
    return outcome[0]
