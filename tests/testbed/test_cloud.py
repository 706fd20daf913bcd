"""The stand-ins for Windows' broker, Entra, ARM, Key Vault and Azure Artifacts do as clients expect of real ones."""

from __future__ import annotations

import base64
import hashlib
import http.client
import json
import re
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import msal
import pytest

from testbed.cloud import databases, server
from testbed.cloud.issuer import AZURE_CLI, Ask, Issuer, audience_of
from testbed.cloud.refusals import EntraError
from testbed.directory import ADA, CONTOSO, DEVICE_ID, FABRIKAM, GRACE, KATHERINE
from testbed.journal import Journal
from testbed.scenarios import SCENARIOS, Scenario
from testbed.windows.broker import Action, Broker
from tests.tokens import claims_of

ARM_SCOPE = "https://management.core.windows.net//.default"
PRODUCTION, DEVELOPMENT, SHARED = (f"/subscriptions/50000000-0000-4000-8000-00000000000{n}" for n in (1, 2, 3))
Answer = tuple[int, http.client.HTTPMessage, str]


class World:
    """Everything under test, with a scenario that a test can change."""

    def __init__(self, directory: Path) -> None:
        self.scenario = Scenario()
        self.journal_file, self.ledger = directory / "journal", directory / "ledger"
        self.journal = Journal(self.journal_file)
        self.issuer = Issuer(lambda: self.scenario, self.ledger)
        self.broker = Broker(lambda: self.scenario, self.issuer, self.journal)
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        keys, anywhere = directory / "cloud", dict.fromkeys(databases.PORTS, 0)
        authority = server.start(
            self.issuer, self.journal, lambda: self.scenario, keys, "127.0.0.1", self.port, anywhere
        )
        self.tls = ssl.create_default_context(cafile=str(authority))
        self.tls.verify_flags |= ssl.VERIFY_X509_STRICT

    def connect(self, host: str) -> http.client.HTTPSConnection:
        """A connection to the stand-in for `host`, with its certificate checked for that name."""
        connection = http.client.HTTPSConnection(host, timeout=10, context=self.tls)
        connection.sock = self.tls.wrap_socket(
            socket.create_connection(("127.0.0.1", self.port), timeout=10), server_hostname=host
        )
        return connection

    def call(self, method: str, url: str, form: Mapping[str, str] | None = None, **headers: str) -> Answer:
        parts = urlsplit(url)
        connection = self.connect(parts.netloc)
        body = urlencode(form) if form is not None else None
        connection.request(method, f"{parts.path}?{parts.query}", body, headers)
        response = connection.getresponse()
        answer: Answer = response.status, response.headers, response.read().decode()
        connection.close()
        return answer

    def token(self, ask: Ask | None = None, user: Any = ADA) -> str:
        return self.issuer.access_token(user, ask or Ask(AZURE_CLI, "organizations", (ARM_SCOPE,)), ["pwd"]).value

    def arm(self, path: str, token: str, method: str = "GET") -> Answer:
        return self.call(method, f"https://management.azure.com{path}", Authorization=f"Bearer {token}")

    def journalled(self, to: str) -> list[dict[str, Any]]:
        return [e for e in map(json.loads, self.journal_file.read_text().splitlines()) if e["to"] == to]

    def get(self, url: str, params: Any = None, headers: Any = None, **_: Any) -> Any:
        return self._for_msal(
            self.call("GET", url + (f"?{urlencode(params)}" if params else ""), None, **(headers or {}))
        )

    def post(self, url: str, params: Any = None, data: Any = None, headers: Any = None, **_: Any) -> Any:
        return self._for_msal(
            self.call("POST", url, {k: v for k, v in data.items() if v is not None}, **(headers or {}))
        )

    def close(self) -> None:
        """MSAL closes its HTTP client."""

    @staticmethod
    def _for_msal(answer: Answer) -> Any:
        response = type("Response", (), {})()
        response.status_code, response.headers, response.text = answer
        return response

    def app(self, authority: str = "https://login.microsoftonline.com/organizations", **options: Any) -> Any:
        """MSAL itself, with this world for its HTTP."""
        return msal.PublicClientApplication(AZURE_CLI, authority=authority, http_client=self, **options)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def broker_request(
    user: Any = None, tenant: str = "organizations", scopes: tuple[str, ...] = (ARM_SCOPE,), **more: Any
) -> dict[str, Any]:
    account = {"homeAccountId": user.home_account_id, "username": user.username} if user else None
    return {
        "authParameters": {
            "account": account,
            "authority": f"https://login.microsoftonline.com/{tenant}",
            "clientId": AZURE_CLI,
            "decodedClaims": "",
            "requestedScopes": list(scopes),
            "username": "",
            **more,
        }
    }


