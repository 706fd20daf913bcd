"""AI agents: what each way to a token gives one, that nobody shares it, what the log says of it, and docs/agents.md."""

from __future__ import annotations

import base64
import json
import os
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from testbed.directory import ADA, CONTOSO
from tests.emulated.session import Session, session
from tests.tokens import claims_of

VAULT, GRAPH = "https://vault.azure.net", "https://graph.microsoft.com"
PAGE = (Path(__file__).parents[2] / "docs/agents.md").read_text()
GET = ("get-access-token", "--resource", VAULT)
CHALLENGE = base64.b64encode(b'{"access_token":{"acrs":{"essential":true,"value":"c1"}}}').decode()
LOG = {"AZURE_BROKERAUTH_TOOL_LOG": "true"}
ASKING = f"""#!/bin/sh
for resource in {VAULT} {GRAPH}; do
    curl -s -H "X-IDENTITY-HEADER: $IDENTITY_HEADER" "$IDENTITY_ENDPOINT?api-version=2019-08-01&resource=$resource"
    echo
done
"""
"""What an agent's host starts; the agent itself starts a program of ours besides."""
OWN = f"brokerauth get-access-token --resource {VAULT}\n"
CREDENTIALS = f"""
import asyncio, json
from azext_brokerauth import BrokerCredential
from azext_brokerauth.aio import BrokerCredential as Async
with BrokerCredential() as credential:
    told = [credential.get_token("{VAULT}/.default").token for _ in range(2)]
    told.append(credential.get_token_info("{VAULT}/.default").token)
async def get():
    async with Async() as credential:
        return (await credential.get_token("{VAULT}/.default")).token
print(json.dumps([*told, asyncio.run(get())]))
"""


