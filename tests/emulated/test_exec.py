"""`brokerauth exec -- COMMAND`: what the command is given, and that nothing else about it is another."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from testbed.directory import ADA, CONTOSO, DEVICE_ID, GRACE
from testbed.machine import Process
from testbed.scenarios import Scenario
from tests.emulated.session import BROKERAUTH, Session, read_all, session
from tests.tokens import claims_of
from tests.waiting import wait_until

VAULT, GRAPH = "https://vault.azure.net", "https://graph.microsoft.com"
WARNING = "To it they look like those of a managed identity."
SILENT = "acquireTokenSilently"

CLIENTS = f"""
import json, requests
from azure.identity import DefaultAzureCredential, ManagedIdentityCredential
from msal import ManagedIdentityClient, SystemAssignedManagedIdentity
with DefaultAzureCredential() as default, ManagedIdentityCredential() as identity:
    told = [default.get_token("{VAULT}/.default"), identity.get_token("{VAULT}/.default")]
client = ManagedIdentityClient(SystemAssignedManagedIdentity(), http_client=requests.Session())
told = [[token.token, token.expires_on] for token in told]
answer = client.acquire_token_for_client(resource="{VAULT}")
print(json.dumps([*told, [answer["access_token"], 0]]))
"""
"""What users of the SDK for Python write."""
FAILING = f"""
import time, requests
from azure.identity import DefaultAzureCredential
from msal import ManagedIdentityClient, SystemAssignedManagedIdentity
started = time.monotonic()
try:
    DefaultAzureCredential().get_token("{VAULT}/.default")
except Exception as error:
    print(error)
client = ManagedIdentityClient(SystemAssignedManagedIdentity(), http_client=requests.Session())
print(client.acquire_token_for_client(resource="{VAULT}"))
print("seconds:", time.monotonic() - started)
"""
ASKING = """
import json, os, sys, requests
for line in sys.stdin:
    answer = requests.get(
        os.environ["IDENTITY_ENDPOINT"],
        params={"api-version": "2019-08-01", "resource": line.strip()},
        headers={"X-IDENTITY-HEADER": os.environ["IDENTITY_HEADER"]},
    )
    print(json.dumps([answer.status_code, answer.json()]), flush=True)
"""
AZD = """
curl -s -H "Authorization: Bearer $AZD_AUTH_KEY" --json '{"scopes": ["https://management.azure.com//.default"]}' \
    "$AZD_AUTH_ENDPOINT/token?api-version=2023-07-12-preview"
"""


@pytest.fixture(scope="module")
def there(runtime: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    """Ada is signed in here."""
    with session("default", runtime, tmp_path_factory.mktemp(runtime)) as machine:
        machine.tell("login")
        yield machine


def execute(there: Session, *words: str, **more: Any) -> subprocess.CompletedProcess[str]:
    """A command through exec. What it prints is not looked through: it may print its tokens."""
    env = there.env | more.pop("env", {})
    return there.machine.run([BROKERAUTH, "exec", *words], env=env, timeout=60, **more)


def start(there: Session, *words: str, **more: Any) -> Process:
    pipe = subprocess.PIPE
    how = {"stdin": pipe, "stdout": pipe, "stderr": pipe} | more
    return there.machine.popen([BROKERAUTH, "exec", *words], there.env, **how)


@dataclass
class Asker:
    """A program that goes on asking the listener."""

    process: Process

    def ask(self, resource: str = VAULT) -> tuple[int, dict[str, Any]]:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(f"{resource}\n")
        self.process.stdin.flush()
        status, body = json.loads(self.process.stdout.readline())
        return status, body


@contextlib.contextmanager
def asking(there: Session, *options: str) -> Iterator[Asker]:
    with start(there, *options, "--", sys.executable, "-c", ASKING) as process:
        yield Asker(process)
        said = process.communicate(timeout=30)
        assert (process.returncode, said[0], said[1].count("WARNING")) == (0, "", 1)


def ada(token: str) -> str:
    """The audience of a token that is Ada's, on this device."""
    claims = claims_of(token)
    assert (claims["upn"], claims["deviceid"]) == (ADA.username, DEVICE_ID)
    audience: str = claims["aud"]
    return audience


