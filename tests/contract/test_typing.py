"""A user's program type-checks under mypy --strict, and its mistakes are found."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

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

with BrokerCredential(tenant_id="contoso.com", timeout=60) as credential:
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
MISTAKE = """
BrokerCredential(tenant_id=1)
"""


def test_a_users_program_type_checks_strictly(tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(PROGRAM + MISTAKE)
    mypy = [
        sys.executable,
        "-m",
        "mypy",
        "--strict",
        "--config-file=",
        "--cache-dir=.cache",
        "--follow-imports=silent",
        "program.py",
    ]
    environment = {**os.environ, "MYPYPATH": str(Path(__file__).parents[2])}
    told = subprocess.run(mypy, cwd=tmp_path, env=environment, capture_output=True, text=True).stdout.splitlines()
    line = PROGRAM.count("\n") + 2
    assert [text for text in told if ": error:" in text] == [
        f'program.py:{line}: error: Argument "tenant_id" to "BrokerCredential" has incompatible type "int"; '
        'expected "str | None"  [arg-type]'
    ], told
