"""The errors of the core: each says what happened, why, and what to type next."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum


@dataclass(frozen=True)
class Diagnostics:
    """What MSAL and the broker said, kept word for word for whoever has to support this.

    :param status: the broker's status without its prefix, such as ``InteractionRequired``; empty when it gave none.
    :param error_code: the broker's numeric error code.
    :param tag: the broker's numeric error tag, which tells Microsoft's support where the error was raised.
    :param aadsts: Microsoft Entra error numbers found in the text, such as ``53003``.
    :param correlation_id: the ID under which Entra logged the request; empty when none was told.
    :param description: MSAL's whole description.
    :param speaker: whose words the description has.
    """

    status: str = ""
    error_code: int = 0
    tag: int = 0
    aadsts: tuple[int, ...] = ()
    correlation_id: str = ""
    description: str = ""
    speaker: str = "The broker"

    @classmethod
    def parse(cls, description: str, correlation_id: str = "", speaker: str = "The broker") -> Diagnostics:
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
            speaker=speaker,
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
            parts.append(f"{self.diagnostics.speaker} said: {self.diagnostics.description}")
        if self.diagnostics.correlation_id and self.diagnostics.correlation_id not in " ".join(parts):
            parts.append(f"(correlation ID {self.diagnostics.correlation_id})")
        return " ".join(parts)


class BrokerOffError(BrokerAuthError):
    """Not a machine for the broker, or the broker is switched off: nothing was attempted."""


class BrokerNotReadyError(BrokerAuthError):
    """This program's machine, but something that the broker needs is missing: nothing was attempted.

    :keyword check: the check of ``check-health`` that finds it.
    """

    check = ""

    def __init__(
        self, message: str, *, remedy: str = "", diagnostics: Diagnostics | None = None, check: str = ""
    ) -> None:
        self.check = check or self.check
        named = f" (it is the check {self.check})" if self.check else ""
        more = f"To see all that is missing{named}, run: az brokerauth check-health"
        super().__init__(message, remedy=f"{remedy.rstrip('.')}. {more}" if remedy else more, diagnostics=diagnostics)


class KeyringMissingError(BrokerNotReadyError):
    """The session has no keyring."""

    check = "secret-service"


class InteractionRequiredError(BrokerAuthError):
    """Only a person at a prompt can help, and prompting was not allowed."""


class AccountUnknownError(InteractionRequiredError):
    """The broker's runtime does not have the account: it never had it, or has signed it out."""


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


class Whose(Enum):
    """Who can change what an error is about."""

    YOURS = "you"
    MACHINE = "this machine"
    ADMINISTRATOR = "your administrator"
    MICROSOFT = "Microsoft"


_WHOSE_DECISION = {
    Whose.YOURS: "",
    Whose.MACHINE: " The cause is on this machine.",
    Whose.ADMINISTRATOR: " That is your administrator's decision.",
    Whose.MICROSOFT: " The cause is at Microsoft.",
}


@dataclass(frozen=True)
class Advice:
    """What a code means: the kind of error it is, why it happened, and what to do.

    :param whose: who can change it.
    :param source: where the meaning comes from: a public page, or what was seen.
    :param device: only a device that proves itself can meet this; a browser and a device code never can.
    """

    error: type[BrokerAuthError]
    cause: str
    remedy: str
    whose: Whose
    source: str
    device: bool = False

    def as_error(self, diagnostics: Diagnostics | None = None, *, consent_url: str = "") -> BrokerAuthError:
        """The error that says so.

        :param consent_url: where an administrator can consent to the application.
        """
        url = consent_url or "https://login.microsoftonline.com/<tenant>/adminconsent?client_id=<client ID>"
        remedy = self.remedy.replace("{consent_url}", url)
        return self.error(self.cause + _WHOSE_DECISION[self.whose], remedy=remedy, diagnostics=diagnostics)


_SIGN_IN = "Run: az brokerauth login"
_ADMIN = "Ask your administrator, and give them the correlation ID."
_AGAIN = "Try again in a minute."
_ACCOUNT = "In Windows, open Settings > Accounts > Access work or school, and "

