"""az's own token commands: brokered for whoever signed in through the broker, and as they were for all others."""

from __future__ import annotations

import json
import os
import pty
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from azext_brokerauth.bridges.shell_file import MARKS
from testbed.directory import ADA, CONTOSO, DEVICE_ID, FABRIKAM, GRACE, SUBSCRIPTIONS
from testbed.scenarios import SCENARIOS
from tests.az.conftest import Start
from tests.az.session import CLI, OLDEST, QUICK, Cli, Terminal, machine_for
from tests.emulated.session import read_all
from tests.tokens import claims_of

VAULT = ("--resource", "https://vault.azure.net")
# With more than five minutes left az answers from its cache, as MSAL does.
SHORT_LIVED = replace(SCENARIOS["default"], token_lifetime=240)
AGENT = {"COPILOT_AGENT_SESSION_ID": "session-of-an-agent"}

FAILURES = {
    "interaction-required": "multifactor",
    "user-cancels": "multifactor",
    "hang-on-start": "within 4 seconds",
    "hang-on-silent": "within 4 seconds",
    "crash": "did not give a usable answer",
    "garbage": "did not give a usable answer",
    "empty": "did not give a usable answer",
    "no-account": "",
    "no-network": "no network connection",
    "account-unusable": "until it has been verified again",
    "declined-scope": "rejected the request",
    "wrong-account": "was asked for",
}


def test_every_way_to_ask_az_for_a_token_is_answered_by_the_broker(signed_in: Terminal) -> None:
    told = signed_in.tell("account", "get-access-token", *VAULT)
    assert set(told) == {"accessToken", "expiresOn", "expires_on", "subscription", "tenant", "tokenType"}
    for audience, words in {
        "https://storage.azure.com": ("--resource", "https://storage.azure.com"),
        "https://graph.microsoft.com": ("--resource-type", "ms-graph"),
        "https://management.core.windows.net/": (),
    }.items():
        claims = signed_in.claims(*words)
        assert (claims["aud"].rstrip("/"), claims["deviceid"]) == (audience.rstrip("/"), DEVICE_ID)
    scope = ("--scope", "https://vault.azure.net/.default")
    assert signed_in.claims(*scope, "--tenant", FABRIKAM.tenant_id)["tid"] == FABRIKAM.tenant_id
    assert signed_in.claims(*scope, "--name", SUBSCRIPTIONS[2].name)["tid"] == FABRIKAM.tenant_id
    assert signed_in.claims(*scope, "--subscription", SUBSCRIPTIONS[0].subscription_id)["tid"] == CONTOSO.tenant_id
    assert signed_in.token_endpoint_calls() == []


@pytest.mark.any_runtime
def test_a_token_that_is_still_good_is_not_asked_for_again(signed_in: Terminal) -> None:
    first = signed_in.tell("account", "get-access-token", *VAULT)
    asked = len(signed_in.broker_calls())
    assert signed_in.tell("account", "get-access-token", *VAULT)["accessToken"] == first["accessToken"]
    assert len(signed_in.broker_calls()) == asked == 1


def test_an_expired_token_is_renewed_where_we_are_loaded_and_by_the_launcher(new_terminal: Start) -> None:
    there = new_terminal(SHORT_LIVED)
    assert "Signed in for az account and az brokerauth." in there.az("brokerauth", "login").stderr
    there.machine.clear_journal()
    assert there.claims()["deviceid"] == DEVICE_ID
    assert len(there.broker_calls()) == 1
    said = there.refuse("group", "list")
    assert "Can't find token from MSAL cache" in said
    assert "az login" in said
    assert [group["name"] for group in there.tell("brokerauth", "exec", "--", "az", "group", "list")]
    assert there.token_endpoint_calls() == []


