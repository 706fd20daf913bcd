"""A tenant that the policy file enforces, and what somebody without root may try against it."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from testbed.directory import ADA, CONTOSO, FABRIKAM, GRACE, KATHERINE
from testbed.scenarios import Scenario
from tests.emulated.session import BROKERAUTH, Session, session

# The real runtime too in make test-full.
pytestmark = pytest.mark.any_runtime

OURS, OTHER = CONTOSO.tenant_id, FABRIKAM.tenant_id
FILE = "/etc/brokerauth/config"
POLICY = f"""[brokerauth]
tenant_id = {OURS}
authority = login.microsoftonline.com
require_broker = true
fallback = none
token_cache = memory
seed_az_cache = false
allow_exec = false
enforced = tenant_id, authority, require_broker, fallback, token_cache, seed_az_cache, allow_exec
"""
VAULT = "https://vault.azure.net/.default"
GET = ("get-access-token", "--scope", VAULT)
CLAIMS = base64.b64encode(b'{"access_token":{"tid":{"essential":true,"value":"%s"}}}' % OTHER.encode()).decode()


@pytest.fixture(scope="module")
def there(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    """Ada has signed in here, where Contoso's tenant is enforced."""
    with session("default", "double", tmp_path_factory.mktemp("policy")) as machine:
        enforce(machine)
        machine.tell("login")
        yield machine


def enforce(there: Session, text: str = POLICY) -> None:
    write = 'umask 022 && mkdir -p /etc/brokerauth && printf %s "$1" > /etc/brokerauth/config'
    assert there.run(["sh", "-c", write, "sh", text]).returncode == 0


def refused(there: Session, *words: str, **env: str) -> str:
    said = there.refuse(*words, **env)
    assert FILE in said, said
    return said


ATTEMPTS: dict[str, Callable[[Session], object]] = {
    "--tenant with an ID": lambda there: refused(there, *GET, "--tenant", OTHER),
    "--tenant with a domain": lambda there: refused(there, *GET, "--tenant", FABRIKAM.domain),
    "--tenant with our own domain, which cannot be compared": lambda there: refused(
        there, *GET, "--tenant", CONTOSO.domain
    ),
    "--tenant in upper case": lambda there: refused(there, *GET, "--tenant", OTHER.upper()),
    "--tenant common": lambda there: refused(there, *GET, "--tenant", "common"),
    "--tenant organizations": lambda there: refused(there, *GET, "--tenant", "organizations"),
    "--tenant consumers": lambda there: refused(there, *GET, "--tenant", "consumers"),
    "login --tenant": lambda there: refused(there, "login", "--tenant", OTHER),
    "login as somebody of the other tenant, in it": lambda there: refused(
        there, "login", "--username", KATHERINE.username, "--tenant", OTHER
    ),
    "the picker, and another tenant": lambda there: refused(there, "login", "--select-account", "--tenant", OTHER),
    "login --fallback": lambda there: refused(there, "login", "--fallback", "browser"),
    "inspect-token": lambda there: refused(there, "inspect-token", "--tenant", OTHER),
    "the environment": lambda there: refused(there, *GET, AZURE_BROKERAUTH_TENANT_ID=OTHER),
    "the environment, for a sign-in": lambda there: refused(there, "login", AZURE_BROKERAUTH_TENANT_ID=OTHER),
    "the environment, another cloud": lambda there: refused(
        there, *GET, AZURE_BROKERAUTH_AUTHORITY="login.microsoftonline.us"
    ),
    "a claims challenge with --tenant": lambda there: refused(
        there, *GET, "--claims-challenge", CLAIMS, "--tenant", OTHER
    ),
}


def test_an_account_of_another_tenant_that_is_chosen_in_the_picker_gets_no_token(there: Session) -> None:
    there.machine.set_scenario(Scenario(picks=KATHERINE.username))
    there.refuse("login", "--select-account")
    there.machine.set_scenario("default")
    assert [account["username"] for account in there.tell("list")] == [ADA.username]


PERSON = f"[brokerauth]\nlogin_hint = {ADA.username}\nenforced = login_hint\n"
RECORD = (
    f"authentication_record=AuthenticationRecord({CONTOSO.tenant_id!r}, '04b07795-8ddb-461a-bbee-02f9e1bf7b46',"
    f" 'login.microsoftonline.com', '{{home}}', '{{name}}')"
)
OTHER_PERSON = {
    "get_token, for whoever Windows is signed in as": ("", f"get_token({VAULT!r})"),
    "authenticate(), with its picker": ("", "authenticate()"),
    "authenticate(), with Windows' own account": ("use_default_broker_account=True", "authenticate()"),
    "an authentication_record": (
        RECORD.format(home=GRACE.home_account_id, name=GRACE.username),
        f"get_token({VAULT!r})",
    ),
    "an authentication_record with the name of another": (
        RECORD.format(home=GRACE.home_account_id, name=ADA.username),
        f"get_token({VAULT!r})",
    ),
    "login_hint": (f"login_hint={GRACE.username!r}", f"get_token({VAULT!r})"),
}