def tokens_of(action: Action) -> dict[str, Any]:
    response: dict[str, Any] = json.loads(action.output)["brokerTokenResponse"]
    return response


# ---- the issuer


@pytest.mark.parametrize(
    ("scopes", "audience", "names"),
    [
        ([ARM_SCOPE], "https://management.core.windows.net/", [".default"]),
        (["https://management.azure.com/.default", "openid"], "https://management.azure.com", [".default"]),
        (["https://vault.azure.net/.default"], "https://vault.azure.net", [".default"]),
        (["User.Read", "offline_access"], "https://graph.microsoft.com", ["User.Read"]),
        ([".default"], "https://graph.microsoft.com", [".default"]),
        (["https://graph.microsoft.com/Mail.Read"], "https://graph.microsoft.com", ["Mail.Read"]),
        (["api://app/a", "api://app/b"], "api://app", ["a", "b"]),
    ],
)
def test_the_audience_is_the_resource_as_asked(scopes: list[str], audience: str, names: list[str]) -> None:
    assert audience_of(scopes) == (audience, names)


def test_scopes_of_two_resources_are_refused() -> None:
    with pytest.raises(EntraError, match="AADSTS28000"):
        audience_of([ARM_SCOPE, "https://vault.azure.net/.default"])


def test_tokens_of_the_same_second_differ_and_are_in_the_ledger(world: World) -> None:
    first, second = world.token(), world.token()
    assert first != second
    lines = [line.split(" ") for line in world.ledger.read_text().splitlines()]
    assert [secret for _, secret in lines] == [first, second]
    assert all(digest == hashlib.sha256(secret.encode()).hexdigest() for digest, secret in lines)
    assert world.ledger.stat().st_mode & 0o777 == 0o600


# ---- the broker


def test_a_silent_request_gets_the_default_account_with_a_token_bound_to_the_device(world: World) -> None:
    response = tokens_of(world.broker.answer("acquireTokenSilently", "c", broker_request()))
    claims = claims_of(response["accessToken"])
    assert claims["deviceid"] == DEVICE_ID
    assert (claims["upn"], claims["tid"]) == (ADA.username, CONTOSO.tenant_id)
    assert response["expiresOn"] == claims["exp"] * 1000
    assert response["grantedScopes"] == ARM_SCOPE
    assert claims_of(response["idToken"])["preferred_username"] == ADA.username


@pytest.mark.parametrize("tenant", [FABRIKAM.tenant_id, FABRIKAM.domain, "fabrikam.onmicrosoft.com"])
def test_a_guest_has_another_local_account_id_and_the_same_home(world: World, tenant: str) -> None:
    response = tokens_of(world.broker.answer("acquireTokenSilently", "c", broker_request(ADA, tenant)))
    assert response["account"]["homeAccountId"] == ADA.home_account_id
    assert response["account"]["localAccountId"] == ADA.guest_in[0].object_id
    assert response["account"]["realm"] == claims_of(response["accessToken"])["tid"] == FABRIKAM.tenant_id


