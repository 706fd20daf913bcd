"""Real kubectl against an API server that checks the token: set up, asked, refused, renewed.

The commands are those of docs/kubectl.md and docs/tools.md, but for az's, which writes the kubeconfig.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from azext_brokerauth.bridges import Home, kubectl
from azext_brokerauth.bridges.edits import Record
from testbed.cloud.kubernetes import HOSTS, SERVER_ID
from testbed.directory import ADA, CONTOSO, FABRIKAM
from tests.emulated.session import Session, session

# The real one is in make test-full: what differs between the runtimes is tested with the commands.
pytestmark = pytest.mark.any_runtime

SCRIPTS = Path(sys.executable).parent
PAGE = Path(__file__).parents[2] / "docs/kubectl.md"
_UNPACKED = Path(__file__).parents[2] / ".tools/usr/bin/kubectl"
"""Debian's, which `make system-for-tests` unpacks."""


PYTHON_CLIENT = """
from kubernetes import client, config
config.load_kube_config()
print([pod.metadata.name for pod in client.CoreV1Api().list_namespaced_pod("default").items])
"""


def _kubectls() -> Iterator[tuple[str, str]]:
    """Each kubectl of this machine with each API version that it knows: v1 came with 1.22."""
    for found in dict.fromkeys([str(_UNPACKED) if _UNPACKED.exists() else None, shutil.which("kubectl")]):
        if found:
            command = [found, "version", "--client", "--output=json"]
            told = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
            yield found, "v1beta1"
            if int(told["clientVersion"]["minor"].rstrip("+")) >= 22:
                yield found, "v1"


KUBECTLS = list(_kubectls())


def test_there_is_a_kubectl_to_test_with() -> None:
    assert KUBECTLS, "run: make system-for-tests"


@pytest.fixture(scope="module")
def machine(runtime: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    """Ada has signed in."""
    with session("default", runtime, tmp_path_factory.mktemp(runtime)) as there:
        there.env["PATH"] = f"{SCRIPTS}:{there.env['PATH']}"
        there.tell("login")
        yield there


@pytest.fixture
def there(machine: Session, tmp_path: Path) -> Session:
    """With a kubeconfig of this test's own."""
    machine.env["KUBECONFIG"] = str(tmp_path / "config")
    machine.machine.clear_journal()
    return machine


def converted(there: Session, version: str = "v1beta1", tenant: str = CONTOSO.tenant_id) -> None:
    """A kubeconfig as az and kubelogin leave it, and `tool enable --name kubectl`."""
    entry: dict[str, Any] = {
        "apiVersion": f"client.authentication.k8s.io/{version}",
        "command": "kubelogin",
        "args": [
            *("get-token", "--login", "devicecode", "--server-id", SERVER_ID, "--client-id", "80faf920"),
            *("--tenant-id", tenant, "--environment", "AzurePublicCloud"),
        ],
        "provideClusterInfo": False,
        **({"interactiveMode": "IfAvailable"} if version == "v1" else {}),
    }
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "it", "cluster": {"server": f"https://{HOSTS[0]}"}}],
        "users": [{"name": "it", "user": {"exec": entry}}],
        "contexts": [{"name": "it", "context": {"cluster": "it", "user": "it"}}],
        "current-context": "it",
    }
    path = Path(there.env["KUBECONFIG"])
    path.write_text(json.dumps(config))
    place = Home(there.machine.home, there.env, path.parent / "bin")
    Record(path.parent, "kubectl").make(kubectl.BRIDGE.edits(place))


def answers(there: Session) -> list[tuple[int, str]]:
    """What the API server said, and to which token."""
    return [(e["status"], e.get("uti", "")) for e in there.machine.journal() if e["to"] == "kubernetes"]


def ask(there: Session, program: str, *words: str) -> subprocess.CompletedProcess[str]:
    return there.run([program, *words], timeout=120)


def revoke(there: Session) -> None:
    """The API server takes none of the tokens any more that it has seen."""
    there.python(f"import urllib.request; urllib.request.urlopen('https://{HOSTS[0]}/testbed/revoke').read()")