ANYBODY = """
from azure.core.exceptions import ClientAuthenticationError
from azure.identity import AuthenticationRecord
from azext_brokerauth import BrokerCredential
try:
    print("got", BrokerCredential({keywords}).{call})
except ClientAuthenticationError as error:
    print("refused", error)
"""


def test_an_enforced_account_holds_for_the_one_that_answers(start: Callable[[Scenario | str], Session]) -> None:
    grace = Scenario(accounts=(GRACE.username,), picks=GRACE.username)
    there = start(grace)
    there.tell("login")  # before there was a policy
    enforce(there, PERSON)
    refused(there, "login", "--select-account")
    refused(there, "login", "--username", GRACE.username)
    refused(there, *GET, "--username", GRACE.username)
    assert ADA.username in there.refuse("login", "--no-prompt")
    for name, (keywords, call) in OTHER_PERSON.items():
        done = there.python(ANYBODY.format(keywords=keywords, call=call))
        assert done.stdout.startswith("refused"), (name, done.stdout, done.stderr)
        assert ADA.username in done.stdout, name
    there.tell("logout", "--username", GRACE.username, "--yes")
    there.machine.set_scenario("default")
    assert there.tell("login")["username"] == ADA.username
    assert there.claims("--scope", VAULT)["upn"] == ADA.username


CHAIN = f"""
from azure.core.credentials import AccessToken
from azure.identity import ChainedTokenCredential
from azext_brokerauth import BrokerCredential
class Weaker:
    def get_token(self, *scopes, **options):
        return AccessToken("weaker", 2_000_000_000)
try:
    print("got", ChainedTokenCredential(BrokerCredential({{keywords}}), Weaker()).get_token({VAULT!r}).token)
except Exception as error:
    print("refused", error)
"""
OFF = {
    "az's own variable": ("", {"AZURE_CORE_ENABLE_BROKER_ON_WSL": "false"}),
    "our variable": ("", {"AZURE_BROKERAUTH_ENABLE_BROKER_ON_WSL": "off"}),
    "a keyword": ("enable_broker_on_wsl=False", {}),
}


def test_a_broker_that_is_required_cannot_be_switched_off_from_below(
    start: Callable[[Scenario | str], Session],
) -> None:
    there = start("default")
    enforce(there, "[brokerauth]\nrequire_broker = true\nenforced = require_broker\n")
    for keywords, variables in OFF.values():
        said = there.python(CHAIN.format(keywords=keywords), **variables).stdout
        assert said.startswith("refused"), said
        assert FILE in said
        for word in (*variables, *([keywords.partition("=")[0]] if keywords else [])):
            assert word in said
    refused(there, "login", AZURE_CORE_ENABLE_BROKER_ON_WSL="false")
    (there.config).mkdir(exist_ok=True)
    for section in ("core", "brokerauth"):
        (there.config / "config").write_text(f"[{section}]\nenable_broker_on_wsl = no\n")
        said = there.python(CHAIN.format(keywords="")).stdout
        assert said.startswith("refused"), said
        assert f"{section}.enable_broker_on_wsl in {there.config}/config" in said


WEEKS = f"""
import os, pathlib
from azure.core.exceptions import ClientAuthenticationError
from azext_brokerauth import BrokerCredential
from tests.tokens import claims_of
policy = pathlib.Path({FILE!r})
credential = BrokerCredential()
def ask():
    try:
        print(claims_of(credential.get_token({VAULT!r}).token)["tid"], end=" ")
    except ClientAuthenticationError as error:
        print("refused" if str(policy) in str(error) else error, end=" ")
ask()
os.umask(0o22)
policy.parent.mkdir(exist_ok=True)
policy.write_text("[brokerauth]\\ntenant_id = {OTHER}\\nenforced = tenant_id\\n")
ask()
policy.write_text("[brokerauth]\\ntenant_id = {OURS}\\n  enforced = tenant_id\\n")
ask()
policy.write_text("[brokerauth]\\ntenant_id = {OURS}\\nenforced = tenant_id\\n")
ask()
policy.chmod(0o666)
ask()
policy.unlink()
ask()
credential.close()
"""