@pytest.mark.any_runtime
def test_an_agents_session_is_told_to_the_broker_and_gets_no_cached_token_of_the_person(signed_in: Terminal) -> None:
    person = signed_in.tell("account", "get-access-token", *VAULT)["accessToken"]
    signed_in.machine.clear_journal()
    # A session each: what the broker gave one, Microsoft's runtime gives the same one again.
    log = {"AZURE_BROKERAUTH_TOOL_LOG": "true"}
    option = "--agent-session"
    az = ("az", "account", "get-access-token", *VAULT)
    for session, (command, env) in {
        "first": (az[1:], {"COPILOT_AGENT_SESSION_ID": "first"}),
        "second": (("brokerauth", "exec", option, "second", "--", *az), {}),
        "third": (("brokerauth", "get-access-token", option, "third", *VAULT), {}),
    }.items():
        agent = signed_in.tell(*command, **env, **log)["accessToken"]
        assert (agent != person, claims_of(agent)["xms_cli_sid"]) == (True, [session])
    calls = signed_in.broker_calls()
    assert [("xms_cli_sid" in call["claims"], call["client_session"]) for call in calls] == [
        (True, session) for session in ("first", "second", "third")
    ]
    told = signed_in.tell("brokerauth", "tool", "log", **log)
    assert [(entry["tool"], entry["agentSession"], entry["account"], entry["result"]) for entry in told] == [
        ("az", "first", ADA.username, "given"),
        ("az", "second", ADA.username, "given"),
        ("get-access-token", "third", ADA.username, "given"),
    ]
    signed_in.machine.clear_journal()
    assert signed_in.tell("brokerauth", "exec", "--", "az", "group", "list", **AGENT)
    assert {"xms_cli_sid"} <= {claim for call in signed_in.broker_calls() for claim in call["claims"]}
    # Nor does the person get the agent's.
    assert signed_in.tell("account", "get-access-token", *VAULT)["accessToken"] == person


@pytest.mark.any_runtime
def test_an_agents_session_that_the_broker_refuses_opens_no_browser(signed_in: Terminal) -> None:
    said = signed_in.refuse("brokerauth", "get-access-token", "--agent-session", "a\nb")
    assert "--agent-session cannot name an agent's session" in said
    signed_in.machine.set_scenario("interaction-required")
    said = signed_in.refuse("account", "get-access-token", *VAULT, **AGENT)
    assert "Run: az brokerauth login" in said
    assert signed_in.token_endpoint_calls() == []


@pytest.fixture(scope="module")
def failing(runtime: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Terminal]:
    """One signed-in machine for all failures: none of them leaves a token, a lock or a process behind."""
    with machine_for("default", runtime) as machine:
        there = Terminal(machine, tmp_path_factory.mktemp("failing"))
        there.tell("brokerauth", "login")
        yield there


@pytest.mark.any_runtime
@pytest.mark.parametrize(
    "name",
    FAILURES,
)
def test_a_failing_broker_ends_in_azs_error_style_and_names_our_command(failing: Terminal, name: str) -> None:
    failing.machine.set_scenario(name)
    said = failing.refuse("account", "get-access-token", *VAULT, timeout=20, **QUICK)
    assert said.startswith("ERROR: ")
    assert FAILURES[name] in said
    tenant, scope = CONTOSO.tenant_id, "https://vault.azure.net/.default"
    assert f"az brokerauth login --username {ADA.username} --tenant {tenant} --scope {scope}" in said
    assert failing.token_endpoint_calls() == []


def test_another_persons_token_is_not_kept_in_azs_cache(failing: Terminal) -> None:
    failing.machine.set_scenario("wrong-account")
    before = (failing.config / "msal_token_cache.json").read_text()
    said = failing.refuse("account", "get-access-token", *VAULT)
    assert f"The broker answered for {GRACE.username}; {ADA.username} was asked for" in said
    assert (failing.config / "msal_token_cache.json").read_text() == before
    assert failing.broker_calls()


@pytest.mark.any_runtime
def test_a_claims_challenge_of_azure_is_answered_with_a_new_token(signed_in: Terminal) -> None:
    """Continuous access evaluation: Azure revokes the token, az passes the claims on, the broker gives another."""
    assert signed_in.tell("group", "list")
    curl = "import requests; requests.post('https://management.azure.com/testbed/require-claims')"
    signed_in.run([signed_in.cli.python, "-c", f"import time; {curl}; time.sleep(1.1)"])
    assert signed_in.tell("brokerauth", "exec", "--", "az", "group", "list")
    assert any("nbf" in call["claims"] for call in signed_in.broker_calls())


