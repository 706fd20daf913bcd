"""The statuses, log levels and errors of the runtime."""

from __future__ import annotations

import enum

Response_Status = enum.Enum(
    "Response_Status",
    [
        ("Status_Unexpected", 0),
        ("Status_Reserved", 1),
        ("Status_InteractionRequired", 2),
        ("Status_NoNetwork", 3),
        ("Status_NetworkTemporarilyUnavailable", 4),
        ("Status_ServerTemporarilyUnavailable", 5),
        ("Status_ApiContractViolation", 6),
        ("Status_UserCanceled", 7),
        ("Status_ApplicationCanceled", 8),
        ("Status_IncorrectConfiguration", 9),
        ("Status_InsufficientBuffer", 10),
        ("Status_AuthorityUntrusted", 11),
        ("Status_UserSwitch", 12),
        ("Status_AccountUnusable", 13),
        ("Status_UserDataRemovalRequired", 14),
        ("Status_KeyNotFound", 15),
        ("Status_AccountNotFound", 16),
        ("Status_TransientError", 17),
        ("Status_AccountSwitch", 18),
        ("Status_RequiredBrokerMissing", 19),
        ("Status_DeviceNotRegistered", 20),
        ("Status_FallbackToNativeMsal", 21),
    ],
)
LogLevel = enum.Enum("LogLevel", ["TRACE", "DEBUG", "INFO", "WARNING", "ERROR", "FATAL"])
SsoPolicyType = enum.Enum("SsoPolicyType", ["Unknown", "PermissionRequired", "AlwaysAllowed", "Error"], start=0)

# The broker numbers its statuses differently from 15 on.
STATUS_ON_THE_WIRE = {
    **{status.value: status for status in Response_Status if status.value < 15},
    15: Response_Status.Status_TransientError,
    16: Response_Status.Status_AccountSwitch,
    17: Response_Status.Status_DeviceNotRegistered,
    18: Response_Status.Status_KeyNotFound,
    19: Response_Status.Status_AccountNotFound,
    20: Response_Status.Status_RequiredBrokerMissing,
    21: Response_Status.Status_FallbackToNativeMsal,
}


class MSALRuntimeError(Exception):
    def __init__(self, status: Response_Status, error_code: int, tag: int, context: str) -> None:
        super().__init__(context)
        self._status, self._error_code, self._tag, self._context = status, error_code, tag, context

    def get_status(self) -> Response_Status:  # an enum, whatever the .pyi says
        return self._status

    def get_error_code(self) -> int:
        return self._error_code

    def get_tag(self) -> int:
        return self._tag

    def get_context(self) -> str:
        return self._context


def runtime_error(tag: int, context: str, status: Response_Status) -> RuntimeError:
    """What the runtime raises, rather than hands to the callback."""
    return RuntimeError(f"ErrorTag: {tag}, ErrorCode: 0, ErrorContext: {context}, ErrorStatus: {status}")
