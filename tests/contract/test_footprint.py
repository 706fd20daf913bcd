"""What importing the credential costs a program: modules, of which benchmarks/RESULTS.md has the time."""

from __future__ import annotations

import subprocess
import sys

FLOOR = "import azure.core.credentials"


def loaded(statement: str) -> set[str]:
    """The modules that are loaded after a statement, without the standard library's, which differ between Pythons."""
    program = f"import sys; {statement}; print(*sys.modules)"
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    return {name for name in told.split() if name.partition(".")[0] not in sys.stdlib_module_names}


def test_the_package_alone_brings_in_nothing_of_azures() -> None:
    assert not {"azure.core", "azure.identity", "knack", "msal"} & loaded("import azext_brokerauth")


def test_the_credential_adds_only_its_face() -> None:
    ours = loaded("from azext_brokerauth import BrokerCredential")
    assert ours - loaded(FLOOR) == {"azext_brokerauth", "azext_brokerauth.credential"}
