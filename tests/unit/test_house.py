"""The house: names that others rely on stay, and nothing in it grows too large to be read at a sitting."""

import ast
import json
from pathlib import Path

import pytest

import azext_brokerauth
from azext_brokerauth import commands, output, settings
from azext_brokerauth.accounts import AccountStore, Records
from azext_brokerauth.health.checks import CHECKS, ONLINE
from azext_brokerauth.models import Account, Token

PACKAGE = Path(azext_brokerauth.__file__).parent
MODULES = sorted(PACKAGE.rglob("*.py"))
ADA = Account("ada@contoso.com", "a.t", "a", "t", "app", "login.microsoftonline.com")
TOKEN = Token("value", 1_800_000_000, "Bearer", "broker", "t", ADA)


@pytest.mark.parametrize("module", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_no_module_is_above_400_lines_and_no_function_above_60(module):
    text = module.read_text()
    assert len(text.splitlines()) <= 400
    long = {
        node.name: node.end_lineno - node.lineno + 1
        for node in ast.walk(ast.parse(text))
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and node.end_lineno - node.lineno >= 60
    }
    assert long == {}


def test_the_faces_are_where_programs_and_az_look_for_them():
    from azext_brokerauth.aio import BrokerCredential as AsyncBrokerCredential

    assert azext_brokerauth.__all__ == ["BrokerCredential"]
    assert azext_brokerauth.BrokerCredential.__name__ == AsyncBrokerCredential.__name__ == "BrokerCredential"
    assert (PACKAGE / "azext_metadata.json").exists()
    assert (PACKAGE / "py.typed").exists()


def test_the_commands_have_their_names():
    names = []
    commands.register(lambda name, function, **options: names.append(name))
    assert names == [
        *("login", "logout", "list", "show", "set", "get-access-token", "inspect-token", "list-settings"),
        *("check-health", "repair", "measure"),
    ]
    assert set(commands._ONLY_IN_AZ) == {"exec"}
    of_tools = []
    commands.register_tools(lambda name, function, **options: of_tools.append(name))
    assert of_tools == ["list", "enable", "disable", "log"]


def test_the_settings_have_their_names():
    assert list(settings.SETTINGS) == [
        *("client_id", "tenant_id", "authority", "login_hint", "enable_broker_on_wsl", "enable_broker_on_linux"),
        *("enable_broker_on_windows", "enable_broker_on_mac", "require_broker", "fallback", "keyring", "extend_az"),
        *("seed_az_cache", "token_cache", "allow_exec", "tools", "tool_log", "silent_timeout", "prompt_timeout"),
    ]
    assert (settings.SECTION, settings.ENVIRONMENT_PREFIX) == ("brokerauth", "AZURE_BROKERAUTH_")
    assert str(settings.POLICY_FILE) == "/etc/brokerauth/config"


def test_what_the_commands_print_has_its_keys():
    assert list(output.account_facts(ADA, None)) == [
        *("username", "tenantId", "homeAccountId", "localAccountId", "clientId", "authority", "isCurrent"),
    ]
    assert list(output.access_token(TOKEN)) == ["accessToken", "expiresOn", "expires_on", "tenant", "tokenType"]
    assert list(output.token_facts(TOKEN)) == [
        *("audience", "clientId", "tenantId", "username", "objectId", "deviceId", "authenticationMethods", "scopes"),
        *("continuousAccessEvaluation", "issuedOn", "expiresOn", "tokenType", "source"),
    ]
    assert [list(row) for row in output.settings_facts(settings.survey({"AZURE_CONFIG_DIR": "no-such"}))] == [
        ["name", "value", "origin", "isEnforced", "problem"]
    ] * len(settings.SETTINGS)


def test_the_checks_have_their_names():
    assert [check.id for check in CHECKS + ONLINE] == [
        *("machine", "wsl-version", "windows-drive", "interop", "proxy", "networking"),
        *("platform", "msal", "pymsalruntime", "libraries", "runtime-locks", "certificates", "authority"),
        *("user", "keyring", "linux-broker"),
        *("windows-elevated", "windows-desktop", "device", "prt", "clock"),
        *("system-file", "settings", "accounts", "az-cache", "az-tokens", "redirect-uri"),
        *("broker", "token"),
    ]


def test_the_account_file_has_its_place_and_its_shape(tmp_path):
    with AccountStore(tmp_path).change() as change:
        change.after = Records().with_account(ADA).with_az(ADA)
    assert json.loads((tmp_path / "brokerauth/accounts.json").read_text()) == {
        "version": 1,
        "current": "a.t",
        "signedInToAz": ["a.t"],
        "accounts": [
            {
                "username": "ada@contoso.com",
                "home_account_id": "a.t",
                "local_account_id": "a",
                "tenant": "t",
                "client_id": "app",
                "authority": "login.microsoftonline.com",
            }
        ],
    }
