"""What programs give the credentials: each is of its type, or one sentence names it and says what to give.

None counts as not given. No value is shown: what is in the wrong place may be a secret.
"""

from __future__ import annotations

import importlib.util
import numbers
import operator
from collections.abc import Iterable, Mapping
from typing import Any, TypedDict

from azext_brokerauth.settings import Settings

WithoutEffect = TypedDict(  # noqa: UP013  (the names are not used as attributes anywhere, as vulture would find)
    "WithoutEffect",
    {
        # The broker keeps its own cache, and MSAL chooses the broker's redirect URI.
        "cache_persistence_options": Any,
        "redirect_uri": Any,
        # No HTTP is ours: azure-core's pipeline would have nothing to carry.
        "transport": Any,
        "proxies": Any,
        "logging_enable": Any,
        "user_agent": Any,
        "base_user_agent": Any,
        "headers": Any,
        "request_id": Any,
        "policies": Any,
        "connection_timeout": Any,
        "read_timeout": Any,
        "connection_verify": Any,
        "connection_cert": Any,
        "connection_data_block_size": Any,
        "retry_total": Any,
        "retry_connect": Any,
        "retry_read": Any,
        "retry_status": Any,
        "retry_backoff_factor": Any,
        "retry_backoff_max": Any,
        "retry_mode": Any,
        "retry_on_status_codes": Any,
        "http_logging_policy": Any,
        "per_call_policies": Any,
        "per_retry_policies": Any,
        "custom_hook_policy": Any,
        "raw_response_hook": Any,
        "raw_request_hook": Any,
        "network_span_namer": Any,
        "tracing_attributes": Any,
        "use_env_settings": Any,
        "permit_redirects": Any,
        "redirect_max": Any,
    },
    total=False,
)
"""Keywords that are taken so that moving over from azure-identity-broker is changing an import."""

NO_EFFECT = frozenset(WithoutEffect.__annotations__)

_EXAMPLES = {"tenant_id": "contoso.com", "login_hint": "ada@contoso.com"}


def check_names(credential: str, given: Mapping[str, object]) -> None:
    """:raises TypeError, ImportError: a keyword is unknown, or azure-identity is not installed."""
    if unknown := sorted(set(given) - NO_EFFECT):
        raise TypeError(f"{credential} takes no keyword {', '.join(unknown)}")
    if importlib.util.find_spec("azure.identity") is None:
        raise ImportError(f"{credential} needs azure-identity. Run: pip install 'brokerauth[sdk]'")


def text(name: str, given: object, example: str = "") -> str | None:
    """:raises TypeError: it is no text."""
    if given is None:
        return None
    if not isinstance(given, str):
        raise _wrong(name, f"a str, such as {example!r}" if example else "a str", given)
    return str.__str__(given)  # of a member of an enumeration, its value


def flag(name: str, given: object) -> bool:
    """:raises TypeError: it is neither True nor False."""
    if given is not None and not isinstance(given, bool):
        raise _wrong(name, "True or False", given)
    return given or False


def seconds(name: str, given: object) -> object:
    """:raises TypeError: it is no number."""
    if given is not None and (isinstance(given, bool) or not isinstance(given, numbers.Real)):
        raise _wrong(name, "a number of seconds", given)
    return given


def of_settings(given: Mapping[str, object], labels: Mapping[str, str]) -> dict[str, object]:
    """The keywords that are settings too, each of the type of its setting.

    :param labels: the keywords that have other names than their settings.
    :raises TypeError: one is not.
    """
    typed: dict[str, object] = {}
    for name, value in given.items():
        label, default = labels.get(name, name), getattr(Settings, name)
        if value is None:
            typed[name] = None
        elif isinstance(default, bool):
            typed[name] = flag(label, value)
        elif isinstance(default, float):
            typed[name] = seconds(label, value)
        else:
            typed[name] = text(label, value, _EXAMPLES.get(name, default))
    return typed


def texts(name: str, given: Iterable[str] | None, example: str) -> tuple[str, ...]:
    """:raises TypeError: it is not several texts."""
    if given is None:
        return ()
    if isinstance(given, (str, bytes)) or not isinstance(given, Iterable):
        raise _wrong(name, f"a list of str, such as [{example!r}]", given)
    several = tuple(given)
    for one in several:
        if not text(f"each of {name}", one, example):
            raise ValueError(f"{name} has an empty item: leave it out, or give one such as {example!r}.")
    return tuple(map(str.__str__, several))


def window_handle(name: str, given: object) -> int:
    """The handle of a window; 0 for the console's.

    :raises TypeError, ValueError: it cannot be one.
    """
    # MSAL's CONSOLE_WINDOW_HANDLE is a bare object, and MSAL is not for this process to import.
    if given is None or type(given) is object:
        return 0
    try:
        if isinstance(given, bool):
            raise TypeError
        handle = operator.index(given)  # type: ignore[arg-type]
    except TypeError:
        raise _wrong(name, "an int, the window's handle", given) from None
    if not 0 <= handle < 2**64:
        raise ValueError(f"{name} cannot be {handle:#x}: a window's handle is between 0 and 2**64 - 1.")
    return handle


def _wrong(name: str, wanted: str, given: object) -> TypeError:
    return TypeError(f"{name} must be {wanted}, not {type(given).__name__}.")
