"""The credential helper: whom it serves (test_hosts.py has whom not), what it says, and docker's settings."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from azext_brokerauth.bridges import Home, acr, docker, start_script
from azext_brokerauth.bridges.edits import Record
from azext_brokerauth.bridges.silent import Wanted
from azext_brokerauth.errors import (
    BrokerAuthError,
    BrokerFailedError,
    BrokerTimeoutError,
    SettingsError,
    SignInRefusedError,
)
from azext_brokerauth.errors.rendering import PLAIN, in_words
from azext_brokerauth.models import Account, Token

TENANT = "c0000000-0000-4000-8000-000000000001"
ADA = Account("ada@contoso.com", f"a.{TENANT}", "a", TENANT, "app", "login.microsoftonline.com")
CONTOSO = acr.Registry("contoso.azurecr.io", "AzureCloud")


@pytest.mark.parametrize(
    ("server", "host", "cloud"),
    [
        ("contoso.azurecr.io", "contoso.azurecr.io", "AzureCloud"),
        ("https://contoso.azurecr.io", "contoso.azurecr.io", "AzureCloud"),
        ("https://contoso.azurecr.io/v2/", "contoso.azurecr.io", "AzureCloud"),
        ("contoso-e3b0c4.azurecr.io", "contoso-e3b0c4.azurecr.io", "AzureCloud"),
        ("Contoso.AzureCR.io", "contoso.azurecr.io", "AzureCloud"),
        ("contoso.azurecr.cn", "contoso.azurecr.cn", "AzureChinaCloud"),
        ("contoso.azurecr.us", "contoso.azurecr.us", "AzureUSGovernment"),
    ],
)
def test_a_registry_of_azures_is_known_by_its_host(server: str, host: str, cloud: str) -> None:
    assert acr.registry(server) == acr.Registry(host, cloud)


def run(*arguments: str, said: str = "", credential: Any = lambda _: None) -> tuple[int, str]:
    out = io.StringIO()
    return docker.answer(arguments, io.StringIO(said).read, out.write, credential), out.getvalue()


def test_the_protocol() -> None:
    asked: list[str] = []

    def credential(server: str) -> tuple[str, str]:
        asked.append(server)
        return "someone", "something"

    code, said = run("get", said="https://contoso.azurecr.io\n", credential=credential)
    assert (code, json.loads(said)) == (
        0,
        {"ServerURL": "https://contoso.azurecr.io", "Username": "someone", "Secret": "something"},
    )
    assert asked == ["https://contoso.azurecr.io"]
    assert run("list", said="unused") == (0, "{}\n")
    assert run("erase", said="contoso.azurecr.io") == (0, "")
    stored = {"ServerURL": "contoso.azurecr.io", "Username": "x", "Secret": "y"}
    assert run("store", said=json.dumps(stored)) == (0, "")
    for arguments in ((), ("got",), ("get", "it")):
        code, said = run(*arguments)
        assert code == 1
        assert said.startswith("Usage: ")


@pytest.mark.parametrize("server", ["https://index.docker.io/v1/", "ghcr.io", "contoso.azurecr.io.evil.example", ""])
def test_of_another_server_it_says_what_docker_expects(server: str) -> None:
    assert run("get", said=server) == (1, "credentials not found in native keychain\n")


@pytest.mark.parametrize("end", [".evil.example", ""])
def test_half_a_question_gets_nothing(end: str) -> None:
    """What is read ends somewhere, and there our host's name may end as well."""

    def credential(server: str) -> tuple[str, str] | None:
        return ("someone", "something") if acr.registry(server) else None

    found = run("get", said=f"contoso.azurecr.io{' ' * (1 << 16)}{end}", credential=credential)
    assert found == (1, "credentials not found in native keychain\n")


@pytest.mark.parametrize(
    "request_text",
    [
        json.dumps({"ServerURL": "ghcr.io", "Username": "x", "Secret": "y"}),
        json.dumps({"ServerURL": "contoso.azurecr.io.evil", "Username": "x", "Secret": "y"}),
        json.dumps({"ServerURL": ["contoso.azurecr.io"]}),
        *("", "[]", "{", "null", "[" * 100_000),
    ],
)
def test_nobody_is_left_to_believe_that_a_password_is_kept(request_text: str) -> None:
    code, said = run("store", said=request_text)
    assert code == 1
    assert "keeps no passwords" in said


class Tokens:
    def __init__(self) -> None:
        self.asked: list[Wanted] = []

    def __call__(self, wanted: Wanted) -> Token:
        self.asked.append(wanted)
        return Token(f"token-{len(self.asked)}", 1_800_000_000, "Bearer", "broker", TENANT, ADA)


class Registry:
    """Answers in this order."""

    def __init__(self, *answers: tuple[int, bytes] | OSError) -> None:
        self._answers = list(answers)
        self.asked: list[tuple[str, dict[str, str]]] = []

    def __call__(self, url: str, form: dict[str, str]) -> tuple[int, bytes]:
        self.asked.append((url, form))
        answer = self._answers.pop(0)
        if isinstance(answer, OSError):
            raise answer
        return answer