def test_a_credential_of_weeks_notices_the_policy_that_comes_changes_is_damaged_and_goes(
    start: Callable[[Scenario | str], Session],
) -> None:
    there = start("default")
    there.tell("login")
    done = there.python(WEEKS)
    assert done.stdout.split() == [OURS, OTHER, "refused", OURS, "refused", OURS], done.stdout + done.stderr


LEARNED = f"""
import os, pathlib
from azext_brokerauth import BrokerCredential
from tests.tokens import claims_of
credential = BrokerCredential()
def ask():
    print(claims_of(credential.get_token({VAULT!r}).token)["upn"], end=" ")
ask()
os.umask(0o22)
pathlib.Path("/etc/brokerauth").mkdir(exist_ok=True)
pathlib.Path({FILE!r}).write_text({PERSON!r})
ask()
credential.close()
"""


def test_a_credential_lets_an_account_that_it_learned_go_where_another_is_enforced_since(
    start: Callable[[Scenario | str], Session],
) -> None:
    done = start(Scenario(accounts=(GRACE.username, ADA.username))).python(LEARNED)
    assert done.stdout.split() == [GRACE.username, ADA.username], done.stdout + done.stderr


@pytest.mark.parametrize("attempt", ATTEMPTS)
def test_an_attempt_against_the_tenant_is_an_error_that_names_the_file(there: Session, attempt: str) -> None:
    ATTEMPTS[attempt](there)


@pytest.mark.parametrize("place", ["AZURE_CONFIG_DIR", "HOME", "a link in HOME"])
def test_a_file_of_the_users_own_is_named_with_the_one_that_enforces(
    there: Session, tmp_path: Path, place: str
) -> None:
    settings = tmp_path / ("real" if place == "a link in HOME" else ".azure")
    settings.mkdir()
    (settings / "config").write_text(f"[brokerauth]\ntenant_id = {OTHER}\n")
    if place == "a link in HOME":
        (tmp_path / ".azure").symlink_to(settings)
    env = {"AZURE_CONFIG_DIR": str(settings)} if place == "AZURE_CONFIG_DIR" else {"HOME": str(tmp_path)}
    said = refused(there, *GET, **env)
    assert f"brokerauth.tenant_id in {tmp_path}" in said


NO_EFFECT = {
    "AZURE_TENANT_ID": {"AZURE_TENANT_ID": OTHER},
    "a variable in lower case": {"azure_brokerauth_tenant_id": OTHER},
    "modules of one's own for the child": {"PYTHONPATH": "shims"},
}


@pytest.mark.parametrize("attempt", NO_EFFECT)
def test_what_nobody_reads_changes_nothing(there: Session, tmp_path: Path, attempt: str) -> None:
    (tmp_path / "shims").mkdir()
    (tmp_path / "shims" / "msal.py").write_text("raise SystemExit('loaded')\n")
    env = {name: value.replace("shims", str(tmp_path / "shims")) for name, value in NO_EFFECT[attempt].items()}
    assert there.tell(*GET, **env)["tenant"] == OURS


def test_a_claims_challenge_and_a_file_in_the_working_directory_leave_the_tenant(
    there: Session, tmp_path: Path
) -> None:
    assert there.tell(*GET, "--claims-challenge", CLAIMS)["tenant"] == OURS
    (tmp_path / ".azure").mkdir()
    (tmp_path / ".azure" / "config").write_text(f"[brokerauth]\ntenant_id = {OTHER}\n")
    done = there.machine.run([BROKERAUTH, *GET], env=there.env, cwd=tmp_path)
    assert json.loads(done.stdout)["tenant"] == OURS


def test_accounts_edited_by_hand_give_no_token(start_double: Callable[[Scenario | str], Session]) -> None:
    there = start_double("default")
    enforce(there)
    there.tell("login")
    path = there.config / "brokerauth" / "accounts.json"
    path.write_text(path.read_text().replace(f'"tenant": "{OURS}"', f'"tenant": "{OTHER}"'))
    refused(there, *GET)


def test_an_account_of_another_tenant_from_before_is_not_used(
    start_double: Callable[[Scenario | str], Session],
) -> None:
    there = start_double("default")
    there.tell("login", "--username", KATHERINE.username, "--tenant", OTHER)
    enforce(there)
    refused(there, *GET, "--username", KATHERINE.username)
    assert OTHER not in there.python(_credential("")).stdout