@pytest.mark.parametrize(("tenant", "number"), [(FABRIKAM.domain, "AADSTS50020"), ("nowhere.com", "AADSTS90002")])
def test_a_tenant_out_of_reach_needs_interaction_and_says_why(world: World, tenant: str, number: str) -> None:
    error = tokens_of(world.broker.answer("acquireTokenSilently", "c", broker_request(GRACE, tenant)))["error"]
    assert error["status"] == 2
    assert number in error["context"]


def test_behaviours_come_in_turn_and_the_last_one_stays(world: World) -> None:
    verbatim = {"context": "odd", "status": 12, "subStatus": 1, "errorCode": 2, "tag": 3}
    calls = {"acquireTokenSilently": ["no-network", verbatim, "answer"]}
    world.scenario = Scenario(calls=calls)

    def outcomes(count: int) -> list[Any]:
        responses = [
            tokens_of(world.broker.answer("acquireTokenSilently", "c", broker_request())) for _ in range(count)
        ]
        return [response.get("error", {}).get("status") for response in responses]

    assert outcomes(4) == [3, 12, None, None]
    world.scenario = Scenario(calls=calls)
    assert outcomes(1) == [3]


@pytest.mark.parametrize(
    ("behaviour", "action"),
    [
        ("hang", Action(b"", then="hang")),
        ("crash", Action(b"", then="crash")),
        ("empty", Action(b"")),
    ],
)
def test_a_broken_broker_issues_nothing(world: World, behaviour: str, action: Action) -> None:
    world.scenario = Scenario(calls={"acquireTokenSilently": behaviour})
    assert world.broker.answer("acquireTokenSilently", "c", broker_request()) == action
    assert not world.ledger.exists()


def test_a_slow_broker_says_how_long_to_wait(world: World) -> None:
    world.scenario = Scenario(calls={"acquireTokenSilently": "slow"}, delay=1.5)
    assert world.broker.answer("acquireTokenSilently", "c", broker_request()).delay == 1.5


def test_fewer_scopes_than_asked_still_name_one(world: World) -> None:
    world.scenario = Scenario(calls={"acquireTokenSilently": "declined-scope"})
    response = tokens_of(world.broker.answer("acquireTokenSilently", "c", broker_request()))
    assert response["grantedScopes"].split() == ["openid"]


def test_signing_out_lasts_until_the_person_signs_in_again_and_for_that_client_only(world: World) -> None:
    def silent(client_id: str = AZURE_CLI) -> dict[str, Any]:
        return tokens_of(world.broker.answer("acquireTokenSilently", "c", broker_request(GRACE, clientId=client_id)))

    assert world.broker.answer("signOutSilently", "c", broker_request(GRACE)).output == b"{}"
    assert silent()["error"]["status"] == 2
    assert "accessToken" in silent("another-client")
    world.broker.answer("acquireTokenInteractively", "c", broker_request(username=GRACE.username))
    assert "accessToken" in silent()


def test_the_person_may_pick_an_account_that_windows_does_not_know_yet(world: World) -> None:
    world.scenario = Scenario(accounts=(GRACE.username,), picks=KATHERINE.username)
    unknown = tokens_of(world.broker.answer("acquireTokenSilently", "c", broker_request(KATHERINE)))
    assert unknown["error"]["status"] == 19
    picked = tokens_of(world.broker.answer("acquireTokenInteractively", "c", broker_request()))
    assert picked["account"]["username"] == KATHERINE.username
    accounts = json.loads(world.broker.answer("getAccounts", "c", {"clientId": AZURE_CLI}).output)["accounts"]
    assert [account["username"] for account in accounts] == [GRACE.username, KATHERINE.username]


