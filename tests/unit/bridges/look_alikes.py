"""What looks like one of our hosts and is not: one list, for whatever gives a token to a host."""

from __future__ import annotations

from collections.abc import Iterator

_LONG = 100_000
_LETTERS = {"a": "\u0430", "c": "\u0441", "e": "\u0435", "i": "\u0131", "k": "\u212a", "o": "\u043e", "s": "\u017f"}
"""Letters of other alphabets that look like ours. The Kelvin sign and the long s become ours in lower or upper case."""


def look_alikes(domain: str, name: str = "") -> list[str]:
    """What may stand in a host's place, and is never that host. The others' own is ``evil.example``.

    :param domain: a host of ours; or, with a name, what all such hosts end in.
    :param name: the first label of a host whose first label anybody may choose.
    """
    host = f"{name}.{domain}" if name else domain
    found = [
        *_longer_and_shorter(host, domain, f"{name}." if name else ""),
        *_beside(host),
        *_of_other_characters(host),
        *_long(host),
    ]
    return [text for text in dict.fromkeys(found) if text != host]


def addresses(domain: str, name: str = "") -> list[str]:
    """What may stand in a URL's place, and is no https URL of that host. The parameters are those of the hosts."""
    host = f"{name}.{domain}" if name else domain
    schemes = ("http://", "ftp://", "file://", "ssh://", "git+https://", "javascript://", "//", "://", "https ://")
    return [
        *(f"https://{text}/x/" for text in look_alikes(domain, name)),
        *(f"{scheme}{host}/x/" for scheme in (*schemes, "https:", "https:/", "https:///", "https://https://")),
        *(f"{blank}https://{host}/x/" for blank in " \t\n\0\ufeff"),
        *("https://", f"https:\\\\{host}\\x\\"),
    ]


def _longer_and_shorter(host: str, domain: str, before: str) -> Iterator[str]:
    yield from ("", ".", host[:-1], f".{host}", f"{host}.", f"{host}..", host.replace(".", "", 1))
    yield from (host.replace(".", "..", 1), host.replace(".", "-", 1), host.replace(".", "_", 1))
    yield from (f"{before}evil{domain}", f"{before}evil-{domain}", f"{before}xn--{domain}", f"evil.{host}")
    yield from (f"{host}evil", f"{host}.evil.example", f"{host}-evil.example", f"*.{host}", f"-.{host}", f"_.{host}")


def _beside(host: str) -> Iterator[str]:
    """Ports, users, paths: others' hosts with ours beside them."""
    yield from (f"{host}:{port}" for port in ("0", "8443", "443443", "-443", "evil", "443:443"))
    yield from (f"{user}@evil.example" for user in (host, f"{host}:443", f"{host}:pw", f"ada:{host}", f"{host}@x"))
    yield from (f"evil.example{mark}{host}" for mark in ("/", "?", "#", "/?@", "/#@", "?@", "#@", ";", "&", ",", "\\"))
    yield from (f"{host}{mark}.evil.example" for mark in ("\\", "%40", "%2f", ";", ",", "&", "'", '"', "`", "$", "|"))
    yield from (f"evil.example\\@{host}", f"{host}\\@evil.example", f"[{host}]", f"[{host}", "[::1]", f"[::1]{host}")


def _of_other_characters(host: str) -> Iterator[str]:
    yield from (host.replace(".", dot, 1) for dot in ("\u3002", "\uff0e", "\uff61", "\u2024", "%2e"))
    yield from (host.replace(ours, theirs, 1) for ours, theirs in _LETTERS.items())
    yield host.replace("a", _LETTERS["a"], 1).encode("idna").decode()
    yield from (f"%{ord(host[0]):02x}{host[1:]}", chr(ord(host[0]) + 0xFEE0) + host[1:], f"{host}%00.evil.example")
    for blank in (" ", "\t", "\n", "\r", "\r\n", "\v", "\0", "\x7f", "\x85", "\xa0", "\xad", "\u200b", "\u2028"):
        yield from (f"{blank}{host}", f"{host}{blank}", f"{host}{blank}.evil.example", f"evil.example{blank}{host}")


def _long(host: str) -> Iterator[str]:
    letters, blanks = "a" * _LONG, " " * _LONG
    yield from (letters, f"{letters}.{host}", f"{letters}{host}", f"{host}.{letters}", f"{host}:{'4' * _LONG}")
    yield from ("a." * (_LONG // 2) + host, f"{host}{'@evil.example' * 8000}", f"{host}{blanks}.evil.example")