@pytest.mark.any_runtime
def test_azs_cache_knows_when_a_token_is_to_be_renewed_and_outlives_a_renewal_that_fails(new_terminal: Start) -> None:
    there = new_terminal("default")
    code = f"""
import json, sys, time
sys.path.append({str(there.cli.extension)!r})
from dataclasses import replace
from types import SimpleNamespace
from msal import PublicClientApplication
from azext_brokerauth import errors
from azext_brokerauth.azcli.facade import BrokeredApplication
from azext_brokerauth.models import Account, Token
from azext_brokerauth.settings import Settings
now, scopes, client = int(time.time()), ["https://vault.azure.net/.default"], "04b07795-8ddb-461a-bbee-02f9e1bf7b46"
host, tenant = "login.microsoftonline.com", {CONTOSO.tenant_id!r}
account = Account("ada@contoso.com", "oid." + tenant, "oid", tenant, client, host)
first = Token("first", now + 3600, "Bearer", "broker", tenant, account, refresh_on=now + 1800)
def get(wanted, prompt, **_):
    if not given:
        raise errors.BrokerTimeoutError("No answer.")
    return given.pop()
tokens = SimpleNamespace(get=get, settings=Settings(), in_force=Settings)
authority = f"https://{{host}}/{{tenant}}"
app = BrokeredApplication(PublicClientApplication, client, tokens=lambda: tokens, authority=authority)
def ask():
    return app.acquire_token_silent_with_error(scopes, app.get_accounts()[0])["access_token"]
def refresh_on():
    return [int(e["refresh_on"]) - now for e in app.token_cache.search("AccessToken")]
app._keep(scopes, first, app._response(first))
given, told = [replace(first, value="second")], [refresh_on(), ask()]
app._keep(scopes, first, app._response(replace(first, refresh_on=now - 1)))
told += [ask()]
app._keep(scopes, first, app._response(replace(first, refresh_on=now - 1)))
print(json.dumps(told + [ask()]))
"""
    done = there.run([there.cli.python, "-Ic", code])
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)[1:] == ["first", "second", "first"]
    assert json.loads(done.stdout)[0][0] in range(1790, 1811)
    assert "The old one is still valid and is used: No answer." in done.stderr


@pytest.mark.any_runtime
@pytest.mark.parametrize("kind", ["ssh-cert", "pop"])
def test_ssh_certificates_and_proof_of_possession_are_refused_with_the_reason_and_no_browser(
    signed_in: Terminal, kind: str
) -> None:
    """By the call with which `az ssh` and `az connectedk8s` ask az for such tokens."""
    code = f"""
import sys
sys.path.append({str(signed_in.cli.extension)!r})
from azure.cli.core import get_default_cli
from azure.cli.core._profile import Profile
from azure.cli.core.azclierror import AzCLIError
from azext_brokerauth.azcli.hook import HOOK
HOOK.prepare()
try:
    Profile(get_default_cli()).get_msal_token(["https://pas.windows.net/CheckMyAccess/Linux/.default"],
        {{"token_type": {kind!r}, "req_cnf": "{{}}", "key_id": "k"}})
except AzCLIError as error:
    print(type(error).__name__, error)
"""
    said = signed_in.run([signed_in.cli.python, "-Ic", code]).stdout
    assert said.startswith("AuthenticationError You are signed in through Windows' account broker")
    assert "no SSH certificates and no proof of possession" in said
    assert signed_in.broker_calls() == []
    assert signed_in.token_endpoint_calls() == []


@pytest.mark.any_runtime
@pytest.mark.parametrize(
    ("setting", "why"),
    [
        ({"AZURE_BROKERAUTH_EXTEND_AZ": "0"}, "AZURE_BROKERAUTH_EXTEND_AZ is false"),
        ({"AZURE_CORE_ENABLE_BROKER_ON_WSL": "false"}, "AZURE_CORE_ENABLE_BROKER_ON_WSL is false"),
        ({"AZURE_BROKERAUTH_SILENT_TIMEOUT": "soon"}, "AZURE_BROKERAUTH_SILENT_TIMEOUT"),
    ],
)
def test_switched_off_az_is_as_without_us_and_show_broker_says_why(
    signed_in: Terminal, setting: dict[str, str], why: str
) -> None:
    without = {"AZURE_EXTENSION_DIR": str(signed_in.directory / "no-extensions")}
    for words in (("account", "get-access-token", "--query", "accessToken"), ("account", "get-access-token", *VAULT)):
        stock, ours = signed_in.az(*words, **without), signed_in.az(*words, **setting)
        assert (stock.returncode, stock.stdout, stock.stderr) == (ours.returncode, ours.stdout, ours.stderr)
    told = signed_in.tell("account", "show-broker", **setting)
    assert (told["isActive"], told["tokenSource"]) == (False, "cacheOnly")
    assert why in told["reason"]
    assert signed_in.broker_calls() == []


