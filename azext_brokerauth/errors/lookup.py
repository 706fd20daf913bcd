"""From what MSAL or the broker's process said to the error that explains it."""

from __future__ import annotations

from collections.abc import Mapping

from azext_brokerauth.clouds import PUBLIC, of_authority
from azext_brokerauth.errors import BrokerAuthError, SignInRefusedError
from azext_brokerauth.errors.aadsts import AADSTS
from azext_brokerauth.errors.codes import CODES
from azext_brokerauth.errors.diagnostics import BROKER, MSAL, Diagnostics
from azext_brokerauth.errors.statuses import STATUSES
from azext_brokerauth.errors.tags import TAGS
from azext_brokerauth.errors.troubles import TROUBLES, Trouble
from azext_brokerauth.models import Target

_OUT_OF_MEMORY = "failed to map segment"
"""In the words of the dynamic loader (ld.so), for which Python has no error but that of a missing library."""


def from_msal(
    description: str,
    *,
    correlation_id: str = "",
    target: Target | None = None,
    speaker: str = BROKER,
    named: Mapping[str, str] | None = None,
) -> BrokerAuthError:
    """The error that MSAL's description means. An AADSTS code says more than the broker's own code and tag, and these
    more than its status; what has no row passes through with everything MSAL said.

    :param correlation_id: for a description that names none.
    :param target: where the token was asked for; None when that is not known.
    :param speaker: whose words the description has.
    :param named: as for :func:`from_trouble`.
    """
    diagnostics = Diagnostics.parse(description, correlation_id, speaker)
    by_entra = map(AADSTS.get, diagnostics.aadsts)
    by_broker = (
        CODES.get(diagnostics.error_code),
        TAGS.get(diagnostics.tag),
        STATUSES.get(diagnostics.status),
    )
    advice = next((row for row in (*by_entra, *by_broker) if row), None)
    if advice is None:
        return SignInRefusedError(f"{speaker} refused the request.", diagnostics=diagnostics)
    return advice.as_error(diagnostics, **_facts(target), **(named or {}))


def from_trouble(
    trouble: Trouble,
    text: str,
    correlation_id: str,
    target: Target,
    speaker: str = BROKER,
    named: Mapping[str, str] | None = None,
) -> BrokerAuthError:
    """The error that a failure of the broker's process means.

    :param text: what MSAL or Python said.
    :param correlation_id: under which the broker and Entra logged it; empty when it is not known.
    :param target: where the token was asked for.
    :param speaker: whose words the text has when the trouble is a refusal; otherwise they are MSAL's.
    :param named: what the remedies call an argument, such as ``--tenant``, where the host's name for it would be wrong
        (:meth:`Settings.named`).
    """
    if trouble is Trouble.REFUSED:
        return from_msal(text, correlation_id=correlation_id, target=target, speaker=speaker, named=named)
    if trouble is Trouble.LIBRARY_MISSING and _OUT_OF_MEMORY in text:
        trouble = Trouble.NO_MEMORY
    return TROUBLES[trouble].as_error(Diagnostics.parse(text, correlation_id, MSAL), **_facts(target), **(named or {}))


def only_the_device_counts(error: BrokerAuthError) -> bool:
    """Is this a refusal that no browser or device code can overcome, since neither proves the device?"""
    return any(number in AADSTS and AADSTS[number].device for number in error.diagnostics.aadsts)


def _facts(target: Target | None) -> dict[str, str]:
    if target is None:
        return {}
    return {
        "client_id": target.client_id,
        "consent_url": f"https://{target.authority}/{target.tenant}/adminconsent?client_id={target.client_id}",
        "portal": (of_authority(target.authority) or PUBLIC).portal,
    }
