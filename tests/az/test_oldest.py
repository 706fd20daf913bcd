"""The oldest Azure CLI that is supported, and versions that nobody has seen yet."""

from __future__ import annotations

import pytest

from testbed.directory import ADA, DEVICE_ID
from tests.az.conftest import Start
from tests.az.session import CLI, OLDEST, Cli, Terminal

# The real runtime too in make test-full.
pytestmark = pytest.mark.any_runtime

CHANGED = {
    "identity.PublicClientApplication": "del identity.PublicClientApplication",
    "UserCredential.acquire_token": "msal_credentials.UserCredential.acquire_token = lambda self, scopes: None",
    "can_launch_browser": "del _profile.can_launch_browser",
    "handles enable_broker_on_wsl itself": """
class Identity(identity.Identity):
    def __init__(self, authority, tenant_id=None, client_id=None, encrypt=False, enable_broker_on_wsl=None): pass
identity.Identity = Identity
""",
}


def test_the_oldest_supported_az_is_brokered_too(new_terminal: Start) -> None:
    there = new_terminal("default", OLDEST)
    assert there.tell("version")["azure-cli"] == "2.87.0"
    assert there.tell("brokerauth", "login")["username"] == ADA.username
    assert there.claims("--resource", "https://vault.azure.net")["deviceid"] == DEVICE_ID
    assert there.tell("account", "show-broker")["tokenSource"] == "broker"
    assert there.tell("brokerauth", "exec", "--", "az", "group", "list")
    assert there.token_endpoint_calls() == []


@pytest.mark.parametrize("cli", [CLI, OLDEST], ids=["newest", "oldest"])
@pytest.mark.parametrize("told", CHANGED)
def test_an_az_that_has_changed_is_left_as_it_is(new_terminal: Start, cli: Cli, told: str) -> None:
    there: Terminal = new_terminal("default", cli)
    code = f"""
import sys
sys.path.append({str(cli.extension)!r})
from azure.cli.core import _profile
from azure.cli.core.auth import identity, msal_credentials
{CHANGED[told]}
before = vars(identity).get("PublicClientApplication"), msal_credentials.PublicClientApplication
from azext_brokerauth.azcli.hook import HOOK
HOOK.prepare()
print(HOOK.attach())
assert before == (vars(identity).get("PublicClientApplication"), msal_credentials.PublicClientApplication)
"""
    done = there.run([cli.python, "-Ic", code])
    assert done.returncode == 0, done.stderr
    assert told in done.stdout
