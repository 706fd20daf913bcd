"""What the broker's error tags mean: numbers that tell where in Microsoft's runtime an error was raised."""

from __future__ import annotations

from azext_brokerauth.errors import (
    SIGN_IN,
    AccountUnknownError,
    BrokerFailedError,
    BrokerNotReadyError,
    KeyringMissingError,
    SignInRefusedError,
)
from azext_brokerauth.errors.advice import (
    ADD_REDIRECT_URI,
    ALLOW_INTEROP,
    MSAL_WAM,
    SEEN,
    UNLOCK_KEYRING,
    UPDATE_WSL_IF_AGAIN,
    Advice,
    Whose,
)
from azext_brokerauth.models import person, powershell, run

# 529117665 is no row: the runtime reports it for every error that has no tag of its own.
TAGS: dict[int, Advice] = {
    544564044: Advice(
        KeyringMissingError,
        "The broker keeps its accounts in a keyring (Secret Service), and this session has none.",
        (
            *run("sudo", "apt-get", "install", "gnome-keyring", "libsecret-1-0"),
            *powershell("wsl", "--shutdown"),
            *person("Then make a keyring named 'login'."),
        ),
        Whose.MACHINE,
        SEEN,
    ),
    525678464: Advice(
        AccountUnknownError,
        "The broker's runtime does not know this account: nobody signed in with it here, or the keyring that it is"
        " kept in is missing or locked.",
        UNLOCK_KEYRING,
        Whose.MACHINE,
        SEEN,
    ),
    540940121: Advice(
        AccountUnknownError, "The account was signed out of this application.", SIGN_IN, Whose.YOURS, SEEN
    ),
    507897694: Advice(
        BrokerNotReadyError,
        "Microsoft's runtime found no broker in Windows.",
        ALLOW_INTEROP,
        Whose.MACHINE,
        SEEN,
    ),
    507316096: Advice(
        BrokerFailedError,
        "The broker behind WSL did not give a usable answer: what came was not JSON.",
        UPDATE_WSL_IF_AGAIN,
        Whose.MACHINE,
        SEEN,
    ),
    508909194: Advice(
        BrokerFailedError,
        "The broker behind WSL did not give a usable answer: it crashed or said nothing.",
        UPDATE_WSL_IF_AGAIN,
        Whose.MACHINE,
        SEEN,
    ),
    495490195: Advice(
        BrokerFailedError,
        "The broker behind WSL did not give a usable answer: its program was ended by a signal.",
        UPDATE_WSL_IF_AGAIN,
        Whose.MACHINE,
        SEEN,
    ),
    593794722: Advice(
        SignInRefusedError,
        "The broker rejected the request: it would grant fewer scopes than were asked for.",
        person("Check the scope, and ask your administrator to consent to it for the application."),
        Whose.ADMINISTRATOR,
        SEEN,
    ),
    557973642: Advice(
        SignInRefusedError,
        "The application lacks the broker's redirect URI.",
        ADD_REDIRECT_URI,
        Whose.YOURS,
        MSAL_WAM,
    ),
}