_SEEN = "seen with pymsalruntime 0.20.7"
_ENUM = "PyMsalRuntime.pyi of pymsalruntime 0.20.7 (the name); " + _SEEN
_NAME_ONLY = "PyMsalRuntime.pyi of pymsalruntime 0.20.7 (the name says no more)"
_ENTRA = "https://learn.microsoft.com/entra/identity-platform/reference-error-codes"
_LOOKUP = "https://login.microsoftonline.com/error?code="
"""Microsoft's look-up of the present meaning, for codes that its reference page leaves out."""
_DSREGCMD = "https://learn.microsoft.com/entra/identity/devices/troubleshoot-device-dsregcmd"
_AZ_ISSUES = "https://github.com/Azure/azure-cli/issues/"
_MSAL_ISSUES = "https://github.com/AzureAD/microsoft-authentication-library-for-python/issues/"
_MSAL_WAM = "https://learn.microsoft.com/entra/msal/python/advanced/wam"


STATUS_ADVICE: dict[str, Advice] = {
    # The names are those of Response_Status in pymsalruntime's own PyMsalRuntime.pyi.
    "InteractionRequired": Advice(
        InteractionRequiredError, "Windows needs you to answer a prompt.", _SIGN_IN, Whose.YOURS, _ENUM
    ),
    "AccountUnusable": Advice(
        InteractionRequiredError,
        "Windows cannot use this account until it has been verified again.",
        _ACCOUNT + "repair the account; then run: az brokerauth login",
        Whose.YOURS,
        _ENUM,
    ),
    "AccountNotFound": Advice(
        AccountUnknownError,
        "The broker does not find this account: it was removed from Windows, or the keyring that the "
        "broker needs (Secret Service) is missing or locked.",
        "Unlock the keyring named 'login', then run: az brokerauth login",
        Whose.MACHINE,
        _ENUM,
    ),
    "UserCanceled": Advice(SignInCanceledError, "The sign-in window was closed.", _SIGN_IN, Whose.YOURS, _ENUM),
    "ApplicationCanceled": Advice(
        SignInCanceledError, "Windows ended the sign-in before it was complete.", _SIGN_IN, Whose.MACHINE, _ENUM
    ),
    "NoNetwork": Advice(
        SignInRefusedError,
        "Windows has no network connection to Microsoft Entra.",
        "Connect Windows, then try again.",
        Whose.MACHINE,
        _ENUM,
    ),
    "NetworkTemporarilyUnavailable": Advice(
        SignInRefusedError, "Windows' network connection to Microsoft Entra is down.", _AGAIN, Whose.MACHINE, _NAME_ONLY
    ),
    "ServerTemporarilyUnavailable": Advice(
        SignInRefusedError, "Microsoft Entra is temporarily unavailable.", _AGAIN, Whose.MICROSOFT, _NAME_ONLY
    ),
    "TransientError": Advice(SignInRefusedError, "The broker met a passing error.", _AGAIN, Whose.MACHINE, _NAME_ONLY),
    "DeviceNotRegistered": Advice(
        SignInRefusedError,
        "Windows is not registered with your organization.",
        _ACCOUNT + "join or register the device.",
        Whose.MACHINE,
        _NAME_ONLY,
    ),
    "ApiContractViolation": Advice(
        SignInRefusedError,
        "The broker rejected the request.",
        "Check the scope, and with a client ID of your own that its redirect URIs are registered "
        "(ms-appx-web://Microsoft.AAD.BrokerPlugin/<client ID>).",
        Whose.YOURS,
        _ENUM,
    ),
    "IncorrectConfiguration": Advice(
        SignInRefusedError,
        "The broker says that the application or the account is not set up for it.",
        "Check --client-id, --tenant and the application's redirect URI "
        "(ms-appx-web://Microsoft.AAD.BrokerPlugin/<client ID>).",
        Whose.YOURS,
        _NAME_ONLY,
    ),
    "AuthorityUntrusted": Advice(
        SignInRefusedError,
        "The broker does not trust this authority.",
        "Check the setting authority: it is login.microsoftonline.com unless your organization is in another cloud.",
        Whose.YOURS,
        _NAME_ONLY,
    ),
    "UserSwitch": Advice(
        SignInRefusedError,
        "Another account signed in than the one asked for.",
        "Choose the account in the picker: az brokerauth login --select-account",
        Whose.YOURS,
        _NAME_ONLY,
    ),
    "AccountSwitch": Advice(
        SignInRefusedError,
        "Windows answered for another account than the one asked for.",
        "Choose the account in the picker: az brokerauth login --select-account",
        Whose.YOURS,
        _ENUM,
    ),
    "UserDataRemovalRequired": Advice(
        InteractionRequiredError,
        "Your organization asks that what is kept for this account here is removed.",
        "Run: az brokerauth logout; then: az brokerauth login",
        Whose.ADMINISTRATOR,
        _NAME_ONLY,
    ),
    "KeyNotFound": Advice(
        InteractionRequiredError,
        "Windows has lost the key with which this account proves the device.",
        _ACCOUNT + "disconnect and connect the account again; then run: az brokerauth login",
        Whose.MACHINE,
        _NAME_ONLY,
    ),
    "RequiredBrokerMissing": Advice(
        BrokerNotReadyError,
        "The account broker that this request needs is not installed in Windows.",
        "Run in PowerShell: wsl --update; wsl --shutdown. Update Windows too.",
        Whose.MACHINE,
        _NAME_ONLY,
    ),
    "FallbackToNativeMsal": Advice(
        SignInRefusedError,
        "The broker declined the request and would have MSAL sign in by itself, without the device. That was not done.",
        "To sign in without the device, run: az brokerauth login --fallback browser",
        Whose.MACHINE,
        _NAME_ONLY,
    ),
    "InsufficientBuffer": Advice(
        BrokerFailedError,
        "The broker's answer did not fit where its runtime wanted it.",
        "Try again. If it stays so, update pymsalruntime.",
        Whose.MACHINE,
        _NAME_ONLY,
    ),
    "Reserved": Advice(
        BrokerFailedError,
        "The broker gave a status that has no meaning yet.",
        "Update pymsalruntime and msal, then try again.",
        Whose.MICROSOFT,
        _NAME_ONLY,
    ),
    "Unexpected": Advice(
        BrokerFailedError,
        "The broker behind WSL did not give a usable answer.",
        "Try again. If it stays so, run in PowerShell: wsl --update; wsl --shutdown",
        Whose.MACHINE,
        _ENUM,
    ),
}

