"""What can be different about the emulated machine, and a name for each way that matters."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from testbed.directory import USERS

BEHAVIOURS = {
    "answer": "answers as a healthy broker does",
    "slow": "answers as a healthy broker does, after `delay` seconds",
    "hang": "never answers",
    "crash": "dies by a signal, with nothing said",
    "garbage": "says something that is not JSON",
    "empty": "says nothing and exits 0",
    "half": "stops in the middle of a healthy answer and exits 0",
    "half-crash": "dies by a signal in the middle of a healthy answer",
    "twice": "answers as a healthy broker does, two times over",
    "megabyte": "answers as a healthy broker does, with a megabyte of something nobody asked for",
    "oversized": "answers with an access token of two megabytes",
    "other-request": "answers with a token for a resource that this request did not name",
    "interaction-required": "refuses: status InteractionRequired",
    "user-cancels": "refuses: status UserCanceled",
    "no-network": "refuses: status NoNetwork",
    "account-not-found": "refuses: status AccountNotFound",
    "account-unusable": "refuses: status AccountUnusable",
    "declined-scope": "answers with fewer scopes than asked",
    "wrong-account": "answers with the token of another account than asked",
}
"""What a broker call may do. Instead of a name, a JSON object with
`context`, `status`, `subStatus`, `errorCode`, `tag` is an error sent verbatim."""

METHODS = ("ping", "getAccounts", "acquireTokenSilently", "acquireTokenInteractively", "signOutSilently")
"""The calls that the runtime makes to the broker, and that a scenario can plan."""

MACHINES = ("wsl2", "wsl1", "docker-on-wsl", "custom-kernel", "native-linux", "not-wsl")

DAEMONS = ("installed", "absent", "hangs", "deaf", "dies", "nonsense")
"""What a daemon can do: `testbed/linux/broken_daemon.py` explains all but the first two."""


@dataclass(frozen=True)
class Scenario:
    """One state of the world. Everything defaults to a healthy WSL 2 machine."""

    description: str = ""
    machine: str = "wsl2"
    """One of MACHINES."""
    wsl_version: str = "2.5.10.0"
    interop: bool = True
    """Can Windows programs be started? wslinfo and the proxy need it."""
    keyring: str = "unlocked"
    """The session's: `unlocked`, `locked`, `none` (no Secret Service on the session bus), `hung` (there is one, which
    answers nobody), `hung-bus` (the bus itself answers nobody) or `no-bus`."""
    dbus_daemon: str = "installed"
    """The program `dbus-daemon`, as who starts another one than the session's finds it: one of DAEMONS."""
    keyring_daemon: str = "installed"
    """`gnome-keyring-daemon`, likewise."""
    kernel_keyring: str = "there"
    """`there`, or `refused`: the kernel answers EPERM to whoever asks for a key, as in a container."""
    runtime_package: str = "installed"
    """`installed`, `absent` (pymsalruntime not installed) or `broken` (a shared library it needs is missing)."""
    stdout_noise: bool = False
    """The runtime prints a line on stdout for every call (double only)."""
    accounts: tuple[str, ...] = ("ada@contoso.com", "grace@contoso.com", "katherine@fabrikam.com")
    """Usernames Windows is signed in with; the first is the Windows default account."""
    picks: str = ""
    """Username the person picks in the account picker; empty: the hinted account, else the default account."""
    token_lifetime: int = 3600
    """Seconds an access token lives."""
    device_required: int = 0
    """Conditional Access: the AADSTS number with which Entra refuses whoever signs in by browser or device code, or
    renews such a sign-in; 0: it does not. The broker proves its device and is not refused."""
    networking: str = "nat"
    """WSL's networking mode."""
    device: str = "joined"
    """Windows in Microsoft Entra: `joined`, `no-prt` (joined, without a primary refresh token), `registered` or
    `unknown`."""
    elevated: bool = False
    """Does WSL's terminal run as administrator?"""
    windows_session: int = 1
    """0 is that of services and ssh."""
    clock_skew: float = 0.0
    """Seconds that Windows' clock is ahead of Linux'."""
    delay: float = 3.0
    """Seconds `slow` takes."""
    calls: Mapping[str, Any] = field(default_factory=dict)
    """One of METHODS -> a behaviour or a list of them, one for each call in turn, the last one from then on. Absent:
    `answer`."""
    cloud: str = "up"
    """Microsoft's cloud as Linux reaches it: `up`, `unreachable` (there is no route) or `expired-certificate`."""
    trust: str = "everywhere"
    """Where the authority that signed the cloud's certificates is trusted, as a company's is that inspects TLS:
    `everywhere`, `system-store` or `bundle` (what REQUESTS_CA_BUNDLE names), and not in the other."""
    msal_learns_tenant_ids: bool = True
    """Is MSAL told the ID of a tenant that it asks for by its domain? Where not, the domain reaches the runtime, which
    asks for the ID itself, and insists on it."""


