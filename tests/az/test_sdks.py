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
# Without options, as most programs have it: prod, of AZURE_TOKEN_CREDENTIALS, has it look for a managed identity.
NODE_IDENTITY = NODE.replace("AzureCliCredential", "DefaultAzureCredential")
NODE_REFUSED = """
const { ManagedIdentityCredential } = require("@azure/identity");
const started = Date.now();
new ManagedIdentityCredential().getToken("https://graph.microsoft.com/.default").catch((error) => {
  console.log(JSON.stringify([error.message, Date.now() - started]));
});
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


@pytest.mark.parametrize("program", ["python", pytest.param("node", marks=pytest.mark.any_runtime)])
def test_programs_that_look_for_a_managed_identity_find_it_in_exec(
    signed_in: Terminal, node_modules: Path, program: str
) -> None:
    commands = {
        "python": [sys.executable, "-c", PYTHON, "ManagedIdentityCredential"],
        "node": ["node", "-e", NODE_IDENTITY],
    }
    words = ("brokerauth", "exec", "--", *commands[program], *SCOPES.values())
    done = signed_in.az(*words, NODE_PATH=str(node_modules), AZURE_CLIENT_ID="another")
    assert done.returncode == 0, done.stderr
    check(signed_in, done.stdout)
    assert "It is started without AZURE_CLIENT_ID" in done.stderr


@pytest.mark.any_runtime
def test_a_refusal_reaches_a_node_program_at_once_with_azs_words(signed_in: Terminal, node_modules: Path) -> None:
    exec_ = ("brokerauth", "exec", "--resource", "https://vault.azure.net", "--", "node", "-e")
    done = signed_in.az(*exec_, NODE_REFUSED, NODE_PATH=str(node_modules))
    said, milliseconds = json.loads(done.stdout)
    assert ("--resource https://vault.azure.net" in said, milliseconds < 10_000) == (True, True), said
    signed_in.az("brokerauth", "logout", "--yes")
    done = signed_in.az("brokerauth", "exec", "--", "node", "-e", NODE_REFUSED, NODE_PATH=str(node_modules))
    said, milliseconds = json.loads(done.stdout)
    assert ("Run: az brokerauth login" in said, milliseconds < 10_000) == (True, True), said


@pytest.mark.any_runtime
def test_exec_in_az_becomes_the_command(signed_in: Terminal) -> None:
    (signed_in.directory / "words.txt").write_text("expanded")
    shell = 'printf "%s," "$@" $$; exit 7'
    words = [
        "brokerauth",
        "exec",
        "--only-show-errors",
        "--",
        "sh",
        "-c",
        shell,
        "sh",
        "@words.txt",
        "--help",
        "-o",
        "x",
    ]
    done = signed_in.az(*words)
    assert (done.returncode, done.stderr) == (7, "")
    assert done.stdout.startswith("@words.txt,--help,-o,x,")
    missing = signed_in.az("brokerauth", "exec", "--only-show-errors", "--", "no-such-command")
    assert (missing.returncode, missing.stdout) == (127, "")
    assert missing.stderr == "ERROR: no-such-command cannot be run: there is no such command.\n"
    assert "ALLOW_EXEC" in signed_in.refuse("brokerauth", "exec", "--", "true", AZURE_BROKERAUTH_ALLOW_EXEC="false")
