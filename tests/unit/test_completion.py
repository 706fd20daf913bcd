"""The Tab key: what `brokerauth` offers, asked as argcomplete asks, and in the shells themselves."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import shlex
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from tests.waiting import wait_until

BIN = Path(sys.executable).parent
ACCOUNT = {
    "username": "ada@contoso.com",
    "home_account_id": "a.c0000000-0000-4000-8000-000000000001",
    "local_account_id": "a",
    "tenant": "c0000000-0000-4000-8000-000000000001",
    "client_id": "04b07795-8ddb-461a-bbee-02f9e1bf7b46",
    "authority": "login.microsoftonline.com",
}
GRACE = ACCOUNT | {"username": "grace o'neil@contoso.com", "home_account_id": "g.c", "local_account_id": "g"}


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """The home of somebody who has signed in twice."""
    records = tmp_path / ".azure/brokerauth/accounts.json"
    records.parent.mkdir(parents=True, mode=0o700)
    records.write_text(json.dumps({"version": 1, "current": "a", "accounts": [ACCOUNT, GRACE]}))
    return tmp_path


def environment(home: Path) -> dict[str, str]:
    return {"HOME": str(home), "PATH": f"{BIN}:{os.environ['PATH']}", "TERM": "xterm", "LC_ALL": "C.UTF-8"}


def offered(home: Path, line: str) -> set[str]:
    """What is offered at the end of a command line, by the protocol of argcomplete's shell code."""
    answer = home / "answer"
    done = subprocess.run(
        [BIN / "brokerauth"],
        env=environment(home) | asked(line, answer),
        cwd=home,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    return {word.strip() for word in answer.read_text().split("\n")} - {""}


def asked(line: str, answer: Path) -> dict[str, str]:
    """The variables by which argcomplete's shell code asks."""
    protocol = {"_ARGCOMPLETE": "1", "_ARGCOMPLETE_IFS": "\n", "_ARGCOMPLETE_SHELL": "bash", "COMP_TYPE": "9"}
    told = {"COMP_LINE": line, "COMP_POINT": str(len(line)), "_ARGCOMPLETE_STDOUT_FILENAME": str(answer)}
    return protocol | told


OFFERED = {
    "brokerauth check-health --": {"--online", "--bundle", "--with-names"},
    "brokerauth login --username ": {"ada@contoso.com", "grace\\ o\\'neil@contoso.com"},
    "brokerauth set -u a": {"ada@contoso.com"},
    "brokerauth login --fallback ": {"none", "browser", "device-code"},
    "brokerauth login --fallback D": {"device-code"},
    "brokerauth login --tenant ": {ACCOUNT["tenant"]},
    "brokerauth list --output t": {"table", "tsv"},
    "brokerauth tool enable --name ": {"az", "git"},
    "brokerauth tool disable --": {"--name", "--directory"},
    "brokerauth check-health --bundle ./arch": {"./archives/"},
}


def test_the_tab_key_offers_what_can_stand_there(home: Path) -> None:
    (home / "archives").mkdir()
    answers = ask_at_once(home, list(OFFERED))
    for line, expected in OFFERED.items():
        assert expected <= answers[line], line


def test_the_tab_key_offers_the_commands(home: Path) -> None:
    assert {"login", "logout", "get-access-token"} <= offered(home, "brokerauth ")


def test_no_option_of_any_command_breaks_the_tab_key(home: Path) -> None:
    """The Tab key is pressed behind each option, whatever it is."""
    commands = sorted(word for word in offered(home, "brokerauth ") if not word.startswith("-"))
    assert {"login", "check-health"} <= set(commands)
    lines = [f"brokerauth {command} --" for command in commands]
    of_commands = ask_at_once(home, lines)
    behind = {
        option: f"{line[:-2]}{option} "
        for line, options in of_commands.items()
        for option in options
        if option.startswith("--")
    }
    assert {"--claims-challenge", "--query", "--timeout", "--scope", "--resource", "--client-id"} <= set(behind)
    ask_at_once(home, list(behind.values()))


ASK_AT_ONCE = """
import json, os, sys
from pathlib import Path
import azext_brokerauth.plain, azext_brokerauth.custom
answers = {}
for line, variables in json.load(sys.stdin).items():
    if not os.fork():
        os.environ.update(variables)
        os._exit(azext_brokerauth.plain.run([]) or 0)
    _, status = os.wait()
    if status:
        sys.exit(f"{line!r} ended with {status}")
    answers[line] = Path(variables["_ARGCOMPLETE_STDOUT_FILENAME"]).read_text()
print(json.dumps(answers))
"""


def ask_at_once(home: Path, lines: list[str]) -> dict[str, set[str]]:
    """As :func:`offered`, for many lines in copies of one process."""
    done = subprocess.run(
        [sys.executable, "-c", ASK_AT_ONCE],
        env=environment(home),
        cwd=home,
        capture_output=True,
        text=True,
        input=json.dumps({line: asked(line, home / "answer") for line in lines}),
        check=False,
    )
    assert done.returncode == 0, done.stderr
    answers = json.loads(done.stdout.splitlines()[-1])
    return {line: {word.strip() for word in answer.split("\n")} for line, answer in answers.items()}


@pytest.mark.parametrize("records", [None, "{", '{"version": 99}'], ids=["nobody", "damaged", "another version"])
def test_where_nobody_can_be_read_nobody_is_offered(home: Path, records: str | None) -> None:
    path = home / ".azure/brokerauth/accounts.json"
    path.unlink()
    if records is not None:
        path.write_text(records)
    assert not {word for word in offered(home, "brokerauth login --username ") if "@" in word}


def test_in_bash(home: Path) -> None:
    assert "device-code" in typed(home, ["bash", "--norc", "-i"], register("bash"), "brokerauth login --fallback dev")


def test_in_zsh(home: Path) -> None:
    prepared = f"autoload -U compinit && compinit -u && {register('zsh')}"
    assert "device-code" in typed(home, ["zsh", "-f", "-i"], prepared, "brokerauth login --fallback dev")


def test_in_fish(home: Path) -> None:
    line = shlex.quote("brokerauth login --username ad")
    asked = f"register-python-argcomplete --shell fish brokerauth | source; complete --do-complete {line}"
    fish = shutil.which("fish")
    assert fish, "fish is missing: run make system-for-tests"
    done = subprocess.run([fish, "-c", asked], env=environment(home), capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["ada@contoso.com"]


def register(shell: str) -> str:
    """What docs/completion.md has people put into the shell's start file."""
    return f'eval "$(register-python-argcomplete --shell {shell} brokerauth)"'


def typed(home: Path, shell: list[str], prepared: str, line: str) -> str:
    """What stands on a terminal after the line and the Tab key, in an interactive shell."""
    program = shutil.which(shell[0])
    assert program, f"{shell[0]} is missing: run make system-for-tests"
    ours, theirs = pty.openpty()
    shown = b""

    def read() -> None:
        nonlocal shown
        with contextlib.suppress(OSError):  # EIO: the shell has ended
            while piece := os.read(ours, 4096):
                shown += piece

    with subprocess.Popen(
        [program, *shell[1:]],
        env=environment(home) | {"PS1": "> "},
        cwd=home,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    ) as process:
        os.close(theirs)
        reader = threading.Thread(target=read, daemon=True)
        reader.start()
        try:
            # In two parts, so that the echo of the line is not the answer.
            os.write(ours, f"{prepared}; echo rea''dy\n".encode())
            wait_until(lambda: b"ready" in shown, 30)
            time.sleep(0.2)  # the prompt
            start = len(shown)
            os.write(ours, f"{line}\t".encode())
            wait_until(lambda: line.split()[-1].encode() + b"ice" in shown[start:], 30)
            return shown[start:].decode()
        finally:
            process.kill()