GIVEN = (200, b'{"refresh_token": "theirs"}')
REFUSED = (401, b'{"errors": [{"code": "UNAUTHORIZED", "message": "not you"}]}')


def test_entras_token_is_exchanged_for_the_registrys_own() -> None:
    tokens, registry = Tokens(), Registry(GIVEN)
    assert acr.credential(CONTOSO, tokens, registry) == "theirs"
    assert tokens.asked == [Wanted("https://containerregistry.azure.net/.default", cloud="AzureCloud")]
    assert registry.asked == [
        (
            "https://contoso.azurecr.io/oauth2/exchange",
            {
                "grant_type": "access_token",
                "service": "contoso.azurecr.io",
                "tenant": TENANT,
                "access_token": "token-1",
            },
        )
    ]


def test_a_token_that_the_registry_refuses_is_renewed_once() -> None:
    tokens, registry = Tokens(), Registry(REFUSED, GIVEN)
    assert acr.credential(CONTOSO, tokens, registry) == "theirs"
    assert [wanted.renew for wanted in tokens.asked] == [False, True]
    assert [form["access_token"] for _, form in registry.asked] == ["token-1", "token-2"]


@pytest.mark.parametrize(
    ("answers", "kind", "told"),
    [
        (
            [REFUSED, REFUSED],
            SignInRefusedError,
            r"does not take the token of ada@contoso.com.*401: UNAUTHORIZED not you",
        ),
        ([(403, b"")], SignInRefusedError, "HTTP 403"),
        ([(302, b"<a href=https://evil.example>")], SignInRefusedError, "HTTP 302"),
        ([(500, b"[" * 100_000)], SignInRefusedError, "HTTP 500"),
        ([(200, b"<html>")], BrokerFailedError, "something else than a credential"),
        ([(200, b'{"refresh_token": null}')], BrokerFailedError, "something else than a credential"),
        ([(200, b'{"refresh_token": ["x"]}')], BrokerFailedError, "something else than a credential"),
        ([(200, b"[]")], BrokerFailedError, "something else than a credential"),
        ([TimeoutError()], BrokerTimeoutError, "did not answer within"),
        ([ConnectionRefusedError(111, "Connection refused")], BrokerFailedError, "cannot be reached: .*refused"),
    ],
)
def test_what_goes_wrong_is_told_without_a_token(answers: list[Any], kind: type[BrokerAuthError], told: str) -> None:
    with pytest.raises(kind, match=told) as caught:
        acr.credential(CONTOSO, Tokens(), Registry(*answers))
    assert "token-" not in str(caught.value) + repr(caught.value)
    assert caught.value.remedies


CONFIG = """{
\t"auths": {
\t\t"contoso.azurecr.io": {
\t\t\t"auth": "MDAwOg==",
\t\t\t"identitytoken": "old"
\t\t},
\t\t"https://fabrikam.azurecr.io": {},
\t\t"https://index.docker.io/v1/": {"auth": "é"},
\t\t"contoso.azurecr.io.evil.example": {}
\t},
\t"credHelpers": {
\t\t"other.azurecr.us": "acr-env",
\t\t"gcr.io": "gcloud"
\t},
\t"psFormat": "{{.ID}} <b>"
}"""


@pytest.fixture
def home(tmp_path: Path) -> Home:
    programs = tmp_path / "pip/bin"
    programs.mkdir(parents=True)
    (programs / docker.PROGRAM).write_text("#!/bin/sh\n")
    (programs / docker.PROGRAM).chmod(0o755)
    (tmp_path / "home/.docker").mkdir(parents=True)
    (tmp_path / "home/.azure").mkdir()
    return Home(tmp_path / "home", {"PATH": str(programs)}, tmp_path / "home/.local/bin")


@pytest.fixture
def record(home: Home) -> Record:
    return Record(home.path / ".azure", "docker")


def settings_of(home: Home, text: str = CONFIG) -> Path:
    path = home.path / ".docker/config.json"
    path.write_text(text)
    return path


def enable(home: Home, record: Record) -> None:
    record.make(docker.BRIDGE.edits(home))


def disable(home: Home, record: Record) -> None:
    record.take_back(docker.BRIDGE.leftovers(home, record.paths()))


def test_each_registry_of_azures_that_is_named_gets_the_helper(home: Home, record: Record) -> None:
    path = settings_of(home)
    enable(home, record)
    before, after = json.loads(CONFIG), json.loads(path.read_text())
    assert after.pop("credHelpers") == {
        "other.azurecr.us": "brokerauth",
        "gcr.io": "gcloud",
        "contoso.azurecr.io": "brokerauth",
        "fabrikam.azurecr.io": "brokerauth",
    }
    before.pop("credHelpers")
    assert after == before
    assert '\n\t\t"gcr.io": "gcloud",\n' in path.read_text()
    assert '"é"' in path.read_text()
    enable(home, record)
    disable(home, record)
    assert path.read_text() == CONFIG


