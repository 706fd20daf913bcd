"""The way to the authority, gone as MSAL goes it: one request for what everybody may read, and whom that trusts."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from azext_brokerauth.errors.network import network_reason, network_trouble
from azext_brokerauth.errors.troubles import Trouble
from azext_brokerauth.models import Target

if TYPE_CHECKING:
    from azext_brokerauth.health.probe import Probe

DEADLINE = 8.0
"""Seconds for all of it, the resolution of the name included, which nothing else limits."""


@dataclass(frozen=True)
class Reply:
    """How a request to the authority ended.

    :param signer: who signed the certificate that was shown; empty where that is not known.
    :param trouble: what kept the request from the authority; None where it was answered.
    :param reason: the same in the system's or OpenSSL's words.
    """

    signer: str = ""
    trouble: Trouble | None = None
    reason: str = ""


@dataclass(frozen=True)
class Way:
    """How requests to the authority end, by whom they trust.

    :param python: trusting whom Python trusts, as MSAL does.
    :param system: trusting the system's store, as Microsoft's runtime does; None where there was no
        answer in time.
    :param public: trusting the public authorities alone; None likewise.
    """

    python: Reply
    system: Reply | None = None
    public: Reply | None = None

    @property
    def signer(self) -> str:
        """Who signed the certificate that the authority shows here."""
        told = (reply.signer for reply in (self.python, self.system) if reply and reply.signer)
        return next(told, "an unknown issuer")


def look(probe: Probe, target: Target, store: str, deadline: float = DEADLINE) -> Way:
    """Go the way.

    :param target: whose authority and tenant.
    :param store: the file of the system's store of certificates; empty where it is not known.
    :param deadline: seconds for all of it.
    """
    url = f"https://{target.authority}/{target.tenant}/v2.0/.well-known/openid-configuration"
    until = time.monotonic() + deadline
    trusted = ("", store, probe.public_list())
    asked = [_ask(probe, url, file) if file or not n else None for n, file in enumerate(trusted)]
    python, system, public = (each and each(until - time.monotonic()) for each in asked)
    python = python or Reply(trouble=Trouble.NO_ANSWER, reason=f"no answer in {deadline:g} s")
    # Where nothing answers, it is of no interest who would have been trusted.
    return Way(python, system, public) if python.trouble in (None, Trouble.CERTIFICATE_UNTRUSTED) else Way(python)


def _ask(probe: Probe, url: str, trusted: str) -> Callable[[float], Reply | None]:
    """Begin to ask.

    :returns: waits for the reply, for so many seconds; None: there was none.
    """
    replies: list[Reply] = []

    def ask() -> None:
        try:
            replies.append(Reply(probe.fetch(url, trusted)))
        except (OSError, ValueError) as error:  # ValueError: a proxy's address that is none
            replies.append(Reply(trouble=network_trouble(error), reason=network_reason(error)))

    asking = threading.Thread(target=ask, daemon=True, name="check-way")
    asking.start()

    def wait(seconds: float) -> Reply | None:
        asking.join(max(0.0, seconds))
        return replies[0] if replies else None

    return wait
