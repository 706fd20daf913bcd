"""kubelogin's entries in kubeconfig files: exchanged as they are, and taken back to the byte."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
import yaml

from azext_brokerauth.bridges import Home, kubectl
from azext_brokerauth.bridges.edits import Record
from azext_brokerauth.errors import SettingsError

OURS = "kube-credential-brokerauth"
AKS = "6dae42f8-4368-4678-94ff-3960e28e3630"
# As `az aks get-credentials` and `kubelogin convert-kubeconfig` leave it, with a person's own words in between.
CONFIG = f"""\
# mine: do not lose
apiVersion: v1
clusters:
- cluster:
    server: https://contoso.hcp.westeurope.azmk8s.io:443
  name: contoso
current-context: contoso
kind: Config
users:
- name: clusterUser_rg_contoso
  user:
    exec:
      apiVersion: client.authentication.k8s.io/v1beta1
      args:
      - get-token
      - --environment
      - AzurePublicCloud
      - --server-id
      - {AKS}
      - --client-id
      - 80faf920-1908-4b52-b5ef-a8e7bedfc67a
      - --login
      - devicecode
      command: kubelogin   # a note
      env: null
      installHint: |2

        kubelogin is not installed which is required to connect to AAD enabled cluster.
        command: kubelogin
      provideClusterInfo: false
- name: by-az
  user: {{exec: {{apiVersion: client.authentication.k8s.io/v1, command: "/usr/local/bin/kubelogin",
    args: [get-token, -l, azurecli, --server-id, {AKS}], env: [{{name: AZURE_CONFIG_DIR, value: /x}}],
    interactiveMode: IfAvailable}}}}
- name: by-browser
  user:
    exec:
      command: 'C:\\Program Files\\kubelogin.exe'
      args: ["get-token", "--login", "interactive", "--server-id={AKS}"]
      apiVersion: client.authentication.k8s.io/v1beta1
- name: an-application
  user:
    exec:
      command: kubelogin
      args: [get-token, --login, spn, --server-id, {AKS}]
- name: an-application-too
  user:
    exec:
      command: kubelogin
      args: [get-token, --server-id, {AKS}]
      env: [{{name: AAD_LOGIN_METHOD, value: workloadidentity}}]
- name: arc
  user:
    exec:
      command: kubelogin
      args: [get-token, --login, interactive, --server-id, {AKS}, --pop-enabled, --pop-claims, u=/x]
