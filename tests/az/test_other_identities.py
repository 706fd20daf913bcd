"""Managed identity, Cloud Shell and AD FS: az on WSL does with the extension exactly what it does without."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from testbed.directory import CONTOSO, SUBSCRIPTIONS
from tests.az.session import REPOSITORY, Terminal, machine_for
from tests.az.standins import AD_FS, LOCAL_PORT, USERNAME

pytestmark = pytest.mark.any_runtime

TOKEN = ("account", "get-access-token", "--query", "{token: accessToken, tenant: tenant, type: tokenType}")
APP_SERVICE = {"IDENTITY_ENDPOINT": f"http://127.0.0.1:{LOCAL_PORT}/msi/token", "IDENTITY_HEADER": "header"}
CLOUD_SHELL = {"ACC_CLOUD": "PROD", "AZUREPS_HOST_ENVIRONMENT": "cloud-shell/1.0"}


@pytest.fixture(scope="module")
def there(runtime: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Terminal]:
    """A healthy WSL machine with all three stand-ins."""
    directory = tmp_path_factory.mktemp("identities")
    with machine_for("default", runtime) as machine:
        command = [sys.executable, "-m", "tests.az.standins", str(directory / "adfs.pem")]
        with machine.popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE) as serving:
            try:
                assert serving.stdout
                assert serving.stdout.readline() == "ready\n"
                yield Terminal(machine, directory)
            finally:
                serving.kill()


def same(there: Terminal, tmp_path: Path, *commands: tuple[str, ...], **env: str) -> list[str]:
    """What the commands print, one after the other, with a configuration of their own; without us it is the same."""
    without = {"AZURE_EXTENSION_DIR": str(tmp_path / "no-extensions")}
    there.machine.clear_journal()
    told = [
        [
            (done.returncode, done.stdout, done.stderr)
            for words in commands
            for done in [there.az(*words, AZURE_CONFIG_DIR=str(tmp_path / name), **env, **more)]
        ]
        for name, more in (("stock", without), ("ours", {}))
    ]
    assert told[0] == told[1]
    assert [status for status, _, _ in told[1]] == [0] * len(commands), told[1]
    assert there.broker_calls() == []
    return [stdout for _, stdout, _ in told[1]]


def show_broker(there: Terminal, tmp_path: Path, **env: str) -> dict[str, object]:
    told: dict[str, object] = there.tell("account", "show-broker", AZURE_CONFIG_DIR=str(tmp_path / "ours"), **env)
    return told


def test_managed_identity(there: Terminal, tmp_path: Path) -> None:
    printed = same(
        there, tmp_path, ("login", "--identity"), ("account", "show"), TOKEN, ("group", "list"), **APP_SERVICE
    )
    assert SUBSCRIPTIONS[0].subscription_id in printed[0]
    assert "systemAssignedIdentity" in printed[1]
    assert CONTOSO.tenant_id in printed[2]
    assert show_broker(there, tmp_path, **APP_SERVICE)["tokenSource"] == "managedIdentity"
    said = there.refuse("brokerauth", "show", status=3, AZURE_CONFIG_DIR=str(tmp_path / "ours"), **APP_SERVICE)
    assert "az is using a managed identity, which does not sign in through the broker." in said
    assert "To sign in through the broker, run: az brokerauth login" in said


def test_cloud_shell(there: Terminal, tmp_path: Path) -> None:
    printed = same(
        there, tmp_path, ("login", "--identity"), ("account", "show"), TOKEN, ("group", "list"), **CLOUD_SHELL
    )
    assert "cloudShellID" in printed[1]
    assert CONTOSO.tenant_id in printed[2]
    told = show_broker(there, tmp_path, **CLOUD_SHELL)
    assert (told["tokenSource"], told["isActive"]) == ("cloudShell", False)
    assert "Cloud Shell" in str(told["reason"])


def test_ad_fs(there: Terminal, tmp_path: Path) -> None:
    trusting = {"REQUESTS_CA_BUNDLE": str(there.directory / "adfs.pem")}
    resources = "https://management.adfs.contoso.com/"
    endpoints = {
        "active-directory": AD_FS,
        "active-directory-resource-id": resources,
        "resource-manager": resources,
    }
    cloud = [word for name, url in endpoints.items() for word in (f"--endpoint-{name}", url)]
    bare = ("--tenant", CONTOSO.tenant_id, "--skip-subscription-discovery", "--allow-no-subscriptions")
    printed = same(
        there,
        tmp_path,
        ("cloud", "register", "--name", "stack", *cloud, "--skip-endpoint-discovery"),
        ("cloud", "set", "--name", "stack"),
        ("login", "--use-device-code", *bare),
        ("account", "show"),
        TOKEN,
        **trusting,
    )
    assert USERNAME in printed[3]
    assert '"token": "from AD FS"' in printed[4]
    assert show_broker(there, tmp_path, **trusting)["tokenSource"] == "refreshToken"
    said = there.refuse("brokerauth", "login", AZURE_CONFIG_DIR=str(tmp_path / "ours"), **trusting)
    assert "is an authority of AD FS, for which MSAL never uses the account broker" in said
    assert "az login" in said
    assert there.broker_calls() == []
