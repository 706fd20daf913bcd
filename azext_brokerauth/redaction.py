"""Takes secrets and user names out of any text before it is logged or shown, in time proportional to its length."""

from __future__ import annotations

import logging
import re

from azext_brokerauth.people import People
from azext_brokerauth.printable import printable

_JWT = re.compile(r"eyJ[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*){0,4}")
_NAMED = re.compile(
    # "code" alone is also a word of error messages ("Error code: 0"), so it counts only as a parameter or a key.
    r"(\b(?:client_info|device_code|refresh_token|access_token|id_token|code_verifier)\\*[\"']?\s*[=:]\s*\\*[\"']?"
    r"|\bcode=|[\"']code\\*[\"']\s*:\s*\\*[\"']?|\bBearer )"
    r"[^&\s\"'\\]+"
)
_RUN = re.compile(r"[A-Za-z0-9_.~+*!$-]+=*")
_LONG = re.compile(r"[A-Za-z0-9_-]{48}")
"""Refresh tokens, authorization codes and keys have no common form, but they are the only unbroken runs this long:
a GUID has 36 characters, and paths and URLs are broken by slashes."""
_ACCOUNTS = People()
"""Whose names this process has met."""


def know(*names: str) -> None:
    """From now on, take these user names out too: not all have a form by which they could be told."""
    _ACCOUNTS.add(*names)


def redact(text: str, *, personal: bool = True) -> str:
    """The text without tokens and codes, and unless ``personal`` is false without user names."""
    text = _JWT.sub("<token>", text)
    text = _NAMED.sub(r"\1<redacted>", text)
    text = _RUN.sub(lambda run: "<redacted>" if _LONG.search(run[0]) else run[0], text)
    return _ACCOUNTS.hide(text, lambda _: "<user>") if personal else text


class Redacting(logging.Filter):
    """Redacts whatever a handler is given. Warnings and errors, which are for the person whose command this is, may
    name accounts.

    :param names: redact records of these loggers and those below only; empty for all.
    """

    def __init__(self, *names: str) -> None:
        super().__init__()
        self._filters = [logging.Filter(name) for name in names]

    def filter(self, record: logging.LogRecord) -> bool:
        """Redact the record, and let it pass."""
        if not self._filters or any(ours.filter(record) for ours in self._filters):
            said = redact(record.getMessage(), personal=record.levelno < logging.WARNING)
            record.msg = printable(said, lines=True)
            record.args = None
            if record.exc_info:
                # What a formatter would make of it, at the only place where it can still be redacted.
                trace = redact(logging.Formatter().formatException(record.exc_info))
                record.exc_text = printable(trace, lines=True)
        return True


def redact_logs(*names: str) -> None:
    """Have the handlers that knack and az have set up redact what they are given.

    :param names: as for :class:`Redacting`.
    """
    for logger in (logging.getLogger(), logging.getLogger("cli")):
        for handler in logger.handlers:
            handler.addFilter(Redacting(*names))
