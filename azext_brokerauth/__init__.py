"""Device-bound sign-in from WSL through Windows' account broker: for az, and for Azure SDK programs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from azext_brokerauth.credential import BrokerCredential as BrokerCredential

__version__ = "1.0.0b1"
__all__ = ["BrokerCredential"]


def __getattr__(name: str) -> Any:
    # Both faces load lazily: az must not pay for the SDK's, nor a program for az's.
    if name == "BrokerCredential":
        try:
            from azext_brokerauth.credential import BrokerCredential
        except ModuleNotFoundError as error:
            raise ImportError(f"BrokerCredential: {error}. Run: pip install 'brokerauth[sdk]'") from error
        return BrokerCredential
    if name == "COMMAND_LOADER_CLS":
        try:
            from azext_brokerauth.commands import az_commands_loader

            return az_commands_loader()
        except (Exception, SystemExit) as error:  # noqa: BLE001  (az goes on without us where there is no loader)
            import contextlib

            with contextlib.suppress(Exception, SystemExit):  # this may be damaged too: then az's own words must do
                from azext_brokerauth.azcli import damage

                damage.tell(error)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    # For help() and the completion of a REPL, which take a name from here and then ask for it.
    return sorted({*globals(), *__all__})