def test_the_sdk_for_python_takes_it_for_a_managed_identity(there: Session) -> None:
    done = execute(there, "--", sys.executable, "-c", CLIENTS)
    assert done.returncode == 0, done.stderr
    for token, expires in json.loads(done.stdout):
        assert ada(token) == VAULT
        assert expires in (0, claims_of(token)["exp"])
    assert done.stderr.count("\n") == 1
    assert WARNING in done.stderr


@pytest.mark.any_runtime
def test_azd_is_answered_by_its_own_protocol(there: Session) -> None:
    answer = json.loads(execute(there, "--", "sh", "-c", AZD).stdout)
    assert answer["status"] == "success"
    assert ada(answer["token"]) == "https://management.azure.com/"
    expires = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(claims_of(answer["token"])["exp"]))
    assert answer["expiresOn"] == expires


@pytest.mark.any_runtime
def test_a_refusal_reaches_each_client_at_once_with_what_to_do(nobody: Session) -> None:
    done = execute(nobody, "--", sys.executable, "-c", FAILING)
    assert done.stdout.count("Nobody is signed in through the broker. Run: brokerauth login") == 2, done.stdout
    assert float(done.stdout.rpartition(":")[2]) < 20  # one that tries again does so for more than a minute
    answer = json.loads(execute(nobody, "--", "sh", "-c", AZD).stdout)
    assert (answer["status"], answer["code"]) == ("error", "NotSignedInError")


@pytest.mark.any_runtime
def test_what_would_be_used_instead_is_taken_away_and_a_proxy_is_not_told_the_key(there: Session) -> None:
    env = {
        "AZURE_CLIENT_ID": "x",
        "AZURE_CLIENT_SECRET": "y",
        "AZURE_TENANT_ID": "z",
        "IDENTITY_SERVER_THUMBPRINT": "t",
    }
    env |= {"AZURE_TOKEN_CREDENTIALS": "dev", "HTTP_PROXY": "http://127.0.0.1:1", "IMDS_ENDPOINT": "i"}
    done = execute(there, "--", sys.executable, "-c", CLIENTS, env=env)
    assert done.returncode == 0, done.stderr
    left_out = (
        "AZURE_CLIENT_ID, AZURE_CLIENT_SECRET, IDENTITY_SERVER_THUMBPRINT, IMDS_ENDPOINT, AZURE_TOKEN_CREDENTIALS"
    )
    assert f"It is started without {left_out}, which would be used instead." in done.stderr


@pytest.mark.any_runtime
def test_only_the_resources_that_were_named_are_given(there: Session) -> None:
    with asking(there, "--resource", VAULT, "--resource", f"{GRAPH}/") as asker:
        assert [asker.ask(resource)[0] for resource in (VAULT, GRAPH, f"{VAULT}/")] == [200, 200, 200]
        status, body = asker.ask("https://management.azure.com")
        assert (status, "--resource" in body["message"]) == (403, True)


@pytest.mark.any_runtime
def test_the_command_is_started_as_it_was_typed(there: Session) -> None:
    show = "import os, sys; print(sys.argv[1:], os.getcwd()); print(sys.stdin.read(), file=sys.stderr); sys.exit(3)"
    words = ["--help", "--resource", "a b", "$HOME", "@file", "--", "", "*"]
    done = execute(there, "--", sys.executable, "-c", show, *words, input="from stdin")
    assert (done.returncode, done.stdout) == (3, f"{words} {os.getcwd()}\n")
    assert done.stderr.endswith("from stdin\n")


@pytest.mark.any_runtime
@pytest.mark.parametrize(("command", "code"), [("no-such-command", 127), ("/etc/passwd", 126)])
def test_a_command_that_cannot_be_run_is_named(there: Session, command: str, code: int) -> None:
    done = execute(there, "--", command)
    assert (done.returncode, done.stdout) == (code, "")
    assert f"ERROR: {command} cannot be run" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.any_runtime
def test_a_missing_command_is_asked_for(there: Session) -> None:
    for words in ((), ("--",)):
        assert "The command to run is missing" in there.refuse("exec", *words)