def _every(behaviour: str) -> dict[str, Any]:
    return {
        m: behaviour for m in ("acquireTokenSilently", "acquireTokenInteractively", "signOutSilently", "getAccounts")
    }


_BESIDES = "no Secret Service on the session bus, and such a daemon is of no use to whoever starts one"

SCENARIOS: dict[str, Scenario] = {
    "default": Scenario("a healthy WSL 2 machine; Windows is signed in and answers silently"),
    "interaction-required": Scenario(
        "silent requests need a person; the picker then succeeds",
        calls={"acquireTokenSilently": "interaction-required"},
    ),
    "user-cancels": Scenario(
        "silent requests need a person, who closes the picker",
        calls={"acquireTokenSilently": "interaction-required", "acquireTokenInteractively": "user-cancels"},
    ),
    "slow": Scenario(
        "the broker takes 3 s for each token",
        calls={"acquireTokenSilently": "slow", "acquireTokenInteractively": "slow"},
    ),
    "hang-on-start": Scenario(
        "the broker never answers its first ping: importing the runtime blocks", calls={"ping": "hang"}
    ),
    "hang-on-silent": Scenario("silent requests never come back", calls={"acquireTokenSilently": "hang"}),
    "hang-on-prompt": Scenario(
        "the picker never comes back",
        calls={"acquireTokenSilently": "interaction-required", "acquireTokenInteractively": "hang"},
    ),
    "crash": Scenario("the proxy dies in every token call", calls=_every("crash")),
    "garbage": Scenario("the proxy talks something that is not JSON", calls=_every("garbage")),
    "empty": Scenario("the proxy exits 0 and says nothing", calls=_every("empty")),
    "half": Scenario("the proxy ends in the middle of its answer", calls=_every("half")),
    "half-crash": Scenario("the proxy dies in the middle of its answer", calls=_every("half-crash")),
    "twice": Scenario("the proxy answers two times over", calls=_every("twice")),
    "megabyte": Scenario(
        "the proxy's answers have a megabyte of something nobody asked for",
        calls={"acquireTokenSilently": "megabyte", "acquireTokenInteractively": "megabyte"},
    ),
    "oversized": Scenario(
        "the broker's tokens have two megabytes",
        calls={"acquireTokenSilently": "oversized", "acquireTokenInteractively": "oversized"},
    ),
    "other-request": Scenario(
        "the broker answers another request than the one made",
        calls={"acquireTokenSilently": "other-request", "acquireTokenInteractively": "other-request"},
    ),
    "no-route": Scenario("Linux has no route to Microsoft's cloud; Windows does", cloud="unreachable"),
    "expired-certificate": Scenario(
        "Microsoft's cloud, as Linux sees it, has a certificate that has expired", cloud="expired-certificate"
    ),
    "system-store-only": Scenario(
        "TLS is inspected, and the company's authority is in the system's certificate store alone", trust="system-store"
    ),
    "bundle-only": Scenario(
        "TLS is inspected, the company's authority is in REQUESTS_CA_BUNDLE alone, and the runtime itself asks Entra",
        trust="bundle",
        msal_learns_tenant_ids=False,
    ),
    "no-account": Scenario(
        "Windows knows no work account, and the person closes the picker",
        accounts=(),
        calls={"acquireTokenInteractively": "user-cancels"},
    ),
    "no-network": Scenario(
        "Windows has no network",
        calls={"acquireTokenSilently": "no-network", "acquireTokenInteractively": "no-network"},
    ),
    "account-unusable": Scenario(
        "the account needs repair in Windows, and the picker cannot help",
        calls={"acquireTokenSilently": "account-unusable", "acquireTokenInteractively": "account-unusable"},
    ),
    "declined-scope": Scenario(
        "the broker grants less than asked",
        calls={"acquireTokenSilently": "declined-scope", "acquireTokenInteractively": "declined-scope"},
    ),
    "wrong-account": Scenario(
        "the broker answers with another account than asked",
        calls={"acquireTokenSilently": "wrong-account", "acquireTokenInteractively": "wrong-account"},
    ),
    "compliant-device-required": Scenario(
        "Conditional Access needs a compliant device, which a browser and a device code cannot prove",
        device_required=53003,
    ),
    "stdout-noise": Scenario("the runtime prints on stdout, as some builds do (double only)", stdout_noise=True),
    "not-wsl": Scenario("an ordinary Linux machine", machine="not-wsl"),
    "wsl1": Scenario("WSL 1", machine="wsl1"),
    "docker-on-wsl": Scenario("a container on a WSL 2 kernel: no Windows in reach", machine="docker-on-wsl"),
    "custom-kernel": Scenario(
        "WSL 2 with a kernel of one's own: its release does not say microsoft", machine="custom-kernel"
    ),
    "old-wsl": Scenario("WSL 2.3.26, from before the proxy shipped", wsl_version="2.3.26.0"),
    "no-interop": Scenario("Windows programs cannot be started", interop=False),
    "no-keyring": Scenario("no Secret Service on the session bus", keyring="none"),
    "locked-keyring": Scenario("the keyring exists and is locked", keyring="locked"),
    "no-session-bus": Scenario("the session has no bus, and so no keyring", keyring="no-bus"),
    "hung-keyring": Scenario("the session's keyring answers nobody", keyring="hung"),
    "hung-session-bus": Scenario("the session's bus answers nobody", keyring="hung-bus"),
    "no-keyring-packages": Scenario(
        "neither dbus-daemon nor gnome-keyring-daemon is installed",
        keyring="no-bus",
        dbus_daemon="absent",
        keyring_daemon="absent",
    ),
    "no-kernel-keyring": Scenario(
        "no Secret Service on the session bus, and the kernel refuses to keep keys",
        keyring="none",
        kernel_keyring="refused",
    ),
    **{f"dbus-daemon-{does}": Scenario(_BESIDES, keyring="none", dbus_daemon=does) for does in DAEMONS[2:]},
    **{f"keyring-daemon-{does}": Scenario(_BESIDES, keyring="none", keyring_daemon=does) for does in DAEMONS[2:]},
    "missing-library": Scenario(
        "a shared library that the runtime needs is missing (real only)", runtime_package="broken"
    ),
    "no-runtime": Scenario("pymsalruntime is not installed", runtime_package="absent"),
    "mirrored-networking": Scenario("WSL's networking mode is mirrored", networking="mirrored"),
    "elevated": Scenario("WSL was opened from a terminal that runs as administrator", elevated=True),
    "session-0": Scenario("WSL was opened through Windows' ssh server", windows_session=0),
    "unknown-device": Scenario("Windows is neither joined nor registered", device="unknown"),
    "no-prt": Scenario("Windows is joined, and has no primary refresh token", device="no-prt"),
    "clock-behind": Scenario("Linux' clock is an hour behind Windows'", clock_skew=3600),
    "native-linux": Scenario("native Linux with Microsoft's broker on the session D-Bus", machine="native-linux"),
}


