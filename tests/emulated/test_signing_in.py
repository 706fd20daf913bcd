"""Sign in once, and use the account and its tokens from any later process."""

from __future__ import annotations

import base64
import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from testbed.cloud.issuer import AZURE_CLI
from testbed.directory import ADA, CONTOSO, DEVICE_ID, FABRIKAM, GRACE, KATHERINE, User
from testbed.scenarios import Scenario
from tests.emulated.session import Session, session
from tests.tokens import claims_of

SILENT, PICKER = "acquireTokenSilently", "acquireTokenInteractively"
VAULT = "https://vault.azure.net"
KEYRING = "the session's keyring 'Login' is unlocked"
TOKEN_KEYS = {"accessToken", "expiresOn", "expires_on", "tenant", "tokenType"}


def account(user: User, *, current: bool = True) -> dict[str, Any]:
    return {
        "username": user.username,
        "tenantId": user.home.tenant_id,
        "homeAccountId": user.home_account_id,
        "localAccountId": user.home.object_id,
        "clientId": AZURE_CLI,
        "authority": "login.microsoftonline.com",
        "isCurrent": current,
    }


def shown(user: User) -> dict[str, Any]:
    return {**account(user), "keyring": "session", "keyringReason": KEYRING}


@pytest.fixture(scope="module")
def signed_in(runtime: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    """Ada and Grace have signed in, and Ada is in use. Tests only look."""
    with session("default", runtime, tmp_path_factory.mktemp(runtime)) as there:
        there.tell("login", "--username", GRACE.username)
        there.tell("login")
        yield there


# ---- signing in


def test_login_signs_in_the_windows_account_without_a_window(default: Session) -> None:
    assert default.tell("login") == {**account(ADA), "source": "broker"}
    assert default.calls()[:3] == ["ping", "getAccounts", SILENT]
    assert PICKER not in default.calls()
    assert {entry["via"] for entry in default.machine.journal() if entry["to"] == "broker"} == {"proxy"}


def test_a_work_account_is_found_in_the_tenant_common_too(default: Session) -> None:
    assert default.tell("login", "--tenant", "common") == {**account(ADA), "source": "broker"}
    assert default.claims("--resource", VAULT, "--tenant", "common")["tid"] == CONTOSO.tenant_id


@pytest.mark.any_runtime
def test_personal_accounts_are_refused_with_the_reason_before_anybody_is_asked(default: Session) -> None:
    for words in (["login"], ["login", "--select-account"], ["login", "--fallback", "device-code"]):
        assert "personal Microsoft accounts" in default.refuse(*words, "--tenant", "consumers")
    default.tell("login")
    before = default.calls()
    assert "work and school accounts only" in default.refuse("get-access-token", "--tenant", "consumers")
    assert default.calls() == before


def test_login_by_name_shows_the_picker_for_somebody_else(default: Session) -> None:
    assert default.tell("login", "--username", GRACE.username)["username"] == GRACE.username
    assert default.calls().count(PICKER) == 1


@pytest.mark.parametrize("picks", [KATHERINE, GRACE], ids=lambda user: user.username)
def test_select_account_signs_in_whoever_is_picked(start: Callable[..., Session], picks: User) -> None:
    there = start(Scenario(picks=picks.username))
    assert there.tell("login", "--select-account") == {**account(picks), "source": "broker"}
    assert there.calls().count(PICKER) == 1
    assert there.claims()["oid"] == picks.home.object_id


def test_the_picker_is_shown_with_the_account_that_was_named(default: Session) -> None:
    for named in (GRACE, ADA):  # Ada could be had without a window
        assert default.tell("login", "--select-account", "--username", named.username)["username"] == named.username
    windows = [entry["username"] for entry in default.machine.journal() if entry["method"] == PICKER]
    assert windows == [GRACE.username, ADA.username]


def test_who_is_picked_in_place_of_the_one_named_is_signed_in_and_that_is_said(start: Callable[..., Session]) -> None:
    there = start(Scenario(picks=KATHERINE.username))
    done = there.brokerauth("login", "--select-account", "-u", GRACE.username)
    assert json.loads(done.stdout)["username"] == KATHERINE.username
    assert done.stderr == (
        f"WARNING: {KATHERINE.username} was chosen in the window and is signed in, but {GRACE.username} (--username)"
        " was asked for.\n"
    )
    assert there.tell("show")["username"] == KATHERINE.username


def test_no_prompt_fails_where_a_window_would_be_needed(start: Callable[..., Session]) -> None:
    there = start("interaction-required")
    said = there.refuse("login", "--no-prompt")
    assert "multifactor authentication" in said
    assert "Run: brokerauth login" in said
    assert PICKER not in there.calls()
    assert there.tell("list") == []
    assert there.tell("login")["username"] == ADA.username
    assert there.calls().count(PICKER) == 1


def test_a_guest_gets_tokens_of_the_tenant_that_was_named(default: Session) -> None:
    (guest,) = ADA.guest_in
    signed_in = default.tell("login", "--tenant", FABRIKAM.domain)
    assert signed_in == {
        **account(ADA),
        **{"tenantId": FABRIKAM.tenant_id, "localAccountId": guest.object_id, "source": "broker"},
    }
    for words in ([], ["--tenant", FABRIKAM.domain], ["--tenant", FABRIKAM.tenant_id]):
        claims = default.claims(*words)
        assert (claims["oid"], claims["tid"]) == (guest.object_id, FABRIKAM.tenant_id)
    claims = default.claims("--tenant", CONTOSO.domain)
    assert (claims["oid"], claims["tid"]) == (ADA.home.object_id, CONTOSO.tenant_id)


GUEST_FIRST = f"""
from azext_brokerauth import BrokerCredential
from tests.tokens import claims_of
with BrokerCredential(disable_automatic_authentication=True) as credential:
    for tenant in ({FABRIKAM.tenant_id!r}, None, {CONTOSO.tenant_id!r}, {FABRIKAM.tenant_id!r}):
        print(claims_of(credential.get_token("https://vault.azure.net/.default", tenant_id=tenant).token)["tid"])
"""


def test_a_guests_tenant_may_be_asked_first(default: Session) -> None:
    told = default.python(GUEST_FIRST, PYTHONPATH=str(Path(__file__).parents[2]))
    assert told.stdout.split() == [*(FABRIKAM.tenant_id, CONTOSO.tenant_id, CONTOSO.tenant_id, FABRIKAM.tenant_id)], (
        told.stderr
    )
    assert default.tell("login", "--tenant", FABRIKAM.domain)["tenantId"] == FABRIKAM.tenant_id
    assert default.tell("login", "--username", ADA.username)["tenantId"] == CONTOSO.tenant_id


@pytest.mark.any_runtime
def test_two_who_sign_in_at_once_are_both_remembered(default: Session) -> None:
    running = [default.start("login", "--username", user.username) for user in (ADA, GRACE)]
    assert [process.wait(30) for process in running] == [0, 0]
    assert {entry["username"] for entry in default.tell("list")} == {ADA.username, GRACE.username}


# ---- the accounts


def test_list_show_and_set(default: Session) -> None:
    assert default.tell("list") == []
    default.tell("login")
    default.tell("login", "--username", GRACE.username)
    assert default.tell("list") == [account(ADA, current=False), account(GRACE)]
    assert default.tell("show") == shown(GRACE)
    assert default.tell("set", "--username", ADA.username.upper()) is None
    assert default.tell("show") == shown(ADA)
    assert default.claims()["oid"] == ADA.home.object_id
    assert default.claims("--username", GRACE.username)["oid"] == GRACE.home.object_id
    assert default.tell("show") == shown(ADA)


def test_logout_tells_the_broker_and_forgets(default: Session) -> None:
    default.tell("login", "--username", GRACE.username)
    default.tell("login")
    assert "--yes" in default.refuse("logout")
    assert "signOutSilently" not in default.calls()
    default.tell("logout", "--yes")
    assert default.calls().count("signOutSilently") == 1
    assert default.tell("show") == shown(GRACE)
    assert ADA.username in default.refuse("get-access-token", "--username", ADA.username, status=3)
    default.tell("login")
    default.tell("logout", "--all", "--yes")
    assert default.calls().count("signOutSilently") == 3
    assert default.tell("list") == []


@pytest.mark.any_runtime
def test_nobody_signed_in_is_exit_code_3_and_says_how_to_sign_in(default: Session) -> None:
    for words in (["show"], ["get-access-token"], ["inspect-token"]):
        assert default.refuse(*words, status=3) == (
            "ERROR: Nobody is signed in through the broker.\nRun: brokerauth login\n"
        )
    for words in (["set"], ["get-access-token"]):
        said = default.refuse(*words, "--username", "nobody@contoso.com", status=3)
        assert "nobody@contoso.com is not signed in" in said
        assert "Run: brokerauth login --username nobody@contoso.com" in said
    empty = default.brokerauth("list", "--output", "table")
    assert (empty.returncode, empty.stdout.strip(), empty.stderr) == (
        0,
        "",
        "Nobody is signed in through the broker.\n",
    )
    assert default.calls() == []


@pytest.mark.any_runtime
def test_who_wants_to_sign_out_is_told_whom_and_never_to_sign_in(default: Session) -> None:
    nobody = "ERROR: Nobody is signed in through the broker, so nobody was signed out.\n"
    for words in ([], ["--yes"], ["--all"], ["--all", "--yes"], ["--yes", "--username", "nobody@contoso.com"]):
        assert default.refuse("logout", *words, status=3) == nobody
    default.tell("login", "--username", GRACE.username)
    default.tell("login")
    for name, remedy in {
        "grace": f"Did you mean {GRACE.username}?",
        "Ada@contoso.co": f"Did you mean {ADA.username}?",
        "{x}@contoso.com": (
            f"Name one of these with --username, or all of them with --all: {GRACE.username} and {ADA.username}."
        ),
    }.items():
        said = default.refuse("logout", "--yes", "--username", name, status=3)
        assert said == f"ERROR: {name} is not signed in through the broker.\n{remedy}\n"
    assert f"Did you mean {ADA.username}?" in default.refuse("set", "-u", "ada", status=3)
    for words, people in {(): ADA.username, ("--all",): f"{GRACE.username} and {ADA.username}"}.items():
        assert f"To sign {people} out, add --yes." in default.refuse("logout", *words)
    assert len(default.tell("list")) == 2


# ---- tokens


def test_a_new_process_gets_a_device_bound_token_for_another_resource(signed_in: Session) -> None:
    before = time.time()
    token = signed_in.tell("get-access-token", "--resource", VAULT)
    assert set(token) == TOKEN_KEYS
    assert (token["tenant"], token["tokenType"]) == (CONTOSO.tenant_id, "Bearer")
    assert before + 3500 < token["expires_on"] <= time.time() + 3600
    assert datetime.strptime(token["expiresOn"], "%Y-%m-%d %H:%M:%S.%f").timestamp() == token["expires_on"]
    claims = claims_of(token["accessToken"])
    assert (claims["aud"], claims["deviceid"]) == (VAULT, DEVICE_ID)
    assert (claims["oid"], claims["tid"], claims["appid"]) == (ADA.home.object_id, CONTOSO.tenant_id, AZURE_CLI)


def test_without_a_resource_the_token_is_for_azure_as_az_asks_for_it(signed_in: Session) -> None:
    assert signed_in.claims()["aud"] == "https://management.core.windows.net/"


def test_scopes_are_passed_on(signed_in: Session) -> None:
    graph = "https://graph.microsoft.com"
    claims = signed_in.claims("--scope", f"{graph}/User.Read", f"{graph}/Mail.Read")
    assert (claims["aud"], set(claims["scp"].split())) == (graph, {"User.Read", "Mail.Read"})


def test_scopes_of_two_resources_are_refused_with_the_reason(signed_in: Session) -> None:
    said = signed_in.refuse("get-access-token", "--scope", f"{VAULT}/.default", "https://graph.microsoft.com/.default")
    assert "one resource" in said
    assert "--scope" in said


def test_a_resource_is_named_by_its_type_as_in_az(signed_in: Session) -> None:
    assert signed_in.claims("--resource-type", "ms-graph")["aud"] == "https://graph.microsoft.com/"
    facts = signed_in.tell("inspect-token", "--resource-type", "OSS-RDBMS")
    assert facts["audience"] == "https://ossrdbms-aad.database.windows.net"
    assert "data-lake" in signed_in.refuse("get-access-token", "--resource-type", "x", status=2)
    said = signed_in.refuse("get-access-token", "--resource-type", "arm", "--resource", VAULT)
    assert "--resource and --resource-type cannot be given together" in said


@pytest.mark.parametrize(("value", "encoded"), [("c1", True), ("c2", False)], ids=["base64", "JSON"])
def test_a_new_claims_challenge_reaches_the_broker(signed_in: Session, value: str, encoded: bool) -> None:
    signed_in.tell("get-access-token")
    signed_in.machine.clear_journal()
    challenge = json.dumps({"access_token": {"acrs": {"essential": True, "value": value}}})
    given = base64.b64encode(challenge.encode()).decode().rstrip("=") if encoded else challenge
    assert signed_in.claims("--claims-challenge", given)["acrs"] == [value]
    (call,) = (entry for entry in signed_in.machine.journal() if entry["method"] == SILENT)
    assert call["claims"] == ["acrs"]


def challenge(value: str) -> str:
    return json.dumps({"access_token": {"acrs": {"essential": True, "value": value}}})


def test_a_repeated_challenge_reaches_the_broker_when_a_person_is_asked(default: Session) -> None:
    """The runtime gives its token for the same challenge again, in every process, and MSAL cannot change that."""
    default.tell("login")
    given = [
        default.tell("get-access-token", "--claims-challenge", text)["accessToken"]
        for text in (challenge("c1"), challenge("c1"), challenge("c1").replace(" ", ""), challenge("c2"))
    ]
    assert [given.index(token) for token in given] == [0, 0, 0, 3]
    asked = [entry["claims"] for entry in default.machine.journal() if entry["method"] == SILENT]
    assert asked == [[], ["acrs"], ["acrs"]]
    default.tell("login", "--select-account", "--claims-challenge", challenge("c1"))
    assert default.calls().count(PICKER) == 1
    assert default.tell("get-access-token", "--claims-challenge", challenge("c1"))["accessToken"] not in given


NO_CHALLENGES = """
from azext_brokerauth import BrokerCredential
with BrokerCredential() as credential:
    credential.get_token("https://vault.azure.net/.default")
    for claims in ("not json", "{}", "[]", "5", "[" * 100_000):
        for enable_cae in (False, True):
            try:
                credential.get_token("https://vault.azure.net/.default", claims=claims, enable_cae=enable_cae)
            except Exception as error:
                print(type(error).__name__, error)
"""


def test_claims_that_are_no_challenge_are_named(default: Session) -> None:
    said = default.python(NO_CHALLENGES).stdout.splitlines()
    assert len(said) == 10
    for line in said:
        assert line.startswith("ValueError claims")
        assert "it is not a JSON object, or it is empty" in line
    assert len(default.calls()) == 3  # ping, getAccounts, and the first token's


def test_inspect_token_tells_everything_but_the_token(signed_in: Session) -> None:
    facts = signed_in.tell("inspect-token", "--resource", VAULT)
    expires = datetime.fromisoformat(facts.pop("expiresOn")).timestamp()
    issued = datetime.fromisoformat(facts.pop("issuedOn")).timestamp()
    assert expires - issued == 3600
    assert set(facts.pop("authenticationMethods")) >= {"rsa", "mfa"}
    assert facts == {
        **{"audience": VAULT, "clientId": AZURE_CLI, "tenantId": CONTOSO.tenant_id},
        **{"username": ADA.username, "objectId": ADA.home.object_id, "deviceId": DEVICE_ID},
        **{"scopes": "user_impersonation", "continuousAccessEvaluation": False},
        **{"tokenType": "Bearer", "source": "broker"},
    }


def test_get_access_token_never_prompts(default: Session) -> None:
    default.tell("login")
    default.machine.set_scenario("interaction-required")
    said = default.refuse("get-access-token", "--resource", VAULT)
    assert "Run: brokerauth login" in said
    assert PICKER not in default.calls()


# ---- output


@pytest.mark.parametrize(
    ("words", "rows"),
    [
        (
            ["list"],
            [
                ["Username", "TenantId", "IsCurrent"],
                [GRACE.username, CONTOSO.tenant_id],
                [ADA.username, CONTOSO.tenant_id, "*"],
            ],
        ),
        (
            ["show"],
            [
                ["Username", "TenantId", "IsCurrent", "Keyring"],
                [ADA.username, CONTOSO.tenant_id, "*", "session:", *KEYRING.split()],
            ],
        ),
        (["login"], [["Username", "TenantId", "IsCurrent"], [ADA.username, CONTOSO.tenant_id, "*"]]),
    ],
    ids=lambda value: " ".join(value) if isinstance(value[0], str) else "",
)
def test_accounts_as_a_table(signed_in: Session, words: list[str], rows: list[list[str]]) -> None:
    done = signed_in.brokerauth(*words, "--output", "table")
    assert [line.split() for line in done.stdout.splitlines() if "---" not in line] == rows


def test_tokens_as_a_table(signed_in: Session) -> None:
    header, _, row = signed_in.brokerauth("get-access-token", "-o", "table").stdout.splitlines()
    assert header.split() == ["ExpiresOn", "Tenant", "TokenType"]
    assert row.split()[-2:] == [CONTOSO.tenant_id, "Bearer"]
    facts = dict(
        line.split(maxsplit=1) for line in signed_in.brokerauth("inspect-token", "-o", "table").stdout.splitlines()
    )
    assert facts["deviceId"] == DEVICE_ID
    assert "mfa" in facts["authenticationMethods"]


def test_query_and_tsv_leave_the_bare_value_for_scripts(signed_in: Session) -> None:
    done = signed_in.brokerauth("get-access-token", "--resource", VAULT, "--query", "accessToken", "-o", "tsv")
    assert claims_of(done.stdout)["aud"] == VAULT
    assert signed_in.brokerauth("show", "--query", "username", "-o", "tsv").stdout == f"{ADA.username}\n"
    assert signed_in.tell("list", "--query", "[?isCurrent].username") == [ADA.username]


def test_debug_tells_what_happens_on_stderr_and_leaves_stdout_alone(signed_in: Session) -> None:
    words = ("get-access-token", "--resource", "https://debug.vault.azure.net", "--debug")
    first, again = signed_in.brokerauth(*words), signed_in.brokerauth(*words)
    assert set(json.loads(first.stdout)) == TOKEN_KEYS
    assert "started the broker's process" in first.stderr
    assert "msal" in first.stderr
    assert again.stdout == first.stdout
    assert "from an earlier process: a token for https://debug.vault.azure.net/.default" in again.stderr


def test_only_show_errors_is_silent_but_for_errors(signed_in: Session) -> None:
    assert signed_in.tell("show", "--only-show-errors") == shown(ADA)
    assert "ERROR: nobody@x" in signed_in.refuse("set", "--username", "nobody@x", "--only-show-errors", status=3)


@pytest.mark.parametrize(
    "words", [["get-access-token", "--nonsense"], ["nonsense"], ["set"], ["login", "--tenant"]], ids=" ".join
)
def test_a_wrong_command_line_is_exit_code_2_and_is_named(signed_in: Session, words: list[str]) -> None:
    said = signed_in.refuse(*words, status=2)
    assert (words[-1] if words != ["set"] else "--username") in said


@pytest.mark.any_runtime
@pytest.mark.parametrize(
    ("words", "env", "named", "remedy"),
    [
        (["login", "--tenant", "no tenant"], {}, "--tenant", "use a tenant ID or a domain name"),
        (["login", "--tenant", "nowhere.example"], {}, "nowhere.example", "Check --tenant"),
        (["login", "--client-id", "x"], {}, "--client-id", "a GUID"),
        (["login", "--timeout", "soon"], {}, "--timeout", "a number of seconds above 0"),
        (["login", "--timeout", "-1"], {}, "--timeout", "a number of seconds above 0"),
        (["login", "--select-account", "--no-prompt"], {}, "--no-prompt", "Leave one out."),
        (["login", "--claims-challenge", "?"], {}, "--claims-challenge", "WWW-Authenticate"),
        (["login", "--claims-challenge", "{}"], {}, "--claims-challenge", "WWW-Authenticate"),
        (["login", "--tenant", "contoso.com\n"], {}, "--tenant", "use a tenant ID or a domain name"),
        (["login", "--username", "ada@contoso.com\n"], {}, "--username", "a user name such as"),
        (["login", "--scope", f"{VAULT}/.default\n"], {}, "--scope", "only letters"),
        (["get-access-token", "--scope", f"{VAULT}/.default openid"], {}, "--scope", "only letters"),
        (["inspect-token", "--resource", "https://vault azure.net"], {}, "--resource", "only letters"),
        (["login"], {"AZURE_BROKERAUTH_SILENT_TIMEOUT": "soon"}, "AZURE_BROKERAUTH_SILENT_TIMEOUT", "a number"),
        (["login"], {"AZURE_BROKERAUTH_CLIENT_ID": "x"}, "AZURE_BROKERAUTH_CLIENT_ID", "a GUID"),
        (["get-access-token", "--resource", "a", "--scope", "b"], {}, "--resource and --scope", "Leave one out."),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_bad_input_is_named_with_what_to_do_and_changes_nothing(
    nobody: Session, words: list[str], env: dict[str, str], named: str, remedy: str
) -> None:
    said = nobody.refuse(*words, **env)
    assert named in said
    assert remedy in said
    assert not nobody.config.joinpath("brokerauth").exists()
    assert SILENT not in nobody.calls()


@pytest.mark.any_runtime
@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("[brokerauth]\nsilent_timeot = 3\n", "silent_timeot"),
        ("[brokerauth]\nrequire_broker = maybe\n", "maybe"),
        ("[", ""),
    ],
)
def test_a_settings_file_that_cannot_be_used_is_named(default: Session, text: str, named: str) -> None:
    default.config.mkdir()
    (default.config / "config").write_text(text)
    for words in (["login"], ["get-access-token"], ["show"]):
        said = default.refuse(*words)
        assert str(default.config / "config") in said
        assert named in said
    assert default.calls() == []


# ---- what is on the journal and on the disk


def test_azure_sdk_clients_and_commands_share_the_sign_in(signed_in: Session) -> None:
    """An SDK client lists subscriptions with the account that the command signed in."""
    signed_in.machine.clear_journal()
    example = Path(__file__).parents[2] / "docs/examples/list_subscriptions.py"
    done = signed_in.run([sys.executable, str(example)])
    assert "Contoso Production" in done.stdout
    assert any(method.startswith("GET /subscriptions") for method in signed_in.calls("arm"))
    assert PICKER not in signed_in.calls()


def test_nothing_secret_is_left_anywhere_after_a_long_session(default: Session) -> None:
    default.tell("login", "--username", GRACE.username)
    default.tell("login")
    for words in (["--resource", VAULT], ["--tenant", FABRIKAM.domain], ["--username", GRACE.username], ["--debug"]):
        default.brokerauth("get-access-token", *words)
        default.brokerauth("inspect-token", *words)
    default.brokerauth("login", "--debug")
    default.brokerauth("logout", "--yes", "--debug")
    assert len(default.secrets()) > 8
    assert leaks(default) == []
    with tempfile.TemporaryDirectory(dir="/tmp") as elsewhere:
        for leak in (default.machine.home / "leak", Path(elsewhere, "leak")):
            leak.write_text(default.secrets()[0])
            assert leaks(default) == [str(leak)]
            leak.unlink()


def leaks(there: Session) -> list[str]:
    """The files made since the session began that hold a secret, anywhere a program could put one."""
    patterns = there.machine.home.parent / "ledger-patterns"
    patterns.write_text("\n".join(there.secrets()))
    began = there.env["BROWSER"]
    # A directory of the host's that has seen nothing new since is not walked: it may hold anything, and much of it.
    # The testbed's own directory has the stand-ins' ledger; the home inside it is named by itself.
    newest = f"find /tmp /var/tmp /dev/shm /run/user -mindepth 1 -maxdepth 1 -newer {began} ! -name 'testbed-*'"
    files = f'find {there.machine.home} {there.opened.parent} "$@" -type f -newer {began} -print0'
    script = f"{{ {newest} -print0 | xargs -0 sh -c '{files}' sh; }} 2>/dev/null | xargs -0 -r grep -laFs -f {patterns}"
    return there.machine.run(["sh", "-c", script]).stdout.splitlines()


@pytest.mark.any_runtime
def test_the_account_file_is_the_old_or_the_new_one_wherever_a_login_is_killed(default: Session) -> None:
    default.tell("login")
    for extra in range(0, 150, 25):
        old = default.tell("list")
        default.machine.clear_journal()
        process = default.start("login", "--username", (GRACE, ADA)[extra // 25 % 2].username)
        while SILENT not in default.calls() and process.poll() is None:
            time.sleep(0.005)
        time.sleep(extra / 1000)
        process.kill()
        process.wait()
        now = default.tell("list")
        assert [entry["username"] for entry in now][: len(old)] == [entry["username"] for entry in old]
        assert sum(entry["isCurrent"] for entry in now) == 1


@pytest.mark.any_runtime
def test_a_recorder_would_see_a_browser(default: Session) -> None:
    """The check that no browser opens, in every test of this folder, is worth something."""
    default.python("import webbrowser; webbrowser.open('https://login.microsoftonline.com/')")
    assert "https://login.microsoftonline.com/" in default.opened.read_text()
    default.opened.unlink()


@pytest.mark.any_runtime
def test_the_program_names_a_missing_package(default: Session) -> None:
    code = "import sys; sys.modules['knack'] = None; import runpy; sys.argv = ['brokerauth']; " + (
        "runpy.run_module('azext_brokerauth', run_name='__main__')"
    )
    done = default.python(code)
    assert done.returncode == 1
    assert "pip install 'brokerauth[cli]'" in done.stderr


@pytest.mark.any_runtime
@pytest.mark.parametrize(
    ("authority", "audience"),
    [
        ("login.microsoftonline.us", "https://management.core.usgovcloudapi.net"),
        ("login.partner.microsoftonline.cn", "https://management.core.chinacloudapi.cn"),
    ],
)
def test_in_another_cloud_the_token_that_nobody_names_is_for_that_clouds_azure(
    default: Session, authority: str, audience: str
) -> None:
    cloud = {"AZURE_BROKERAUTH_AUTHORITY": authority}
    assert default.tell("login", **cloud)["authority"] == authority
    assert default.tell("inspect-token", **cloud)["audience"].rstrip("/") == audience
    assert default.tell("inspect-token")["audience"].rstrip("/") == audience, "the account says where it signed in"
