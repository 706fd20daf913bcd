"""git's credential helper: what it is asked, what it answers, and what it remembers; test_hosts.py has whom."""

from __future__ import annotations

import io
import json
import os
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from azext_brokerauth.bridges import git
from azext_brokerauth.bridges.organisations import FILE, Memory, Organisation, organisation, tenant_named
from azext_brokerauth.bridges.silent import Wanted
from azext_brokerauth.errors import BrokerAuthError, BrokerOffError, InteractionRequiredError
from azext_brokerauth.models import Account, Token, own

CONTOSO = "c0000000-0000-4000-8000-000000000001"
FABRIKAM = "f0000000-0000-4000-8000-000000000002"
ADA = Account("ada@contoso.com", f"a.{CONTOSO}", "a", CONTOSO, "app", "login.microsoftonline.com")
TOKEN = Token("the-token", 1_800_000_000, "Bearer", "broker", CONTOSO, ADA)
ASKED = "protocol=https\nhost=dev.azure.com\npath=contoso/app/_git/app\n"
BEARER = f"Bearer authorization_uri=https://login.microsoftonline.com/{FABRIKAM}"


@dataclass
class Source:
    """Gives tokens, or says why there is none."""

    error: BrokerAuthError | None = None
    wanted: list[Wanted] = field(default_factory=list)

    def token(self, wanted: Wanted) -> Token:
        self.wanted.append(wanted)
        if self.error:
            raise self.error
        return TOKEN


class KnowsTenants(Memory):
    """One that asks no organisation."""

    def tenant(self, of: Organisation, challenges: Iterable[str], ask: object = None) -> str:
        return super().tenant(of, challenges, lambda url: ())


@pytest.fixture
def memory(tmp_path: Path) -> Memory:
    return KnowsTenants(str(tmp_path))


def answer(text: str, source: Source, memory: Memory) -> tuple[list[str], str]:
    said = io.StringIO()
    return git.get(git.parsed(text.encode()), source, memory, said), said.getvalue()  # type: ignore[arg-type]


def test_an_old_git_gets_a_password_and_a_new_one_what_it_is(memory: Memory) -> None:
    expiry = "password_expiry_utc=1800000000"
    old = ["username=ada@contoso.com", "password=the-token", expiry]
    new = ["capability[]=authtype", "authtype=Bearer", "credential=the-token", "ephemeral=1", expiry]
    assert answer(ASKED, Source(), memory) == (old, "")
    assert answer(f"capability[]=authtype\ncapability[]=state\n{ASKED}", Source(), memory) == (new, "")
    assert answer(f"capability[]=state\n{ASKED}", Source(), memory) == (old, "")
    assert answer(f"{ASKED}username=contoso\n", Source(), memory)[0][0] == "username=contoso"


def test_whose_token_and_in_which_tenant(memory: Memory) -> None:
    source = Source()
    answer(ASKED, source, memory)
    answer(f"{ASKED}wwwauth[]=Basic realm=x\nwwwauth[]={BEARER}\n", source, memory)
    answer(f"{ASKED}username=contoso\n", source, memory)  # as in the URLs that Azure DevOps shows
    answer(f"{ASKED}username=grace@contoso.com\n", source, memory)
    scope = "499b84ac-1321-427f-aa17-267ca6975798/.default"
    assert source.wanted == [
        *(Wanted(scope), Wanted(scope, FABRIKAM), Wanted(scope), Wanted(scope, username="grace@contoso.com")),
    ]


@pytest.mark.parametrize("protocol", ["http", "HTTPS ", "ftp", ""])
def test_nothing_goes_over_what_is_not_https(memory: Memory, protocol: str) -> None:
    source = Source()
    told, said = answer(ASKED.replace("https", protocol), source, memory)
    assert (told, source.wanted) == (["quit=1"], [])
    assert "Use https" in said


INJECTED = {
    "host twice": "protocol=https\nhost=evil.example\nhost=dev.azure.com\n",
    "host after ours": "protocol=https\nhost=dev.azure.com\nhost=evil.example\n",
    "protocol twice": "protocol=http\nhost=dev.azure.com\nprotocol=https\n",
    "behind a blank line": "protocol=https\nhost=evil.example\n\nhost=dev.azure.com\n",
    "no key": "protocol=https\nhost=dev.azure.com\nnonsense\n",
    "carriage return": "protocol=https\r\nhost=dev.azure.com\r\n",
    "no question": "",
}


@pytest.mark.parametrize("text", INJECTED.values(), ids=INJECTED)
def test_what_git_would_not_say_gets_nothing(memory: Memory, text: str) -> None:
    source = Source()
    assert answer(text, source, memory) == ([], "")
    assert source.wanted == []


