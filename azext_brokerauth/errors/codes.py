"""What the broker's numeric error codes mean: they are Windows' HRESULTs, such as 0xCAA20003."""

from __future__ import annotations

from azext_brokerauth.errors import SIGN_IN, InteractionRequiredError, SignInRefusedError
from azext_brokerauth.errors.advice import (
    ADD_REDIRECT_URI,
    AZ_ISSUES,
    DSREGCMD,
    MSAL_ISSUES,
    MSAL_WAM,
    Advice,
    Whose,
)
from azext_brokerauth.models import person

CODES: dict[int, Advice] = {
    0xCAA20003: Advice(
        InteractionRequiredError,
        "Windows holds a sign-in that Microsoft Entra no longer accepts (0xCAA20003).",
        SIGN_IN,
        Whose.YOURS,
        MSAL_ISSUES + "700",
    ),
    0xCAA20009: Advice(
        SignInRefusedError,
        "The application lacks the broker's redirect URI (0xCAA20009).",
        ADD_REDIRECT_URI,
        Whose.YOURS,
        MSAL_WAM,
    ),
    0xCAA2000C: Advice(
        InteractionRequiredError,
        "Microsoft Entra wants you to answer a prompt (0xCAA2000C).",
        SIGN_IN,
        Whose.YOURS,
        AZ_ISSUES + "29881",
    ),
    0xCAA70004: Advice(
        SignInRefusedError,
        "Windows has no network connection to Microsoft Entra: its server or proxy was not found (0xCAA70004).",
        person("Connect Windows, check its proxy, then try again."),
        Whose.MACHINE,
        DSREGCMD,
    ),
}