- name: another-kubelogin
  user:
    exec:
      command: kubelogin
      args: [get-token, --oidc-issuer-url=https://issuer.example]
- name: look-alike
  user:
    exec:
      command: /opt/evilkubelogin
      args: [get-token, --server-id, {AKS}]
- name: no-program
  user:
    client-certificate-data: kubelogin
"""
CONVERTED = ("clusterUser_rg_contoso", "by-az", "by-browser")


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """The program is in PATH."""
    programs = tmp_path / "pip/bin"
    programs.mkdir(parents=True)
    (programs / OURS).write_text("#!/bin/sh\n")
    (programs / OURS).chmod(0o755)
    (tmp_path / "home/.kube").mkdir(parents=True)
    (tmp_path / "home/.azure").mkdir()
    return Home(tmp_path / "home", {"PATH": str(programs)}, tmp_path / "home/.local/bin")


@pytest.fixture
def record(home: Home) -> Record:
    return Record(home.path / ".azure", "kubectl")


def config_of(home: Home, text: str = CONFIG) -> Path:
    path = home.path / ".kube/config"
    path.write_text(text)
    return path


def enable(home: Home, record: Record) -> None:
    record.make(kubectl.BRIDGE.edits(home))


def disable(home: Home, record: Record) -> None:
    record.take_back(kubectl.BRIDGE.leftovers(home, record.paths()))


def commands(text: str) -> dict[str, str]:
    users = yaml.safe_load(text)["users"]
    return {user["name"]: user["user"]["exec"]["command"] for user in users if "exec" in user["user"]}


def test_peoples_entries_are_exchanged_and_nothing_else(home: Home, record: Record) -> None:
    path = config_of(home)
    enable(home, record)
    after = path.read_text()
    assert [name for name, command in commands(after).items() if command == OURS] == [*CONVERTED]
    assert [(a, b) for a, b in zip(CONFIG.splitlines(), after.splitlines(), strict=True) if a != b] == [
        ("      command: kubelogin   # a note", f"      command: {OURS}   # a note"),
        (
            '  user: {exec: {apiVersion: client.authentication.k8s.io/v1, command: "/usr/local/bin/kubelogin",',
            f'  user: {{exec: {{apiVersion: client.authentication.k8s.io/v1, command: "{OURS}",',
        ),
        ("      command: 'C:\\Program Files\\kubelogin.exe'", f"      command: '{OURS}'"),
    ]


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_it_is_taken_back_to_the_byte(home: Home, record: Record, ending: str, mark: str) -> None:
    path = config_of(home)
    before = (mark + CONFIG.replace("\n", ending) + "# the end").encode()
    path.write_bytes(before)
    enable(home, record)
    assert list(commands(path.read_text()).values()).count(OURS) == 3
    enable(home, record)
    disable(home, record)
    assert path.read_bytes() == before
    assert not (home.path / ".azure/brokerauth").exists()


def test_what_was_added_since_stays_and_is_exchanged_the_next_time(home: Home, record: Record) -> None:
    path = config_of(home)
    enable(home, record)
    another = f"- name: new\n  user: {{exec: {{command: kubelogin, args: [get-token, --server-id, {AKS}]}}}}\n"
    path.write_text(path.read_text() + another)
    enable(home, record)
    assert commands(path.read_text())["new"] == OURS
    disable(home, record)
    assert OURS not in path.read_text()
    assert commands(path.read_text())["new"] == "kubelogin"
    assert path.read_text().startswith("# mine: do not lose")


def test_a_configuration_in_json_stays_json(home: Home, record: Record) -> None:
    entry = {"exec": {"command": "kubelogin", "args": ["get-token", "--server-id", AKS]}}
    path = config_of(home, json.dumps({"users": [{"name": "a", "user": entry}]}, indent=4))
    enable(home, record)
    assert json.loads(path.read_text())["users"][0]["user"]["exec"]["command"] == OURS


def test_an_entry_that_two_users_share_is_exchanged_once(home: Home, record: Record) -> None:
    text = (
        f"users:\n- name: a\n  user: &it\n    exec: {{command: kubelogin, args: [get-token, --server-id, {AKS}]}}\n"
        "- name: b\n  user: *it\n"
    )
    path = config_of(home, text)
    enable(home, record)
    assert path.read_text() == text.replace("kubelogin", OURS)


def test_every_file_that_kubectl_reads_is_looked_at(home: Home, record: Record, tmp_path: Path) -> None:
    one, two, none = (tmp_path / name for name in ("one", "two", "none"))
    one.write_text(CONFIG)
    two.write_text(CONFIG)
    none.write_text("apiVersion: v1\nkind: Config\nusers: null\n")
    listed = f"{one}::{none}:{tmp_path / 'missing'}:{two}:{one}"
    enable(Home(home.path, {**home.environ, "KUBECONFIG": listed}, home.programs), record)
    assert OURS in one.read_text()
    assert OURS in two.read_text()
    disable(home, record)  # from a shell without that variable
    assert one.read_text() == two.read_text() == CONFIG


@pytest.mark.parametrize(
    "text",
    [
        "",
        "users: []\n",
        "users:\n- name: a\n  user: {token: kubelogin}\n",
        "- kubelogin\n",
        "kubelogin",
        "{",
        "a: [b\n",
        "--- 1\n--- 2\n",
        "users: {a: b}\n",
        "users: [1, [2], {user: 3}]\n",
        "users:\n- name: a\n  user: {exec: {command: [kubelogin], args: 5}}\n",
        "\0",
        "[" * 1200,
        f"users:\n- name: a\n  user: {{exec: {{command: kubelogin, args: [get-token, --server-id, {AKS}, --legacy]}}}}",
    ],
)
def test_without_an_entry_that_can_be_exchanged_it_says_so_and_writes_nothing(
    home: Home, record: Record, text: str
) -> None:
    path = config_of(home, text)
    with pytest.raises(SettingsError, match=r"No user in .*config signs in with kubelogin"):
        enable(home, record)
    assert path.read_text() == text
    disable(home, record)
    assert path.read_text() == text


def test_without_any_file_it_says_so(home: Home, record: Record) -> None:
    with pytest.raises(SettingsError, match="No user in"):
        enable(home, record)
    disable(home, record)
    assert not (home.path / ".kube/config").exists()


def test_a_program_that_is_not_in_path_gets_a_start_script_and_its_path(home: Home, record: Record) -> None:
    elsewhere = Home(home.path, {"PATH": "/usr/bin"}, home.programs)
    path = config_of(home)
    enable(elsewhere, record)
    script = home.programs / OURS
    assert commands(path.read_text())["by-az"] == str(script)
    assert os.access(script, os.X_OK)
    disable(elsewhere, record)
    assert path.read_text() == CONFIG
    assert not (home.path / ".local").exists()