@pytest.mark.any_runtime
def test_a_service_principal_is_as_without_us(new_terminal: Start) -> None:
    there = new_terminal("default")
    secret = ("--username", "11111111-0000-4000-8000-000000000000", "--password", "not-a-secret")
    there.tell("login", "--service-principal", *secret, "--tenant", CONTOSO.tenant_id, "--allow-no-subscriptions")
    claims = there.claims(*VAULT)
    assert claims["idtyp"] == "app"
    told = there.tell("account", "show-broker")
    assert told["tokenSource"] == "servicePrincipal"
    assert there.broker_calls() == []
    there.tell("brokerauth", "login")
    assert there.claims(*VAULT, "--tenant", CONTOSO.tenant_id)["deviceid"] == DEVICE_ID


@pytest.mark.any_runtime
@pytest.mark.parametrize("cli", [CLI, OLDEST], ids=["newest", "oldest"])
@pytest.mark.parametrize(
    ("words", "added"),
    [
        (["account", "--help"], r"^    show-broker +\[Preview\] +: .*\n"),
        (["login", "--help"], ""),
        (["account", "list"], ""),
        (["version", "-o", "yaml"], r"(?<=^extensions:)\n  brokerauth: \S+$"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_outside_wsl_az_is_byte_for_byte_what_it_is_without_us_but_for_our_lines(
    new_terminal: Start, cli: Cli, words: list[str], added: str
) -> None:
    there = new_terminal("not-wsl", cli)
    stock = there.az(*words, AZURE_EXTENSION_DIR=str(there.directory / "no-extensions"))
    ours = there.az(*words)
    assert (stock.returncode, stock.stderr) == (ours.returncode, ours.stderr)
    if added:
        put_in = " {}" if words[0] == "version" else ""
        without_ours, lines = re.subn(added, put_in, ours.stdout, flags=re.MULTILINE)
        assert lines == 1
        if "--help" in words:  # our line, the only preview in there, makes the column of the names wider
            assert without_ours.split() == stock.stdout.split()
        else:
            assert without_ours == stock.stdout
    else:
        assert ours.stdout == stock.stdout


@pytest.mark.any_runtime
def test_show_broker_says_in_a_launcher_that_every_command_is_covered(signed_in: Terminal) -> None:
    assert signed_in.tell("account", "show-broker")["everyCommand"] is False
    assert signed_in.tell("brokerauth", "exec", "--", "az", "account", "show-broker")["everyCommand"] is True


@pytest.mark.any_runtime
def test_exec_passes_arguments_output_and_exit_code_on_as_they_are(signed_in: Terminal) -> None:
    (signed_in.directory / "query.txt").write_text("[].name")
    words = ("group", "list", "--query", "@query.txt", "-o", "tsv")
    direct, through = signed_in.az(*words), signed_in.az("brokerauth", "exec", "--", "az", *words)
    assert (through.returncode, through.stdout) == (0, "app\nnetwork\n")
    assert re.fullmatch(r"WARNING: This command is in preview .*\n", through.stderr)  # az's, of exec itself
    assert direct.stdout == through.stdout
    missing = ("group", "show", "--name", "nobody", "--only-show-errors")
    direct, through = signed_in.az(*missing), signed_in.az("brokerauth", "exec", "--", "az", *missing)
    assert (direct.returncode, direct.stderr) == (through.returncode, through.stderr) == (3, through.stderr)
    limited = ("brokerauth", "exec", "--resource", "https://vault.azure.net", "--", "az", "version")
    assert "no use for --resource" in signed_in.refuse(*limited)
    assert "ALLOW_EXEC" in signed_in.refuse(
        "brokerauth", "exec", "--", "az", "version", AZURE_BROKERAUTH_ALLOW_EXEC="false"
    )


ENABLE, DISABLE = (("brokerauth", "tool", verb, "--name", "az") for verb in ("enable", "disable"))


def everything(home: Path) -> dict[str, tuple[int, bytes]]:
    """What is in a home directory, without what az and its tokens write there at every command."""
    files = [
        path for path in home.rglob("*") if path.is_file() and not {".azure", ".cache", "keyrings"} & {*path.parts}
    ]
    noted = [path for path in (home / ".azure/brokerauth/tools").rglob("*") if path.is_file()]
    return {str(path): (path.stat().st_mode, path.read_bytes()) for path in [*files, *noted]}


@pytest.mark.any_runtime
def test_the_az_that_is_enabled_brokers_every_command_until_it_is_disabled(new_terminal: Start) -> None:
    there = new_terminal(SHORT_LIVED)
    there.tell("brokerauth", "login")
    home = there.machine.home
    there.env["SHELL"] = "/bin/bash"
    start = home / ".bashrc"
    start.write_text("# mine, without an end")
    start.chmod(0o640)
    at_first = everything(home)
    assert "--yes" in there.refuse(*ENABLE), "there is nobody to ask"
    assert everything(home) == at_first
    done = there.az(*ENABLE, "--yes")
    script = home / ".local/bin/az"
    assert [each["path"] for each in json.loads(done.stdout)["changed"]] == [str(script), str(start)]
    assert f'export PATH={home}/.local/bin:"$PATH"' in done.stderr, "for this terminal"
    assert there.run(["bash", "-ic", "command -v az"]).stdout.strip() == str(script)
    path = f"{home}/.local/bin:{there.env['PATH']}"
    assert there.run(["az", "group", "list", "-o", "none"], PATH=path).returncode == 0
    # From within the new az, once more: it does not find itself.
    again = there.run(["az", *ENABLE, "--only-show-errors"], PATH=path)
    assert (json.loads(again.stdout)["changed"], again.stderr) == ([], "")
    assert there.run(["az", "group", "list", "-o", "none"], PATH=path).returncode == 0
    (az,) = (tool for tool in there.tell("brokerauth", "tool", "list") if tool["name"] == "az")
    assert (az["setUp"], az["isInstalled"], az["isAllowed"], az["problem"]) == ("yes", True, True, None)
    assert there.tell(*DISABLE)["changed"] == [str(script), str(start)]
    assert everything(home) == at_first
    assert not (home / ".local/bin").exists(), "it was made for it"
    assert there.tell(*DISABLE)["changed"] == []
    assert there.run(["az", "version"], PATH=path).returncode == 0


@pytest.mark.any_runtime
def test_a_person_is_shown_what_is_changed_and_asked(new_terminal: Start) -> None:
    there = new_terminal("default")
    there.env["SHELL"] = "/bin/bash"
    start = there.machine.home / ".bashrc"
    start.write_text("# mine\n")
    shown = answer_at_terminal(there, b"n\n")
    assert f"{start}\r\n" in shown
    assert f'export PATH={there.machine.home}/.local/bin:"$PATH"' in shown
    assert "Nothing was changed." in shown
    assert (start.read_text(), (there.machine.home / ".local/bin").exists()) == ("# mine\n", False)
    assert "New terminals run" in answer_at_terminal(there, b"y\n")
    assert start.read_text().count("export PATH") == 1


def answer_at_terminal(there: Terminal, answer: bytes) -> str:
    """What a person sees who has az enabled, and answers the question."""
    ours, theirs = pty.openpty()
    process = there.machine.popen(
        [there.cli.program, *ENABLE], there.env, there.directory, stdin=theirs, stdout=theirs, stderr=theirs
    )
    os.close(theirs)
    shown = b""
    while b"Change it?" not in shown:
        shown += os.read(ours, 4096)
    os.write(ours, answer)
    process.wait(60)
    return shown.decode() + read_all(ours)


@pytest.mark.any_runtime
def test_a_file_of_somebody_else_is_left_alone(signed_in: Terminal, tmp_path: Path) -> None:
    theirs = tmp_path / "theirs/az"
    theirs.parent.mkdir()
    theirs.write_text("#!/bin/sh\necho mine\n")
    for command in (*ENABLE, "--yes"), DISABLE:
        assert "was not made by" in signed_in.refuse(*command, "--directory", str(theirs.parent))
    assert theirs.read_text() == "#!/bin/sh\necho mine\n"


@pytest.mark.any_runtime
def test_what_earlier_versions_made_is_taken_back_too(signed_in: Terminal) -> None:
    home = signed_in.machine.home
    script, start = home / ".local/bin/az", home / ".bashrc"
    script.parent.mkdir(parents=True)
    script.write_text(f"#!/bin/sh\n{MARKS[1]}. Removed by: az brokerauth disable-az.\nexit 1\n")
    start.write_text(f'# mine\nexport PATH={script.parent}:"$PATH"  {MARKS[1]}\n')
    assert signed_in.tell(*DISABLE)["changed"] == [str(script), str(start)]
    assert (script.exists(), start.read_text()) == (False, "# mine\n")


@pytest.mark.any_runtime
def test_the_az_that_is_enabled_outlives_the_extension(signed_in: Terminal, tmp_path: Path) -> None:
    script = tmp_path / "bin/az"
    signed_in.tell(*ENABLE, "--yes", "--directory", str(script.parent))
    extension = str(signed_in.cli.extension)
    assert extension in script.read_text()
    script.write_text(script.read_text().replace(extension, str(tmp_path / "removed")))
    assert os.access(script, os.X_OK)
    assert json.loads(signed_in.run([str(script), "account", "show"]).stdout)["user"]["name"] == ADA.username
