"""Which hosts are served, for every bridge that is asked about one: its own exactly, and none that looks like it."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import pytest

from azext_brokerauth.bridges import TOOLS, acr, cargo, git, silent
from azext_brokerauth.bridges.calls import Terms
from azext_brokerauth.bridges.feed_keyring import BrokerKeyring
from azext_brokerauth.bridges.feed_tokens import tenant_named
from azext_brokerauth.bridges.organisations import Organisation
from azext_brokerauth.bridges.silent import Wanted
from azext_brokerauth.errors import BrokerOffError, NotSignedInError
from azext_brokerauth.models import Token
from tests.unit.bridges.look_alikes import addresses, look_alikes

TENANT = "c0000000-0000-4000-8000-000000000001"
asked: list[str] = []
"""For what a token was asked."""


class Source:
    """Has no token for anybody, and writes down who wants one."""

    def __init__(self, tool: str = "") -> None:
        self._tool = tool

    def __enter__(self) -> Source:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def token(self, wanted: Wanted) -> Token:
        asked.append(wanted.scope)
        raise NotSignedInError("Nobody is signed in.")


class Forgetful:
    """Knows no organisation."""

    def tenant(self, of: Organisation, challenges: object) -> str:
        return ""

    def was_refused(self, of: Organisation) -> bool:
        return False


def git_helper(host: str) -> object:
    if host.endswith("\n"):  # which git does not say: it would be the end of its question
        return False
    question = git.parsed(f"protocol=https\nhost={host}\npath=contoso/x\n".encode())
    errors = io.StringIO()
    return git.get(question, Source(), Forgetful(), errors) or errors.getvalue()  # type: ignore[arg-type]


def cargo_provider(url: str) -> object:
    """Is it anything but the next provider's?"""

    def get(url: str, headers: list[str]) -> tuple[str, int]:
        asked.append(url)
        raise NotSignedInError("Nobody is signed in.")

    said: list[str] = []
    registry = {"index-url": f"sparse+{url}"}
    cargo.serve([json.dumps({"v": 1, "kind": "get", "operation": "read", "registry": registry})], said.append, get)
    return json.loads(said[1]) != {"Err": {"kind": "url-not-supported"}}


def keyring_backend(service: str) -> object:
    BrokerKeyring.failed.clear()
    return BrokerKeyring().get_credential(service, None) or BrokerKeyring.failed


def exec_resource(host: str) -> object:
    try:
        Terms("key", "app", resources=("https://vault.azure.net",)).check(f"https://{host}/.default")
    except BrokerOffError:
        return False
    return True


def tenant_of_a_refusal(host: str) -> object:
    return tenant_named([f"Bearer authorization_uri=https://{host}/{TENANT}"])


@dataclass(frozen=True)
class Door:
    """Where a host, or the URL of one, comes in.

    :param asks: hands it in as the tool does; true where it is taken for one of ours.
    :param hosts: the domains that are ours, each with the name of one that is chosen, or without.
    :param takes: the lists of what looks like one.
    :param ours: what is to be served.
    :param others: more that is not.
    """

    asks: Callable[[str], object]
    hosts: Sequence[tuple[str, str]]
    takes: Sequence[Callable[[str, str], list[str]]]
    ours: Sequence[str]
    others: Sequence[str] = field(default=())