CODE_ADVICE: dict[int, Advice] = {
    # The broker's numeric error codes are Windows' HRESULTs, such as 0xCAA20003.
    3399614467: Advice(
        InteractionRequiredError,
        "Windows holds a sign-in that Microsoft Entra no longer accepts (0xCAA20003).",
        _SIGN_IN,
        Whose.YOURS,
        _MSAL_ISSUES + "700",
    ),
    3399614473: Advice(
        SignInRefusedError,
        "The application lacks the broker's redirect URI (0xCAA20009).",
        "In the app registration, under Mobile and desktop applications, add "
        "ms-appx-web://Microsoft.AAD.BrokerPlugin/<client ID>",
        Whose.YOURS,
        _MSAL_WAM,
    ),
    3399614476: Advice(
        InteractionRequiredError,
        "Microsoft Entra wants you to answer a prompt (0xCAA2000C).",
        _SIGN_IN,
        Whose.YOURS,
        _AZ_ISSUES + "29881",
    ),
    3399942148: Advice(
        SignInRefusedError,
        "Windows has no network connection to Microsoft Entra: its server or proxy was not found (0xCAA70004).",
        "Connect Windows, check its proxy, then try again.",
        Whose.MACHINE,
        _DSREGCMD,
    ),
}

TAG_ADVICE: dict[int, Advice] = {
    544564044: Advice(
        KeyringMissingError,
        "The broker keeps its accounts in a keyring (Secret Service), and this session has none.",
        "Run: sudo apt-get install gnome-keyring libsecret-1-0; then in PowerShell: wsl --shutdown; "
        "then make a keyring named 'login'.",
        Whose.MACHINE,
        _SEEN,
    ),
    525678464: Advice(
        AccountUnknownError,
        "The broker's runtime does not know this account: nobody signed in with it here, or the keyring "
        "that it is kept in is missing or locked.",
        "Unlock the keyring named 'login', then run: az brokerauth login",
        Whose.MACHINE,
        _SEEN,
    ),
    540940121: Advice(
        AccountUnknownError, "The account was signed out of this application.", _SIGN_IN, Whose.YOURS, _SEEN
    ),
    507897694: Advice(
        BrokerNotReadyError,
        "Microsoft's runtime found no broker in Windows.",
        "Run in PowerShell: wsl --update; wsl --shutdown. See that /etc/wsl.conf does not switch interop off.",
        Whose.MACHINE,
        _SEEN,
    ),
    507316096: Advice(
        BrokerFailedError,
        "The broker behind WSL did not give a usable answer: what came was not JSON.",
        "Try again. If it stays so, run in PowerShell: wsl --update; wsl --shutdown",
        Whose.MACHINE,
        _SEEN,
    ),
    508909194: Advice(
        BrokerFailedError,
        "The broker behind WSL did not give a usable answer: it crashed or said nothing.",
        "Try again. If it stays so, run in PowerShell: wsl --update; wsl --shutdown",
        Whose.MACHINE,
        _SEEN,
    ),
    495490195: Advice(
        BrokerFailedError,
        "The broker behind WSL did not give a usable answer: its program was ended by a signal.",
        "Try again. If it stays so, run in PowerShell: wsl --update; wsl --shutdown",
        Whose.MACHINE,
        _SEEN,
    ),
    593794722: Advice(
        SignInRefusedError,
        "The broker rejected the request: it would grant fewer scopes than were asked for.",
        "Check the scope, and ask your administrator to consent to it for the application.",
        Whose.ADMINISTRATOR,
        _SEEN,
    ),
    557973642: Advice(
        SignInRefusedError,
        "The application lacks the broker's redirect URI.",
        "In the app registration, under Mobile and desktop applications, add "
        "ms-appx-web://Microsoft.AAD.BrokerPlugin/<client ID>",
        Whose.YOURS,
        _MSAL_WAM,
    ),
}
"""529117665 is no entry: the runtime reports it for every error that has no tag of its own."""

