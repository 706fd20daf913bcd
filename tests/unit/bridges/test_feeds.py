"""Package feeds: how their hosts are written (test_hosts.py has those that are none), variables for tools, and what is
done about a token that is refused."""

from __future__ import annotations

import base64
import io
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from azext_brokerauth.bridges.feed_keyring import BrokerKeyring
from azext_brokerauth.bridges.feed_tokens import accepted, refused
from azext_brokerauth.bridges.feeds import SCOPE, feed_url, feed_variables
from azext_brokerauth.bridges.organisations import tenant_named
from azext_brokerauth.bridges.silent import Wanted
from azext_brokerauth.models import Account, Token

FEED = "https://pkgs.dev.azure.com/contoso/_packaging/tools/pypi/simple/"
HOME, OTHER = "c0000000-0000-4000-8000-000000000001", "f0000000-0000-4000-8000-000000000002"
OURS = {
    FEED: FEED,
    "https://ada@pkgs.dev.azure.com/contoso/": "https://pkgs.dev.azure.com/contoso/",
    "https://ada:secret@PKGS.dev.azure.com:443/contoso/": "https://pkgs.dev.azure.com/contoso/",
    "HTTPS://Contoso.pkgs.visualstudio.com/_packaging/tools/npm/": (
        "https://contoso.pkgs.visualstudio.com/_packaging/tools/npm/"
    ),
    "pkgs.dev.azure.com": "https://pkgs.dev.azure.com",
    "ada@pkgs.dev.azure.com": "https://pkgs.dev.azure.com",
    "ada%40contoso.com@pkgs.dev.azure.com:443": "https://pkgs.dev.azure.com",
}


@pytest.mark.parametrize("service", OURS)
def test_the_hosts_of_azure_artifacts_are_known_however_they_are_written(service: str) -> None:
    assert feed_url(service) == OURS[service]


def test_for_another_host_nothing_is_loaded() -> None:
    """keyring is asked for all kinds of passwords, by all kinds of programs."""
    code = """if True:
        import sys
        import keyring.backend, keyring.credentials, importlib, dataclasses, pathlib, urllib.parse
        before = set(sys.modules)
        from azext_brokerauth.bridges.feed_keyring import BrokerKeyring
        assert BrokerKeyring().get_credential("https://pypi.org/simple/", None) is None
        assert BrokerKeyring().get_password("login.example", "ada") is None
        print(*sorted(set(sys.modules) - before))
    """
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert told.split() == [
        *("azext_brokerauth", "azext_brokerauth.bridges", "azext_brokerauth.bridges.feed_keyring"),
        "azext_brokerauth.bridges.feeds",
    ]


def test_keyring_finds_the_backend_and_asks_it_before_microsofts() -> None:
    from keyring.backend import get_all_keyring

    (ours,) = [ring for ring in get_all_keyring() if type(ring).__name__ == "BrokerKeyring"]
    assert 9.9 < ours.priority < 10


def test_nothing_is_kept_or_removed_so_that_keyring_asks_the_next() -> None:
    with pytest.raises(NotImplementedError):
        BrokerKeyring().set_password("pkgs.dev.azure.com", "ada", "secret")
    with pytest.raises(NotImplementedError):
        BrokerKeyring().delete_password("pkgs.dev.azure.com", "ada")