@pytest.fixture(scope="module")
def there(runtime: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    """Ada is signed in here, and there are programs for agents."""
    directory = tmp_path_factory.mktemp(runtime)
    with session("default", runtime, directory) as machine:
        for name, script in {"my-agent": ASKING + OWN, "my-mcp-server": ASKING}.items():
            (directory / "bin" / name).write_text(script)
            (directory / "bin" / name).chmod(0o755)
        machine.env["PATH"] = f"{Path(sys.executable).parent}:{machine.env['PATH']}"
        machine.tell("login")
        yield machine


def of_credentials(there: Session, **env: str) -> list[str]:
    """The tokens that a program's credentials give."""
    done = there.machine.run([sys.executable, "-c", CREDENTIALS], env=there.env | env)
    assert done.returncode == 0, done.stderr
    found: list[str] = json.loads(done.stdout)
    return found


def state(there: Session) -> Path:
    return there.machine.home / ".local/state/brokerauth"


def sessions_of(tokens: Sequence[str]) -> list[object]:
    return [claims_of(token).get("xms_cli_sid") for token in tokens]


def asked(there: Session, *words: str, **env: str) -> list[Any]:
    """What a command answers, one JSON object each."""
    done = there.machine.run(["brokerauth", *words], env=there.env | env, timeout=60)
    assert done.returncode == 0, done.stderr
    decoder, text, found = json.JSONDecoder(), done.stdout.strip(), []
    while text:
        value, end = decoder.raw_decode(text)
        found.append(value)
        text = text[end:].strip()
    return found


def broker_calls(there: Session) -> list[dict[str, Any]]:
    return [call for call in there.machine.journal() if call["to"] == "broker" and call["method"].startswith("acquire")]


@pytest.mark.full
def test_a_token_of_an_agents_session_is_marked_and_nobody_shares_it(there: Session) -> None:
    person = there.tell(*GET)["accessToken"]
    there.machine.clear_journal()
    first = there.tell(*GET, "--agent-session", "a-first")["accessToken"]
    second = there.tell(*GET, COPILOT_AGENT_SESSION_ID="a-second")["accessToken"]
    both = there.tell(*GET, "--agent-session", "a-third", COPILOT_AGENT_SESSION_ID="a-second")["accessToken"]
    assert sessions_of([person, first, second, both]) == [None, ["a-first"], ["a-second"], ["a-third"]]
    assert [call["client_session"] for call in broker_calls(there)] == ["a-first", "a-second", "a-third"]
    assert there.tell(*GET)["accessToken"] == person, "the person's own is still kept"
    assert len(broker_calls(there)) == 3
    assert "--agent-session cannot name an agent's session: use 1 to 256" in there.refuse(*GET, "--agent-session", "")


@pytest.mark.any_runtime
@pytest.mark.full
def test_a_challenge_goes_with_the_mark(there: Session) -> None:
    there.machine.clear_journal()
    challenged = there.tell(*GET, "--claims-challenge", CHALLENGE, "--agent-session", "challenged")["accessToken"]
    assert sessions_of([challenged]) == [["challenged"]]
    (call,) = broker_calls(there)
    assert {"acrs", "xms_cli_sid"} <= set(call["claims"])
    assert there.tell("inspect-token", "--resource", VAULT, "--agent-session", "inspected")["audience"] == VAULT
    assert broker_calls(there)[-1]["client_session"] == "inspected"


@pytest.mark.any_runtime
@pytest.mark.full
def test_the_credentials_share_no_token_of_an_agents(there: Session) -> None:
    (person,) = set(of_credentials(there))
    there.machine.clear_journal()
    agents = of_credentials(there, COPILOT_AGENT_SESSION_ID="beside")
    assert sessions_of(agents) == [["beside"]] * 4
    assert {call["client_session"] for call in broker_calls(there)} == {"beside"}
    assert set(of_credentials(there)) == {person}


@pytest.mark.any_runtime
@pytest.mark.full
def test_what_cannot_be_a_session_gives_no_token_at_all(there: Session) -> None:
    for name in ("", "x" * 257, "a\x1b[31m"):
        for command in (GET, ("exec", "--", "true")):
            words = (command[0], "--agent-session", name, *command[1:])
            assert "--agent-session cannot name an agent's session: use 1 to 256 characters" in there.refuse(*words)
            if name:
                assert "The variable COPILOT_AGENT_SESSION_ID" in there.refuse(*command, COPILOT_AGENT_SESSION_ID=name)


@pytest.mark.any_runtime
@pytest.mark.full
def test_exec_marks_what_its_listener_gives_and_what_the_command_starts(there: Session) -> None:
    vault, graph, own = asked(there, "exec", "--agent-session", "in-exec", "--", "my-agent")
    assert sessions_of([vault["access_token"], graph["access_token"], own["accessToken"]]) == [["in-exec"]] * 3
    without = ("--agent-session", "in-exec", "--", "env", "-u", "COPILOT_AGENT_SESSION_ID", "my-agent")
    vault, graph, own = asked(there, "exec", *without)
    assert sessions_of([vault["access_token"], graph["access_token"], own["accessToken"]]) == [["in-exec"]] * 2 + [None]
    said = there.run(["brokerauth", "exec", "--agent-session", "in-exec", "--", "true"]).stderr
    assert "They are marked as an agent's." in said
    feeds = there.machine.run(
        [
            "brokerauth",
            "exec",
            "--agent-session",
            "in-exec",
            "--feed",
            "contoso",
            "--",
            "printenv",
            "ARTIFACTS_ACCESSTOKEN",
        ],
        env=there.env,
    )
    assert sessions_of([feeds.stdout]) == [["in-exec"]]


@pytest.mark.any_runtime
@pytest.mark.full
def test_the_log_says_who_asked_for_what_and_the_credentials_mark_their_tokens_too(there: Session) -> None:
    only = ("exec", "--agent-session", "logged", "--resource", VAULT, "--", "my-agent")
    vault, graph, own = asked(there, *only, **LOG)
    assert (graph["statusCode"], sessions_of([vault["access_token"], own["accessToken"]])) == (403, [["logged"]] * 2)
    assert sessions_of(of_credentials(there, COPILOT_AGENT_SESSION_ID="in-a-program", **LOG)) == [["in-a-program"]] * 4
    there.refuse(*GET, "--username", "nobody@contoso.com", status=3, **LOG)
    question = "protocol=https\nhost=dev.azure.com\npath=contoso\n\n"
    git = there.machine.run(["git-credential-brokerauth", "get"], question, env=there.env | LOG)
    assert "password=" in git.stdout, git.stderr
    told = there.tell("tool", "log", **LOG)
    fields = ("tool", "programName", "audience", "tenantId", "account", "agentSession", "result", "code")
    name, of = f"{VAULT}/.default", (CONTOSO.tenant_id, ADA.username)
    asked_for = [tuple(entry[field] for field in fields) for entry in told]
    assert asked_for[:3] == [
        ("exec", "curl", name, *of, "logged", "given", None),
        ("exec", "curl", f"{GRAPH}/.default", None, None, "logged", "refused", "BrokerOff"),
        ("get-access-token", "my-agent", name, *of, "logged", "given", None),
    ]
    assert [line[:1] + line[2:] for line in asked_for[3:7]] == [
        ("BrokerCredential", name, *of, "in-a-program", "given", None)
    ] * 4
    assert asked_for[7][:1] + asked_for[7][2:] == (
        *("get-access-token", name, None, "nobody@contoso.com", None, "refused", "NotSignedIn"),
    )
    devops = "499b84ac-1321-427f-aa17-267ca6975798/.default"
    assert [line[:1] + line[2:] for line in asked_for[8:]] == [("git", devops, *of, None, "given", None)]
    programs = [os.path.realpath(program) for program in ("/bin/sh", sys.executable)]
    assert [told[2]["program"], told[3]["program"]] == programs
    there.check_stored(state(there))
    (state(there) / "tool-log").unlink()


@pytest.mark.any_runtime
@pytest.mark.full
def test_what_is_in_the_logs_place_keeps_nobody_from_a_token(there: Session) -> None:
    state(there).mkdir(mode=0o700, parents=True, exist_ok=True)
    os.mkfifo(state(there) / "tool-log")
    assert there.tell(*GET, **LOG)["accessToken"]
    assert "nothing is written in it" in there.refuse("tool", "log", **LOG)
    (state(there) / "tool-log").unlink()


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


@pytest.mark.any_runtime
def test_the_pages_commands_do_what_it_says(there: Session) -> None:
    """In the page's order, with its policy in force from where it stands."""
    assert [*there.machine.home.rglob("*tool-log*")] == [], "it is off by default"
    (policy,), (hosts,) = blocks("ini"), blocks("json")
    server = json.loads(hosts)["mcpServers"]["vault"]
    vault, graph = asked(there, *server["args"])
    assert (server["command"], sessions_of([vault["access_token"]]), graph["statusCode"]) == ("brokerauth", [None], 403)
    write = 'umask 022 && mkdir -p /etc/brokerauth && printf %s "$1" > /etc/brokerauth/config'
    ran = 0
    for block in blocks("console"):
        if "docker-credential-brokerauth" in block:
            assert there.run(["sh", "-c", write, "sh", policy]).returncode == 0
        for command, shown in re.findall(r"^\$ (.*)\n((?:[^$\n].*\n)*)", block, re.MULTILINE):
            done = there.machine.run(["bash", "-c", command], env={**there.env, "SESSION": "of-the-page"}, timeout=60)
            ran += 1
            if shown:
                assert done.returncode != 0
                assert shown.strip() in done.stdout
            else:
                assert done.returncode == 0, f"{command}: {done.stdout} {done.stderr}"
    assert ran == 7
    vault, graph, own = asked(there, "exec", "--agent-session", "in-exec", "--resource", VAULT, "--", "my-agent")
    assert sessions_of([vault["access_token"], own["accessToken"]]) == [["in-exec"]] * 2
    assert sessions_of(of_credentials(there, COPILOT_AGENT_SESSION_ID="in-a-program")) == [["in-a-program"]] * 4
    fields = ("tool", "programName", "audience", "agentSession", "result")
    assert [tuple(entry[field] for field in fields) for entry in there.tell("tool", "log")][-7:-4] == [
        ("exec", "curl", f"{VAULT}/.default", "in-exec", "given"),
        ("exec", "curl", f"{GRAPH}/.default", "in-exec", "refused"),
        ("get-access-token", "my-agent", f"{VAULT}/.default", "in-exec", "given"),
    ]
    assert there.run(["rm", "/etc/brokerauth/config"]).returncode == 0
    there.brokerauth("config", "unset", "tool_log")