AADSTS_ADVICE: dict[int, Advice] = {
    28000: Advice(
        SignInRefusedError,
        "A token is for one resource, and these scopes are of several.",
        "Ask once for each resource: --scope with the scopes of one.",
        Whose.YOURS,
        _LOOKUP + "28000",
    ),
    50005: Advice(
        SignInRefusedError,
        "Conditional Access does not accept this device's platform.",
        _ADMIN,
        Whose.ADMINISTRATOR,
        _ENTRA,
        device=True,
    ),
    50011: Advice(
        SignInRefusedError,
        "The application does not have the broker's redirect URI.",
        "In the app registration, under Mobile and desktop applications, add the redirect URI "
        "ms-appx-web://Microsoft.AAD.BrokerPlugin/<client ID> (WSL and Windows), "
        "https://login.microsoftonline.com/common/oauth2/nativeclient (native Linux), "
        "msauth.com.msauth.unsignedapp://auth (macOS).",
        Whose.YOURS,
        _ENTRA,
    ),
    50020: Advice(
        SignInRefusedError,
        "This account is not a member or guest of the tenant.",
        "Name another tenant or account: az brokerauth login --tenant TENANT --username NAME",
        Whose.YOURS,
        _ENTRA,
    ),
    50034: Advice(
        SignInRefusedError,
        "Microsoft Entra finds no such user in the tenant.",
        "Check --username and --tenant for a typing error.",
        Whose.YOURS,
        _ENTRA,
    ),
    50057: Advice(
        SignInRefusedError,
        "The account is disabled.",
        "Ask your administrator to enable it, and give them the correlation ID.",
        Whose.ADMINISTRATOR,
        _ENTRA,
    ),
    50058: Advice(InteractionRequiredError, "Nobody is signed in for a silent request.", _SIGN_IN, Whose.YOURS, _ENTRA),
    50072: Advice(
        InteractionRequiredError,
        "Your organization asks you to enrol in multifactor authentication.",
        _SIGN_IN,
        Whose.YOURS,
        _ENTRA,
    ),
    50074: Advice(
        InteractionRequiredError,
        "Your organization asks for multifactor authentication, and it was not passed.",
        _SIGN_IN,
        Whose.YOURS,
        _ENTRA,
    ),
    50076: Advice(
        InteractionRequiredError,
        "Your organization asks for multifactor authentication.",
        _SIGN_IN,
        Whose.YOURS,
        _ENTRA,
    ),
    50079: Advice(
        InteractionRequiredError,
        "Your organization asks you to set up multifactor authentication.",
        _SIGN_IN,
        Whose.YOURS,
        _ENTRA,
    ),
    50105: Advice(
        SignInRefusedError,
        "You are not assigned to this application.",
        "Ask your administrator to assign you or your group to it, and give them the correlation ID.",
        Whose.ADMINISTRATOR,
        _ENTRA,
    ),
    50126: Advice(
        SignInRefusedError,
        "The user name or the password was wrong.",
        "Try again: az brokerauth login --select-account",
        Whose.YOURS,
        _ENTRA,
    ),
    50128: Advice(
        SignInRefusedError,
        "No tenant is known by this domain name.",
        "Check --tenant and --username for a typing error.",
        Whose.YOURS,
        _ENTRA,
    ),
    50158: Advice(
        InteractionRequiredError,
        "Your organization asks for a further check by an external provider.",
        _SIGN_IN,
        Whose.YOURS,
        _ENTRA,
    ),
    50173: Advice(
        InteractionRequiredError,
        "The earlier sign-in was revoked, as after a change of password.",
        _SIGN_IN,
        Whose.YOURS,
        _ENTRA,
    ),
    50196: Advice(
        SignInRefusedError,
        "Too many of the same requests came in a short time, and Microsoft Entra took them for a loop.",
        "Wait some minutes, and see that no script asks for a token again and again.",
        Whose.YOURS,
        _ENTRA,
    ),
    53000: Advice(
        SignInRefusedError,
        "Conditional Access: this device is not compliant.",
        "In Windows, open Company Portal and check the device; then ask your administrator, and give "
        "them the correlation ID.",
        Whose.ADMINISTRATOR,
        _ENTRA,
        device=True,
    ),
    53001: Advice(
        SignInRefusedError,
        "Conditional Access: this device is not joined to your organization.",
        _ADMIN,
        Whose.ADMINISTRATOR,
        _ENTRA,
        device=True,
    ),
    53002: Advice(
        SignInRefusedError,
        "Conditional Access: this application is not on your organization's list of approved ones.",
        _ADMIN,
        Whose.ADMINISTRATOR,
        _ENTRA,
        device=True,
    ),
    53003: Advice(
        SignInRefusedError,
        "Conditional Access policy refused the sign-in.",
        _ADMIN,
        Whose.ADMINISTRATOR,
        _ENTRA,
        device=True,
    ),
    53004: Advice(
        SignInRefusedError,
        "Your organization blocks setting up multifactor authentication from here because of risk.",
        "Set up multifactor authentication at https://aka.ms/mfasetup from a place that your "
        "organization trusts, or ask your administrator.",
        Whose.ADMINISTRATOR,
        _ENTRA,
    ),
    530003: Advice(
        SignInRefusedError,
        "Conditional Access: this device must be managed by your organization.",
        _ADMIN,
        Whose.ADMINISTRATOR,
        _LOOKUP + "530003",
        device=True,
    ),
    530004: Advice(
        SignInRefusedError,
        "Conditional Access wants a compliant device, and the tenant is not set to accept one of another organization.",
        _ADMIN,
        Whose.ADMINISTRATOR,
        _LOOKUP + "530004",
        device=True,
    ),
    530084: Advice(
        SignInRefusedError,
        "Conditional Access: token protection wants a token that is bound to this device, which WSL cannot give.",
        "Ask your administrator whether WSL can be left out of the token protection policy.",
        Whose.ADMINISTRATOR,
        "https://github.com/Azure/azure-dev/issues/7704",
        device=True,
    ),
    65001: Advice(
        SignInRefusedError,
        "Nobody has consented to this permission for the application.",
        "Ask your administrator to consent at {consent_url}",
        Whose.ADMINISTRATOR,
        _ENTRA,
    ),
    65004: Advice(
        SignInRefusedError,
        "You declined to consent to what the application asked for.",
        "Run az brokerauth login again, and accept.",
        Whose.YOURS,
        _ENTRA,
    ),
    70043: Advice(
        InteractionRequiredError,
        "The sign-in is older than your organization's sign-in frequency allows.",
        _SIGN_IN,
        Whose.YOURS,
        _ENTRA,
    ),
    70044: Advice(
        InteractionRequiredError,
        "The session is older than your organization's sign-in frequency allows.",
        _SIGN_IN,
        Whose.YOURS,
        _LOOKUP + "70044",
    ),
    700016: Advice(
        SignInRefusedError,
        "The application is not known in this tenant.",
        "Check --client-id and --tenant, or ask your administrator to add the application.",
        Whose.YOURS,
        _LOOKUP + "700016",
    ),
    700082: Advice(
        InteractionRequiredError,
        "The earlier sign-in was not used for too long and has expired.",
        _SIGN_IN,
        Whose.YOURS,
        _ENTRA,
    ),
    7000218: Advice(
        SignInRefusedError,
        "The application is not set up as a public client with the broker's redirect URI.",
        "In the app registration add the redirect URI ms-appx-web://Microsoft.AAD.BrokerPlugin/<client "
        "ID> and allow public client flows.",
        Whose.YOURS,
        _MSAL_WAM,
    ),
    9002313: Advice(
        SignInRefusedError,
        "Microsoft Entra found the request malformed. It has been reported for personal accounts in a work tenant.",
        "Use a work or school account: az brokerauth login --select-account",
        Whose.YOURS,
        _MSAL_ISSUES + "700",
    ),
    90002: Advice(
        SignInRefusedError,
        "Microsoft Entra knows no such tenant.",
        "Check --tenant (a tenant ID or domain).",
        Whose.YOURS,
        _ENTRA,
    ),
    90072: Advice(
        SignInRefusedError,
        "This account is of another organization and is not a guest in the tenant.",
        "Name another tenant or account: az brokerauth login --tenant TENANT --username NAME",
        Whose.YOURS,
        _LOOKUP + "90072",
    ),
}


