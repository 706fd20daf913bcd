"""What containers are given to find the listener by."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import threading
from pathlib import Path

import pytest

from azext_brokerauth.bridges import containers
from azext_brokerauth.bridges.listener import Listener
from azext_brokerauth.bridges.variables import of_listener
from azext_brokerauth.errors import BrokerAuthError, NotSignedInError
from tests.unit.bridges.granting import KEY, TERMS, Giver

URL = "http://172.17.0.1:4000"


@pytest.mark.parametrize("named", ["0.0.0.0", "8.8.8.8", "host.example", "::1", "172.17.0.1:80", "172.17.0.1\n"])  # noqa: S104
def test_an_address_that_is_everybodys_is_refused(named: str) -> None:
    with pytest.raises(BrokerAuthError, match="--container-address cannot be"):
        containers.address_for(["docker"], named)


def test_the_address_that_a_person_names_is_taken() -> None:
    assert containers.address_for(["docker"], "172.20.0.1") == "172.20.0.1"


def test_the_files_are_private_and_docker_reads_the_variables_as_they_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    directory = containers.private_directory()
    variables = of_listener(URL, KEY)
    containers.fill(directory, URL, KEY, variables)
    assert directory.parent == tmp_path
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (directory, *directory.iterdir())}
    assert modes == {
        directory.name: 0o700, "container.env": 0o600, "ado-auth-helper": 0o700, "azure-auth-helper": 0o700
    }  # fmt: skip
    # https://docs.docker.com/reference/cli/docker/container/run/#env: no quotes, no escapes, all after = is the value.
    lines = (directory / "container.env").read_text().splitlines()
    assert dict(line.split("=", 1) for line in lines) == variables
    assert not any(set(value) & set("\"'\\#$ ") for value in variables.values())
    containers.remove(directory)
    assert not directory.exists()


@pytest.mark.parametrize("tool", ["curl", "bash"])
def test_the_helpers_of_dev_containers_print_a_token_or_why_there_is_none(tmp_path: Path, tool: str) -> None:
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in ("sh", "sed", "cat", tool):
        (programs / name).symlink_to(shutil.which(name) or name)
    giver = Giver()
    listener = Listener("127.0.0.1", TERMS, giver)
    serving = threading.Thread(target=listener.serve)
    serving.start()
    try:
        containers.fill(tmp_path, listener.url, KEY, {})

        def run(name: str, *words: str) -> tuple[int, str, str]:
            environ = {"PATH": str(programs), "http_proxy": "http://127.0.0.1:1"}
            done = subprocess.run(
                [tmp_path / name, *words], env=environ, capture_output=True, text=True, check=False, timeout=30
            )
            return done.returncode, done.stdout, done.stderr

        assert run("ado-auth-helper", "get-access-token") == (0, "the token\n", "")
        assert run("azure-auth-helper", "get-access-token", "https://a.example//.default") == (0, "the token\n", "")
        scopes = [wanted.scope for wanted in giver.wanted]
        assert scopes == ["499b84ac-1321-427f-aa17-267ca6975798/.default", "https://a.example//.default"]
        for wrong in (
            (),
            ("get",),
            ("get-access-token",),
            ("get-access-token", "https://a b"),
            ("get-access-token", "$(id)"),
        ):
            assert run("azure-auth-helper", *wrong)[0] == 2
        giver.error = NotSignedInError('Nobody is "signed in".')
        code, printed, said = run("ado-auth-helper", "get-access-token")
        assert (code, printed) == (1, "")
        assert "Nobody is" in said
    finally:
        listener.close()
        serving.join()
    assert run("ado-auth-helper", "get-access-token")[0] == 1


def test_the_key_is_in_no_command_line(tmp_path: Path) -> None:
    containers.fill(tmp_path, URL, KEY, {})
    spy = tmp_path / "curl"
    spy.write_text(f'#!/bin/sh\nprintf "%s " "$@" > {tmp_path}/words\ncat > {tmp_path}/told\n')
    spy.chmod(0o755)
    subprocess.run(
        [tmp_path / "ado-auth-helper", "get-access-token"],
        env={"PATH": f"{tmp_path}:{os.environ['PATH']}"}, check=False, capture_output=True,
    )  # fmt: skip
    assert KEY not in (tmp_path / "words").read_text()
    assert KEY in (tmp_path / "told").read_text()
