"""What each fault of the testbed comes to: the error, its cause and its remedy, for each thing that can be asked."""

from __future__ import annotations

from dataclasses import dataclass, replace

from azext_brokerauth import errors
from azext_brokerauth.broker.child import ChildEndedError
from testbed.directory import ADA
from testbed.scenarios import SCENARIOS, Scenario

TOKEN, SIGN_IN, PICKER, SIGN_OUT = "token", "sign-in", "picker", "sign-out"
"""What is asked of the broker: a token with no window, one with a window where needed, one that starts with the picker,
and to forget somebody."""
_HEALTHY = replace(SCENARIOS["default"], token_lifetime=240, delay=0.5)
"""With less than five minutes to live no token is answered from a cache, so every attempt reaches the broker."""


@dataclass(frozen=True)
class Problem:
    """One way not to get what was asked for.

    :param error: the core's class.
    :param cause: part of what the person reads about why.
    :param remedy: part of what they read about what to do; commands as under the plain CLI.
    :param sdk: the credential's class.
    """

    error: type[errors.BrokerAuthError]
    cause: str
    remedy: str
    sdk: str = "ClientAuthenticationError"


@dataclass(frozen=True)
class Fault:
    """
    :param token: what comes of a request that may show no window; None: it succeeds.
    :param sign_in: of one that may, where needed.
    :param picker: of one that starts with the account picker.
    :param sign_out: of forgetting somebody, which always succeeds on this side; then this is the warning.
    :param killing: does the kernel kill the broker's process meanwhile?
    :param keyring: what the program of a private keyring does instead of keeping one, in the words of a shell.
    """

    token: Problem | None
    sign_in: Problem | None
    picker: Problem | None
    sign_out: Problem | None = None
    killing: bool = False
    scenario: str = ""
    keyring: str = ""

    def of(self, wants: str) -> Problem | None:
        """What comes of one kind of request."""
        return {TOKEN: self.token, SIGN_IN: self.sign_in, PICKER: self.picker, SIGN_OUT: self.sign_out}[wants]


def state(name: str) -> Scenario:
    """The state of the world with a fault; with the name `default`, without one."""
    plain = SCENARIOS[name if name == "default" else FAULTS[name].scenario or name]
    return replace(plain, token_lifetime=_HEALTHY.token_lifetime, delay=_HEALTHY.delay)


_SHUT_DOWN = "wsl --shutdown"
_TIMEOUT = Problem(errors.BrokerTimeoutError, "did not answer a silent request", _SHUT_DOWN)
_PROMPT_TIMEOUT = Problem(errors.BrokerTimeoutError, "did not answer its prompt", "Try again")
_MULTIFACTOR = Problem(
    errors.InteractionRequiredError,
    "asks for multifactor authentication",
    "brokerauth login",
    "AuthenticationRequiredError",
)
_CLOSED = Problem(errors.SignInCanceledError, "The sign-in window was closed", "answer the window")
_UNUSABLE_ANSWER = Problem(errors.BrokerFailedError, "did not give a usable answer", "wsl --update; wsl --shutdown")
_NONSENSE = Problem(errors.BrokerFailedError, "is over the limit of 1048576", "Try again")
_NOBODY = Problem(errors.InteractionRequiredError, "Windows needs you to answer a prompt", "brokerauth login")
_OFFLINE = Problem(errors.SignInRefusedError, "no network connection", "Connect Windows")
_REPAIR = Problem(errors.SignInRefusedError, "until it has been verified again", "Access work or school")
_REPAIR_SILENTLY = replace(_REPAIR, error=errors.InteractionRequiredError)
_REJECTED = Problem(errors.SignInRefusedError, "The broker rejected the request", "Check the scope")
_SOMEBODY_ELSE = Problem(
    errors.WrongAccountError,
    f"The broker answered for grace@contoso.com; {ADA.username} was asked for",
    "--select-account",
)
_NO_AUTHORITY = Problem(errors.SignInRefusedError, "The authority cannot be reached from WSL", "HTTPS_PROXY")
_EXPIRED = Problem(errors.SignInRefusedError, "has expired, or is not valid yet", "Check this machine's clock")
_NO_BROKER = Problem(
    errors.BrokerNotReadyError,
    "found no broker in Windows",
    "wsl --update; wsl --shutdown",
    "CredentialUnavailableError",
)
_NO_KEYRING = Problem(
    errors.BrokerNotReadyError,
    "a private one could not be started",
    "brokerauth check-health",
    "CredentialUnavailableError",
)
_KILLED = Problem(ChildEndedError, "process ended before it answered (signal 9)", _SHUT_DOWN)

