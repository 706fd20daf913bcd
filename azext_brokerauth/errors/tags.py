"""What the broker's error tags mean: numbers that tell where in Microsoft's runtime an error was raised."""

from __future__ import annotations

from azext_brokerauth.errors import (
    SIGN_IN,
    AccountUnknownError,
    BrokerFailedError,
    BrokerNotReadyError,
    InvalidInputError,
    KeyringMissingError,
    SignInRefusedError,
)
from azext_brokerauth.errors.advice import (
    ADD_REDIRECT_URI,
    ALLOW_INTEROP,
    LOST_KEYRING,
    MSAL_WAM,
    SEEN,
    TRUST_IN_SYSTEM,
    UPDATE_WSL_IF_AGAIN,
    Advice,
    Whose,
)
from azext_brokerauth.models import person

# 529117665 is no row: the runtime reports it for every error that has no tag of its own.
TAGS: dict[int, Advice] = {
    544564044: Advice(
        KeyringMissingError,
        "The broker keeps its accounts in a keyring (Secret Service), and this session has none.",
        (
            *person("Set keyring to auto, which is the default: then a private keyring is used."),
            *person("Or make and unlock a keyring named 'login' in this session."),
        ),
        Whose.MACHINE,
        SEEN,
    ),
    525678464: Advice(
        AccountUnknownError,
        f"The broker's runtime knows nothing of this account. If it has signed in here, {LOST_KEYRING}",
        SIGN_IN,
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
    591975578: Advice(
        InvalidInputError,
        "The claims are not a claims challenge: that is a JSON object which is not empty.",
        person("Give the value of claims= in the resource's WWW-Authenticate header, decoded from base64."),
        Whose.YOURS,
        SEEN,
    ),
    573683466: Advice(
        SignInRefusedError,
        "Microsoft's runtime refuses the certificate that the authority shows in WSL: it has expired, or the system's"
        " certificate store does not know who signed it. The runtime reads that store, and not REQUESTS_CA_BUNDLE.",
        (
            *TRUST_IN_SYSTEM,
            *person("Or name the tenant by its ID in {--tenant}: then the runtime asks nothing itself."),
        ),
        Whose.MACHINE,
        SEEN,
    ),
    573683463: Advice(
        SignInRefusedError,
        "Microsoft's runtime cannot reach the authority from WSL, where it looks up the tenant.",
        person(
            "Check WSL's network and proxy settings (HTTPS_PROXY), or name the tenant by its ID in {--tenant}: then the"
            " runtime asks nothing itself."
        ),
        Whose.MACHINE,
        SEEN,
    ),
    522720035: Advice(
        SignInRefusedError,
        "Microsoft's runtime cannot resolve the name of the proxy.",
        person("Check WSL's proxy settings (HTTPS_PROXY), then try again."),
        Whose.MACHINE,
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
