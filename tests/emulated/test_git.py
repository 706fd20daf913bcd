"""git for Azure DevOps: real git, through its credential helper, against a stand-in that checks the token.

The commands are those of docs/tools.md.
"""

from __future__ import annotations

import json
import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from testbed.directory import ADA, CONTOSO, FABRIKAM
from tests.emulated.session import Session, session
from tests.tokens import claims_of

# The real one is in make test-full: what differs between the runtimes is tested with the commands.
pytestmark = pytest.mark.any_runtime

CONTOSOS = "https://dev.azure.com/contoso/app/_git/app"
FABRIKAMS = "https://dev.azure.com/fabrikam/app/_git/app"
OLD = "https://contoso.visualstudio.com/app/_git/app"
HELPER = str(Path(sys.executable).with_name("git-credential-brokerauth"))
AUDIENCE = "499b84ac-1321-427f-aa17-267ca6975798"
MINE = "# mine\n[user]\n\tname = Ada\n[credential]\n\thelper = !{other}\n"


@pytest.fixture(scope="module")
def machine(runtime: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    with session("default", runtime, tmp_path_factory.mktemp(runtime)) as there:
        yield there


@pytest.fixture
def there(machine: Session, tmp_path: Path) -> Session:
    """Ada has signed in and enabled git, which has another helper already, in a home of this test's own."""
    home = tmp_path / "home"
    home.mkdir()
    machine.machine.set_scenario("default")
    machine.env.update(
        HOME=str(home),
        AZURE_CONFIG_DIR=str(home / ".azure"),
        GIT_ASKPASS=recorder(tmp_path, "asked-person"),
        GIT_AUTHOR_EMAIL="ada@contoso.com",
        GIT_COMMITTER_EMAIL="ada@contoso.com",
    )
    (home / ".gitconfig").write_text(MINE.format(other=recorder(tmp_path, "asked-other")))
    machine.tell("login")
    machine.tell("tool", "enable", "--name", "git", "--yes")
    machine.machine.clear_journal()
    return machine


def recorder(directory: Path, name: str) -> str:
    """A program that says with which words it was started, and knows a user name and a password."""
    program = directory / f"{name}.sh"
    program.write_text(f'#!/bin/sh\necho "$@" >> {directory / name}\necho username=theirs\necho password=theirs\n')
    program.chmod(0o755)
    return str(program)


def asked(directory: Path, name: str) -> list[str]:
    record = directory / name
    return record.read_text().splitlines() if record.exists() else []


def git(there: Session, *words: str, ok: bool = True, input: str | None = None, **env: str) -> str:
    found = shutil.which("git")
    assert found
    done = there.run([found, *words], input=input, **env)
    assert (done.returncode == 0) is ok, done.stderr
    return done.stdout if ok else done.stderr


def seen(there: Session) -> list[tuple[str, int, str, str | None]]:
    """What Azure DevOps was asked."""
    journal = (entry for entry in there.machine.journal() if entry["to"] == "devops")
    return [(entry["method"].split()[0], entry["status"], entry["scheme"], entry.get("tid")) for entry in journal]


def test_git_clones_pushes_and_fetches_in_any_organisation_that_the_account_is_in(
    there: Session, tmp_path: Path
) -> None:
    for url, tenant in {CONTOSOS: CONTOSO, FABRIKAMS: FABRIKAM}.items():
        work = str(tmp_path / tenant.domain)
        there.machine.clear_journal()
        git(there, "clone", "--quiet", url, work)
        git(there, "-C", work, "commit", "--quiet", "--allow-empty", "--message", tmp_path.name)
        git(there, "-C", work, "push", "--quiet", "--force", "origin", "HEAD:main")
        git(there, "-C", work, "fetch", "--quiet")
        found = seen(there)
        assert {(scheme, tid) for _, status, scheme, tid in found if status == 200} == {("basic", tenant.tenant_id)}
        # Where git does not say what it was told (before 2.41), the organisation is asked once.
        assert [method for method, status, *_ in found if method == "HEAD"] in ([], ["HEAD"])
    for url in (OLD, CONTOSOS.replace("https://", "https://contoso@")):
        assert "refs/heads/main" in git(there, "ls-remote", url)
    assert asked(tmp_path, "asked-person") == asked(tmp_path, "asked-other") == []


def test_a_git_that_knows_what_a_bearer_token_is_gets_one(there: Session) -> None:
    question = "capability[]=authtype\nprotocol=https\nhost=dev.azure.com\npath=fabrikam/app/_git/app\n"
    challenge = f"wwwauth[]=Bearer authorization_uri=https://login.microsoftonline.com/{FABRIKAM.tenant_id}\n"
    answer = there.machine.run([HELPER, "get"], question + challenge, env=there.env)
    told = dict(line.split("=", 1) for line in answer.stdout.splitlines())
    claims = claims_of(told["credential"])
    assert (claims["aud"], claims["tid"], claims["unique_name"]) == (AUDIENCE, FABRIKAM.tenant_id, ADA.username)
    assert int(told["password_expiry_utc"]) == claims["exp"]
    assert (told["capability[]"], told["authtype"], told["ephemeral"]) == ("authtype", "Bearer", "1")
    assert not {"password", "quit"} & {*told}
    assert seen(there) == [], "the header says which tenant"
    header = f"http.extraHeader=Authorization: Bearer {told['credential']}"
    git(there, "-c", header, "ls-remote", FABRIKAMS)
    assert {scheme for _, status, scheme, _ in seen(there) if status == 200} == {"bearer"}


def test_a_token_that_was_refused_is_not_given_again(there: Session, tmp_path: Path) -> None:
    git(there, "ls-remote", CONTOSOS)
    there.machine.clear_journal()
    git(there, "ls-remote", CONTOSOS)
    assert "acquireTokenSilently" not in there.calls(), "it was kept"
    there.run(["curl", "--silent", "--fail", "--data", "", "https://dev.azure.com/testbed/revoke"])
    assert "Authentication failed" in git(there, "ls-remote", CONTOSOS, ok=False)
    there.machine.clear_journal()
    git(there, "ls-remote", CONTOSOS)
    assert there.calls().count("acquireTokenSilently") == 1
    assert {status for _, status, scheme, _ in seen(there) if scheme == "basic"} == {200}
    git(there, "ls-remote", CONTOSOS)
    assert there.calls().count("acquireTokenSilently") == 1, "the new one is kept"
    assert asked(tmp_path, "asked-person") == []


def test_an_agents_token_is_marked_and_shared_with_nobody(there: Session, tmp_path: Path) -> None:
    question = "capability[]=authtype\nprotocol=https\nhost=dev.azure.com\npath=contoso/app/_git/app\n"

    def marks(session: str) -> object:
        done = there.machine.run([HELPER, "get"], question, env=there.env | {"COPILOT_AGENT_SESSION_ID": session})
        told = dict(line.split("=", 1) for line in done.stdout.splitlines())
        return claims_of(told["credential"]).get("xms_cli_sid")

    assert [marks(session) for session in ("", "one", "two", "")] == [None, ["one"], ["two"], None]
    # One that was refused is renewed, and is the agent's still.
    there.machine.run([HELPER, "erase"], question, env=there.env)
    assert [marks(session) for session in ("one", "")] == [["one"], None]


def test_where_a_person_is_needed_git_ends_and_says_so(there: Session, tmp_path: Path) -> None:
    there.brokerauth("logout", "--yes")
    said = git(there, "ls-remote", CONTOSOS, ok=False)
    assert re.search(
        r"^brokerauth: Nobody is signed in through the broker\. Run: brokerauth login$", said, re.MULTILINE
    )
    assert asked(tmp_path, "asked-person") == asked(tmp_path, "asked-other") == []


def test_what_is_not_ours_is_as_it_was(there: Session, tmp_path: Path) -> None:
    filled = git(there, "credential", "fill", input="protocol=https\nhost=git.contoso.com\n\n")
    assert "username=theirs" in filled
    assert asked(tmp_path, "asked-other") == ["get"]
    assert there.calls() == []
    # Where a setting keeps tokens from git, it is as if we were not there, but for a line.
    said = git(there, "ls-remote", CONTOSOS, ok=False, AZURE_BROKERAUTH_TOOLS="none")
    assert "brokerauth: git gets no tokens here: the environment variable AZURE_BROKERAUTH_TOOLS is none." in said
    assert len(asked(tmp_path, "asked-person")) == 2


def test_what_was_done_is_taken_back_to_the_byte(there: Session, tmp_path: Path) -> None:
    home = tmp_path / "home"
    (git_tool,) = (tool for tool in there.tell("tool", "list") if tool["name"] == "git")
    assert (git_tool["isInstalled"], git_tool["setUp"], git_tool["isAllowed"]) == (True, "yes", True)
    git(there, "ls-remote", CONTOSOS)
    assert there.tell("tool", "enable", "--name", "git", "--yes")["changed"] == []
    remembered = home / ".cache/brokerauth/organisations.json"
    assert json.loads(remembered.read_text())["tenants"] == {"https://dev.azure.com/contoso": CONTOSO.tenant_id}
    changed = there.tell("tool", "disable", "--name", "git")["changed"]
    assert changed == [str(home / ".gitconfig"), str(remembered)]
    assert (home / ".gitconfig").read_text() == MINE.format(other=tmp_path / "asked-other.sh")
    assert not (home / ".azure/brokerauth/tools").exists()
    assert not remembered.exists()