@pytest.mark.parametrize(
    "challenge",
    [
        f"Bearer authorization_uri=https://login.evil.example/{FABRIKAM}",
        f"Bearer authorization_uri=http://login.microsoftonline.com/{FABRIKAM}",
        f"Bearer authorization_uri=https://login.microsoftonline.com@evil.example/{FABRIKAM}",
        f"Bearer authorization_uri=https://login.microsoftonline.com.evil.example/{FABRIKAM}",
        "Bearer authorization_uri=https://login.microsoftonline.com/evil.example",
        "Bearer authorization_uri=https://login.microsoftonline.com/../x",
        "Bearer authorization_uri=https://login.microsoftonline.com/00000000-0000-0000-0000-000000000000",
        f"Basic realm=https://login.microsoftonline.com/{FABRIKAM}",
        "00000000-0000-0000-0000-000000000000",
        "\udcff" * 9,
        "Bearer " * 5000,
    ],
)
def test_a_header_that_names_no_tenant_of_entra_is_not_followed(challenge: str) -> None:
    assert tenant_named([challenge]) == ""


def test_a_header_names_the_tenant() -> None:
    assert tenant_named([BEARER]) == FABRIKAM
    assert tenant_named([BEARER.replace("=https", '="https') + '", error="x"']) == FABRIKAM
    assert tenant_named([BEARER.replace("login.microsoftonline.com", "LOGIN.windows.net").upper()]) == FABRIKAM
    assert tenant_named([f"00000000-0000-0000-0000-000000000000,{FABRIKAM}"]) == FABRIKAM


def test_a_refusal_ends_git_with_one_line_and_a_machine_without_a_broker_does_not(memory: Memory) -> None:
    refused = Source(InteractionRequiredError("Only a person\nhelps.\x1b", remedies=own("login")))
    told, said = answer(ASKED, refused, memory)
    assert told == ["quit=1"]
    assert said == "brokerauth: Only a person helps.\\x1b Run: brokerauth login\n"
    told, said = answer(ASKED, Source(BrokerOffError("This is not WSL.")), memory)
    assert (told, said) == ([], "brokerauth: This is not WSL.\n")


def test_the_organisation_is_asked_for_its_tenant_once(tmp_path: Path) -> None:
    memory, asked = Memory(str(tmp_path)), []

    def ask(url: str) -> list[str]:
        asked.append(url)
        return ["Basic realm=x", BEARER]

    for of in (organisation("dev.azure.com", "Contoso/x"), organisation("contoso.visualstudio.com", "x")):
        assert of
        for _ in range(2):
            assert memory.tenant(of, (), ask) == FABRIKAM
    assert asked == ["https://dev.azure.com/contoso", "https://contoso.visualstudio.com/"]
    nameless = organisation("dev.azure.com", "")
    assert nameless
    assert memory.tenant(nameless, (), ask) == ""
    assert memory.tenant(nameless, [BEARER], ask) == FABRIKAM
    assert len(asked) == 2


def test_an_organisation_that_cannot_be_asked_is_asked_again_later(tmp_path: Path) -> None:
    memory, of = Memory(str(tmp_path)), organisation("dev.azure.com", "contoso")
    assert of

    def unreachable(url: str) -> list[str]:
        raise OSError("no route")

    assert memory.tenant(of, (), unreachable) == ""
    assert memory.tenant(of, (), lambda url: [FABRIKAM]) == FABRIKAM


def test_a_token_that_was_refused_is_renewed_once_and_the_tenant_looked_up_anew(memory: Memory, tmp_path: Path) -> None:
    source = Source()
    other = ASKED.replace("contoso", "fabrikam")
    asked = git.parsed(ASKED.encode())
    git.erase(asked, memory)
    path = tmp_path / "brokerauth" / FILE
    assert path.stat().st_mode & 0o777 == 0o600
    assert [*json.loads(path.read_text())["refused"]] == ["https://dev.azure.com/contoso"]
    for text in (other, ASKED, ASKED):
        answer(text, source, memory)
    assert [wanted.renew for wanted in source.wanted] == [False, True, False]
    git.erase(asked, memory)
    source.error = InteractionRequiredError("no")
    answer(ASKED, source, memory)
    source.error = None
    answer(ASKED, source, memory)
    assert [wanted.renew for wanted in source.wanted[3:]] == [True, True], "until there is a new one"


@pytest.mark.parametrize("content", ["{", "[]", '{"tenants": 1, "refused": {"x": "y"}}', "[" * 100_000, None])
def test_a_damaged_memory_is_none(memory: Memory, tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "brokerauth" / FILE
    path.parent.mkdir(mode=0o700)
    path.write_text(content) if content is not None else os.mkfifo(path)
    assert "password=the-token" in answer(ASKED, Source(), memory)[0]


def test_half_a_question_gets_nothing(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """What is read ends somewhere, and there somebody may have put the end of our host's name."""
    start, ours = "protocol=https\npath=", "\nhost=dev.azure.com"
    question = f"{start}{'a' * ((1 << 20) - len(start) - len(ours))}{ours}.evil.example\n"
    assert git.answer("get", io.BytesIO(question.encode()), {"HOME": str(tmp_path)}) == 0
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("operation", ["store", "capability", "nonsense", ""])
def test_other_operations_do_nothing_and_read_nothing(
    operation: str, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Unread(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            raise AssertionError(size)

    monkeypatch.setattr(sys, "argv", ["git-credential-brokerauth", operation])
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(Unread()))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert git.main() == 0
    assert capsys.readouterr() == ("", "")
    assert not any(tmp_path.iterdir())