def test_the_journal_tells_each_call_and_no_secret(world: World) -> None:
    claims = json.dumps({"access_token": {"acrs": {"value": "c1"}, "xms_cc": {"values": ["CP1"]}}})
    world.broker.answer("acquireTokenSilently", "id-1", broker_request(GRACE, decodedClaims=claims), via="dbus")
    world.app().acquire_token_by_device_flow(approved_device_flow(world))
    (entry,) = world.journalled("broker")
    assert (
        entry.items()
        >= {
            "method": "acquireTokenSilently",
            "correlation_id": "id-1",
            "via": "dbus",
            "client_id": AZURE_CLI,
            "authority": "https://login.microsoftonline.com/organizations",
            "scopes": [ARM_SCOPE],
            "username": GRACE.username,
            "claims": ["acrs", "xms_cc"],
            "behaviour": "answer",
            "status": 0,
        }.items()
    )
    journal = world.journal_file.read_text()
    secrets = [line.split(" ")[1] for line in world.ledger.read_text().splitlines()]
    assert len(secrets) >= 5
    assert not [secret for secret in secrets if secret in journal]


# ---- Entra


def approved_device_flow(world: World, user: Any = ADA) -> dict[str, Any]:
    flow: dict[str, Any] = world.app().initiate_device_flow([ARM_SCOPE])
    query = urlencode({"user_code": flow["user_code"], "username": user.username})
    assert world.call("POST", f"https://login.microsoftonline.com/testbed/approve?{query}", {})[0] == 200
    return flow


@pytest.mark.parametrize("host", [host for host in server.HOSTS if host not in databases.HOSTS])
def test_every_name_is_served_under_a_certificate_for_it(world: World, host: str) -> None:
    status, headers, _ = world.call("GET", f"https://{host}/nothing/here")
    assert status in (401, 404)
    assert headers["Content-Type"].startswith(("application/json", "application/xml"))


@pytest.mark.parametrize(
    ("authority", "issuer"),
    [
        ("https://login.microsoftonline.com/organizations", "https://login.microsoftonline.com/{tenantid}/v2.0"),
        (
            "https://login.microsoftonline.com/contoso.com",
            f"https://login.microsoftonline.com/{CONTOSO.tenant_id}/v2.0",
        ),
        (
            "https://login.microsoftonline.us/fabrikam.com",
            f"https://login.microsoftonline.us/{FABRIKAM.tenant_id}/v2.0",
        ),
        (
            "https://contoso.ciamlogin.com/contoso.onmicrosoft.com",
            f"https://contoso.ciamlogin.com/{CONTOSO.tenant_id}/v2.0",
        ),
    ],
)
def test_msal_discovers_the_authority(world: World, authority: str, issuer: str) -> None:
    app = world.app(authority)
    assert app.authority.token_endpoint.startswith(issuer.replace("{tenantid}", "organizations").removesuffix("/v2.0"))
    _, _, body = world.call("GET", f"{authority}/v2.0/.well-known/openid-configuration")
    assert json.loads(body)["issuer"] == issuer


def test_an_unknown_tenant_or_instance_is_refused(world: World) -> None:
    base = "https://login.microsoftonline.com"
    status, _, body = world.call("GET", f"{base}/nowhere.com/v2.0/.well-known/openid-configuration")
    assert (status, json.loads(body)["error_codes"]) == (400, [90002])
    query = urlencode({"api-version": "1.1", "authorization_endpoint": "https://evil.example/common/oauth2/authorize"})
    status, _, body = world.call("GET", f"{base}/common/discovery/instance?{query}")
    assert (status, json.loads(body)["error"]) == (400, "invalid_instance")


def test_msal_signs_in_by_device_code_and_then_silently(world: World) -> None:
    app = world.app(client_capabilities=["CP1"])
    waiting = app.initiate_device_flow([ARM_SCOPE])
    pending = app.acquire_token_by_device_flow(waiting, exit_condition=lambda _: True)
    assert pending["error"] == "authorization_pending"
    result = app.acquire_token_by_device_flow(approved_device_flow(world, GRACE))
    claims = claims_of(result["access_token"])
    assert (claims["upn"], claims["xms_cc"]) == (GRACE.username, ["CP1"])
    assert "deviceid" not in claims
    (account,) = app.get_accounts()
    vault = app.acquire_token_silent_with_error(["https://vault.azure.net/.default"], account)
    assert claims_of(vault["access_token"])["aud"] == "https://vault.azure.net"
    fabrikam = world.app("https://login.microsoftonline.com/fabrikam.com", token_cache=app.token_cache)
    assert fabrikam.acquire_token_silent_with_error([ARM_SCOPE], account)["error_codes"] == [50020]


