"""How tenants, applications, authorities, scopes and claims are spelled: one check of each, for every way in.

Nothing is put right here but upper case: white space around a value is taken away where a file or a variable is read.
"""

from __future__ import annotations

import json
import re

from azext_brokerauth.printable import is_printable

_SCOPE = re.compile(r"[A-Za-z0-9_.:/-]+")
LONGEST_SESSION = 256
"""Characters. Hosts of agents use GUIDs, and it travels in an address."""
GUID = r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"


def tenant(raw: object) -> str:
    """A tenant ID, domain or shared tenant, in lower case.

    :raises ValueError: it has characters that no tenant has, which could change the authority's address.
    """
    text = str(raw)
    if not re.fullmatch(r"[A-Za-z0-9](?:[A-Za-z0-9.-]{0,252}[A-Za-z0-9])?", text):
        raise ValueError("use a tenant ID or a domain name")
    return text.lower()


def client(raw: object) -> str:
    """A client ID.

    :raises ValueError: it is not a GUID.
    """
    text = str(raw).lower()
    if not re.fullmatch(GUID, text):
        raise ValueError("use the application's client ID, a GUID")
    return text


def authority_host(raw: object) -> str:
    """The host name of an authority given as a host name or an https URL.

    :raises ValueError: it is neither.
    """
    text = str(raw).lower()
    if "://" in text and not text.startswith("https://"):
        raise ValueError("use https")
    host = text.removeprefix("https://").rstrip("/")
    if not re.fullmatch(r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)+", host):
        raise ValueError("use a host name such as login.microsoftonline.com")
    return host


def user_name(raw: object) -> str:
    """A user name; empty for nobody's.

    :raises ValueError: it has white space around it, or characters that cannot be printed.
    """
    text = str(raw)
    if text != text.strip() or not is_printable(text):
        raise ValueError("use a user name such as ada@contoso.com")
    return text


def agent_session(text: str) -> str:
    """The ID of an AI agent's session, whose form is its host's own affair.

    :raises ValueError: it is empty, too long, or has what cannot be printed.
    """
    if not 0 < len(text) <= LONGEST_SESSION or text != text.strip() or not is_printable(text):
        raise ValueError(f"use 1 to {LONGEST_SESSION} characters that can be printed, without blanks around them")
    return text


def scope(text: str) -> str:
    """A scope, as azure-identity allows it.

    :raises ValueError: it has characters that no scope has.
    """
    if not _SCOPE.fullmatch(text):
        raise ValueError("it is not a scope: only letters, digits and . - _ : / can be in one")
    return text


def is_challenge(text: str) -> bool:
    """Is it a claims challenge as the runtime takes one: the JSON text of an object with something in it?"""
    try:
        parsed = json.loads(text)
    except (ValueError, RecursionError):
        return False
    return isinstance(parsed, dict) and bool(parsed)


def claims(text: str) -> str:
    """A claims challenge as JSON text.

    :raises ValueError: it is none.
    """
    if not is_challenge(text):
        raise ValueError("it is not a JSON object, or it is empty")
    return text
