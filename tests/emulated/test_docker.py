"""Real skopeo and a real registry behind the exchange of Azure's: an image pushed and read, with nothing stored."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from azext_brokerauth.bridges import Home, docker
from azext_brokerauth.bridges.edits import Record
from testbed.cloud.registry import BEHIND, HOSTS
from testbed.directory import ADA, CONTOSO
from tests.emulated.session import Session, session
from tests.waiting import wait_until

# The real one is in make test-full: what differs between the runtimes is tested with the commands.
pytestmark = pytest.mark.any_runtime

SCRIPTS = Path(sys.executable).parent
PAGE = Path(__file__).parents[2] / "docs/docker.md"
REGISTRY = Path(__file__).parents[2] / ".tools/usr/bin/docker-registry"
"""Debian's, which `make system-for-tests` unpacks."""
HOST = HOSTS[0]


@pytest.fixture(scope="module")
def machine(runtime: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    """Ada has signed in."""
    directory = tmp_path_factory.mktemp(runtime)
    with session("default", runtime, directory) as there, _registry(there, directory):
        there.env["PATH"] = f"{SCRIPTS}:{there.env['PATH']}"
        there.tell("login")
        yield there


@contextlib.contextmanager
def _registry(there: Session, directory: Path) -> Iterator[None]:
    """The registry behind, which takes what the stand-in of Azure's signs."""
    assert REGISTRY.exists(), "run: make system-for-tests"
    read = f"import urllib.request as r; print(r.urlopen('https://{HOST}/testbed/certificate').read().decode())"
    (directory / "signer.pem").write_text(there.python(read).stdout)
    token = {"realm": f"https://{HOST}/oauth2/token", "service": HOST, "issuer": "stand-in"}
    settings = {
        "version": 0.1,
        "log": {"level": "error"},
        "storage": {"filesystem": {"rootdirectory": str(directory / "images")}},
        "http": {"addr": f"127.0.0.1:{BEHIND}", "host": f"https://{HOST}"},
        "auth": {"token": {**token, "rootcertbundle": str(directory / "signer.pem")}},
    }
    (directory / "registry.yml").write_text(json.dumps(settings))
    with (directory / "registry.log").open("w") as log:
        command = [str(REGISTRY), "serve", str(directory / "registry.yml")]
        running = there.machine.popen(command, stdout=log, stderr=log)
        try:
            wait_until(lambda: _answers(there), 30)
            yield
        finally:
            running.terminate()
            running.wait()


def _answers(there: Session) -> bool:
    connect = f"import socket, sys; sys.exit(socket.socket().connect_ex(('127.0.0.1', {BEHIND})))"
    return there.python(connect).returncode == 0


@pytest.fixture
def there(machine: Session, tmp_path: Path) -> Session:
    """docker knows the registry by a login of long ago, and brokerauth has been enabled for it."""
    machine.machine.clear_journal()
    settings_of(machine).parent.mkdir(exist_ok=True)
    settings_of(machine).write_text(json.dumps({"auths": {HOST: {}}}, indent="\t"))
    place = Home(machine.machine.home, machine.env, tmp_path / "bin")
    Record(tmp_path, "docker").make(docker.BRIDGE.edits(place))
    return machine


def settings_of(there: Session) -> Path:
    return there.machine.home / ".docker/config.json"


def image(directory: Path) -> str:
    """A small image, as skopeo takes it from a directory (https://github.com/opencontainers/image-spec)."""
    blobs = directory / "blobs/sha256"
    blobs.mkdir(parents=True)

    def blob(content: bytes, kind: str) -> dict[str, Any]:
        digest = hashlib.sha256(content).hexdigest()
        (blobs / digest).write_bytes(content)
        return {"mediaType": f"application/vnd.oci.image.{kind}", "digest": f"sha256:{digest}", "size": len(content)}

    layer = blob(b"\0" * 10240, "layer.v1.tar")
    about = {"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": [layer["digest"]]}}
    config = blob(json.dumps(about).encode(), "config.v1+json")
    kind = "application/vnd.oci.image.manifest.v1+json"
    whole = {"schemaVersion": 2, "mediaType": kind, "config": config, "layers": [layer]}
    manifest = blob(json.dumps(whole).encode(), "manifest.v1+json")
    named = {**manifest, "annotations": {"org.opencontainers.image.ref.name": "it"}}
    (directory / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [named]}))
    (directory / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
    return f"oci:{directory}:it"


def skopeo(there: Session, *words: str, **env: str) -> subprocess.CompletedProcess[str]:
    program = shutil.which("skopeo")
    assert program, "run: make system-for-tests"
    return there.run([program, "--insecure-policy", *words], timeout=120, **env)


def exchanges(there: Session) -> list[dict[str, Any]]:
    return [entry for entry in there.machine.journal() if entry["method"] == "POST /oauth2/exchange"]


def test_an_image_is_pushed_and_read_with_no_secret_stored_and_a_refused_token_is_renewed(
    there: Session, tmp_path: Path
) -> None:
    before = settings_of(there).read_text()
    done = skopeo(there, "copy", image(tmp_path / "image"), f"docker://{HOST}/team/app:1")
    assert done.returncode == 0, done.stderr
    facts = exchanges(there)
    assert {(one["status"], one["username"], one["tid"]) for one in facts} == {(200, ADA.username, CONTOSO.tenant_id)}
    assert len({one["uti"] for one in facts}) == 1  # Entra's token is kept, encrypted; the registry's nowhere
    assert settings_of(there).read_text() == before  # and no other file has it: Session.check
    there.python(f"import urllib.request; urllib.request.urlopen('https://{HOST}/testbed/revoke').read()")
    there.machine.clear_journal()
    done = skopeo(there, "inspect", f"docker://{HOST}/team/app:1")
    assert json.loads(done.stdout)["Name"] == f"{HOST}/team/app"
    assert [one["status"] for one in exchanges(there)][:2] == [401, 200]
    assert {one["status"] for one in exchanges(there)[1:]} == {200}  # skopeo asks for each of its connections


def test_skopeo_tells_what_to_do_when_nobody_is_signed_in(there: Session, tmp_path: Path) -> None:
    (shown,) = re.findall(r"```json\n(.*?)```", PAGE.read_text(), re.DOTALL)  # set up by hand
    settings_of(there).write_text(shown)
    done = skopeo(there, "inspect", f"docker://{HOST}/app:1", AZURE_CONFIG_DIR=str(tmp_path))
    assert done.returncode != 0
    assert "Nobody is signed in through the broker. Run: brokerauth login" in done.stderr
    assert exchanges(there) == []


def test_a_registry_of_another_tenant_says_so(there: Session) -> None:
    settings_of(there).write_text(settings_of(there).read_text().replace(HOST, HOSTS[1]))
    done = skopeo(there, "inspect", f"docker://{HOSTS[1]}/app:1")
    assert done.returncode != 0
    assert f"{HOSTS[1]} does not take the token of {ADA.username}" in done.stderr
    assert "login --tenant" in done.stderr


def test_nobodys_token_goes_to_a_registry_of_another_cloud_or_to_a_look_alike(there: Session) -> None:
    there.machine.clear_journal()
    helper = [str(SCRIPTS / docker.PROGRAM), "get"]
    done = there.run(helper, input="contoso.azurecr.us")
    assert done.returncode == 1
    assert f"{ADA.username} signed in to AzureCloud" in done.stdout
    assert "authority=login.microsoftonline.us" in done.stdout
    done = there.run(helper, input=f"{HOST}.evil.example")
    assert (done.returncode, done.stdout, done.stderr) == (1, "credentials not found in native keychain\n", "")
    assert there.machine.journal() == []


def test_a_registry_that_cannot_be_reached_is_told(there: Session) -> None:
    assert skopeo(there, "inspect", f"docker://{HOST}/app:1").returncode != 0  # there is no such image; a token is kept
    healthy = there.machine.scenario
    for trouble, told in (("unreachable", "cannot be reached"), ("expired-certificate", "certificate has expired")):
        there.machine.set_scenario(dataclasses.replace(healthy, cloud=trouble))
        try:
            done = there.run([str(SCRIPTS / docker.PROGRAM), "get"], input=HOST, timeout=60)
        finally:
            there.machine.set_scenario(healthy)
        assert done.returncode == 1
        assert HOST in done.stdout
        assert told in done.stdout
        assert done.stdout in done.stderr  # docker itself shows nothing of the one, and podman both