FAULTS: dict[str, Fault] = {
    "interaction-required": Fault(_MULTIFACTOR, None, None),
    "user-cancels": Fault(_MULTIFACTOR, _CLOSED, _CLOSED),
    "slow": Fault(None, None, None),
    "hang-on-start": Fault(_TIMEOUT, _TIMEOUT, _PROMPT_TIMEOUT, _TIMEOUT),
    "hang-on-silent": Fault(_TIMEOUT, _TIMEOUT, None),
    "hang-on-prompt": Fault(_MULTIFACTOR, _PROMPT_TIMEOUT, _PROMPT_TIMEOUT),
    "crash": Fault(_UNUSABLE_ANSWER, _UNUSABLE_ANSWER, _UNUSABLE_ANSWER),
    "garbage": Fault(_UNUSABLE_ANSWER, _UNUSABLE_ANSWER, _UNUSABLE_ANSWER),
    "empty": Fault(_UNUSABLE_ANSWER, _UNUSABLE_ANSWER, _UNUSABLE_ANSWER),
    "half": Fault(_UNUSABLE_ANSWER, _UNUSABLE_ANSWER, _UNUSABLE_ANSWER),
    "half-crash": Fault(_UNUSABLE_ANSWER, _UNUSABLE_ANSWER, _UNUSABLE_ANSWER),
    "twice": Fault(_UNUSABLE_ANSWER, _UNUSABLE_ANSWER, _UNUSABLE_ANSWER),
    "megabyte": Fault(None, None, None),
    "oversized": Fault(_NONSENSE, _NONSENSE, _NONSENSE),
    "other-request": Fault(_REJECTED, _REJECTED, _REJECTED),
    "no-account": Fault(_NOBODY, _CLOSED, _CLOSED),
    "no-network": Fault(_OFFLINE, _OFFLINE, _OFFLINE),
    "account-unusable": Fault(_REPAIR_SILENTLY, _REPAIR, _REPAIR),
    "declined-scope": Fault(_REJECTED, _REJECTED, _REJECTED),
    "wrong-account": Fault(_SOMEBODY_ELSE, _SOMEBODY_ELSE, _SOMEBODY_ELSE),
    "no-route": Fault(_NO_AUTHORITY, _NO_AUTHORITY, _NO_AUTHORITY, _NO_AUTHORITY),
    "expired-certificate": Fault(_EXPIRED, _EXPIRED, _EXPIRED, _EXPIRED),
    "old-wsl": Fault(_NO_BROKER, _NO_BROKER, _NO_BROKER, _NO_BROKER),
    "keyring-ends": Fault(*[_NO_KEYRING] * 4, scenario="default", keyring="exit 3"),
    "keyring-hangs": Fault(*[_NO_KEYRING] * 4, scenario="default", keyring="exec sleep 1000"),
    "killed": Fault(_KILLED, _KILLED, _KILLED, _KILLED, killing=True, scenario="hang-on-start"),
}
"""By name: that of a scenario, where it has none of its own. `killed` is also what running out of memory looks like."""

DIFFERENTLY: dict[tuple[str, str], Problem] = {
    # az goes on to ask silently for a token of each tenant; when all refuse, it is az that ends, in its own words.
    ("az brokerauth login --username", "interaction-required"): replace(
        _MULTIFACTOR, remedy="No subscriptions found for ada@contoso.com"
    ),
}
"""By way in and fault: where a host makes something else of it."""

BORN_WITH = (
    *("not-wsl", "wsl1", "docker-on-wsl", "custom-kernel", "no-interop", "no-runtime", "missing-library"),
    *("system-store-only", "bundle-only"),
    *(name for name, scenario in SCENARIOS.items() if scenario.keyring != "unlocked"),
)
"""Scenarios that a machine cannot recover from while it runs: tests/emulated/test_elsewhere.py and its neighbours."""
NO_FAULT = (
    *("default", "stdout-noise", "compliant-device-required", "native-linux"),
    *("mirrored-networking", "elevated", "session-0", "unknown-device", "no-prt", "clock-behind"),
)
"""What a request for a token does not notice; tests/emulated/test_health.py shows what check-health says of it."""

WORST = ("hang-on-start", "hang-on-silent", "crash")
"""What every way in is tried with in `make test`."""

HOMES = ("used", "fresh")
"""Where each fault is tried: in a home where this way in has worked before, and in one where az and this project have
left nothing yet. Where somebody must have signed in, they have just done so, and az's HTTP cache is cold again."""
WORST_AT_FIRST = ("hang-on-start", "no-route")
"""What one way in of each host is tried with in `make test`, in a fresh home."""
