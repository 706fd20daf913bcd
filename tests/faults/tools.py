"""The programs of ours that other tools start: what each is asked, and how it says yes and no in the tool's own way."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from azext_brokerauth.bridges import cargo_config, docker, kubectl
from testbed.cloud import devops, kubernetes, registry
from testbed.directory import CONTOSO

_SCRIPTS = Path(sys.executable).parent
_ORGANISATION = "contoso"
_FEED = f"https://pkgs.dev.azure.com/{_ORGANISATION}/_packaging/tools"
_CARGO = {
    "v": 1,
    "registry": {
        "index-url": f"sparse+{_FEED}/Cargo/index/",
        "name": "tools",
        "headers": [f"WWW-Authenticate: Bearer authorization_uri=https://login.windows.net/{CONTOSO.tenant_id}"],
    },
    "kind": "get",
    "operation": "read",
}
_KUBECTL = {
    "apiVersion": "client.authentication.k8s.io/v1",
    "kind": "ExecCredential",
    "spec": {"interactive": False},
}


@dataclass(frozen=True)
class Answer:
    """How a program ended.

    :param code: its exit code.
    :param out: what it wrote on standard output.
    :param said: on standard error.
    """

    code: int
    out: str
    said: str


@dataclass(frozen=True)
class Tool:
    """One program.

    :param command: the words with which the tool starts it.
    :param asked: what the tool writes on its standard input.
    :param credential: what the answer gives the tool; empty where it is the tool's own form of "no". Fails for what is
        neither.
    :param asks: the stand-in that the program asks before it gives a token, by its name in the journal; empty for none.
    :param environ: variables that the tool sets.
    """

    command: tuple[str, ...]
    asked: str
    credential: Callable[[Answer], str]
    asks: str = ""
    environ: Mapping[str, str] = field(default_factory=dict)


def _of_git(answer: Answer) -> str:
    """`quit` keeps git from asking the person (https://git-scm.com/docs/git-credential)."""
    told = dict(line.split("=", 1) for line in answer.out.splitlines())
    assert answer.code == 0
    if answer.said:
        assert told == {"quit": "1"}
        return ""
    assert {*told} == {"username", "password", "password_expiry_utc"}
    return told["password"]


def _of_kubectl(answer: Answer) -> str:
    if answer.code:
        assert (answer.code, answer.out) == (1, "")
        return ""
    told = json.loads(answer.out)
    assert (told["apiVersion"], told["kind"]) == (_KUBECTL["apiVersion"], "ExecCredential")
    return str(told["status"]["token"])


def _of_docker(answer: Answer) -> str:
    """Of a failure, the tools show what is on standard output."""
    if answer.code:
        assert (answer.code, f"{docker.PROGRAM}: {answer.out}") == (1, answer.said)
        return ""
    told = json.loads(answer.out)
    assert told["ServerURL"] == registry.HOSTS[0]
    return str(told["Secret"])


def _of_keyring(answer: Answer) -> str:
    if answer.code:
        assert (answer.code, answer.out) == (1, "")
        return ""
    return str(json.loads(answer.out)["password"])


def _of_cargo(answer: Answer) -> str:
    """cargo shows the message itself."""
    greeting, told = map(json.loads, answer.out.splitlines())
    assert (answer.code, answer.said, greeting) == (0, "", {"v": [1]})
    if "Err" in told:
        assert told["Err"]["kind"] == "other"
        assert told["Err"]["message"].startswith("brokerauth: ")
        return ""
    assert {*told["Ok"]} == {"kind", "token", "cache", "expiration", "operation_independent"}
    return str(told["Ok"]["token"]).removeprefix("Bearer ")


GIT, KUBECTL, DOCKER = "git-credential-brokerauth get", f"{kubectl.PROGRAM} get-token", f"{docker.PROGRAM} get"
KEYRING, CARGO = "keyring get, as pip asks", f"{cargo_config.PROGRAM} --cargo-plugin"
TOOLS: dict[str, Tool] = {
    GIT: Tool(
        (str(_SCRIPTS / "git-credential-brokerauth"), "get"),
        f"protocol=https\nhost=dev.azure.com\npath={_ORGANISATION}/{devops.REPOSITORY}\n\n",
        _of_git,
        asks="devops",  # where git does not say which tenant was named, as before 2.41
    ),
    KUBECTL: Tool(
        (
            *(str(_SCRIPTS / kubectl.PROGRAM), "get-token", "--login", "devicecode"),
            *("--server-id", kubernetes.SERVER_ID, "--client-id", "80faf920-1908-4b52-b5ef-a8e7bedfc67a"),
            *("--tenant-id", CONTOSO.tenant_id, "--environment", "AzurePublicCloud"),
        ),
        "",
        _of_kubectl,
        environ={"KUBERNETES_EXEC_INFO": json.dumps(_KUBECTL)},
    ),
    DOCKER: Tool((str(_SCRIPTS / docker.PROGRAM), "get"), registry.HOSTS[0], _of_docker, asks="registry"),
    KEYRING: Tool(
        (str(_SCRIPTS / "keyring"), "--mode=creds", "--output=json", "get", f"{_FEED}/pypi/simple/"),
        "",
        _of_keyring,
        asks="feeds",
    ),
    CARGO: Tool(
        (str(_SCRIPTS / cargo_config.PROGRAM), "--cargo-plugin"), json.dumps(_CARGO) + "\n", _of_cargo, asks="feeds"
    ),
}
"""By the name of the way in."""