def test_a_failure_is_one_line_once_and_no_error(monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> None:
    monkeypatch.setenv("AZURE_CONFIG_DIR", str(tmp_path))
    monkeypatch.setattr(BrokerKeyring, "failed", {})
    said = io.StringIO()
    monkeypatch.setattr(sys, "stderr", said)
    assert [BrokerKeyring().get_credential(FEED, None), BrokerKeyring().get_password(FEED, "ada")] == [None, None]
    assert BrokerKeyring().get_credential(FEED.replace("contoso", "fabrikam"), None) is None
    assert said.getvalue().count("\n") == 1
    assert said.getvalue().startswith("brokerauth: ")


def test_a_failure_is_waited_for_once_and_is_no_other_feeds(monkeypatch: pytest.MonkeyPatch) -> None:
    """pip asks for the URL, and then for the host."""
    tried: list[str] = []

    class Hanging:
        def __init__(self, tool: str, **_: object) -> None:
            tried.append(tool)
            raise TimeoutError

    monkeypatch.setattr("azext_brokerauth.bridges.silent.Source", Hanging)
    monkeypatch.setattr(BrokerKeyring, "failed", {})
    for service in (FEED, "pkgs.dev.azure.com", "ada@pkgs.dev.azure.com", FEED):
        assert BrokerKeyring().get_credential(service, None) is None
    assert len(tried) == 1
    assert BrokerKeyring().get_credential(FEED.replace("contoso", "fabrikam"), None) is None
    assert len(tried) == 2
    BrokerKeyring.failed.update({url: when - 61 for url, when in BrokerKeyring.failed.items()})
    assert BrokerKeyring().get_credential(FEED, None) is None
    assert len(tried) == 3


def test_even_where_nobody_can_be_told_a_failure_is_no_error(monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> None:
    monkeypatch.setenv("AZURE_CONFIG_DIR", str(tmp_path))
    monkeypatch.setattr(BrokerKeyring, "failed", {})
    monkeypatch.setattr(sys, "stderr", None)
    assert BrokerKeyring().get_credential(FEED, None) is None


def test_the_variables_are_for_the_organisations_named_and_no_others() -> None:
    variables = feed_variables(["Contoso", "fabrikam-2", "contoso"], "a-token")
    prefixes = (
        "https://pkgs.dev.azure.com/contoso/;https://contoso.pkgs.visualstudio.com/;"
        "https://pkgs.dev.azure.com/fabrikam-2/;https://fabrikam-2.pkgs.visualstudio.com/"
    )
    assert variables == {
        "ARTIFACTS_CREDENTIALPROVIDER_URI_PREFIXES": prefixes,
        "ARTIFACTS_CREDENTIALPROVIDER_ACCESSTOKEN": "a-token",
        "VSS_NUGET_URI_PREFIXES": prefixes,
        "VSS_NUGET_ACCESSTOKEN": "a-token",
        "ARTIFACTS_ACCESSTOKEN": "a-token",
    }
    assert feed_variables([], "a-token") == {}


@pytest.mark.parametrize(
    "name", ["", "a/b", "a;https://evil", "a.b", "-a", "a-", "a b", "a\n", "contos\u043e", "a" * 51, "a_b", "..", "*"]
)
def test_what_is_no_organisation_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="use the name of an organisation"):
        feed_variables(["contoso", name], "a-token")


@pytest.mark.parametrize(
    ("challenge", "tenant"),
    [
        (f"Bearer authorization_uri=https://login.microsoftonline.com/{OTHER}", OTHER),
        (
            f'WWW-Authenticate: Bearer authorization_uri="https://login.windows.net/{OTHER.upper()}", Basic realm=""',
            OTHER,
        ),
        (f"Bearer authorization_uri=http://login.microsoftonline.com/{OTHER}", ""),
        (f"Bearer authorization_uri=https://login.evil.example/{OTHER}", ""),
        (f"Bearer authorization_uri=https://login.microsoftonline.com/{OTHER}-more", ""),
        ("Bearer authorization_uri=https://login.microsoftonline.com/00000000-0000-0000-0000-000000000000", ""),
        ("Bearer authorization_uri=https://login.microsoftonline.com/common", ""),
        ('Basic realm="https://pkgs.dev.azure.com/"', ""),
        ("", ""),
    ],
)
def test_the_tenant_is_read_from_the_refusal(challenge: str, tenant: str) -> None:
    assert tenant_named(["Negotiate", challenge]) == tenant


class Tenants:
    """A source, and a feed that accepts some of its tokens. Both write down what they are asked."""

    def __init__(self, accepts: Callable[[str], bool], names: str = "") -> None:
        self.wanted: list[Wanted] = []
        self.asked: list[str] = []
        self._accepts, self._names = accepts, names

    def token(self, wanted: Wanted) -> Token:
        self.wanted.append(wanted)
        tenant = wanted.tenant or HOME
        value = f"{'new' if wanted.renew else 'old'} of {tenant}"
        account = Account("ada@contoso.com", "a.t", "a", HOME, "app", "login.microsoftonline.com")
        return Token(value, 1_800_000_000, "Bearer", "broker", tenant, account)

    def ask(self, url: str, token: str) -> str | None:
        self.asked.append(f"{url} {token}")
        return None if self._accepts(token) else self._names

    def get(self, url: str = FEED, **more: str) -> str:
        return accepted(self, url, ask=self.ask, **more).value  # type: ignore[arg-type]


def test_a_token_that_is_accepted_is_asked_for_once() -> None:
    tenants = Tenants(lambda token: True)
    assert tenants.get() == f"old of {HOME}"
    assert tenants.wanted == [Wanted(SCOPE)]
    assert len(tenants.asked) == 1


def test_a_token_that_is_refused_is_renewed_once() -> None:
    tenants = Tenants(lambda token: False)
    assert tenants.get(username="ada@contoso.com") == f"new of {HOME}"
    asked = Wanted(SCOPE, username="ada@contoso.com")
    assert tenants.wanted == [asked, Wanted(SCOPE, username="ada@contoso.com", renew=True)]


def test_a_feed_of_another_tenant_gets_a_token_of_that_tenant() -> None:
    tenants = Tenants(lambda token: token == f"old of {OTHER}", names=OTHER)
    assert tenants.get() == f"old of {OTHER}"
    tenants = Tenants(lambda token: token == f"new of {OTHER}", names=OTHER)
    assert tenants.get() == f"new of {OTHER}"
    assert [(wanted.tenant, wanted.renew) for wanted in tenants.wanted] == [("", False), (OTHER, False), (OTHER, True)]


def test_a_tenant_that_is_known_is_asked_for_at_once() -> None:
    tenants = Tenants(lambda token: True)
    assert tenants.get(tenant=OTHER) == f"old of {OTHER}"
    assert len(tenants.wanted) == 1


@pytest.mark.parametrize("url", ["https://pkgs.dev.azure.com", "https://pkgs.dev.azure.com/"])
def test_a_host_alone_belongs_to_no_organisation_and_is_not_asked(url: str) -> None:
    tenants = Tenants(lambda token: False)
    assert tenants.get(url) == f"old of {HOME}"
    assert tenants.asked == []


class Feed(HTTPServer):
    """A feed that answers the same to everybody, and writes down who asked for what."""

    status, headers = 200, {"WWW-Authenticate": f"Bearer authorization_uri=https://login.microsoftonline.com/{OTHER}"}

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answer)
        self.asked: list[tuple[str, str]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/contoso"


class Answer(BaseHTTPRequestHandler):
    server: Feed

    def do_GET(self) -> None:
        self.server.asked.append((self.path, self.headers.get("Authorization", "")))
        if self.server.status == 0:
            self.wfile.write(b"no HTTP\r\n")
            return
        self.send_response(self.server.status)
        for name, value in self.server.headers.items():
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def feed() -> Iterator[Feed]:
    with Feed() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@pytest.mark.parametrize(
    ("status", "named"), [(200, None), (401, OTHER), (403, None), (404, None), (500, None), (0, None)]
)
def test_only_a_feed_that_says_so_has_refused_a_token(feed: Feed, status: int, named: str | None) -> None:
    feed.status = status
    assert refused(feed.url, "a-token") == named
    assert feed.asked == [("/contoso", f"Basic {base64.b64encode(b'EntraToken:a-token').decode()}")]


def test_nobody_else_is_told_the_token_where_a_feed_sends_on(feed: Feed) -> None:
    feed.status, feed.headers = 302, {"Location": "/elsewhere"}
    assert refused(feed.url, "a-token") is None
    assert [path for path, _ in feed.asked] == ["/contoso"]


def test_a_feed_that_cannot_be_reached_is_the_tools_to_report(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        assert refused(f"http://127.0.0.1:{unused.getsockname()[1]}/", "a-token") is None
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/no/such/file")
    assert refused(FEED, "a-token") is None
