"""Whether the broker can serve: this machine with these settings, and one request."""

from __future__ import annotations

import re

from azext_brokerauth.errors import BrokerAuthError, BrokerNotReadyError, BrokerOffError, SignInRefusedError
from azext_brokerauth.machine import Kind, Machine
from azext_brokerauth.models import PERSONAL_TENANTS, BrokerFlag, TokenRequest, code, configure, person, powershell
from azext_brokerauth.settings import Settings, change, policy

_FLAGS = {
    Kind.WSL2: (BrokerFlag.WSL, BrokerFlag.LINUX),  # MSAL's flag for Linux covers WSL too.
    Kind.LINUX: (BrokerFlag.LINUX,),
    Kind.WINDOWS: (BrokerFlag.WINDOWS,),
    Kind.MACOS: (BrokerFlag.MAC,),
}
_OTHER_AUTHORITIES = {
    r"\.b2clogin\.(com|cn|us|de)$": "Azure AD B2C",
    r"\.ciamlogin\.com$": "Microsoft Entra External ID",
}


def eligibility(settings: Settings, machine: Machine) -> BrokerFlag | BrokerAuthError:
    """The flag of MSAL's that turns the broker on here, or why the broker is not used."""
    flag = next((flag for flag in _FLAGS.get(machine.kind, ()) if getattr(settings, flag.value)), None)
    return flag or _obstacle(settings, machine)


def _obstacle(settings: Settings, machine: Machine) -> BrokerAuthError:
    match machine.kind:
        case Kind.WSL2:
            if violation := policy.off_against(settings):
                return violation
            origin = settings.origin(BrokerFlag.WSL.value)
            named = BrokerFlag.WSL.value if origin == "default" else origin
            return BrokerOffError(
                f"The broker is switched off: {named} is false.",
                remedies=change(settings, BrokerFlag.WSL.value, "true"),
            )
        case Kind.WSL1:
            return BrokerNotReadyError(
                f"This is WSL 1 ({machine.evidence}), from which Windows' account broker cannot be reached.",
                remedies=powershell("wsl", "--set-version", "<distribution>", "2"),
                check="machine",
            )
        case Kind.CUSTOM_KERNEL:
            return BrokerNotReadyError(
                f"This is WSL with a custom kernel ({machine.evidence}). Microsoft's runtime recognises WSL by"
                " 'microsoft' in the kernel's release, so it does not look for Windows' account broker here.",
                remedies=person(
                    "Remove 'kernel=' from %UserProfile%\\.wslconfig, or build the kernel with 'microsoft' in"
                    " CONFIG_LOCALVERSION."
                )
                + powershell("wsl", "--shutdown"),
                check="machine",
            )
    what = "native Linux" if machine.kind is Kind.LINUX else machine.kind.value
    message = f"This is {what}, not WSL ({machine.evidence}). Nothing was done."
    if own_flag := next(iter(_FLAGS.get(machine.kind, ())), None):
        setting = f"brokerauth.{own_flag.value}=true"
        return BrokerOffError(message, remedies=configure("set", setting, text="To use this platform's own broker,"))
    return BrokerOffError(message, remedies=person("Sign in with az login, or run this under WSL 2 itself."))


def why_not_for(request: TokenRequest, flag: BrokerFlag) -> BrokerAuthError | None:
    """Why the broker cannot serve a request on a machine where it is used; None where it can.

    An authority that MSAL keeps from the broker (``ClientApplication._decide_broker``) would get a browser from MSAL.
    """
    target = request.target
    kind = next((name for host, name in _OTHER_AUTHORITIES.items() if re.search(host, target.authority)), "")
    if target.tenant == "adfs":
        kind = "AD FS"
    if kind:
        return SignInRefusedError(
            f"{target.authority}/{target.tenant} is an authority of {kind}, for which MSAL never uses the account"
            " broker. Nothing was attempted.",
            remedies=person(
                "Sign in there by browser: with az login, or in a program with InteractiveBrowserCredential."
            ),
        )
    if target.tenant in PERSONAL_TENANTS and flag in (BrokerFlag.WSL, BrokerFlag.LINUX):
        # Asked for it, the runtime says in its telemetry that the request is not eligible for the broker, and waits.
        return SignInRefusedError(
            f"{target.tenant} is the tenant of personal Microsoft accounts. On WSL and Linux Microsoft's runtime asks"
            " the account broker for work and school accounts only. Nothing was attempted.",
            remedies=person(
                "Use a work or school account, or, for the subscriptions of a personal account, the ID of the tenant"
                " that they are in: {--tenant}."
            ),
        )
    if request.pop and flag in (BrokerFlag.WSL, BrokerFlag.LINUX):
        return SignInRefusedError(
            "MSAL has no proof of possession (PoP) on Linux and WSL: its tokens are bearer tokens.",
            remedies=code("Ask without the option 'pop'."),
        )
    return None
