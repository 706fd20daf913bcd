"""Every way in that asks the broker: how a program takes it, and what it tells of how that went."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass

from testbed.directory import ADA
from tests.emulated.session import AZ, BROKERAUTH, Session
from tests.faults import leaks
from tests.faults.expected import PICKER, SIGN_IN, SIGN_OUT, TOKEN
from tests.faults.tools import TOOLS, Answer, Tool

DEADLINE = 60
"""Seconds after which a test gives a program up. Far more than any deadline of the product under test."""


@dataclass(frozen=True)
class Told:
    """How one attempt went.

    :param error: class of the credential's error, and of the core's behind it; empty for a command.
    :param said: the error, or what a command said on standard error.
    """

    succeeded: bool
    said: str
    error: tuple[str, str] = ("", "")


@dataclass(frozen=True)
class Way:
    """
    :param host: `brokerauth`, `az`, the credential, or a tool.
    :param wants: what it asks of the broker.
    :param go: make an attempt with these variables, do what is given, and make another, which is to succeed where the
        broker is well.
    """

    name: str
    host: str
    wants: str
    go: Callable[[Session, dict[str, str], Callable[[], None]], tuple[Told, Told]]


def _command(host: str, wants: str, *words: str, name: str = "") -> Way:
    def attempt(there: Session, env: dict[str, str]) -> Told:
        program = [BROKERAUTH] if host == "brokerauth" else [str(AZ)]
        done = there.machine.run([*program, *words], timeout=DEADLINE, env=there.env | env)
        assert "Traceback" not in done.stderr, done.stderr
        if done.returncode == 0:
            assert not done.stdout or json.loads(done.stdout)
        else:
            assert (done.returncode, done.stdout) == (1, ""), done.stdout + done.stderr
            assert "ERROR: " in done.stderr
        return Told(done.returncode == 0, done.stderr)

    def go(there: Session, env: dict[str, str], between: Callable[[], None]) -> tuple[Told, Told]:
        az = {"AZURE_CONFIG_DIR": str(there.config), "AZURE_CORE_COLLECT_TELEMETRY": "false"}
        first = attempt(there, az | env)
        between()
        if wants == SIGN_OUT:  # there is to be somebody to sign out
            sign_in(there, host)
        return first, attempt(there, az)

    typed = " ".join(words[:-1] if words[-1] == ADA.username else words)
    return Way(name or f"{host} {typed}", host, wants, go)


def sign_in(there: Session, host: str) -> None:
    """Sign Ada in, in `az` to az too. A credential is to find out by itself who she is."""
    if host == "credential":
        return
    login = [BROKERAUTH, "login"] if host != "az" else [str(AZ), "brokerauth", "login"]
    env = {"AZURE_CONFIG_DIR": str(there.config), "AZURE_CORE_COLLECT_TELEMETRY": "false"}
    done = there.machine.run([*login, "--username", ADA.username], timeout=DEADLINE, env=there.env | env)
    assert done.returncode == 0, done.stderr


_SYNC = """
import json, sys
from azext_brokerauth import BrokerCredential
with BrokerCredential(login_hint={hint!r}) as credential:
    for _ in range(2):
        try:
            credential.{call}
            told = [True, "", "", ""]
        except Exception as error:
            told = [False, str(error), type(error).__name__, type(error.__cause__).__name__]
        print(json.dumps(told), flush=True)
        sys.stdin.readline()
"""
_ASYNC = """
import asyncio, json, sys
from azext_brokerauth.aio import BrokerCredential
async def main():
    async with BrokerCredential(login_hint={hint!r}) as credential:
        for _ in range(2):
            try:
                await credential.{call}
                told = [True, "", "", ""]
            except Exception as error:
                told = [False, str(error), type(error).__name__, type(error.__cause__).__name__]
            print(json.dumps(told), flush=True)
            await asyncio.to_thread(sys.stdin.readline)
