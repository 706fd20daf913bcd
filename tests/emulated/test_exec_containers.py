"""`brokerauth exec --containers`: a container is a network namespace of its own here, at a bridge named docker's."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from testbed.directory import ADA
from tests.emulated.session import BROKERAUTH, Session, session
from tests.tokens import claims_of
from tests.waiting import wait_until

GATEWAY = "172.17.0.1"
BRIDGE = f"""
set -e
ip link add docker0 type bridge
ip addr add {GATEWAY}/16 dev docker0
ip link set docker0 up
"""
CONTAINER = """
set -e
ip link add of-container type veth peer name eth0 netns "$1"
ip link set of-container master docker0 up
nsenter --target="$1" --net sh -ec 'ip addr add 172.17.0.2/16 dev eth0; ip link set eth0 up; ip link set lo up'
"""
RUN = """
import os, subprocess, sys
lines = open(os.environ["BROKERAUTH_ENV_FILE"]).read().splitlines()
given = dict(line.split("=", 1) for line in lines)  # as docker reads --env-file
given["PATH"] = os.environ["PATH"]
command = ["nsenter", f"--target={sys.argv[1]}", "--net", *sys.argv[2:]]
sys.exit(subprocess.run(command, env=given).returncode)
"""
"""What docker run --env-file does, as far as it matters here."""
PROGRAM = """
import json, sys
from azure.identity import DefaultAzureCredential
with DefaultAzureCredential() as credential:
    print(credential.get_token("https://vault.azure.net/.default").token)