@pytest.mark.parametrize(("program", "version"), KUBECTLS)
def test_each_kubectl_is_served_in_the_version_that_it_asks_for(there: Session, program: str, version: str) -> None:
    converted(there, version)
    done = ask(there, program, "get", "pods", "--output=name")
    assert (done.returncode, done.stdout.split()) == (0, ["pod/greeter"]), done.stderr
    facts = [entry for entry in there.machine.journal() if entry["to"] == "kubernetes"]
    assert {(entry["status"], entry["username"], entry["tid"]) for entry in facts} == {
        (200, ADA.username, CONTOSO.tenant_id)
    }


@pytest.mark.full
@pytest.mark.parametrize("version", ["v1beta1", "v1"])
def test_kubernetes_own_client_for_python_is_served_in_both_versions(there: Session, version: str) -> None:
    """No package registry has a kubectl that knows v1: where the machine has none, this is who asks for it."""
    converted(there, version)
    done = there.python(PYTHON_CLIENT, timeout=120)
    assert (done.returncode, done.stdout) == (0, "['greeter']\n"), done.stderr
    assert {(status, bool(uti)) for status, uti in answers(there)} == {(200, True)}


def test_the_page_says_how_all_clusters_share_one_user(there: Session) -> None:
    program, version = KUBECTLS[-1]
    (shown,) = re.findall(r"```yaml\n(.*?)```", PAGE.read_text(), re.DOTALL)
    Path(there.env["KUBECONFIG"]).write_text(
        shown.replace("k8s.io/v1\n", f"k8s.io/{version}\n")
    )  # v1, unless this kubectl is too old for it
    done = ask(there, program, "get", "pods", "--output=name")
    assert (done.returncode, done.stdout.split()) == (0, ["pod/greeter"]), done.stderr


def test_a_token_that_the_cluster_refuses_is_renewed_at_once(there: Session) -> None:
    program, version = KUBECTLS[-1]
    converted(there, version)
    for _ in range(2):
        assert ask(there, program, "get", "--raw", "/version").returncode == 0
    (first,) = {uti for _, uti in answers(there)}  # kept between the two
    revoke(there)
    there.machine.clear_journal()
    ask(there, program, "get", "pods")  # client-go gives the first 401 to the caller, and asks us again
    assert answers(there)[0] == (401, first)
    assert ask(there, program, "get", "--raw", "/version").returncode == 0
    assert first not in {uti for status, uti in answers(there) if status == 200}


def test_of_many_kubectls_at_once_all_are_served_with_one_token(there: Session) -> None:
    converted(there, tenant=FABRIKAM.tenant_id)  # of which nobody has a token yet
    pipe = subprocess.PIPE
    command = [KUBECTLS[0][0], "get", "--raw", "/version"]
    running = [there.machine.popen(command, there.env, stdout=pipe, stderr=pipe) for _ in range(6)]
    for process in running:
        with process:
            out, said = process.communicate(timeout=180)
        assert process.returncode == 0, said
        assert json.loads(out)["major"] == "1"
    assert len({uti for _, uti in answers(there)}) == 1
    assert {status for status, _ in answers(there)} == {200}


def test_kubectl_tells_what_to_do_when_nobody_is_signed_in(there: Session, tmp_path: Path) -> None:
    converted(there)
    done = there.run([KUBECTLS[0][0], "get", "--raw", "/version"], AZURE_CONFIG_DIR=str(tmp_path / ".azure"))
    assert done.returncode != 0
    assert "kube-credential-brokerauth: Nobody is signed in through the broker. Run: brokerauth login" in done.stderr
    assert answers(there) == []


def test_the_plugin_alone_prints_nothing_when_it_fails_and_waits_for_nobody(there: Session, tmp_path: Path) -> None:
    command = [str(SCRIPTS / kubectl.PROGRAM), "get-token", "--server-id", SERVER_ID, "-t", FABRIKAM.tenant_id]
    for env, told in (({}, "brokerauth login"), ({"AZURE_BROKERAUTH_TOOLS": "git docker"}, "kubectl gets no tokens")):
        done = there.run(command, AZURE_CONFIG_DIR=str(tmp_path), **env)
        assert (done.returncode, done.stdout) == (1, "")
        assert len(done.stderr.splitlines()) == 1
        assert told in done.stderr