def sign_in_by_browser(world: World, flow: dict[str, Any], user: Any = ADA) -> dict[str, str]:
    """What the person's browser sends to the redirect URI."""
    page = world.call("GET", flow["auth_uri"])[2]
    assert "This is not Microsoft" in page
    assert f'value="{user.username}"' in page
    status, headers, _ = world.call("GET", f"{flow['auth_uri']}&as_user={user.username}")
    assert status == 302
    assert headers["Location"].startswith("http://localhost:1234?")
    return dict(parse_qsl(urlsplit(headers["Location"]).query))


def test_msal_signs_in_by_browser(world: World) -> None:
    app = world.app()
    flow = app.initiate_auth_code_flow([ARM_SCOPE], redirect_uri="http://localhost:1234", prompt="select_account")
    answer = sign_in_by_browser(world, flow)
    result = app.acquire_token_by_auth_code_flow(flow, answer)
    assert result["id_token_claims"]["preferred_username"] == ADA.username
    assert app.acquire_token_by_auth_code_flow(flow, answer)["error"] == "invalid_grant", "a code is good for once"


def test_a_wrong_code_verifier_is_refused(world: World) -> None:
    app = world.app()
    flow = app.initiate_auth_code_flow([ARM_SCOPE], redirect_uri="http://localhost:1234")
    answer = sign_in_by_browser(world, flow)
    assert app.acquire_token_by_auth_code_flow({**flow, "code_verifier": "x" * 43}, answer)["error_codes"] == [501481]


def test_the_browser_posts_the_code_where_the_client_asks_so(world: World) -> None:
    flow = world.app().initiate_auth_code_flow(
        [ARM_SCOPE], redirect_uri="http://localhost:1234", response_mode="form_post", login_hint=ADA.username
    )
    status, _, page = world.call("GET", flow["auth_uri"])
    assert status == 200
    assert 'method="post" action="http://localhost:1234"' in page
    assert re.search(r'name="code" value="[^"]+"', page)


def test_a_redirect_away_from_this_machine_is_refused(world: World) -> None:
    flow = world.app().initiate_auth_code_flow([ARM_SCOPE], redirect_uri="https://evil.example/")
    status, _, body = world.call("GET", f"{flow['auth_uri']}&as_user={ADA.username}")
    assert (status, json.loads(body)["error_codes"]) == (400, [50011])


def test_conditional_access_refuses_whoever_proves_no_device(world: World) -> None:
    world.scenario = SCENARIOS["compliant-device-required"]
    result = world.app().acquire_token_by_device_flow(approved_device_flow(world))
    assert (result["error"], result["error_codes"]) == ("invalid_grant", [53003])
    assert "accessToken" in tokens_of(world.broker.answer("acquireTokenSilently", "c", broker_request()))


def test_a_service_principal_gets_a_token_of_its_own(world: World) -> None:
    app = msal.ConfidentialClientApplication(
        "11111111-0000-4000-8000-000000000000",
        "any-secret",
        authority="https://login.microsoftonline.com/contoso.com",
        http_client=world,
    )
    token = app.acquire_token_for_client([ARM_SCOPE])["access_token"]
    assert claims_of(token)["idtyp"] == "app"
    assert world.arm("/subscriptions", token)[0] == 200


# ---- ARM


def values(answer: Answer, field: str) -> list[str]:
    assert answer[0] == 200, answer[2]
    return [value[field] for value in json.loads(answer[2])["value"]]


