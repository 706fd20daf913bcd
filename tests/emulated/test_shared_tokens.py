"""Tokens that processes share (`token_cache=encrypted`): one asks the broker, and the others have what it got."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from testbed.directory import ADA
from tests.emulated.session import BROKERAUTH, Session, session
from tests.tokens import claims_of

VAULT = ("get-access-token", "--resource", "https://vault.azure.net")
CHALLENGE = base64.b64encode(b'{"access_token":{"acrs":{"essential":true,"value":"c1"}}}').decode()
SHARED = {"AZURE_BROKERAUTH_TOKEN_CACHE": "encrypted"}
ASKED = "started the broker's process"
REFUSING = str(Path(__file__).with_name("refusing.py"))
HEAVY = """
import sys
heavy = ("msal", "pymsalruntime", "requests", "subprocess", "azure.core", "azext_brokerauth.broker")
def loaded(*allowed):
    return [name for name in heavy if name in sys.modules and name not in allowed]
"""
LOADED = f"""{HEAVY}
from azext_brokerauth.plain import run
code = run(["get-access-token", "--resource", "https://vault.azure.net", "--output", "none"])
print(loaded("subprocess"))  # argcomplete, which knack loads, has it
sys.exit(code)
"""
PROGRAM = f"""{HEAVY}
import base64, json
from azext_brokerauth import BrokerCredential
payload = BrokerCredential().get_token("https://vault.azure.net/.default").token.split(".")[1]
print(json.loads(base64.urlsafe_b64decode(payload + "=="))["upn"], loaded("requests", "azure.core"))
"""


@pytest.fixture(scope="module")
def machine(runtime: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    with session("default", runtime, tmp_path_factory.mktemp(runtime)) as there:
        yield there


@pytest.fixture
def there(machine: Session, tmp_path: Path) -> Session:
    """Ada has signed in, in a home of this test's own."""
    machine.env.update(SHARED, HOME=str(tmp_path), AZURE_CONFIG_DIR=str(tmp_path / ".azure"))
    machine.tell("login")
    return machine


def token(there: Session, *words: str, **env: str) -> tuple[str, bool]:
    """A token, and whether the broker was asked: Windows does not hear of each time, since the runtime keeps tokens."""
    done = there.brokerauth(*VAULT, *words, "--debug", **env)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)["accessToken"], ASKED in done.stderr


def kept(home: Path) -> list[Path]:
    return [file for file in (home / ".cache/brokerauth").iterdir() if file.suffix not in (".lock", ".json")]


def test_a_later_process_has_the_token_and_loads_nothing_that_asks_the_broker(there: Session) -> None:
    first, asked = token(there)
    assert asked
    assert token(there) == (first, False)
    told = there.python(LOADED)
    assert (told.returncode, told.stdout.strip()) == (0, "[]"), told.stderr
    # A program asks for no tenant by name, and has the same token.
    assert there.python(PROGRAM).stdout.split() == [ADA.username, "[]"]


def test_the_authority_is_asked_about_itself_once_for_all_processes(there: Session) -> None:
    before = there.calls("entra")
    for vault in ("a", "b", "c"):
        done = there.brokerauth("get-access-token", "--resource", f"https://{vault}.vault.azure.net", "--debug")
        assert (done.returncode, ASKED in done.stderr) == (0, True)
    assert len(there.calls("entra")) - len(before) <= 1, there.calls("entra")


def test_a_later_process_makes_no_request_and_starts_nothing(there: Session) -> None:
    token(there)
    there.machine.clear_journal()
    for program in (VAULT, ("show",), VAULT):
        assert there.brokerauth(*program).returncode == 0
    there.python(PROGRAM)
    assert there.machine.journal() == []


def test_of_twenty_processes_at_once_one_asks(there: Session) -> None:
    pipe = subprocess.PIPE
    command = [BROKERAUTH, *VAULT, "--debug"]
    running = [there.machine.popen(command, there.env, stdout=pipe, stderr=pipe) for _ in range(20)]
    got, asked = set(), 0
    for process in running:
        with process:
            out, said = process.communicate(timeout=120)
        assert process.returncode == 0, said
        got.add(json.loads(out)["accessToken"])
        asked += ASKED in said
    assert (len(got), asked) == (1, 1)


def test_a_challenge_is_not_answered_from_it_and_ends_what_was_kept(there: Session, tmp_path: Path) -> None:
    token(there)
    challenged, asked = token(there, "--claims-challenge", CHALLENGE)
    assert asked
    assert claims_of(challenged)["acrs"] == ["c1"]
    assert kept(tmp_path) == []
    assert token(there)[1]


def test_nothing_is_left_of_it_after_a_sign_out(there: Session, tmp_path: Path) -> None:
    token(there)
    assert len(kept(tmp_path)) == 1
    there.tell("logout", "--yes")
    assert kept(tmp_path) == []
    assert "brokerauth login" in there.refuse(*VAULT, status=3)


def test_with_memory_nothing_is_kept_and_nothing_that_was_is_used(there: Session) -> None:
    token(there)
    there.env |= {"AZURE_BROKERAUTH_TOKEN_CACHE": "memory"}
    assert token(there)[1]


def test_a_process_that_may_use_no_key_asks_the_broker(there: Session) -> None:
    """A container's filter, for instance, refuses them."""
    for _ in range(2):
        done = there.run([sys.executable, REFUSING, BROKERAUTH, *VAULT, "--debug"])
        assert done.returncode == 0, done.stderr
        assert ASKED in done.stderr
