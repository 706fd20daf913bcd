"""The exec plugin: what kubectl asks, what it is answered, and when a token counts as refused."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from azext_brokerauth.bridges import kubectl
from azext_brokerauth.bridges.refusals import AT_ONCE, NOT_AGAIN, Refusals, parent
from azext_brokerauth.bridges.silent import Wanted
from azext_brokerauth.errors import InvalidInputError, NotSignedInError
from azext_brokerauth.models import Account, Token

AKS = "6dae42f8-4368-4678-94ff-3960e28e3630"
TENANT = "c0000000-0000-4000-8000-000000000001"
ADA = Account("ada@contoso.com", f"a.{TENANT}", "a", TENANT, "app", "login.microsoftonline.com")
V1, V1BETA1 = "client.authentication.k8s.io/v1", "client.authentication.k8s.io/v1beta1"


def info(version: str = V1, config: Any = None) -> dict[str, str]:
    cluster = {"cluster": {"server": "https://contoso.hcp.westeurope.azmk8s.io", "config": config}} if config else {}
    return {"KUBERNETES_EXEC_INFO": json.dumps({"apiVersion": version, "kind": "ExecCredential", "spec": cluster})}


class Clock:
    now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def refusals(directory: Path, clock: Clock, asker: str = "7-1") -> Refusals:
    return Refusals(str(directory), asker, clock)


class Tokens:
    def __init__(self, clock: Clock) -> None:
        self.asked: list[Wanted] = []
        self._clock = clock

    def __call__(self, wanted: Wanted) -> Token:
        self.asked.append(wanted)
        return Token(f"token-{len(self.asked)}", int(self._clock.now) + 3600, "Bearer", "broker", TENANT, ADA)


@pytest.mark.parametrize(
    ("environ", "version"),
    [
        ({}, V1BETA1),
        (info(V1BETA1), V1BETA1),
        (info(V1), V1),
        ({"KUBERNETES_EXEC_INFO": "{}"}, V1BETA1),
        ({"KUBERNETES_EXEC_INFO": '{"apiVersion": "", "spec": null}'}, V1BETA1),
    ],
)
def test_the_answer_has_the_version_that_was_asked_for(
    tmp_path: Path, clock: Clock, environ: dict[str, str], version: str
) -> None:
    arguments = ["get-token", "--server-id", AKS]
    told = json.loads(kubectl.answer(arguments, environ, Tokens(clock), refusals(tmp_path, clock)))
    assert told == {
        "apiVersion": version,
        "kind": "ExecCredential",
        "status": {
            "token": "token-1",
            "expirationTimestamp": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(clock.now + 3600 - 60)),
        },
    }


@pytest.mark.parametrize(
    "arguments",
    [
        [
            *("get-token", "--login", "devicecode", "--server-id", AKS, "--client-id", "80faf920"),
            *("--tenant-id", TENANT, "--environment", "AzurePublicCloud", "--token-cache-dir", "/x", "--timeout=30s"),
            *("-v", "5"),
        ],
        ["get-token", "-l", "azurecli", f"--server-id={AKS.upper()}", "-t", TENANT, "-e=azurepubliccloud"],
        [
            *("get-token", "--pop-enabled=false", "--legacy=false", "--server-id", AKS, "--tenant-id", TENANT),
            *("--use-azurerm-env-vars", "-e", "AzurePublicCloud"),
        ],
        ["get-token", "--server-id", "other", "--server-id", AKS, "-t", TENANT, "-e", "AzurePublicCloud"],
    ],
)
def test_kubelogins_arguments_are_taken_as_they_are(arguments: list[str]) -> None:
    wanted = kubectl.question(arguments, {}).wanted
    assert wanted == Wanted(f"{AKS}/.default", TENANT, cloud="AzureCloud")


def test_a_login_hint_names_the_account() -> None:
    arguments = ["get-token", "--login", "interactive", "--server-id", AKS, "--login-hint", "grace@contoso.com"]
    assert kubectl.question(arguments, {}).wanted.username == "grace@contoso.com"


def test_the_clusters_extension_says_what_the_arguments_do_not() -> None:
    environ = info(config={"serverId": AKS, "tenantId": TENANT, "environment": "AzureUSGovernmentCloud", "other": [1]})
    assert kubectl.question([], environ).wanted == Wanted(f"{AKS}/.default", TENANT, cloud="AzureUSGovernment")
    given = ["get-token", "--tenant-id", "fabrikam.com", "-e", "AzurePublicCloud"]
    assert kubectl.question(given, environ).wanted == Wanted(f"{AKS}/.default", "fabrikam.com", cloud="AzureCloud")


@pytest.mark.parametrize(
    ("arguments", "environ", "told"),
    [
        ([], {}, "--server-id is missing"),
        (["get-token", "--server-id"], {}, "--server-id 'true' cannot be used"),
        # Another resource's address is no server application, and so no cluster's.
        (["get-token", "--server-id", "https://management.azure.com"], {}, "--server-id"),
        (["get-token", "--server-id", f"{AKS} openid"], {}, "--server-id"),
        (["get-token", "--server-id", f"{AKS}/user.read offline_access"], {}, "--server-id"),
        (["get-token", "--server-id", f"{AKS}\n"], {}, "--server-id"),
        (["get-token", "--server-id", AKS, "-t", "evil.example/x?"], {}, "--tenant-id"),
        (["get-token", "--server-id", AKS, "--login-hint", "ada\x1b[2J"], {}, "--login-hint"),
        (["get-token", "--server-id", AKS, "-e", "AzureStackCloud"], {}, "no cloud that brokerauth knows"),
        (["get-token", "--server-id", AKS, "--pop-enabled", "--pop-claims", "u=/x"], {}, "proof-of-possession"),
        (["get-token", "--server-id", AKS, "--pop-enabled=true"], {}, "proof-of-possession"),
        (["get-token", "--server-id", AKS, "--pop-claims=u=/x"], {}, "proof-of-possession"),
        (["get-token", "--server-id", AKS, "--legacy"], {}, "first integration"),
        (["get-token", "--server-id", AKS, "-l", "spn"], {}, "an application's own identity"),
        (["get-token", "--server-id", AKS, "--login=workloadidentity"], {}, "an application's own identity"),
        (["get-token", "--server-id", AKS], {"AAD_LOGIN_METHOD": "msi"}, "an application's own identity"),
        (["get-token", "--server-id", AKS], {"KUBERNETES_EXEC_INFO": "{"}, "KUBERNETES_EXEC_INFO"),
        (["get-token", "--server-id", AKS], {"KUBERNETES_EXEC_INFO": "[1]"}, "KUBERNETES_EXEC_INFO"),
        (["get-token", "--server-id", AKS], {"KUBERNETES_EXEC_INFO": '{"spec":[1]}'}, "KUBERNETES_EXEC_INFO"),
        (["get-token", "--server-id", AKS], {"KUBERNETES_EXEC_INFO": "[" * 100_000}, "KUBERNETES_EXEC_INFO"),
        (["get-token", "--server-id", AKS], info("client.authentication.k8s.io/v1alpha1"), "v1alpha1"),
        (["get-token", "--server-id", AKS], info("client.authentication.k8s.io.evil/v1"), "evil/v1"),
        (["get-token", "--server-id", AKS], {"KUBERNETES_EXEC_INFO": '{"apiVersion": [1]}'}, "is not answered"),
    ],
)
def test_what_cannot_be_answered_is_refused_with_the_reason(
    arguments: list[str], environ: dict[str, str], told: str
) -> None:
    with pytest.raises(InvalidInputError, match=told):
        kubectl.question(arguments, environ)


def test_an_answer_that_was_refused_is_followed_by_a_new_token(tmp_path: Path, clock: Clock) -> None:
    """client-go says nothing of a 401: it asks again at once."""
    tokens, asked = Tokens(clock), ["get-token", "--server-id", AKS]
    for _ in range(2):
        kubectl.answer(asked, info(), tokens, refusals(tmp_path, clock))
        clock.now += AT_ONCE / 2
    assert [wanted.renew for wanted in tokens.asked] == [False, True]


@pytest.mark.parametrize(
    "other",
    [
        "another kubectl of the same second",
        "another process with the same ID",
        "another cluster of the same process",
        "another user of the kubeconfig",
        "a while later",
    ],
)
def test_what_is_no_refusal_gets_the_token_that_there_is(tmp_path: Path, clock: Clock, other: str) -> None:
    tokens, asked = Tokens(clock), ["get-token", "--server-id", AKS]
    kubectl.answer(asked, info(), tokens, refusals(tmp_path, clock))
    clock.now += AT_ONCE + 1 if other == "a while later" else 1
    asker = {"another kubectl of the same second": "8-1", "another process with the same ID": "7-2"}.get(other, "7-1")
    if other == "another user of the kubeconfig":
        asked = [*asked, "--login-hint", ADA.username]
    environ = info(config={"serverId": AKS}) if other == "another cluster of the same process" else info()
    kubectl.answer(asked, environ, tokens, refusals(tmp_path, clock, asker))
    assert [wanted.renew for wanted in tokens.asked] == [False, False]


def test_whoever_is_refused_for_ever_does_not_have_windows_asked_for_ever(tmp_path: Path, clock: Clock) -> None:
    tokens = Tokens(clock)
    for _ in range(60):
        kubectl.answer(["--server-id", AKS], info(), tokens, refusals(tmp_path, clock))
        clock.now += 1
    assert sum(wanted.renew for wanted in tokens.asked) == 1
    clock.now += NOT_AGAIN
    for _ in range(2):
        kubectl.answer(["--server-id", AKS], info(), tokens, refusals(tmp_path, clock))
    assert sum(wanted.renew for wanted in tokens.asked) == 2


def test_a_failure_leaves_no_mark(tmp_path: Path, clock: Clock) -> None:
    def nobody(_: Wanted) -> Token:
        raise NotSignedInError("Nobody is signed in.")

    tokens = Tokens(clock)
    for source in (nobody, nobody, tokens):
        try:
            kubectl.answer(["--server-id", AKS], info(), source, refusals(tmp_path, clock))
        except NotSignedInError:
            continue
    assert [wanted.renew for wanted in tokens.asked] == [False]


def test_the_marks_hold_no_secret_are_this_users_alone_and_go(tmp_path: Path, clock: Clock) -> None:
    secret = "of-ada"  # noqa: S105
    for asker in ("7-1", "8-1"):
        for _ in range(2):
            asked = ["get-token", "--server-id", AKS, "--password", secret]
            kubectl.answer(asked, info(), Tokens(clock), refusals(tmp_path, clock, asker))
    marks = list((tmp_path / "brokerauth").iterdir())
    assert len(marks) == 2
    assert {mark.stat().st_mode & 0o777 for mark in marks} == {0o600}
    assert (tmp_path / "brokerauth").stat().st_mode & 0o777 == 0o700
    for mark in marks:
        assert secret not in mark.name + mark.read_text()
        assert "token" not in mark.read_text()
    clock.now += NOT_AGAIN + 1
    kubectl.answer(["--server-id", AKS], info(), Tokens(clock), refusals(tmp_path, clock, "9-1"))
    assert len(list((tmp_path / "brokerauth").iterdir())) == 1


@pytest.mark.parametrize("unfit", ["a file", "a link", "nothing may be written", "a pipe for a mark", "nonsense"])
def test_a_directory_that_is_of_no_use_costs_nobody_a_token(tmp_path: Path, clock: Clock, unfit: str) -> None:
    ours = tmp_path / "brokerauth"
    above = str(tmp_path)
    if unfit == "a file":
        ours.write_text("")
    elif unfit == "a link":
        (tmp_path / "elsewhere").mkdir()
        ours.symlink_to("elsewhere")
    elif unfit == "nothing may be written":
        above = "/proc"
    else:
        kubectl.answer(["--server-id", AKS], info(), Tokens(clock), refusals(tmp_path, clock))
        (mark,) = ours.iterdir()
        if unfit == "nonsense":
            mark.write_text("not a number")
            os.utime(mark, (clock.now, clock.now))
        else:
            mark.unlink()
            os.mkfifo(mark)
    tokens = Tokens(clock)
    kubectl.answer(["--server-id", AKS], info(), tokens, Refusals(above, "7-1", clock))
    assert [wanted.renew for wanted in tokens.asked] == [False]
    assert not (tmp_path / "elsewhere").exists() or not list((tmp_path / "elsewhere").iterdir())


def test_the_process_that_asks_is_told_from_every_other() -> None:
    program = "from azext_brokerauth.bridges.refusals import parent; print(parent())"
    first, second = (
        subprocess.run([sys.executable, "-c", program], text=True, capture_output=True, check=True).stdout.strip()
        for _ in range(2)
    )
    assert first == second != parent()
    assert first.startswith(f"{os.getpid()}-")
