"""A stand-in for Microsoft's pymsalruntime with its public API, for machines that lack the libraries it needs.

It is installed into the emulated machine only, as a top-level package, which is why it imports its own modules
relatively. What it does and says was observed at that API, on the same machine, of the unmodified runtime (0.20.7); the
numbers called tags are the runtime's names for places in it. As with the runtime, importing it looks for the broker.
"""

from .accounts import MSALRuntimeAccount
from .callbacks import CallbackData, MSALRuntimeAsyncHandle, MSALRuntimeLogCallbackHandle
from .calls import (
    acquire_token_interactively,
    acquire_token_silently,
    discover_accounts,
    get_console_window,
    get_desktop_window,
    get_sso_policy,
    read_account_by_id,
    register_logging_callback,
    set_is_pii_enabled,
    signin,
    signin_interactively,
    signin_silently,
    signout_silently,
)
from .parameters import MSALRuntimeAuthParameters
from .results import (
    MSALRuntimeAuthResult,
    MSALRuntimeDiscoverAccountsResult,
    MSALRuntimeReadAccountResult,
    MSALRuntimeSignOutResult,
)
from .statuses import LogLevel, MSALRuntimeError, Response_Status, SsoPolicyType

__all__ = [
    "CallbackData",
    "LogLevel",
    "MSALRuntimeAccount",
    "MSALRuntimeAsyncHandle",
    "MSALRuntimeAuthParameters",
    "MSALRuntimeAuthResult",
    "MSALRuntimeDiscoverAccountsResult",
    "MSALRuntimeError",
    "MSALRuntimeLogCallbackHandle",
    "MSALRuntimeReadAccountResult",
    "MSALRuntimeSignOutResult",
    "Response_Status",
    "SsoPolicyType",
    "acquire_token_interactively",
    "acquire_token_silently",
    "discover_accounts",
    "get_console_window",
    "get_desktop_window",
    "get_sso_policy",
    "read_account_by_id",
    "register_logging_callback",
    "set_is_pii_enabled",
    "signin",
    "signin_interactively",
    "signin_silently",
    "signout_silently",
]