def load(name_or_file: str) -> Scenario:
    """The named scenario, or the one in a JSON file: an object of Scenario's fields, with an optional
    `base` naming the scenario it starts from.

    :raises ValueError: neither a name nor a file, or a field or a value that does not exist.
    """
    if name_or_file in SCENARIOS:
        return SCENARIOS[name_or_file]
    path = Path(name_or_file)
    if not path.is_file():
        raise ValueError(f"no scenario named {name_or_file!r}, and no such file; `python -m testbed --list` names them")
    return from_json(json.loads(path.read_text()))


def from_json(fields: Mapping[str, Any]) -> Scenario:
    rest = dict(fields)
    base_name = rest.pop("base", "default")
    if base_name not in SCENARIOS:
        raise ValueError(f"no scenario named {base_name!r} to start from")
    base = SCENARIOS[base_name]
    known = {f.name for f in dataclasses.fields(Scenario)}
    if unknown := set(rest) - known:
        raise ValueError(f"a scenario has no {', '.join(sorted(unknown))}; it has {', '.join(sorted(known))}")
    if "accounts" in rest:
        rest["accounts"] = tuple(rest["accounts"])
    scenario = dataclasses.replace(base, **rest)
    for name, allowed in _ALLOWED.items():
        _check(name, getattr(scenario, name), allowed)
    for username in (*scenario.accounts, *([scenario.picks] if scenario.picks else [])):
        _check("username", username.lower(), [user.username for user in USERS])
    for method, planned in scenario.calls.items():
        _check("method", method, METHODS)
        for behaviour in planned if isinstance(planned, list) else [planned]:
            if isinstance(behaviour, dict):
                _check("error", sorted(behaviour), [sorted(_ERROR)])
            else:
                _check("behaviour", behaviour, BEHAVIOURS)
    return scenario


_ALLOWED = {
    "machine": MACHINES,
    "keyring": ("unlocked", "locked", "none", "hung", "hung-bus", "no-bus"),
    "dbus_daemon": DAEMONS,
    "keyring_daemon": DAEMONS,
    "kernel_keyring": ("there", "refused"),
    "runtime_package": ("installed", "absent", "broken"),
    "cloud": ("up", "unreachable", "expired-certificate"),
    "trust": ("everywhere", "system-store", "bundle"),
}
_ERROR = ("context", "status", "subStatus", "errorCode", "tag")


def _check(what: str, value: Any, allowed: Collection[Any]) -> None:
    if value not in allowed:
        raise ValueError(f"{what} {value!r} is not one of {', '.join(map(str, allowed))}")


def to_json(scenario: Scenario) -> dict[str, Any]:
    return dataclasses.asdict(scenario)