def from_msal(
    description: str, *, correlation_id: str = "", consent_url: str = "", speaker: str = "The broker"
) -> BrokerAuthError:
    """The error that MSAL's description means. An AADSTS code says more than the broker's own code and tag, and these
    more than its status; what has no entry passes through with everything MSAL said.

    :param consent_url: where an administrator can consent to the application; empty when it is not known.
    :param speaker: whose words the description has.
    """
    diagnostics = Diagnostics.parse(description, correlation_id, speaker)
    by_entra = map(AADSTS_ADVICE.get, diagnostics.aadsts)
    by_broker = (
        CODE_ADVICE.get(diagnostics.error_code),
        TAG_ADVICE.get(diagnostics.tag),
        STATUS_ADVICE.get(diagnostics.status),
    )
    known = [advice for advice in (*by_entra, *by_broker) if advice]
    if not known:
        return SignInRefusedError(f"{speaker} refused the request.", diagnostics=diagnostics)
    return known[0].as_error(diagnostics, consent_url=consent_url)


def only_the_device_counts(error: BrokerAuthError) -> bool:
    """Is this a refusal that no browser or device code can overcome, since neither proves the device?"""
    return any(number in AADSTS_ADVICE and AADSTS_ADVICE[number].device for number in error.diagnostics.aadsts)
