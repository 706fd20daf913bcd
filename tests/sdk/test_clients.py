"""Clients that nobody here wrote work over HTTPS with a token from the credential."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from testbed.directory import CONTOSO, DEVICE_ID, FABRIKAM
from testbed.machine import Machine

PROGRAMS = Path(__file__).with_name("programs.py")


def run(machine: Machine, program: str, **env: str) -> Any:
    machine.clear_journal()
    done = machine.run([sys.executable, str(PROGRAMS), program], env=env)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    return json.loads(done.stdout)


def calls(machine: Machine, to: str) -> list[dict[str, Any]]:
    return [line for line in machine.journal() if line["to"] == to]


@pytest.mark.parametrize("program", ["blobs", "blobs_async"])
def test_blobs_are_written_listed_and_read(machine: Machine, storage: dict[str, str], program: str) -> None:
    assert run(machine, program, **storage) == [["greeting.txt"], "hello from WSL"]


def test_a_file_system_is_used_and_the_program_ends_in_silence(machine: Machine, storage: dict[str, str]) -> None:
    names, content = run(machine, "file_system", **storage)
    assert [name.rpartition("/")[2] for name in names] == ["greeting.txt"]
    assert content == "hello from WSL"


def test_a_vaults_challenge_chooses_the_tenant(machine: Machine) -> None:
    assert run(machine, "secrets") == ["contoso", "fabrikam"]
    served = [call for call in calls(machine, "vault") if call["status"] == 200]
    assert {call["tid"] for call in served} == {CONTOSO.tenant_id, FABRIKAM.tenant_id}
    assert {call["deviceid"] for call in served} == {DEVICE_ID}


def test_a_secret_is_read_by_an_async_client(machine: Machine) -> None:
    assert run(machine, "secrets_async") == "hello from contoso.vault.azure.net"


@pytest.mark.parametrize(
    ("program", "result", "claim"),
    [
        ("resource_groups", ["app", "network"], "acrs"),
        ("revoked", [True, ["Contoso Development", "Contoso Production"]], "nbf"),
    ],
)
def test_a_claims_challenge_of_the_resource_manager_is_met(
    machine: Machine, program: str, result: object, claim: str
) -> None:
    assert run(machine, program) == result
    statuses = [call["status"] for call in calls(machine, "arm") if "testbed" not in call["method"]]
    assert 401 in statuses
    assert statuses[-1] == 200
    assert [call for call in calls(machine, "broker") if claim in call["claims"]]
