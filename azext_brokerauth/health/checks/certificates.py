"""The two stores of certificates: Microsoft's runtime reads the system's, and Python what REQUESTS_CA_BUNDLE names.

A company that inspects TLS signs what Linux sees of Microsoft Entra, and has to be trusted in both.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterable
from typing import Any

from azext_brokerauth.health.facts import Facts
from azext_brokerauth.health.finding import Finding, failed, passed, skipped, warned
from azext_brokerauth.health.parsing import called
from azext_brokerauth.health.remedies import trust_in_python, trust_in_system
from azext_brokerauth.models import person

_VARIABLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
"""Which of them requests reads first."""
_SIZE = 1 << 22
"""Bytes of a file of certificates that are read; the public ones together have a quarter of a million."""


def certificates(facts: Facts) -> Finding:
    """Is whoever is trusted besides the public authorities trusted in both stores?"""
    store = facts.linux.certificate_store
    if not store:
        return skipped("the system's certificate store is at none of the usual places")
    system, public = _authorities(facts, [store]), _authorities(facts, [facts.probe.public_list()])
    variable, bundle = next(
        ((name, facts.probe.environ[name]) for name in _VARIABLES if facts.probe.environ.get(name)), ("", "")
    )
    if facts.probe.is_directory(bundle):
        return skipped(f"{variable} names a directory, {bundle}")
    pythons = _authorities(facts, [bundle]) if bundle else public
    if bundle and not pythons:
        text = f"{variable} names {bundle}, in which no certificates of authorities can be read"
        return failed(text, person("Set it to a file of certificates (PEM), or unset it"))
    if unknown := pythons.keys() - system.keys() - public.keys():
        text = f"The system's certificate store, which Microsoft's runtime reads, lacks what {variable} has: "
        return warned(text + _named(pythons, unknown), trust_in_system(facts, _named(pythons, unknown)))
    directory = facts.linux.distribution.authorities
    added = _authorities(facts, [f"{directory}/{name}" for name in facts.probe.names(directory)])
    if unknown := added.keys() - pythons.keys():
        reads = f"the file that {variable} names" if bundle else "certifi's list, because REQUESTS_CA_BUNDLE is not set"
        text = f"Python trusts {reads}, which lacks what is in {directory}: {_named(added, unknown)}"
        return warned(text, trust_in_python(store))
    return passed("Python and Microsoft's runtime trust the same authorities, besides the public ones")


def _named(authorities: dict[str, str], keys: Iterable[str]) -> str:
    names = sorted({authorities[key] for key in keys})
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def _authorities(facts: Facts, files: Iterable[str]) -> dict[str, str]:
    return {key: name for file in files for key, name in _known(facts.probe.read(file, _SIZE) or b"").items()}


def _known(pem: bytes) -> dict[str, str]:
    """The authorities whose certificates are in a text: what tells each apart, and its name."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        context.load_verify_locations(cadata=pem.decode("ascii", errors="ignore"))
    except (ssl.SSLError, ValueError):  # ValueError: an empty text
        return {}
    found: list[dict[str, Any]] = context.get_ca_certs()
    return {f"{each['serialNumber']} {each['issuer']}": called(each["subject"]) or "unnamed" for each in found}
