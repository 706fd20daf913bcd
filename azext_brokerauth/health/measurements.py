"""What only a machine with Windows can show, measured: numbers, versions and codes, with nobody's name or ID in them.

docs/real-machine.md says what is expected of each, and what another answer would mean.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from azext_brokerauth import clouds
from azext_brokerauth.errors import BrokerAuthError, BrokerTimeoutError
from azext_brokerauth.health.attempt import TIMEOUT, open_tokens
from azext_brokerauth.health.bundle import versions
from azext_brokerauth.health.checks import CHECKS
from azext_brokerauth.health.facts import Facts
from azext_brokerauth.health.report import check_all
from azext_brokerauth.machine import Machine
from azext_brokerauth.models import Account, Token, TokenRequest
from azext_brokerauth.settings import AZURE_CLI_CLIENT_ID, Settings

if TYPE_CHECKING:
    from azext_brokerauth.health.probe import Probe
    from azext_brokerauth.tokens import Prompt, Tokens

SCHEMA_VERSION = 1
_PYTHON_OF_AZ = re.compile(rb"(/[^\s\"'$]*/python[0-9.]*)\b")
"""In the script that starts az: in the first line of pip's, in the command of Microsoft's packages."""
_PUBLIC = ("/opt/", "/usr/")
"""How a path begins that says nothing of who works there."""
_ASK_PYTHON = (
    *("-I", "-c"),
    "import platform; from importlib.metadata import version; print(platform.python_version(), version('azure-cli'))",
)
_SCOPE = re.compile(r"[A-Za-z0-9_.-]{1,100}")
_VERSION = re.compile(r"\d+(?:\.\d+)+")


def measure(
    facts: Facts,
    account: Account,
    guest_tenant: str,
    describe: Callable[[Token], Mapping[str, Any]],
    open: Callable[[Settings, Machine], tuple[Tokens, Prompt]] = open_tokens,
    clock: Callable[[], float] = time.monotonic,
) -> dict[str, Any]:
    """Look at the machine, and ask the broker for some tokens, without a window.

    :param account: whose tokens.
    :param guest_tenant: a tenant in which the account is a guest, to ask for a token of it too; empty for none.
    :param describe: what a token says, as ``inspect-token`` has it.
    :param open: gives what asks the broker, and its word for "no window".
    :param clock: gives seconds.
    """
    findings = check_all(facts, CHECKS)
    found = {check.id: finding.severity.value for check, finding in zip(CHECKS, findings, strict=True)}
    return {
        "schemaVersion": SCHEMA_VERSION,
        "machine": facts.linux.machine.kind.value,
        "distribution": facts.linux.distribution.name,
        "versions": {**versions(facts.probe), **_around(facts)},
        "networkingMode": facts.wsl.wslinfo("--networking-mode").stdout.strip(),
        "keyring": facts.keyring_choice.kind if facts.served else "",
        "failing": [name for name, severity in found.items() if severity == "fail"],
        "warning": [name for name, severity in found.items() if severity == "warn"],
        "azPython": _az_python(facts.probe),
        "requests": list(_asked(facts, account, guest_tenant, describe, open, clock)),
    }


def _around(facts: Facts) -> dict[str, str]:
    """The versions of what is around this Linux."""
    windows = _VERSION.search(facts.wsl.interop.stdout)
    return {"wsl": ".".join(map(str, facts.wsl.version)), "windows": windows[0] if windows else ""}


def _az_python(probe: Probe) -> dict[str, str]:
    """The Python that runs the az of ``PATH``; empty where there is no az, or where it cannot be told."""
    program = shutil.which("az", path=probe.environ.get("PATH", ""))
    named = _PYTHON_OF_AZ.search(probe.read(program, 4096) or b"") if program and os.path.isabs(program) else None
    if not named:
        return {}
    # Microsoft's packages begin the path at the directory of their script: $bin_dir/../../opt/az/bin/python3.
    path = os.path.normpath(os.fsdecode(named[1]))
    python, _, az = probe.run(path, *_ASK_PYTHON).stdout.strip().partition(" ")
    public = path if path.startswith(_PUBLIC) else "elsewhere"
    return {"path": public, "python": python, "azureCli": az} if _VERSION.fullmatch(python) else {"path": public}


def _asked(
    facts: Facts,
    account: Account,
    guest_tenant: str,
    describe: Callable[[Token], Mapping[str, Any]],
    open: Callable[[Settings, Machine], tuple[Tokens, Prompt]],
    clock: Callable[[], float],
) -> Iterator[dict[str, Any]]:
    tokens, never = open(facts.own.settings, facts.linux.machine)
    limit = min(facts.own.settings.silent_timeout, TIMEOUT)
    try:
        for name, request in _requests(account, guest_tenant, time.time()):
            asked = {"name": name, "azureCliClient": request.target.client_id == AZURE_CLI_CLIENT_ID}
            started = clock()
            try:
                token = tokens.get(request, never, timeout=limit)
            except BrokerAuthError as error:
                yield {**asked, "seconds": round(clock() - started, 2), **_refusal(error)}
                if isinstance(error, BrokerTimeoutError):
                    return  # the others would wait as long
            else:
                yield {**asked, "seconds": round(clock() - started, 2), **_answer(token, describe(token))}
    finally:
        tokens.close()


def _requests(account: Account, guest_tenant: str, now: float) -> Iterator[tuple[str, TokenRequest]]:
    """What is asked for. The first request also starts the broker's process; the others show how long Windows takes.

    :param now: epoch seconds.
    """
    cloud = clouds.of_authority(account.authority) or clouds.PUBLIC
    arm = TokenRequest((cloud.arm_scope,), account.target, whose=account)
    yield "azure-resource-manager", arm
    yield "azure-resource-manager-cae", replace(arm, enable_cae=True)
    # Microsoft's runtime answers what it has answered before. A challenge that is new, as after a revocation, reaches
    # Windows (https://learn.microsoft.com/entra/identity-platform/claims-challenge).
    challenge = {"access_token": {"nbf": {"essential": True, "value": str(int(now))}}}
    yield "new-claims-challenge", replace(arm, enable_cae=True, claims=json.dumps(challenge))
    if cloud is clouds.PUBLIC:
        yield "key-vault", replace(arm, scopes=("https://vault.azure.net/.default",))
    if graph := cloud.resource("ms-graph"):
        yield "microsoft-graph", replace(arm, scopes=(f"{graph.rstrip('/')}/.default",))
    if guest_tenant:
        yield "guest-tenant", replace(arm, target=replace(arm.target, tenant=guest_tenant))


def _answer(token: Token, told: Mapping[str, Any]) -> dict[str, Any]:
    issued = told["issuedOn"]
    scopes = str(told["scopes"] or "").split()
    return {
        "outcome": "token",
        "source": token.source,
        "lifetimeSeconds": token.expires_on - int(datetime.fromisoformat(issued).timestamp()) if issued else None,
        "scopes": [scope for scope in scopes if _SCOPE.fullmatch(scope)],
        "hasDeviceId": bool(told["deviceId"]),
        "authenticationMethods": told["authenticationMethods"],
        "continuousAccessEvaluation": told["continuousAccessEvaluation"],
    }


def _refusal(error: BrokerAuthError) -> dict[str, Any]:
    said = error.diagnostics
    return {
        "outcome": type(error).__name__,
        "status": said.status,
        "errorCode": said.error_code,
        "tag": said.tag,
        "aadsts": list(said.aadsts),
    }
