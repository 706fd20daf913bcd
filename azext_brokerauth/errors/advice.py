"""One row of the tables: the kind of error that a code means, why it happened, what to do, and how that is known."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from azext_brokerauth.clouds import PUBLIC
from azext_brokerauth.errors import BrokerAuthError, BrokerNotReadyError
from azext_brokerauth.errors.diagnostics import Diagnostics
from azext_brokerauth.models import Remedies, filled, own, person, powershell, run

ADMINISTRATOR = person("Ask your administrator, and give them the correlation ID.")
IN_A_MINUTE = person("Try again in a minute.")
PICK_ACCOUNT = own("login", "--select-account", text="To choose the account in the picker,")
OTHER_ACCOUNT = own(
    "login", "--tenant", "TENANT", "--username", "NAME", text="To name another tenant or another account,"
)
LOST_KEYRING = "its keyring is locked or gone; a restart of WSL ends a private keyring (setting keyring)."
"""Why an account that did sign in is not known any more."""
TRUST_IN_SYSTEM = (
    *person("Copy your company's certificate to /usr/local/share/ca-certificates, as a file that ends in .crt"),
    *run("sudo", "update-ca-certificates"),
    *run("sudo", "update-ca-trust", text="On Fedora, copy it to /etc/pki/ca-trust/source/anchors and"),
)
"""The system's store of certificates: https://manpages.debian.org/update-ca-certificates and update-ca-trust(8)."""
UPDATE_WSL = (*powershell("wsl", "--update"), *powershell("wsl", "--shutdown"))
UPDATE_WSL_IF_AGAIN = (
    *person("Try again."),
    *powershell("wsl", "--update", text="If this keeps happening,"),
    *powershell("wsl", "--shutdown"),
)
ALLOW_INTEROP = (*UPDATE_WSL, *person("Check that /etc/wsl.conf does not switch interop off."))
REDIRECT_URI = "ms-appx-web://Microsoft.AAD.BrokerPlugin/{client_id}"
REGISTRATION = "In the app registration ({portal}, App registrations)"
ADD_REDIRECT_URI = person(f"{REGISTRATION}, under Mobile and desktop applications, add {REDIRECT_URI}")
WINDOWS_ACCOUNT = "In Windows, open Settings > Accounts > Access work or school, and "

SEEN = "seen with pymsalruntime 0.20.7"
ENUM = "PyMsalRuntime.pyi of pymsalruntime 0.20.7 (the name); " + SEEN
NAME_ONLY = "PyMsalRuntime.pyi of pymsalruntime 0.20.7 (the name says no more)"
REFERENCE = "https://learn.microsoft.com/entra/identity-platform/reference-error-codes"
LOOK_UP = "https://login.microsoftonline.com/error?code="
"""Microsoft's look-up of the present meaning, for codes that its reference page leaves out."""
DSREGCMD = "https://learn.microsoft.com/entra/identity/devices/troubleshoot-device-dsregcmd"
AZ_ISSUES = "https://github.com/Azure/azure-cli/issues/"
MSAL_ISSUES = "https://github.com/AzureAD/microsoft-authentication-library-for-python/issues/"
MSAL_SOURCE = "https://github.com/AzureAD/microsoft-authentication-library-for-python/blob/dev/msal/"
MSAL_WAM = "https://learn.microsoft.com/entra/msal/python/advanced/wam"

_WHERE_UNKNOWN = {
    "client_id": "<client ID>",
    "consent_url": f"https://{PUBLIC.authorities[0]}/<tenant>/adminconsent?client_id=<client ID>",
    "portal": PUBLIC.portal,
}


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
    """What a code means.

    :param error: the kind of error.
    :param cause: what happened and why, one or two sentences. ``{text}`` in it is what was said of the failure.
    :param remedies: what to do, with the fields ``{client_id}``, ``{consent_url}`` and ``{portal}``.
    :param whose: who can change it.
    :param source: where the meaning comes from: a public page, or what was seen.
    :param device: only a device that proves itself can meet this; a browser and a device code never can.
    :param check: the check of ``check-health`` that finds it, for a :class:`BrokerNotReadyError`.
    :param quotes: does the error quote what was said of the failure? Not where the cause says the same.
    """

    error: type[BrokerAuthError]
    cause: str
    remedies: Remedies
    whose: Whose
    source: str
    device: bool = False
    check: str = ""
    quotes: bool = True

    def as_error(self, diagnostics: Diagnostics | None = None, **facts: str) -> BrokerAuthError:
        """The error that says so.

        :param facts: what is known of the remedies' fields; a field that is not known shows what belongs there.
        """
        told = diagnostics.description.removesuffix(".") if diagnostics else ""
        message = self.cause.replace("{text}", told or "no more is known") + _WHOSE_DECISION[self.whose]
        remedies = filled(self.remedies, **{**_WHERE_UNKNOWN, **facts})
        kept = diagnostics if self.quotes else None
        if self.check and issubclass(self.error, BrokerNotReadyError):
            return self.error(message, remedies=remedies, diagnostics=kept, check=self.check)
        return self.error(message, remedies=remedies, diagnostics=kept)