asyncio.run(main())
"""
_SCOPE = "https://management.azure.com/.default"


def _credential(name: str, wants: str, program: str, call: str) -> Way:
    """Both attempts through one credential of one process, which lives on."""
    code = program.format(hint=ADA.username, call=call)

    def go(there: Session, env: dict[str, str], between: Callable[[], None]) -> tuple[Told, Told]:
        pipe = subprocess.PIPE
        running = there.machine.popen(
            [sys.executable, "-c", code], there.env | env, stdin=pipe, stdout=pipe, stderr=pipe
        )
        with running:
            assert running.stdin is not None
            assert running.stdout is not None
            told = []
            for _ in range(2):
                line = running.stdout.readline()
                assert line, running.communicate()[1]
                succeeded, said, *kinds = json.loads(line)
                told.append(Told(succeeded, said, (kinds[0], kinds[1])))
                if len(told) == 1:
                    between()
                running.stdin.write("\n")
                running.stdin.flush()
            _, complaint = running.communicate(timeout=DEADLINE)
        assert (running.returncode, "Traceback" in complaint) == (0, False), complaint
        return told[0], told[1]

    return Way(name, "credential", wants, go)


def _tool(name: str, tool: Tool) -> Way:
    """Each attempt in a process of its own, as the tool starts it."""

    def attempt(there: Session, env: dict[str, str]) -> Told:
        done = there.machine.run(tool.command, tool.asked, DEADLINE, env={**there.env, **env, **tool.environ})
        assert "Traceback" not in done.stderr, done.stderr
        answer = Answer(done.returncode, done.stdout, done.stderr)
        try:
            credential = tool.credential(answer)
        except (AssertionError, ValueError, KeyError) as error:
            raise AssertionError(f"neither an answer nor a refusal that the tool knows: {answer}") from error
        if credential:
            assert credential.encode() in leaks.secrets(there.machine)
            assert not answer.said
            return Told(True, "")
        assert len(answer.said.splitlines()) <= 1
        return Told(False, answer.out + answer.said)

    def go(there: Session, env: dict[str, str], between: Callable[[], None]) -> tuple[Told, Told]:
        first = attempt(there, env)
        between()
        second = attempt(there, {})
        assert not tool.asks or there.calls(tool.asks), f"nobody asked {tool.asks}"
        return first, second

    return Way(name, "tool", TOKEN, go)


IN_EXEC = "brokerauth exec -- PROGRAM, which asks for a managed identity's token"
_PROGRAM = """
import json, os, sys, urllib.error, urllib.request
url = os.environ["IDENTITY_ENDPOINT"] + "?api-version=2019-08-01&resource=https://management.azure.com"
try:
    asked = urllib.request.Request(url, headers={"secret": os.environ["IDENTITY_HEADER"]})
    with urllib.request.urlopen(asked) as answer:
        print(json.dumps(json.load(answer)["expires_on"]))
except urllib.error.HTTPError as error:
    assert error.code in (400, 401, 403) and not error.headers["Retry-After"]
    sys.exit("ERROR: " + json.load(error)["message"])
"""


WAYS = [
    *(
        way
        for host in ("brokerauth", "az brokerauth")
        for way in (
            _command(host.partition(" ")[0], SIGN_IN, *host.split()[1:], "login", "--username", ADA.username),
            _command(host.partition(" ")[0], TOKEN, *host.split()[1:], "get-access-token"),
            _command(host.partition(" ")[0], TOKEN, *host.split()[1:], "inspect-token"),
            _command(host.partition(" ")[0], SIGN_OUT, *host.split()[1:], "logout", "--yes"),
        )
    ),
    _command(
        *("brokerauth", TOKEN, "exec", "--", sys.executable, "-c", _PROGRAM),
        name=IN_EXEC,
    ),
    _command("az", TOKEN, "account", "get-access-token"),
    _command("az", TOKEN, "brokerauth", "exec", "--", "az", "group", "list"),
    _credential("BrokerCredential.get_token", SIGN_IN, _SYNC, f"get_token({_SCOPE!r})"),
    _credential("BrokerCredential.authenticate", PICKER, _SYNC, "authenticate()"),
    _credential("aio.BrokerCredential.get_token", SIGN_IN, _ASYNC, f"get_token({_SCOPE!r})"),
    _credential("aio.BrokerCredential.authenticate", PICKER, _ASYNC, "authenticate()"),
    *(_tool(name, tool) for name, tool in TOOLS.items()),
]