FEEDS = (
    *("pkgs.visualstudio.com", "evilpkgs.visualstudio.com", "a.b.pkgs.visualstudio.com", ".pkgs.visualstudio.com"),
    *("-a.pkgs.visualstudio.com", "a-.pkgs.visualstudio.com", "contoso.visualstudio.com", "dev.azure.com"),
    *("contoso.pkgs.dev.azure.com", f"{'a' * 51}.pkgs.visualstudio.com"),
)
FEED_DOMAINS = (("pkgs.dev.azure.com", ""), ("pkgs.visualstudio.com", "kontoso"))
DOORS = {
    "git": Door(
        git_helper,
        [("dev.azure.com", ""), ("visualstudio.com", "kontoso")],
        [look_alikes],
        ["dev.azure.com", "DEV.Azure.com", "kontoso.visualstudio.com", "Kontoso-2.VisualStudio.com"],
        [
            *("dev.azure.com:443", "dev.azure.com:", "ada@dev.azure.com", "dev.azure.com/", "azure.com"),
            *("visualstudio.com", "-a.visualstudio.com", "a-.visualstudio.com", "a_b.visualstudio.com"),
            *("ssh.dev.azure.com", "ssh.visualstudio.com", "vs-ssh.visualstudio.com", "app.visualstudio.com"),
            *("pkgs.dev.azure.com", "kontoso.pkgs.visualstudio.com", f"{'a' * 51}.visualstudio.com"),
        ],
    ),
    "docker": Door(
        acr.registry,
        [("azurecr.io", "kontoso"), ("azurecr.cn", "kontoso"), ("azurecr.us", "kontoso")],
        [look_alikes, addresses],
        [
            *("kontoso.azurecr.io", "https://kontoso.azurecr.io", "https://kontoso.azurecr.io/v2/"),
            *("kontoso-e3b0c4.azurecr.io", "Kontoso.AzureCR.io", "HTTPS://kontoso.azurecr.io"),
            *("kontoso.azurecr.cn", "kontoso.azurecr.us"),
        ],
        [
            *("azurecr.io", "docker.io", "kontoso.azurecr.com", "kontoso.westeurope.data.azurecr.io"),
            *("kontoso.azurecr.io:443", "kontoso.azurecr.io:", "https://kontoso.azurecr.io:443/v2/"),
            *("ada@kontoso.azurecr.io", "https://ada:pw@kontoso.azurecr.io"),
            *("-kontoso.azurecr.io", "kontoso-.azurecr.io", "xn--kontoso-.azurecr.io", f"{'a' * 64}.azurecr.io"),
            *("kontoso.azurecr.io?x=/", "https://kontoso.azurecr.io?x=/", "https://kontoso.azurecr.io#/"),
        ],
    ),
    "pip": Door(
        keyring_backend,
        FEED_DOMAINS,
        [look_alikes, addresses],
        [
            *("https://pkgs.dev.azure.com/contoso/_packaging/tools/pypi/simple/", "pkgs.dev.azure.com"),
            *("HTTPS://Kontoso.pkgs.visualstudio.com/_packaging/tools/npm/", "https://ada:pw@PKGS.dev.azure.com:443/x"),
            *("ada@pkgs.dev.azure.com", "ada%40contoso.com@pkgs.dev.azure.com:443"),
        ],
        [*FEEDS, *(f"https://{host}/x/" for host in FEEDS), "keyring:pkgs.dev.azure.com", "https://pypi.org/simple/"],
    ),
    "cargo": Door(
        cargo_provider,
        FEED_DOMAINS,
        [addresses],
        [
            "https://pkgs.dev.azure.com/contoso/_packaging/tools/Cargo/index/",
            "https://kontoso.pkgs.visualstudio.com/_packaging/tools/Cargo/index/",
        ],
        [
            *(f"https://{host}/x/" for host in FEEDS),
            *("sparse+https://pkgs.dev.azure.com/x/", "https://index.crates.io/"),
        ],
    ),
    "exec --resource": Door(
        exec_resource,
        [("vault.azure.net", "")],
        [look_alikes],
        ["vault.azure.net", "Vault.Azure.NET"],
        ["azure.net", "vault.azure.net:443", "ada@vault.azure.net", "graph.microsoft.com", "vault.azure.net/x"],
    ),
    "the tenant that a refusal names": Door(
        tenant_of_a_refusal,
        [("login.microsoftonline.com", "")],
        [look_alikes],
        ["login.microsoftonline.com", "LOGIN.windows.net"],
        ["login.microsoftonline.com:443", "ada@login.microsoftonline.com", "microsoftonline.com", "login.evil.example"],
    ),
}
TOLD_NO_HOST = ("az", "kubectl")
"""They ask for an audience, which Entra knows or does not."""


@pytest.fixture(autouse=True)
def _nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    asked.clear()
    monkeypatch.setattr(BrokerKeyring, "failed", {})
    monkeypatch.setattr(silent, "Source", Source)


@pytest.mark.parametrize("door", DOORS)
def test_our_hosts_are_served_however_they_are_written(door: str) -> None:
    assert [text for text in DOORS[door].ours if not DOORS[door].asks(text)] == []


@pytest.mark.parametrize("door", DOORS)
def test_what_looks_like_one_of_them_is_not(door: str) -> None:
    there = DOORS[door]
    texts = [text for domain, name in there.hosts for made in there.takes for text in made(domain, name)]
    assert len(texts) > 100
    assert [ascii(text)[:200] for text in (*texts, *there.others) if there.asks(text)] == []
    assert asked == []


def test_every_tool_that_is_asked_about_a_host_is_tried() -> None:
    assert {*TOOLS} - {*TOLD_NO_HOST} == {*DOORS} & {*TOOLS}
