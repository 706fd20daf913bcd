"""What the broker's statuses mean; their names are those of Response_Status in pymsalruntime's PyMsalRuntime.pyi."""

from __future__ import annotations

from azext_brokerauth.errors import (
    AGAIN,
    SIGN_IN,
    AccountUnknownError,
    BrokerFailedError,
    BrokerNotReadyError,
    InteractionRequiredError,
    SignInCanceledError,
    SignInRefusedError,
)
from azext_brokerauth.errors.advice import (
    ENUM,
    IN_A_MINUTE,
    LOST_KEYRING,
    NAME_ONLY,
    PICK_ACCOUNT,
    REDIRECT_URI,
    UPDATE_WSL,
    UPDATE_WSL_IF_AGAIN,
    WINDOWS_ACCOUNT,
    Advice,
    Whose,
)
from azext_brokerauth.models import own, person

STATUSES: dict[str, Advice] = {
    "InteractionRequired": Advice(
        InteractionRequiredError, "Windows needs you to answer a prompt.", SIGN_IN, Whose.YOURS, ENUM
    ),
    "AccountUnusable": Advice(
        InteractionRequiredError,
        "Windows cannot use this account until it has been verified again.",
        (*person(WINDOWS_ACCOUNT + "repair the account."), *SIGN_IN),
        Whose.YOURS,
        ENUM,
    ),
    "AccountNotFound": Advice(
        AccountUnknownError,
        "The broker does not find this account. If it has signed in here, it was removed from Windows, or"
        f" {LOST_KEYRING}",
        SIGN_IN,
        Whose.MACHINE,
        ENUM,
    ),
    "UserCanceled": Advice(
        SignInCanceledError,
        "The sign-in window was closed.",
        person("To sign in after all, try again and answer the window."),
        Whose.YOURS,
        ENUM,
    ),
    "ApplicationCanceled": Advice(
        SignInCanceledError, "Windows ended the sign-in before it was complete.", AGAIN, Whose.MACHINE, ENUM
    ),
    "NoNetwork": Advice(
        SignInRefusedError,
        "Windows has no network connection to Microsoft Entra.",
        person("Connect Windows, then try again."),
        Whose.MACHINE,
        ENUM,
    ),
    "NetworkTemporarilyUnavailable": Advice(
        SignInRefusedError,
        "Windows' network connection to Microsoft Entra is down.",
        IN_A_MINUTE,
        Whose.MACHINE,
        NAME_ONLY,
    ),
    "ServerTemporarilyUnavailable": Advice(
        SignInRefusedError, "Microsoft Entra is temporarily unavailable.", IN_A_MINUTE, Whose.MICROSOFT, NAME_ONLY
    ),
    "TransientError": Advice(
        SignInRefusedError, "The broker had a temporary error.", IN_A_MINUTE, Whose.MACHINE, NAME_ONLY
    ),
    "DeviceNotRegistered": Advice(
        SignInRefusedError,
        "Windows is not registered with your organization.",
        person(WINDOWS_ACCOUNT + "join or register the device."),
        Whose.MACHINE,
        NAME_ONLY,
    ),
    "ApiContractViolation": Advice(
        SignInRefusedError,
        "The broker rejected the request.",
        person(
            f"Check the scope. With a client ID of your own, check too that its redirect URI {REDIRECT_URI} is"
            " registered ({portal}, App registrations)."
        ),
        Whose.YOURS,
        ENUM,
    ),
    "IncorrectConfiguration": Advice(
        SignInRefusedError,
        "The broker says that the application or the account is not set up for it.",
        person(
            f"Check {{--client-id}}, {{--tenant}} and the application's redirect URI, {REDIRECT_URI}"
            " ({portal}, App registrations)."
        ),
        Whose.YOURS,
        NAME_ONLY,
    ),
    "AuthorityUntrusted": Advice(
        SignInRefusedError,
        "The broker does not trust this authority.",
        person("Check {--authority}: it is login.microsoftonline.com unless your organization is in another cloud."),
        Whose.YOURS,
        NAME_ONLY,
    ),
    "UserSwitch": Advice(
        SignInRefusedError,
        "Another account signed in, not the one that was asked for.",
        PICK_ACCOUNT,
        Whose.YOURS,
        NAME_ONLY,
    ),
    "AccountSwitch": Advice(
        SignInRefusedError,
        "Windows answered for another account, not for the one that was asked for.",
        PICK_ACCOUNT,
        Whose.YOURS,
        ENUM,
    ),
    "UserDataRemovalRequired": Advice(
        InteractionRequiredError,
        "Your organization asks you to remove this account's data from this machine.",
        (*own("logout"), *SIGN_IN),
        Whose.ADMINISTRATOR,
        NAME_ONLY,
    ),
    "KeyNotFound": Advice(
        InteractionRequiredError,
        "Windows has lost the key with which this account proves the device.",
        (*person(WINDOWS_ACCOUNT + "disconnect and connect the account again."), *SIGN_IN),
        Whose.MACHINE,
        NAME_ONLY,
    ),
    "RequiredBrokerMissing": Advice(
        BrokerNotReadyError,
        "The account broker that this request needs is not installed in Windows.",
        (*UPDATE_WSL, *person("Update Windows too.")),
        Whose.MACHINE,
        NAME_ONLY,
    ),
    "FallbackToNativeMsal": Advice(
        SignInRefusedError,
        "The broker refused and asked MSAL to sign in without the device. That was not done.",
        own("login", "--fallback", "browser", text="To sign in without the device,"),
        Whose.MACHINE,
        NAME_ONLY,
    ),
    "InsufficientBuffer": Advice(
        BrokerFailedError,
        "The broker's answer was too long for Microsoft's runtime.",
        person("Try again. If this keeps happening, update pymsalruntime."),
        Whose.MACHINE,
        NAME_ONLY,
    ),
    "Reserved": Advice(
        BrokerFailedError,
        "The broker gave a status that has no meaning yet.",
        person("Update pymsalruntime and msal, then try again."),
        Whose.MICROSOFT,
        NAME_ONLY,
    ),
    "Unexpected": Advice(
        BrokerFailedError,
        "The broker behind WSL did not give a usable answer.",
        UPDATE_WSL_IF_AGAIN,
        Whose.MACHINE,
        ENUM,
    ),
}