def test_arm_shows_the_tenants_of_the_user_and_the_subscriptions_of_the_token(world: World) -> None:
    assert values(world.arm("/tenants?api-version=2022-12-01", world.token()), "displayName") == ["Contoso", "Fabrikam"]
    assert values(world.arm("/tenants", world.token(user=GRACE)), "displayName") == ["Contoso"]
    guest = world.token(Ask(AZURE_CLI, FABRIKAM.domain, (ARM_SCOPE,)))
    assert values(world.arm("/subscriptions", guest), "displayName") == ["Fabrikam Shared"]
    assert values(world.arm(f"{SHARED}/resourcegroups", guest), "name") == ["app", "network"]


def refusal(answer: Answer) -> tuple[int, str, str]:
    return answer[0], json.loads(answer[2])["error"]["code"], answer[1].get("WWW-Authenticate", "")


def of_another_issuer(world: World) -> str:
    return Issuer(Scenario).access_token(ADA, Ask(AZURE_CLI, "organizations", (ARM_SCOPE,)), []).value


def expired(world: World) -> str:
    world.scenario = Scenario(token_lifetime=-1)
    return world.token()


def for_graph(world: World) -> str:
    return world.token(Ask(AZURE_CLI, "organizations", ("User.Read",)))


@pytest.mark.parametrize(
    ("bad", "code"),
    [
        (of_another_issuer, "InvalidAuthenticationToken"),
        (expired, "ExpiredAuthenticationToken"),
        (for_graph, "InvalidAuthenticationToken"),
        (lambda world: "nonsense", "InvalidAuthenticationToken"),
    ],
)
def test_arm_refuses_a_token_that_is_not_good_for_it(world: World, bad: Callable[[World], str], code: str) -> None:
    status, seen, challenge = refusal(world.arm("/subscriptions", bad(world)))
    assert (status, seen) == (401, code)
    assert challenge.startswith('Bearer authorization_uri="https://login.windows.net/')
    assert 'error="invalid_token"' in challenge


def test_arm_points_to_the_tenant_of_the_subscription(world: World) -> None:
    status, code, challenge = refusal(world.arm(SHARED, world.token()))
    assert (status, code) == (401, "InvalidAuthenticationTokenTenant")
    assert f'authorization_uri="https://login.windows.net/{FABRIKAM.tenant_id}"' in challenge
    assert refusal(world.arm("/subscriptions/none", world.token()))[:2] == (404, "SubscriptionNotFound")


def challenge_claims(answer: Answer) -> dict[str, Any]:
    status, _, challenge = refusal(answer)
    assert status == 401
    assert 'error="insufficient_claims"' in challenge
    claims: dict[str, Any] = json.loads(base64.b64decode(re.search(r'claims="([^"]+)"', challenge)[1]))  # type: ignore[index]
    return claims


def answering(claims: dict[str, Any]) -> Ask:
    return Ask(AZURE_CLI, "organizations", (ARM_SCOPE,), claims)


def test_one_subscription_needs_an_authentication_context(world: World) -> None:
    path = f"{DEVELOPMENT}/resourcegroups"
    claims = challenge_claims(world.arm(path, world.token()))
    assert values(world.arm(path, world.token(answering(claims))), "name") == ["app", "network"]
    assert world.arm(DEVELOPMENT, world.token())[0] == 200


def test_a_revocation_ends_every_older_token(world: World) -> None:
    token = world.token()
    assert world.call("POST", "https://management.azure.com/testbed/require-claims", {})[0] == 200
    claims = challenge_claims(world.arm("/subscriptions", token))
    assert world.arm("/subscriptions", world.token(answering(claims)))[0] == 200


def test_resource_groups_can_be_made_and_removed(world: World) -> None:
    path, token = f"{PRODUCTION}/resourcegroups/Lab", world.token()
    assert world.arm(path, token)[0] == 404
    connection = world.connect("management.azure.com")
    headers = {"Authorization": f"Bearer {token}"}
    statuses = []
    for method, body in (("PUT", '{"location": "eastus"}'), ("HEAD", None), ("DELETE", None), ("HEAD", None)):
        connection.request(method, path, body, headers)
        response = connection.getresponse()
        response.read()
        statuses.append(response.status)
    assert statuses == [201, 204, 200, 404]