KEYWORDS = {
    "tenant_id": (f"tenant_id={OTHER!r}", ""),
    "get_token(tenant_id=)": ("", f", tenant_id={OTHER!r}"),
    "additionally_allowed_tenants": ("additionally_allowed_tenants=['*']", f", tenant_id={OTHER!r}"),
    "authority": ("authority='login.microsoftonline.us'", ""),
    "require_broker": ("require_broker=False", ""),
    "authentication_record": (
        f"authentication_record=AuthenticationRecord({OTHER!r}, '04b07795-8ddb-461a-bbee-02f9e1bf7b46',"
        f" 'login.microsoftonline.com', {ADA.home_account_id!r}, {ADA.username!r})",
        "",
    ),
}


def _credential(keywords: str, options: str = "") -> str:
    return f"""
from azure.identity import AuthenticationRecord
from azure.core.exceptions import ClientAuthenticationError
from azext_brokerauth import BrokerCredential
from tests.tokens import claims_of
try:
    token = BrokerCredential({keywords}).get_token({VAULT!r}{options})
    print("tenant", claims_of(token.token)["tid"])
except ClientAuthenticationError as error:
    print("refused", error)
"""


@pytest.mark.parametrize("attempt", KEYWORDS)
def test_no_keyword_of_the_credential_gets_past_it(there: Session, attempt: str) -> None:
    done = there.python(_credential(*KEYWORDS[attempt]))
    assert done.stdout.startswith("refused"), done.stdout + done.stderr
    assert FILE in done.stdout


def test_the_credentials_authority_from_the_environment_is_named(there: Session) -> None:
    done = there.python(_credential(""), AZURE_AUTHORITY_HOST="login.microsoftonline.us")
    assert "refused" in done.stdout, done.stderr
    assert "AZURE_AUTHORITY_HOST" in done.stdout
    assert FILE in done.stdout


def test_the_allowed_way_still_works_and_the_settings_say_who_decided(there: Session) -> None:
    assert there.tell(*GET, "--tenant", OURS.upper())["tenant"] == OURS
    assert f"tenant {OURS}" in there.python(_credential("")).stdout
    told = {row["name"]: row for row in there.tell("list-settings")}
    assert told["tenant_id"] == {
        "name": "tenant_id",
        "value": OURS,
        "origin": f"brokerauth.tenant_id in {FILE}",
        "isEnforced": True,
        "problem": None,
    }
    assert told["silent_timeout"]["isEnforced"] is False
    assert "tenant_id" in there.brokerauth("list-settings", "--output", "table").stdout


def test_an_application_of_our_own_is_enforced_in_every_way(
    start_double: Callable[[Scenario | str], Session],
) -> None:
    own, azs = "c1000000-0000-4000-8000-0000000000c1", "04b07795-8ddb-461a-bbee-02f9e1bf7b46"
    there = start_double("default")
    there.tell("login")  # for Azure CLI's application, before there was a policy
    enforce(there, f"[brokerauth]\nclient_id = {own}\nenforced = client_id\n")
    assert f"run: brokerauth login --username {ADA.username}" in refused(there, *GET).lower()
    refused(there, "login", "--client-id", azs)
    refused(there, *GET, AZURE_BROKERAUTH_CLIENT_ID=azs)
    assert FILE in there.python(_credential(f"client_id={azs!r}")).stdout
    there.tell("login")
    assert there.tell("inspect-token", "--scope", VAULT)["clientId"] == own


@pytest.mark.parametrize(
    "harm",
    [
        "chmod 666 {}",
        *(pytest.param(h, marks=pytest.mark.full) for h in ("chmod 777 /etc/brokerauth", "chown 1 {}", "echo no > {}")),
    ],
)
def test_a_policy_that_cannot_be_trusted_gives_nobody_a_token(
    start_double: Callable[[Scenario | str], Session], harm: str
) -> None:
    there = start_double("default")
    there.tell("login")
    enforce(there)
    assert there.run(["sh", "-c", harm.format(FILE)]).returncode == 0
    for words in (GET, ("login",), ("inspect-token",)):
        assert "/etc/brokerauth" in there.refuse(*words)
    listed = there.brokerauth("list-settings")
    assert (listed.returncode, listed.stderr) == (1, "")
    (row,) = (row for row in json.loads(listed.stdout) if row["problem"])
    assert (row["name"], row["origin"]) == (None, FILE)
    assert "/etc/brokerauth" in row["problem"]
    assert "/etc/brokerauth" in there.python(_credential("")).stdout


@pytest.fixture
def start_double(tmp_path: Path) -> Iterator[Callable[[Scenario | str], Session]]:
    with session("default", "double", tmp_path) as machine:
        yield lambda _scenario: machine
