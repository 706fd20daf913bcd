"""The errors of the core: each says what happened, why, and what to type next."""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Diagnostics:
    """What MSAL and the broker said, kept word for word for whoever has to support this.

    :param status: the broker's status without its prefix, such as ``InteractionRequired``; empty when it gave none.
    :param error_code: the broker's numeric error code.
    :param tag: the broker's numeric error tag, which tells Microsoft's support where the error was raised.
    :param aadsts: Microsoft Entra error numbers found in the text, such as ``53003``.
    :param correlation_id: the ID under which Entra logged the request; empty when none was told.
    :param description: MSAL's whole description.
    """

    status: str = ""
    error_code: int = 0
    tag: int = 0
    aadsts: tuple[int, ...] = ()
    correlation_id: str = ""
    description: str = ""

    @classmethod
    def parse(cls, description: str, correlation_id: str = "") -> Diagnostics:
        """Read MSAL's error description. MSAL strips the broker's status, code and tag from its answer and
        leaves them only in this text (``msal.broker._convert_error``)."""
        broker = re.search(
            r"Status: (?:Response_Status\.)?(?:Status_)?(\w+), Error code: (-?\d{1,20}), Tag: (-?\d{1,20})", description
        )
        told = re.search(
            r"[Cc]orrelation[ _][Ii][Dd]:? ?\"?([0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})", description
        )
        return cls(
            status=broker[1] if broker else "",
            error_code=int(broker[2]) if broker else 0,
            tag=int(broker[3]) if broker else 0,
            aadsts=tuple(dict.fromkeys(int(n) for n in re.findall(r"AADSTS(\d{4,9})", description))),
            correlation_id=told[1] if told else correlation_id,
            description=description,
        )

    def __str__(self) -> str:
        facts = {
            "status": self.status,
            "error code": self.error_code or "",
            "tag": self.tag or "",
            "correlation ID": self.correlation_id,
        }
        return ", ".join(f"{name} {value}" for name, value in facts.items() if value)