# ---- Key Vault


def test_a_vault_names_its_tenant_and_takes_no_other(world: World) -> None:
    url = "https://fabrikam.vault.azure.net/secrets/greeting/"
    status, headers, _ = world.call("GET", url)
    assert status == 401
    authority = f"https://login.microsoftonline.com/{FABRIKAM.tenant_id}"
    assert headers["WWW-Authenticate"] == f'Bearer authorization="{authority}", resource="https://vault.azure.net"'
    scopes = ("https://vault.azure.net/.default",)
    home, guest = (world.token(Ask(AZURE_CLI, tenant, scopes)) for tenant in (CONTOSO.domain, FABRIKAM.domain))
    assert world.call("GET", url, Authorization=f"Bearer {home}")[0] == 401
    status, _, body = world.call("GET", url, Authorization=f"Bearer {guest}")
    assert (status, json.loads(body)["value"]) == (200, "hello from fabrikam.vault.azure.net")


# ---- Azure Artifacts


def test_a_feed_names_its_tenant_and_takes_no_other_and_no_other_audience(world: World) -> None:
    url = "https://pkgs.dev.azure.com/fabrikam/_packaging/tools/pypi/simple/"
    status, headers, _ = world.call("GET", url)
    assert status == 401
    assert f"authorization_uri=https://login.windows.net/{FABRIKAM.tenant_id}," in headers["WWW-Authenticate"]

    def answer(tenant: str, scope: str) -> int:
        token = world.token(Ask(AZURE_CLI, tenant, (scope,)))
        as_password = base64.b64encode(f"anybody:{token}".encode()).decode()
        (status,) = {world.call("GET", url, Authorization=it)[0] for it in (f"Bearer {token}", f"Basic {as_password}")}
        return status

    devops = "499b84ac-1321-427f-aa17-267ca6975798/.default"
    assert answer(FABRIKAM.domain, devops) == 200
    assert answer(CONTOSO.domain, devops) == 401
    assert answer(FABRIKAM.domain, ARM_SCOPE) == 401


# ---- the server


@pytest.fixture
def quiet(capfd: pytest.CaptureFixture[str]) -> Iterator[None]:
    yield
    assert capfd.readouterr() == ("", "")


@pytest.mark.usefixtures("quiet")
def test_a_client_that_misbehaves_disturbs_nobody(world: World) -> None:
    silent = socket.create_connection(("127.0.0.1", world.port))
    plain = socket.create_connection(("127.0.0.1", world.port))
    plain.sendall(b"GET / HTTP/1.1\r\nHost: management.azure.com\r\n\r\n")
    half = world.connect("management.azure.com")
    half.putrequest("POST", "/subscriptions")
    half.putheader("Content-Length", "1000")
    half.endheaders(b"{")
    half.close()
    with pytest.raises(ssl.SSLError):
        ssl.create_default_context().wrap_socket(
            socket.create_connection(("127.0.0.1", world.port)), server_hostname="management.azure.com"
        )
    plain.close()
    assert world.arm("/subscriptions", world.token())[0] == 200
    silent.close()
    assert world.journalled("cloud") == []


def test_many_clients_at_once_each_get_their_answer(world: World) -> None:
    token, statuses = world.token(), []

    def ask() -> None:
        statuses.append(world.arm("/subscriptions", token)[0])

    threads = [threading.Thread(target=ask) for _ in range(32)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert statuses == [200] * 32


def test_a_fault_of_the_stand_in_shows_in_the_journal(world: World) -> None:
    status, _, _ = world.call(
        "POST", "https://login.microsoftonline.com/common/oauth2/v2.0/token", {"claims": "not json"}
    )
    assert status == 500
    (entry,) = world.journalled("cloud")
    assert "JSONDecodeError" in entry["fault"]