"""
VAULT = "?api-version=2019-08-01&resource=https://vault.azure.net"

pytestmark = [pytest.mark.any_runtime]


@pytest.fixture(scope="module")
def there(runtime: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    with session("default", runtime, tmp_path_factory.mktemp(runtime)) as machine:
        machine.tell("login")
        yield machine


@pytest.fixture(scope="module")
def container(there: Session) -> Iterator[str]:
    """The process ID, on the machine, of what stands for a container."""
    done = there.machine.run(["sh", "-c", BRIDGE])
    assert done.returncode == 0, done.stderr
    lasting = ["unshare", "--net", "sh", "-c", "echo $$; exec sleep 1000"]
    with there.machine.popen(lasting, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        pid = process.stdout.readline().strip()
        done = there.machine.run(["sh", "-c", CONTAINER, "sh", pid])
        assert done.returncode == 0, done.stderr
        yield pid
        there.machine.run(["kill", pid])


def run(there: Session, container: str, *words: str, options: tuple[str, ...] = ("--containers",), **env: str) -> Any:
    command = [BROKERAUTH, "exec", *options, "--", sys.executable, "-c", RUN, container, *words]
    return there.machine.run(command, env=there.env | env)


@pytest.mark.full
def test_a_program_in_a_container_gets_its_token_from_the_listener(there: Session, container: str) -> None:
    done = run(there, container, sys.executable, "-c", PROGRAM)
    assert done.returncode == 0, done.stderr
    assert claims_of(done.stdout)["upn"] == ADA.username
    assert f"and so can containers, at http://{GATEWAY}:" in done.stderr


@pytest.mark.full
def test_a_container_may_call_it_by_its_address_alone_and_needs_the_key(there: Session, container: str) -> None:
    ask = (
        "import os, requests\n"
        "url, key = os.environ['IDENTITY_ENDPOINT'], os.environ['IDENTITY_HEADER']\n"
        "for headers in ({}, {'secret': 'x'}, {'secret': key, 'Host': 'attacker.example'}, {'secret': key,"
        " 'Host': url.split('/')[2].replace('172.17.0.1', 'localhost')}, {'secret': key}):\n"
        f"    print(requests.get(url + '{VAULT}', headers=headers).status_code)\n"
    )
    done = run(there, container, sys.executable, "-c", ask)
    assert done.stdout.split() == ["401", "401", "400", "400", "200"], done.stderr


@pytest.mark.full
def test_without_the_option_no_container_reaches_it(there: Session, container: str) -> None:
    reach = f"curl -s --max-time 3 $(echo $IDENTITY_ENDPOINT | sed s/127.0.0.1/{GATEWAY}/); echo $?"
    inside = f"nsenter --target={container} --net"
    done = there.machine.run([BROKERAUTH, "exec", "--", "sh", "-c", f"{inside} sh -c '{reach}'"], env=there.env)
    assert done.stdout == "7\n"


@pytest.mark.full
def test_the_helpers_of_dev_containers_work_in_a_container(there: Session, container: str) -> None:
    shell = f"""
    for tool in curl bash; do
        nsenter --target={container} --net env -i PATH=$HOME/$tool $BROKERAUTH_HELPERS/ado-auth-helper get-access-token
    done
    nsenter --target={container} --net $BROKERAUTH_HELPERS/azure-auth-helper get-access-token https://vault.azure.net/.default
    """
    for tool in ("curl", "bash"):
        programs = there.machine.home / tool
        programs.mkdir()
        for name in ("sh", "sed", "cat", tool):
            found = next(Path(place, name) for place in ("/usr/bin", "/bin") if Path(place, name).exists())
            (programs / name).symlink_to(found)
    done = there.machine.run([BROKERAUTH, "exec", "--containers", "--", "sh", "-c", shell], env=there.env)
    audiences = [claims_of(token)["aud"] for token in done.stdout.split()]
    devops = "499b84ac-1321-427f-aa17-267ca6975798"
    assert audiences == [devops, devops, "https://vault.azure.net"], done.stderr


def test_the_files_for_containers_are_private_and_go_with_the_command(there: Session) -> None:
    show = "ls -ld $BROKERAUTH_HELPERS; ls -l $BROKERAUTH_HELPERS; cat $BROKERAUTH_ENV_FILE; echo $BROKERAUTH_HELPERS"
    options = ["--container-address", "127.0.0.1"]
    done = there.machine.run([BROKERAUTH, "exec", *options, "--", "sh", "-c", show], env=there.env)
    lines = done.stdout.splitlines()
    assert [line[:10] for line in lines if line.startswith(("d", "-"))] == [
        *("drwx------", "-rwx------", "-rwx------", "-rw-------")
    ]
    assert [line for line in lines if line.startswith("IDENTITY_ENDPOINT=http://127.0.0.1:")]
    wait_until(lambda: there.machine.run(["ls", lines[-1]]).returncode != 0)


def test_where_there_is_no_bridge_or_no_such_address_the_option_is_named(there: Session) -> None:
    if not there.machine.run(["ip", "link", "show", "docker0"]).returncode:
        there.machine.run(["ip", "link", "del", "docker0"])
    assert "--container-address" in there.refuse("exec", "--containers", "--", "true")
    for address in ("10.99.99.99", "0.0.0.0"):  # noqa: S104
        assert address in there.refuse("exec", "--container-address", address, "--", "true")
    assert not list(Path(os.environ.get("TMPDIR", "/tmp")).glob("brokerauth-*/container.env"))  # noqa: S108


@pytest.fixture
def podman() -> Iterator[tuple[str, dict[str, str], Path]]:
    """Podman as an ordinary user has it: the words that start it, its variables, and what containers see as their root.

    It has a user namespace and a /sys/fs/cgroup of its own, so that it needs no rights that a test may lack.
    """
    usr = Path(__file__).parents[2] / ".tools/usr"
    assert (usr / "bin/podman").exists(), "run: make containers-for-tests"
    with tempfile.TemporaryDirectory(prefix="podman-") as directory:  # whose path must be short
        place = Path(directory)
        for name in ("usr", "etc", "proc", "sys", "dev", "tmp", "run"):
            (place / "root" / name).mkdir(parents=True)
        for name in ("bin", "lib", "lib64"):
            (place / "root" / name).symlink_to(f"usr/{name}")
        libraries = ":".join(map(str, usr.glob("lib/*-linux-gnu")))
        runtime = place / "start-crun"  # which is started without the variable
        runtime.write_text(f'#!/bin/sh\nLD_LIBRARY_PATH={libraries} exec {usr}/bin/crun "$@"\n')
        runtime.chmod(0o755)
        (place / "containers.conf").write_text(
            f'[engine]\nruntime="crun"\ncgroup_manager="cgroupfs"\nconmon_path=["{usr}/bin/conmon"]\n'
            f'events_logger="file"\n[engine.runtimes]\ncrun=["{runtime}"]\n'
        )
        rootless = {"_CONTAINERS_USERNS_CONFIGURED": "done", "_CONTAINERS_ROOTLESS_UID": "1000"}
        env = {"LD_LIBRARY_PATH": libraries, "CONTAINERS_CONF": str(place / "containers.conf")}
        env |= rootless | {"_CONTAINERS_ROOTLESS_GID": "1000", "XDG_RUNTIME_DIR": directory}
        yield f"{usr}/bin/podman --root {place}/store --runroot {place}/run --storage-driver vfs", env, place / "root"


@pytest.mark.full
def test_real_podman_hands_the_variables_to_a_container(
    there: Session, podman: tuple[str, dict[str, str], Path]
) -> None:
    start, env, root = podman
    ask = f'curl -sS -H "X-IDENTITY-HEADER: $IDENTITY_HEADER" "$IDENTITY_ENDPOINT{VAULT}"'
    options = "--rm --network host --cgroups=disabled --security-opt seccomp=unconfined --volume /usr:/usr:ro"
    command = f"{start} run {options} --env-file $BROKERAUTH_ENV_FILE --rootfs {root} sh -c '{ask}'"
    alone = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c"]
    alone += ['mount -t tmpfs tmpfs /sys/fs/cgroup && exec "$@"', "sh"]
    exec_ = [BROKERAUTH, "exec", "--container-address", "127.0.0.1", "--", "sh", "-c", command]
    done = there.machine.run([*alone, *exec_], env=there.env | env, timeout=120)
    assert done.returncode == 0, done.stderr
    assert claims_of(json.loads(done.stdout)["access_token"])["upn"] == ADA.username


@pytest.mark.full
def test_what_a_container_prints_is_its_own(there: Session, container: str) -> None:
    done = run(there, container, "sh", "-c", "exit 5", options=("--container-address", "127.0.0.1"))
    assert (done.returncode, json.dumps(done.stdout)) == (5, '""')