class BrokerAuthError(Exception):
    """Base of every error this package raises.

    :param message: what happened and why, one or two sentences.
    :keyword remedy: what to type or whom to ask next; empty when there is nothing to do. Our own commands are spelt as
        under az; the plain CLI drops the ``az``.
    :keyword diagnostics: what MSAL and the broker said.
    """

    def __init__(self, message: str, *, remedy: str = "", diagnostics: Diagnostics | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy
        self.diagnostics = diagnostics or Diagnostics()

    def __str__(self) -> str:
        """The message and everything MSAL said, without the remedy, which each host shows in its own way."""
        parts = [self.message]
        if self.diagnostics.description and self.diagnostics.description not in self.message:
            parts.append(f"The broker said: {self.diagnostics.description}")
        if self.diagnostics.correlation_id and self.diagnostics.correlation_id not in " ".join(parts):
            parts.append(f"(correlation ID {self.diagnostics.correlation_id})")
        return " ".join(parts)


class BrokerOffError(BrokerAuthError):
    """Not a machine for the broker, or the broker is switched off: nothing was attempted."""


class BrokerNotReadyError(BrokerAuthError):
    """This program's machine, but something that the broker needs is missing: nothing was attempted."""


class InteractionRequiredError(BrokerAuthError):
    """Only a person at a prompt can help, and prompting was not allowed."""


class AccountUnknownError(InteractionRequiredError):
    """The broker does not know the account."""


class SignInRefusedError(BrokerAuthError):
    """The broker or Microsoft Entra was asked and refused."""


class SignInCanceledError(SignInRefusedError):
    """The person closed the prompt."""


class WrongAccountError(SignInRefusedError):
    """The broker answered with another account than the one asked for."""


class BrokerFailedError(BrokerAuthError):
    """The broker was asked, and crashed or talked nonsense."""


class BrokerTimeoutError(BrokerAuthError):
    """The broker did not answer by its deadline, and its process was ended."""


class NotSignedInError(BrokerAuthError):
    """No account is recorded that fits the request."""


class InvalidInputError(BrokerAuthError):
    """An argument has a value that cannot be used."""


class SettingsError(BrokerAuthError):
    """A settings or account file cannot be used as it is."""


class ClosedError(BrokerAuthError):
    """The object was closed and cannot be used again."""


@dataclass(frozen=True)
class Advice:
    """What a code means: the kind of error it is, why it happened, and what to do."""

    error: type[BrokerAuthError]
    cause: str
    remedy: str


_SIGN_IN = "Run: az brokerauth login"
_ADMIN = "Ask your administrator, and give them the correlation ID."

STATUS_ADVICE: dict[str, Advice] = {
    # The names are those of Response_Status in pymsalruntime's own PyMsalRuntime.pyi.
    "InteractionRequired": Advice(InteractionRequiredError, "Windows needs you to answer a prompt.", _SIGN_IN),
    "AccountUnusable": Advice(
        InteractionRequiredError,
        "Windows cannot use this account until it has been verified again.",
        "In Windows, repair the account in Settings > Accounts > Access work or school, then run: az brokerauth login",
    ),
    "AccountNotFound": Advice(
        AccountUnknownError,
        "The broker does not find this account: it was removed from Windows, or the keyring that the broker needs"
        " (Secret Service) is missing or locked.",
        "Unlock the keyring named 'login', then run: az brokerauth login",
    ),
    "UserCanceled": Advice(SignInCanceledError, "The sign-in window was closed.", _SIGN_IN),
    "ApplicationCanceled": Advice(SignInCanceledError, "Windows ended the sign-in before it was complete.", _SIGN_IN),
    "NoNetwork": Advice(
        SignInRefusedError, "Windows has no network connection to Microsoft Entra.", "Connect Windows, then try again."
    ),
    "NetworkTemporarilyUnavailable": Advice(
        SignInRefusedError, "Windows' network connection to Microsoft Entra is down.", "Try again in a minute."
    ),
    "ServerTemporarilyUnavailable": Advice(
        SignInRefusedError, "Microsoft Entra is temporarily unavailable.", "Try again in a minute."
    ),
    "TransientError": Advice(SignInRefusedError, "The broker met a passing error.", "Try again in a minute."),
    "DeviceNotRegistered": Advice(
        SignInRefusedError,
        "Windows is not registered with your organization.",
        "In Windows, join or register the device: Settings > Accounts > Access work or school.",
    ),
    "ApiContractViolation": Advice(
        SignInRefusedError,
        "The broker rejected the request.",
        "Check the scope, and with a client ID of your own that its redirect URIs are registered"
        " (ms-appx-web://Microsoft.AAD.BrokerPlugin/<client ID>).",
    ),
    "Unexpected": Advice(
        BrokerFailedError,
        "The broker behind WSL did not give a usable answer.",
        "Try again. If it stays so, run in PowerShell: wsl --update; wsl --shutdown",
    ),
}

TAG_ADVICE: dict[int, Advice] = {
    # Seen with pymsalruntime 0.20.7 on a session without a Secret Service, where the status is only "Unexpected".
    544564044: Advice(
        BrokerNotReadyError,
        "The broker keeps its accounts in a keyring (Secret Service), and this session has none.",
        "Run: sudo apt-get install gnome-keyring libsecret-1-0; then in PowerShell: wsl --shutdown; then make a keyring"
        " named 'login'.",
    ),
}

AADSTS_ADVICE: dict[int, Advice] = {
    # https://learn.microsoft.com/entra/identity-platform/reference-error-codes
    50011: Advice(
        SignInRefusedError,
        "The application does not have the broker's redirect URI.",
        "In the app registration, under Mobile and desktop applications, add the redirect URI"
        " ms-appx-web://Microsoft.AAD.BrokerPlugin/<client ID> (WSL and Windows),"
        " https://login.microsoftonline.com/common/oauth2/nativeclient (native Linux),"
        " msauth.com.msauth.unsignedapp://auth (macOS).",
    ),
    7000218: Advice(
        SignInRefusedError,
        "The application is not set up as a public client with the broker's redirect URI.",
        "In the app registration add the redirect URI ms-appx-web://Microsoft.AAD.BrokerPlugin/<client ID>"
        " and allow public client flows.",
    ),
    50020: Advice(
        SignInRefusedError,
        "This account is not a member or guest of the tenant.",
        "Name another tenant or account: az brokerauth login --tenant TENANT --username NAME",
    ),
    90002: Advice(
        SignInRefusedError, "Microsoft Entra knows no such tenant.", "Check --tenant (a tenant ID or domain)."
    ),
    28000: Advice(
        SignInRefusedError,
        "A token is for one resource, and these scopes are of several.",
        "Ask once for each resource: --scope with the scopes of one.",
    ),
    65001: Advice(SignInRefusedError, "Nobody has consented to this permission for the application.", _ADMIN),
    50076: Advice(InteractionRequiredError, "Your organization asks for multifactor authentication.", _SIGN_IN),
    50079: Advice(
        InteractionRequiredError, "Your organization asks you to set up multifactor authentication.", _SIGN_IN
    ),
    53000: Advice(SignInRefusedError, "Conditional Access: this device is not compliant.", _ADMIN),
    53001: Advice(SignInRefusedError, "Conditional Access: this device is not joined to your organization.", _ADMIN),
    53003: Advice(SignInRefusedError, "Conditional Access policy refused the sign-in.", _ADMIN),
}


def from_msal(description: str, *, correlation_id: str = "") -> BrokerAuthError:
    """The error that MSAL's description means. An AADSTS code says more than the broker's tag, and a tag more than its
    status; what has no entry passes through with everything MSAL said."""
    diagnostics = Diagnostics.parse(description, correlation_id)
    by_code = map(AADSTS_ADVICE.get, diagnostics.aadsts)
    by_broker = TAG_ADVICE.get(diagnostics.tag), STATUS_ADVICE.get(diagnostics.status)
    known = [advice for advice in (*by_code, *by_broker) if advice]
    if not known:
        return SignInRefusedError("The broker refused the request.", diagnostics=diagnostics)
    advice = known[0]
    return advice.error(advice.cause, remedy=advice.remedy, diagnostics=diagnostics)
