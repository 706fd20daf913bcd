"""The way to the authority: the name, the connection, and the certificate, each with the reason why it fails."""

from __future__ import annotations

from azext_brokerauth.errors.troubles import TROUBLES, Trouble
from azext_brokerauth.health.facts import Facts
from azext_brokerauth.health.finding import Finding, failed, passed, warned
from azext_brokerauth.health.remedies import trust_in_python, trust_in_system


def authority(facts: Facts) -> Finding:
    """Can the authority's public metadata be read, which MSAL reads before each sign-in?"""
    way, host = facts.way, facts.own.settings.authority
    system_trusts = way.system is not None and way.system.trouble is None
    if way.python.trouble is Trouble.CERTIFICATE_UNTRUSTED and system_trusts:
        text = f"{host} shows a certificate that is signed by {way.signer}, which only the system's store knows"
        return failed(f"{text}: Python does not read that store", trust_in_python(facts.linux.certificate_store))
    if way.python.trouble is Trouble.CERTIFICATE_UNTRUSTED:
        text = f"{host} shows a certificate that is signed by an issuer that nothing here trusts, for example a proxy"
        remedies = trust_in_system(facts, "whoever inspects TLS here")
        return failed(
            f"{text} that inspects TLS ({way.python.reason})", remedies + trust_in_python(facts.linux.certificate_store)
        )
    if way.python.trouble:
        row = TROUBLES[way.python.trouble]
        return failed(f"{host}: {row.cause.removesuffix('.')} ({way.python.reason})", row.remedies)
    if way.system and way.system.trouble is Trouble.CERTIFICATE_UNTRUSTED:
        text = (
            f"{host} answers, with a certificate that is signed by {way.signer}, which Python trusts, but the system's"
        )
        return warned(
            f"{text} store, which Microsoft's runtime reads, does not know it", trust_in_system(facts, way.signer)
        )
    if way.public and way.public.trouble is Trouble.CERTIFICATE_UNTRUSTED:
        return passed(f"{host} answers. TLS is inspected: {way.signer} signed its certificate, and is trusted here")
    return passed(f"{host} answers")
