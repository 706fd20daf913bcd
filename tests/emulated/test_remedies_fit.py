"""What an error says to do can be done where it is read: by a program, without az, and where the value came from."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from testbed.directory import ADA
from tests.emulated.session import Session

Start = Callable[..., Session]
POLICY_FILE = "/etc/brokerauth/config"
NOWHERE = "nowhere.example"
PROGRAM = """
from azext_brokerauth import BrokerCredential
from azure.identity import ChainedTokenCredential
try:
    ChainedTokenCredential(BrokerCredential({keywords})).get_token("https://vault.azure.net/.default")
except Exception as error:
    print(error)
"""


def told(there: Session, keywords: str = "", **env: str) -> str:
    """What a program prints that asks for a token and gets none."""
    done = there.python(PROGRAM.format(keywords=keywords), **env)
    assert done.returncode == 0, done.stderr
    assert "Check --" not in done.stdout
    assert not re.search(r"\baz\b", done.stdout), done.stdout
    return done.stdout


@pytest.mark.any_runtime
def test_an_error_names_the_place_where_the_wrong_value_stands(default: Session) -> None:
    assert "Check tenant_id (" in told(default, f"tenant_id={NOWHERE!r}")
    variable = {"AZURE_BROKERAUTH_TENANT_ID": NOWHERE}
    assert "Check the environment variable AZURE_BROKERAUTH_TENANT_ID (" in told(default, **variable)
    assert "Check the environment variable AZURE_BROKERAUTH_TENANT_ID (" in default.refuse("login", **variable)
    assert "Check --tenant (" in default.refuse("login", "--tenant", NOWHERE)
    (default.config / "config").write_text(f"[brokerauth]\ntenant_id = {NOWHERE}\n")
    assert f"Check brokerauth.tenant_id in {default.config}/config (" in told(default)
    assert f"Check brokerauth.tenant_id in {default.config}/config (" in default.refuse("login")
    (default.config / "config").unlink()
    write = f"mkdir -p /etc/brokerauth && printf '[brokerauth]\\ntenant_id = {NOWHERE}\\n' > {POLICY_FILE}"
    assert default.run(["sh", "-c", f"umask 022 && {write}"]).returncode == 0
    assert f"Check brokerauth.tenant_id in {POLICY_FILE} (" in told(default)
    assert f"Check brokerauth.tenant_id in {POLICY_FILE} (" in default.refuse("login")


@pytest.mark.any_runtime
def test_a_program_that_needs_a_person_names_the_sign_in_that_serves_it(start: Start) -> None:
    there = start("interaction-required")
    keywords = "disable_automatic_authentication=True, tenant_id='contoso.com'"
    said = told(there, keywords)
    assert said.count("BrokerCredential: ") == 1
    assert "Call authenticate(), or run: brokerauth login --tenant contoso.com" in said
    assert ".." not in said.replace("...", "")


@pytest.mark.any_runtime
def test_without_az_the_command_that_is_advised_is_there_and_works(start: Start) -> None:
    there = start("native-linux")
    said = there.refuse("login")
    advised = re.search(r"run: (brokerauth config set .+)", said)
    assert advised, said
    assert there.brokerauth(*advised[1].split()[1:]).returncode == 0
    assert there.tell("login")["username"] == ADA.username
