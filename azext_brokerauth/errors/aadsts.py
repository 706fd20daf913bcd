"""What the AADSTS numbers of Microsoft Entra mean."""

from __future__ import annotations

from azext_brokerauth.errors import SIGN_IN, InteractionRequiredError, SignInRefusedError
from azext_brokerauth.errors.advice import (
    ADMINISTRATOR,
    LOOK_UP,
    MSAL_ISSUES,
    MSAL_WAM,
    OTHER_ACCOUNT,
    REDIRECT_URI,
    REFERENCE,
    REGISTRATION,
    Advice,
    Whose,
)
from azext_brokerauth.models import Remedies, own, person


def _prompt(cause: str, source: str = REFERENCE) -> Advice:
    """A person can answer it at a prompt."""
    return Advice(InteractionRequiredError, cause, SIGN_IN, Whose.YOURS, source)


def _yours(cause: str, remedies: Remedies, source: str = REFERENCE) -> Advice:
    """Whoever signs in asked for what cannot be given."""
    return Advice(SignInRefusedError, cause, remedies, Whose.YOURS, source)


def _administrators(cause: str, remedies: Remedies = ADMINISTRATOR) -> Advice:
    """The administrator decided it, and it is not about the device."""
    return Advice(SignInRefusedError, cause, remedies, Whose.ADMINISTRATOR, REFERENCE)


def _device(cause: str, remedies: Remedies = ADMINISTRATOR, source: str = REFERENCE) -> Advice:
    """The administrator's policy about the device, which a browser and a device code can never meet."""
    return Advice(SignInRefusedError, cause, remedies, Whose.ADMINISTRATOR, source, device=True)


AADSTS: dict[int, Advice] = {
    28000: _yours(
        "A token is for one resource, and these scopes are of several.",
        person("Ask once for each resource: let {--scope} name one resource only."),
        LOOK_UP + "28000",
    ),
    50005: _device("Conditional Access does not accept this device's platform."),
    50011: _yours(
        "The application does not have the broker's redirect URI.",
        person(
            f"{REGISTRATION}, under Mobile and desktop applications, add the redirect URI {REDIRECT_URI} (WSL and"
            " Windows), https://login.microsoftonline.com/common/oauth2/nativeclient (native Linux),"
            " msauth.com.msauth.unsignedapp://auth (macOS)."
        ),
    ),
    50020: _yours("This account is not a member or guest of the tenant.", OTHER_ACCOUNT),
    50034: _yours(
        "Microsoft Entra finds no such user in the tenant.",
        person("Check {--username} and {--tenant} for a typing error."),
    ),
    50057: _administrators(
        "The account is disabled.",
        person("Ask your administrator to enable it, and give them the correlation ID."),
    ),
    50058: _prompt("Nobody is signed in for a silent request."),
    50072: _prompt("Your organization asks you to enrol in multifactor authentication."),
    50074: _prompt("Your organization asks for multifactor authentication, and it was not passed."),
    50076: _prompt("Your organization asks for multifactor authentication."),
    50079: _prompt("Your organization asks you to set up multifactor authentication."),
    50105: _administrators(
        "You are not assigned to this application.",
        person("Ask your administrator to assign you or your group to it, and give them the correlation ID."),
    ),
    50126: _yours("The user name or the password was wrong.", own("login", "--select-account", text="To try again,")),
    50128: _yours(
        "No tenant is known by this domain name.",
        person("Check {--tenant} and {--username} for a typing error."),
    ),
    50158: _prompt("Your organization asks for a further check by an external provider."),
    50173: _prompt("The earlier sign-in was revoked, as after a change of password."),
    50196: _yours(
        "Too many of the same requests came in a short time, and Microsoft Entra took them for a loop.",
        person("Wait some minutes, and check that no script asks for a token again and again."),
    ),
    53000: _device(
        "Conditional Access: this device is not compliant.",
        person(
            "In Windows, open Company Portal and check the device; then ask your administrator, and give them the"
            " correlation ID."
        ),
    ),
    53001: _device("Conditional Access: this device is not joined to your organization."),
    53002: _device("Conditional Access: this application is not on your organization's list of approved ones."),
    53003: _device("Conditional Access policy refused the sign-in."),
    53004: _administrators(
        "Your organization blocks setting up multifactor authentication from here because of risk.",
        person(
            "Set up multifactor authentication at https://aka.ms/mfasetup from a place that your organization trusts,"
            " or ask your administrator."
        ),
    ),
    530003: _device("Conditional Access: this device must be managed by your organization.", source=LOOK_UP + "530003"),
    530004: _device(
        "Conditional Access needs a compliant device, but the tenant is not set to accept one of another organization.",
        source=LOOK_UP + "530004",
    ),
    530084: _device(
        "Conditional Access: token protection needs a token that is bound to this device. WSL cannot give one.",
        person("Ask your administrator whether WSL can be left out of the token protection policy."),
        "https://github.com/Azure/azure-dev/issues/7704",
    ),
    65001: _administrators(
        "Nobody has allowed the application this permission (consent).",
        person("Ask your administrator to consent at {consent_url}"),
    ),
    65004: _yours(
        "You declined to consent to what the application asked for.",
        own("login", text="To sign in again and accept it,"),
    ),
    70043: _prompt("The sign-in is older than your organization's sign-in frequency allows."),
    70044: _prompt("The session is older than your organization's sign-in frequency allows.", LOOK_UP + "70044"),
    700016: _yours(
        "The application is not known in this tenant.",
        person("Check {--client-id} and {--tenant}, or ask your administrator to add the application."),
        LOOK_UP + "700016",
    ),
    700082: _prompt("The earlier sign-in was not used for too long and has expired."),
    7000218: _yours(
        "The application is not set up as a public client with the broker's redirect URI.",
        person(f"{REGISTRATION}, add the redirect URI {REDIRECT_URI} and allow public client flows."),
        MSAL_WAM,
    ),
    9002313: _yours(
        "Microsoft Entra found the request malformed. It has been reported for personal accounts in a work tenant.",
        own("login", "--select-account", text="To use a work or school account,"),
        MSAL_ISSUES + "700",
    ),
    90002: _yours("Microsoft Entra knows no such tenant.", person("Check {--tenant} (a tenant ID or domain).")),
    90072: _yours(
        "This account is of another organization and is not a guest in the tenant.", OTHER_ACCOUNT, LOOK_UP + "90072"
    ),
}
