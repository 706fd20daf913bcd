"""The first `az brokerauth login` on a bad day: az knows nothing yet, and asks Microsoft's hosts itself."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from testbed.directory import ADA, CONTOSO
from tests.az.session import Terminal, machine_for
from tests.certificates import self_signed

pytestmark = pytest.mark.any_runtime

CLOUD = {
    "no-route": ("The authority cannot be reached from WSL", "HTTPS_PROXY"),
    "expired-certificate": ("has expired, or is not valid yet", "Check this machine's clock"),
}
HOSTS = "/etc/hosts"


@pytest.fixture(scope="module")
def machine(runtime: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Terminal]:
    with machine_for("default", runtime) as machine:
        yield Terminal(machine, tmp_path_factory.mktemp("first"))


@pytest.fixture
def there(machine: Terminal, tmp_path: Path) -> Iterator[Terminal]:
    """A healthy machine, and an az of which nobody has used anything yet."""
    machine.env["AZURE_CONFIG_DIR"] = str(tmp_path / "fresh")
    yield machine
    machine.machine.set_scenario("default")  # which writes the hosts' addresses anew


def route(there: Terminal, host: str, address: str | None) -> None:
    """Send a host name elsewhere; None: nobody knows it."""
    edit = f"/ {host}$/d" if address is None else f"s/^.* {host}$/{address} {host}/"
    script = f"sed -E '{edit}' {HOSTS} > /tmp/hosts && cat /tmp/hosts > {HOSTS}"
    there.run(["sh", "-c", script]).check_returncode()


def refused(there: Terminal, *words: str, **env: str) -> str:
    said = there.refuse(*words, **env)
    for raw in ("Traceback", "HTTPSConnectionPool", "Max retries", "github.com", "urllib3", "object at 0x"):
        assert raw not in said, said
    return said


@pytest.mark.parametrize("scenario", CLOUD)
@pytest.mark.parametrize("words", [(), ("--tenant", CONTOSO.tenant_id), ("--tenant", CONTOSO.domain)], ids=" ".join)
def test_where_the_cloud_cannot_be_reached_the_error_says_why(
    there: Terminal, scenario: str, words: tuple[str, ...]
) -> None:
    there.machine.set_scenario(scenario)
    said = refused(there, "brokerauth", "login", *words)
    cause, remedy = CLOUD[scenario]
    assert cause in said
    assert "https://login.microsoftonline.com: " in said
    assert remedy in said
    there.machine.set_scenario("default")
    assert there.tell("brokerauth", "login", *words)["username"] == ADA.username


def test_a_name_that_nobody_knows(there: Terminal) -> None:
    route(there, "login.microsoftonline.com", None)
    assert "its name, or its proxy's, cannot be resolved" in refused(there, "brokerauth", "login")


def test_a_port_that_nobody_listens_on(there: Terminal) -> None:
    route(there, "login.microsoftonline.com", "127.0.0.9")
    assert "refused the connection" in refused(there, "brokerauth", "login")


def test_a_certificate_of_an_unknown_authority(there: Terminal, tmp_path: Path) -> None:
    bundle = tmp_path / "other.pem"
    self_signed(bundle)
    said = refused(there, "brokerauth", "login", REQUESTS_CA_BUNDLE=str(bundle))
    assert "is signed by an issuer that Python does not trust" in said


def test_a_tenant_that_does_not_exist(there: Terminal) -> None:
    said = refused(there, "brokerauth", "login", "--tenant", "c0000000-0000-4000-8000-00000000dead")
    assert "The tenant or authority cannot be used" in said


def test_azure_resource_manager_that_cannot_be_reached_is_named(there: Terminal) -> None:
    route(there, "management.azure.com", "127.0.0.9")
    said = refused(there, "brokerauth", "login", timeout=180)
    assert "Azure Resource Manager (https://management.azure.com)" in said
    assert "cannot be reached from WSL: Connection refused" in said
