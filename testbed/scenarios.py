"""What can be different about the emulated machine, and a name for each way that matters."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

BEHAVIOURS = {
    "answer": "answers as a healthy broker does",
    "slow": "answers as a healthy broker does, after `delay` seconds",
    "hang": "never answers",
    "crash": "dies by a signal, with nothing said",
    "garbage": "says something that is not JSON",
    "empty": "says nothing and exits 0",
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

MACHINES = ("wsl2", "wsl1", "docker-on-wsl", "custom-kernel", "native-linux", "not-wsl")


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
    """`unlocked`, `locked` or `none` (no Secret Service on the session bus)."""
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
    delay: float = 3.0
    """Seconds `slow` takes."""
    calls: Mapping[str, Any] = field(default_factory=dict)
    """Broker method (`ping`, `getAccounts`, `acquireTokenSilently`, `acquireTokenInteractively`, `signOutSilently`)
    -> a behaviour or a list of them, one for each call in turn, the last one from then on. Absent: `answer`."""


def _every(behaviour: str) -> dict[str, Any]:
    return {
        m: behaviour for m in ("acquireTokenSilently", "acquireTokenInteractively", "signOutSilently", "getAccounts")
    }


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
        "Conditional Access wants a compliant device, which a browser and a device code cannot prove",
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
    "missing-library": Scenario(
        "a shared library that the runtime needs is missing (real only)", runtime_package="broken"
    ),
    "no-runtime": Scenario("pymsalruntime is not installed", runtime_package="absent"),
    "native-linux": Scenario("native Linux with Microsoft's broker on the session D-Bus", machine="native-linux"),
}


def load(name_or_file: str) -> Scenario:
    """The named scenario, or the one in a JSON file: an object of Scenario's fields, with an optional
    `base` naming the scenario it starts from.

    :raises ValueError: neither a name nor a file, or a field that does not exist.
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
    if scenario.machine not in MACHINES:
        raise ValueError(f"machine {scenario.machine!r} is not one of {', '.join(MACHINES)}")
    return scenario


def to_json(scenario: Scenario) -> dict[str, Any]:
    return dataclasses.asdict(scenario)