@pytest.mark.any_runtime
def test_the_way_in_which_it_ends_is_its_own(there: Session) -> None:
    shell = f"{BROKERAUTH} exec -- sh -c 'kill -TERM $$'; echo $?"
    assert there.machine.run(["sh", "-c", shell], env=there.env).stdout == "143\n"
    # Python ignores SIGPIPE, and what it starts would, too.
    piped = f"{BROKERAUTH} exec -- yes | head -1"
    done = there.machine.run(["bash", "-c", f"{piped}; echo ${{PIPESTATUS[0]}}"], env=there.env)
    assert done.stdout == "y\n141\n"


@pytest.mark.any_runtime
@pytest.mark.parametrize(
    "number",
    [
        signal.SIGTERM,
        *(pytest.param(n, marks=pytest.mark.full) for n in (signal.SIGINT, signal.SIGHUP, signal.SIGUSR1)),
    ],
)
def test_a_signal_reaches_it_once(there: Session, number: signal.Signals) -> None:
    count = (
        "import signal, sys, time; got = []\n"
        f"signal.signal({int(number)}, lambda *_: got.append(1)); print('ready', flush=True)\n"
        "while not got: time.sleep(0.05)\n"
        "time.sleep(0.5); sys.exit(len(got))"
    )
    with start(there, "--", sys.executable, "-c", count) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(number)
        assert process.wait(20) == 1


