"""A user's program and the samples type-check strictly, in an editor and in CI, and a program's mistakes are found."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parents[2]
PAGES = (HERE / "README.md", HERE / "docs" / "sdk.md")
EXAMPLES = HERE / "docs" / "examples"
PROGRAM = """
from azure.core.credentials import SupportsTokenInfo, TokenCredential
from azure.core.credentials_async import AsyncSupportsTokenInfo, AsyncTokenCredential
from azure.identity import AuthenticationRecord, ChainedTokenCredential
from azure.keyvault.secrets import SecretClient
from azure.keyvault.secrets.aio import SecretClient as AsyncSecretClient

from azext_brokerauth import BrokerCredential
from azext_brokerauth.aio import BrokerCredential as AsyncBrokerCredential

URL = "https://contoso.vault.azure.net"

def use(old: TokenCredential, new: SupportsTokenInfo) -> None: ...
def use_async(old: AsyncTokenCredential, new: AsyncSupportsTokenInfo) -> None: ...

with BrokerCredential(tenant_id="contoso.com", timeout=60, logging_enable=True) as credential:
    use(credential, credential)
    SecretClient(URL, credential)
    ChainedTokenCredential(credential)
    record: AuthenticationRecord = credential.authenticate()
    expires_on: int = credential.get_token("https://vault.azure.net/.default").expires_on

class Mine(BrokerCredential):
    purpose = "reports"

class MineAsync(AsyncBrokerCredential):
    purpose = "reports"

with Mine(additionally_allowed_tenants=None) as mine:
    purpose: str = mine.purpose

async def main() -> AuthenticationRecord:
    async with MineAsync() as mine_async:
        use_async(mine_async, mine_async)
        assert mine_async.purpose
    async with AsyncBrokerCredential() as credential:
        use_async(credential, credential)
        AsyncSecretClient(URL, credential)
        return await credential.authenticate()

"""
MISTAKES = """\
BrokerCredential(tenant_id=1)
BrokerCredential(tennant_id="contoso.com")
AsyncBrokerCredential(tennant_id="contoso.com")
BrokerCredential(require_broker="false")
BrokerCredential().authenticate(scope="https://vault.azure.net/.default")
Mine(purpose="reports")
"""
NAMED = ("tenant_id", "tennant_id", "tennant_id", "require_broker", "scope", "purpose")


def mypy(where: Path) -> list[tuple[str, int, str]]:
    """The mistakes that it finds in a directory: file, line and message of each."""
    options = ["--strict", "--config-file=", "--cache-dir=.cache", "--follow-imports=silent"]
    told = subprocess.run(
        [sys.executable, "-m", "mypy", *options, *sorted(path.name for path in where.glob("*.py"))],
        cwd=where,
        env={**os.environ, "MYPYPATH": str(HERE)},
        capture_output=True,
        text=True,
    ).stdout
    return [(f, int(n), text) for f, n, text in re.findall(r"^(.+?):(\d+): error: (.+)", told, re.MULTILINE)]


def pyright(where: Path) -> list[tuple[str, int, str]]:
    """As :func:`mypy`; Pylance, VS Code's, is made of it too."""
    settings = {"typeCheckingMode": "strict", "extraPaths": [str(HERE)], "include": ["*.py"]}
    (where / "pyrightconfig.json").write_text(json.dumps(settings))
    command = [sys.executable, "-m", "basedpyright", "--outputjson", "--pythonpath", sys.executable, "--project", "."]
    done = subprocess.run(command, cwd=where, capture_output=True, text=True)
    report = json.loads(done.stdout)
    assert report["summary"]["filesAnalyzed"] == len([*where.glob("*.py")]), done.stdout + done.stderr
    found = [one for one in report["generalDiagnostics"] if one["severity"] == "error"]
    return [(Path(one["file"]).name, one["range"]["start"]["line"] + 1, one["message"]) for one in found]


@pytest.mark.parametrize("checker", [mypy, pyright])
def test_a_users_program_and_the_samples_type_check_strictly(checker: object, tmp_path: Path) -> None:
    assert callable(checker)
    (tmp_path / "program.py").write_text(PROGRAM + MISTAKES)
    for page in PAGES:
        snippets = re.findall(r"```python\n(.*?)```", page.read_text(), re.DOTALL)
        assert snippets
        for number, snippet in enumerate(snippets):
            (tmp_path / f"{page.stem.lower()}_{number}.py").write_text(snippet)
    for example in EXAMPLES.glob("*.py"):
        (tmp_path / f"example_{example.name}").write_text(example.read_text())
    first = PROGRAM.count("\n") + 1
    wanted = [("program.py", first + number, name) for number, name in enumerate(NAMED)]
    found = checker(tmp_path)
    assert [one[:2] for one in found] == [one[:2] for one in wanted], found
    for (_, _, message), (_, _, name) in zip(found, wanted, strict=True):
        assert name in message