@pytest.mark.parametrize("indent", [None, 2, 4, "\t"])
@pytest.mark.parametrize("end", ["", "\n", "\r\n"])
def test_settings_keep_their_form(home: Home, record: Record, indent: Any, end: str) -> None:
    before = json.dumps({"auths": {"contoso.azurecr.io": {}}}, indent=indent) + end
    path = settings_of(home, before)
    enable(home, record)
    wanted = {"auths": {"contoso.azurecr.io": {}}, "credHelpers": {"contoso.azurecr.io": "brokerauth"}}
    assert path.read_bytes().decode() == json.dumps(wanted, indent=indent) + end
    disable(home, record)
    assert path.read_bytes().decode() == before


def test_what_docker_wrote_since_stays(home: Home, record: Record) -> None:
    path = settings_of(home)
    enable(home, record)
    path.write_text(path.read_text().replace('"psFormat"', '"detachKeys": "ctrl-e",\n\t"psFormat"'))
    disable(home, record)
    after = json.loads(path.read_text())
    assert after["detachKeys"] == "ctrl-e"
    assert after["credHelpers"] == {"gcr.io": "gcloud"}


def test_the_settings_may_be_elsewhere(home: Home, record: Record, tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    path = tmp_path / "there/config.json"
    path.write_text(CONFIG)
    enable(Home(home.path, {**home.environ, "DOCKER_CONFIG": str(tmp_path / "there")}, home.programs), record)
    assert '"brokerauth"' in path.read_text()
    disable(home, record)
    assert path.read_text() == CONFIG


@pytest.mark.parametrize(
    "text", [None, "", "{}", '{"auths": {"ghcr.io": {}}}', '{"auths": {"contoso.azurecr.io.evil": {}}}']
)
def test_where_there_is_nothing_to_set_up_it_says_what_to_write(home: Home, record: Record, text: str | None) -> None:
    path = settings_of(home, text) if text is not None else home.path / ".docker/config.json"
    with pytest.raises(SettingsError, match="names no registry of Azure's yet") as caught:
        enable(home, record)
    assert '"credHelpers": {"REGISTRY.azurecr.io": "brokerauth"}' in in_words(caught.value.remedies, PLAIN)
    disable(home, record)
    assert (path.read_text() if path.exists() else None) == text


@pytest.mark.parametrize(
    "text",
    [
        *("[]", "{", "\0", "[" * 5000, '{"auths": []}', '{"auths": {"contoso.azurecr.io": {}}, "auths": {}}'),
        '{"auths": {"contoso.azurecr.io": {}}, "credHelpers": 5}',
    ],
)
def test_a_file_that_is_damaged_stays_as_it_is(home: Home, record: Record, text: str) -> None:
    path = settings_of(home, text)
    with pytest.raises(SettingsError, match="cannot be changed"):
        enable(home, record)
    disable(home, record)
    assert path.read_text() == text


def test_docker_finds_its_helper_by_path_alone(home: Home, record: Record) -> None:
    elsewhere = Home(home.path, {"PATH": "/usr/bin"}, home.programs)
    path = settings_of(home)
    enable(elsewhere, record)
    assert (home.programs / docker.PROGRAM).stat().st_mode & 0o777 == 0o755
    listed = subprocess.run([home.programs / docker.PROGRAM, "list"], capture_output=True, text=True, check=True)
    assert listed.stdout == "{}\n"
    assert any(str(home.programs) in note for note in docker.BRIDGE.notes(elsewhere))
    assert not any(str(home.programs) in note for note in docker.BRIDGE.notes(home))
    disable(elsewhere, record)
    assert path.read_text() == CONFIG
    assert not (home.path / ".local").exists()


def test_a_program_of_the_current_directory_is_not_ours(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(home.environ["PATH"])
    for path in (".", "", ":"):
        assert not start_script.is_found(Home(home.path, {"PATH": path}, home.programs), docker.PROGRAM)
        assert start_script.edits(Home(home.path, {"PATH": path}, home.programs), docker.PROGRAM, "docker")


@pytest.mark.parametrize(("tool", "words", "said"), [("docker", ["list"], "{}\n"), ("kubectl", ["get-token"], "")])
def test_the_program_starts_from_azs_folder_too(tool: str, words: list[str], said: str) -> None:
    """Where pip made no console script, and with nothing of the current directory or of PYTHON* loaded."""
    start = Path(start_script.__file__).with_name("start.py")
    command = [sys.executable, "-I", str(start), tool, *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd="/")
    assert done.stdout == said
    assert done.returncode == (0 if said else 1)
    assert ("--server-id is missing" in done.stderr) == (tool == "kubectl")


def test_for_another_server_nothing_is_loaded_that_gets_tokens() -> None:
    program = (
        "import sys; from azext_brokerauth.bridges.docker import main; sys.argv = ['', 'get']; code = main();"
        "print(code, [name for name in ('ssl', 'urllib.request', 'azext_brokerauth.tokens', 'logging', 'cryptography')"
        " if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], input="ghcr.io", capture_output=True, text=True, check=True)
    assert done.stdout == "credentials not found in native keychain\n1 []\n"