@pytest.mark.any_runtime
def test_at_a_terminal_it_is_interrupted_stopped_and_continued_as_any_other(there: Session) -> None:
    ours, theirs = pty.openpty()
    shell = ["setsid", "--ctty", "bash", "--norc", "--noprofile", "-i"]
    env = there.env | {"PS1": "$ ", "TERM": "dumb"}
    process = there.machine.popen(shell, env, stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    shown = ""

    def until(text: str) -> None:
        nonlocal shown
        deadline = time.monotonic() + 60
        while text not in shown:
            assert time.monotonic() < deadline, shown
            if select.select([ours], [], [], 0.5)[0]:
                shown += os.read(ours, 4096).decode()
        shown = shown.partition(text)[2]

    def type_in(text: str) -> None:
        os.write(ours, text.encode())

    # The listener is there after a Ctrl-C that the command lives through.
    alive = "curl -s -o /dev/null -w %{http_code}, $IDENTITY_ENDPOINT"
    (there.machine.home / "program.sh").write_text(
        f"trap 'sleep 0.3; {alive}; exit 9' INT; echo re'ady'; while :; do sleep 0.1; done\n"
    )
    type_in(f"{BROKERAUTH} exec -- bash ~/program.sh\n")
    until("ready\r\n")
    type_in("\x03")
    until("401,")
    until("$ ")
    type_in("echo code $?\n")
    until("\ncode 9")
    type_in(f"{BROKERAUTH} exec -- cat\n")
    until("managed identity.")
    time.sleep(0.5)
    type_in("\x1a")
    until("Stopped")
    type_in("echo $((6*7)); fg\n")
    until("\n42")
    until("exec -- cat\r\n")
    type_in("echoed by cat\n")
    until("echoed by cat\r\nechoed by cat\r\n")
    type_in("\x04")
    until("$ ")
    type_in("exit\n")
    process.wait(20)
    read_all(ours)


@pytest.mark.any_runtime
def test_it_is_the_process_that_was_started_and_has_no_child_that_it_did_not_make(there: Session) -> None:
    children = "open(f'/proc/self/task/{os.getpid()}/children').read()"
    show = f"import os; print(os.getpid(), {children}, os.listdir('/proc/self/fd'))"
    shell = f'echo $$; exec {BROKERAUTH} exec -- {sys.executable} -c "{show}"'
    lines = there.machine.run(["sh", "-c", shell], env=there.env).stdout.splitlines()
    direct = there.machine.run([sys.executable, "-c", show], env=there.env).stdout
    assert lines[1] == f"{lines[0]}  {direct.partition('  ')[2]}".rstrip("\n")


@pytest.mark.any_runtime
def test_the_listener_holds_nothing_open_that_others_wait_for(there: Session) -> None:
    lasting = "exec 1>&- 2>&- 3>&-; while [ -e $HOME/wait ]; do sleep 0.1; done"
    read = f"touch $HOME/wait; cat < <({BROKERAUTH} exec -- sh -c '{lasting}' 3>&1); ls $HOME/wait; rm $HOME/wait"
    done = there.machine.run(["bash", "-c", read], env=there.env)
    assert done.stdout == f"{there.machine.home}/wait\n"


def refuses_connections(there: Session, url: str) -> bool:
    return there.machine.run(["curl", "-s", url]).returncode == 7


@pytest.mark.any_runtime
@pytest.mark.parametrize("end", ["kill -KILL $$", pytest.param("exit", marks=pytest.mark.full)])
def test_the_listener_ends_with_the_command_though_what_it_started_lives_on(there: Session, end: str) -> None:
    ask = f'curl -s -H "secret: $MSI_SECRET" "$MSI_ENDPOINT?api-version=2019-08-01&resource={VAULT}" >&2'
    leave = f"setsid sleep 100 <&- >&- 2>&- & echo $! $IDENTITY_ENDPOINT; {ask}; {end}"
    done = execute(there, "--", "sh", "-c", leave)
    assert '"access_token"' in done.stderr
    left, url = done.stdout.split()
    wait_until(lambda: refuses_connections(there, url))
    wait_until(lambda: [argv[0] for _, argv in there.machine.processes()] == ["sleep"], 12)
    there.machine.run(["kill", left])


@pytest.mark.any_runtime
def test_a_command_that_is_killed_before_it_asked_leaves_nothing(there: Session) -> None:
    with start(there, "--", "sleep", "100") as process:
        wait_until(lambda: any(argv == ["sleep", "100"] for _, argv in there.machine.processes()))
        process.kill()
    wait_until(lambda: there.machine.processes() == [], 12)


@pytest.mark.any_runtime
def test_the_key_is_in_no_command_line_and_only_in_the_environment_of_the_command(there: Session) -> None:
    with start(there, "--", "sh", "-c", "echo $IDENTITY_HEADER; read line") as process:
        assert process.stdout is not None
        key = process.stdout.readline().strip()
        assert len(key) == 64
        seen = [(pid, Path(f"/proc/{pid}"), argv) for pid, argv in there.machine.processes()]
        assert len(seen) > 1  # the command and the listener
        assert not [argv for _, _, argv in seen if key in " ".join(argv)]
        holders = [argv for _, place, argv in seen if key.encode() in (place / "environ").read_bytes()]
        assert holders == [["sh", "-c", "echo $IDENTITY_HEADER; read line"]]
        said = process.communicate("\n", timeout=20)[1]
        assert key not in said
    assert key not in execute(there, "--debug", "--", "true").stderr


@pytest.mark.any_runtime
@pytest.mark.full
def test_debug_says_neither_token_nor_key(there: Session) -> None:
    done = execute(there, "--debug", "--", "sh", "-c", f"echo $IDENTITY_HEADER; {AZD}")
    key, _, answer = done.stdout.partition("\n")
    assert key not in done.stderr
    assert json.loads(answer)["token"] not in done.stderr


@pytest.mark.any_runtime
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_another_user_gets_nothing_and_cannot_read_the_key(there: Session) -> None:
    with start(there, "--", "sh", "-c", "echo $$ $IDENTITY_ENDPOINT; read line") as process:
        assert process.stdout is not None
        pid, url = process.stdout.readline().split()
        other = ["setpriv", "--reuid=1234", "--regid=1234", "--clear-groups"]
        query = f"{url}?api-version=2019-08-01&resource={VAULT}"
        for header in ("Metadata: true", "X-IDENTITY-HEADER: guess", "Host: attacker.example"):
            answer = json.loads(there.machine.run([*other, "curl", "-s", "-H", header, query]).stdout)
            assert answer["statusCode"] in (400, 401)
        assert there.machine.run([*other, "cat", f"/proc/{pid}/environ"]).returncode != 0
        process.communicate("\n", timeout=20)


@pytest.mark.any_runtime
def test_a_token_is_renewed_and_a_sign_out_counts_while_it_runs(there: Session) -> None:
    there.machine.set_scenario(Scenario(token_lifetime=400))
    try:
        with asking(there) as asker:
            first, second = (asker.ask("https://datalake.azure.net")[1] for _ in range(2))
            assert first["access_token"] == second["access_token"]
            assert 300 < int(second["expires_in"]) <= 400
            there.machine.set_scenario(Scenario(token_lifetime=3))
            short = asker.ask("https://storage.azure.com")[1]
            time.sleep(3.1)
            renewed = asker.ask("https://storage.azure.com")[1]
            assert ada(short["access_token"]) == ada(renewed["access_token"]) == "https://storage.azure.com"
            assert int(renewed["expires_on"]) > int(short["expires_on"])
            there.tell("logout", "--yes")
            status, body = asker.ask(GRAPH)
            assert (status, body["message"]) == (401, "Nobody is signed in through the broker. Run: brokerauth login")
            there.machine.set_scenario("default")
            there.tell("login", "--username", GRACE.username)
            assert claims_of(asker.ask(GRAPH)[1]["access_token"])["upn"] == GRACE.username
    finally:
        there.machine.set_scenario("default")
        there.tell("login")


@pytest.mark.any_runtime
@pytest.mark.full
def test_a_broker_that_does_not_answer_is_a_refusal_and_no_wait_without_end(there: Session) -> None:
    there.machine.set_scenario(Scenario(calls={SILENT: "hang"}))
    there.env["AZURE_BROKERAUTH_SILENT_TIMEOUT"] = "8"  # the second attempt is to succeed on a loaded machine
    try:
        with asking(there) as asker:
            status, body = asker.ask("https://batch.core.windows.net")
            assert (status, body["error"], "8 seconds" in body["message"]) == (400, "token_unavailable", True)
            there.machine.set_scenario("default")
            assert asker.ask("https://batch.core.windows.net")[0] == 200
    finally:
        del there.env["AZURE_BROKERAUTH_SILENT_TIMEOUT"]
        there.machine.set_scenario("default")


@pytest.mark.any_runtime
@pytest.mark.full  # test_agents.py has the listener's other door
def test_an_agents_tokens_are_marked_and_nobody_elses(there: Session) -> None:
    def session_of(**env: str) -> object:
        answer = json.loads(execute(there, "--", "sh", "-c", AZD, env=env).stdout)
        return claims_of(answer["token"]).get("xms_cli_sid")

    assert session_of() is None
    assert session_of(COPILOT_AGENT_SESSION_ID="an-agents") == ["an-agents"]
    assert session_of() is None


@pytest.mark.any_runtime
@pytest.mark.parametrize("name", ["allow_exec", pytest.param("tools", marks=pytest.mark.full)])
def test_a_policy_forbids_it_before_it_starts_and_while_it_runs(there: Session, name: str) -> None:
    value = {"allow_exec": "false", "tools": "git"}[name]
    write = 'umask 022 && mkdir -p /etc/brokerauth && printf %s "$1" > /etc/brokerauth/config'
    policy = f"[brokerauth]\n{name} = {value}\nenforced = {name}\n"
    with asking(there) as asker:
        assert asker.ask()[0] == 200
        assert there.run(["sh", "-c", write, "sh", policy]).returncode == 0
        status, body = asker.ask()
        assert (status, "/etc/brokerauth/config" in body["message"]) == (403, True)
        assert "/etc/brokerauth/config" in there.refuse("exec", "--", "true")
        assert there.run(["rm", "/etc/brokerauth/config"]).returncode == 0
        assert asker.ask()[0] == 200


@pytest.mark.any_runtime
@pytest.mark.full
def test_elsewhere_than_under_wsl_nothing_is_run(runtime: str, tmp_path: Path) -> None:
    with session("not-wsl", runtime, tmp_path) as elsewhere:
        assert "WSL" in elsewhere.refuse("exec", "--", "touch", str(tmp_path / "ran"))
        assert not (tmp_path / "ran").exists()


@pytest.mark.any_runtime
def test_ten_at_once_are_answered(there: Session) -> None:
    ask = f'curl -s -H "secret: $MSI_SECRET" "$MSI_ENDPOINT?api-version=2019-08-01&resource={VAULT}"'
    shell = f'for n in 1 2 3 4 5 6 7 8 9 10; do echo "$({ask})" & done; wait'
    answers = [json.loads(line) for line in execute(there, "--", "bash", "-c", shell).stdout.splitlines()]
    assert {claims_of(answer["access_token"])["tid"] for answer in answers} == {CONTOSO.tenant_id}
    assert len(answers) == 10
