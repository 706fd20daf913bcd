"""A company that inspects TLS, and whose authority is in one of the two stores of certificates only."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any

import pytest

from testbed.directory import ADA, CONTOSO
from testbed.scenarios import Scenario
from tests.emulated.session import Session

Start = Callable[[Scenario | str], Session]

CREDENTIAL = f"""
import sys
from azext_brokerauth import BrokerCredential
with BrokerCredential(tenant_id={CONTOSO.domain!r}, login_hint={ADA.username!r}) as credential:
    for scope in ("https://vault.azure.net/.default", "https://graph.microsoft.com/.default"):
        try:
            credential.get_token(scope)
        except Exception as error:
            print(type(error).__name__, error)
"""
BY_DOMAIN = ("get-access-token", "--tenant", CONTOSO.domain)


def check(there: Session, id: str = "certificates", **env: str) -> dict[str, Any]:
    told = json.loads(there.brokerauth("check-health", **env).stdout)
    (found,) = (check for check in told["checks"] if check["id"] == id)
    return dict(found)


@pytest.mark.any_runtime
def test_what_only_python_trusts_is_told_apart_found_and_mended(start: Start) -> None:
    there = start("bundle-only")
    there.tell("login")
    for said in (there.refuse(*BY_DOMAIN), there.python(CREDENTIAL).stdout):
        assert "The runtime reads that store, and not REQUESTS_CA_BUNDLE." in said
        assert "/usr/local/share/ca-certificates" in said
        assert "update-ca-certificates" in said
        assert "update-ca-trust" in said
        assert "name the tenant by its ID" in said
        assert "network connection is down" not in said
    assert there.claims("--tenant", CONTOSO.tenant_id)["tid"] == CONTOSO.tenant_id
    found = check(there)
    assert (found["severity"], "lacks what REQUESTS_CA_BUNDLE has" in found["finding"]) == ("warn", True)
    way = check(there, "authority")
    assert (way["severity"], "signed by Stand-in CA for tests" in way["finding"]) == ("warn", True)
    copy, take = (remedy["command"] for remedy in found["remedies"])
    assert copy.startswith("Copy the certificate of Stand-in CA for tests to /usr/local/share/ca-certificates")
    there.run(["sh", "-c", 'cp "$NODE_EXTRA_CA_CERTS" /usr/local/share/ca-certificates/company.crt']).check_returncode()
    there.run(["sh", "-c", take]).check_returncode()
    assert check(there)["severity"] == "pass"
    assert there.claims(*BY_DOMAIN[1:])["tid"] == CONTOSO.tenant_id


def test_what_only_the_runtime_trusts_is_told_apart_found_and_mended(start: Start) -> None:
    there = start("system-store-only")
    for said in (there.refuse("login"), there.python(CREDENTIAL).stdout):
        assert "signed by an issuer that Python does not trust" in said
        assert "certificates.crt" in said
    found = check(there)
    assert (found["severity"], "Python trusts certifi's list" in found["finding"]) == ("warn", True)
    (remedy,) = found["remedies"]
    way = check(there, "authority")
    assert (way["severity"], way["remedies"]) == ("fail", [remedy])
    assert "signed by Stand-in CA for tests, which only the system's store knows" in way["finding"]
    name, _, value = remedy["command"].removeprefix("export ").partition("=")
    there.env[name] = value
    assert check(there)["severity"] == "pass"
    assert "TLS is inspected: Stand-in CA for tests" in check(there, "authority")["finding"]
    assert there.tell("login")["username"] == ADA.username


@pytest.mark.parametrize(
    ("scenario", "env", "cause"),
    [
        ("expired-certificate", {}, "has expired, or is not valid yet"),
        ("no-route", {}, "cannot be reached from WSL"),
        ("default", {"HTTPS_PROXY": "http://127.0.0.1:9"}, "refused the connection"),
        ("default", {"HTTPS_PROXY": "http://nowhere.invalid:9"}, "cannot be resolved"),
        ("default", {"REQUESTS_CA_BUNDLE": "/nowhere.pem"}, "names cannot be read"),
        ("default", {"REQUESTS_CA_BUNDLE": sys.executable}, "names cannot be read"),
    ],
)
@pytest.mark.any_runtime
def test_what_kept_msal_from_the_authority_is_named(
    start: Start, scenario: str, env: dict[str, str], cause: str
) -> None:
    there = start(scenario)
    said = there.refuse("login", **env)
    assert cause in said
    assert "HTTPSConnectionPool" not in said
    found = check(there, "authority", **env)
    assert (found["severity"], cause in found["finding"]) == ("fail", True), found
