"""Programs that ask az for their tokens get the broker's, after one `az brokerauth login`."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from testbed.directory import ADA, DEVICE_ID
from tests.az.session import Terminal
from tests.inheritance import INHERITED
from tests.tokens import claims_of

SCOPES = {
    "https://management.azure.com": "https://management.azure.com/.default",
    "https://vault.azure.net": "https://vault.azure.net/.default",
    "https://storage.azure.com": "https://storage.azure.com/.default",
    "https://graph.microsoft.com": "https://graph.microsoft.com/.default",
}
PYTHON = """
import json, sys
from azure import identity
with getattr(identity, sys.argv[1])() as credential:
    print(json.dumps([credential.get_token(scope).token for scope in sys.argv[2:]]))
"""
NODE = """
const { AzureCliCredential } = require("@azure/identity");
const credential = new AzureCliCredential();
(async () => {
  const tokens = [];
  for (const scope of process.argv.slice(1)) tokens.push((await credential.getToken(scope)).token);
  console.log(JSON.stringify(tokens));
})();
"""


@pytest.fixture(scope="session")
def node_modules(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where npm has put @azure/identity, in the version that package.json names."""
    directory = tmp_path_factory.mktemp("node")
    (directory / "package.json").write_text(Path(__file__).with_name("package.json").read_text())
    npm = shutil.which("npm")
    assert npm, "npm is missing"
    install = [npm, "install", "--no-fund", "--no-audit"]
    subprocess.run(install, cwd=directory, env=INHERITED.variables, check=True, capture_output=True)
    return directory / "node_modules"


def check(there: Terminal, printed: str) -> None:
    for audience, token in zip(SCOPES, json.loads(printed), strict=True):
        claims = claims_of(token)
        assert (claims["aud"].rstrip("/"), claims["deviceid"], claims["upn"]) == (audience, DEVICE_ID, ADA.username)
    assert {tuple(call["scopes"]) for call in there.broker_calls()} == {(scope,) for scope in SCOPES.values()}
    assert there.token_endpoint_calls() == []


@pytest.mark.parametrize(
    "credential", ["AzureCliCredential", pytest.param("DefaultAzureCredential", marks=pytest.mark.any_runtime)]
)
def test_python_programs_get_the_brokers_tokens_from_az(signed_in: Terminal, credential: str) -> None:
    # DefaultAzureCredential would look for a managed identity first; a developer's machine has none.
    narrowed = {"AZURE_TOKEN_CREDENTIALS": "dev"} if credential == "DefaultAzureCredential" else {}
    done = signed_in.run([sys.executable, "-c", PYTHON, credential, *SCOPES.values()], **narrowed)
    assert done.returncode == 0, done.stderr
    check(signed_in, done.stdout)


@pytest.mark.any_runtime
def test_node_programs_get_the_brokers_tokens_from_az(signed_in: Terminal, node_modules: Path) -> None:
    done = signed_in.run(["node", "-e", NODE, *SCOPES.values()], NODE_PATH=str(node_modules))
    assert done.returncode == 0, done.stderr
    check(signed_in, done.stdout)
