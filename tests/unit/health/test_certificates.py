"""Whoever inspects TLS has to be in the system's store of certificates, and in what Python reads."""

from __future__ import annotations

from pathlib import Path

import pytest

from testbed.cloud.certificates import Authority
from tests.unit.health.machine import all_checks, commands, problems, with_environ

PUBLIC, COMPANY, OTHER = (Authority().certificate() for _ in range(3))
STORE, ADDED = "/etc/ssl/certs/ca-certificates.crt", "/usr/local/share/ca-certificates/company.crt"


@pytest.fixture
def trusting(healthy):
    """A machine that trusts the public authorities."""
    healthy.files |= {STORE: PUBLIC, "certifi": PUBLIC}
    return healthy


def test_public_authorities_alone_are_well_whichever_list_has_them(trusting):
    assert all_checks(trusting)["certificates"]["severity"] == "pass"
    trusting.files[STORE] = PUBLIC + OTHER  # what the distribution has and certifi has no more
    assert problems(trusting) == {}
    trusting.files["/home/ada/bundle.pem"] = PUBLIC
    assert problems(with_environ(trusting, REQUESTS_CA_BUNDLE="/home/ada/bundle.pem")) == {}


@pytest.mark.parametrize("variable", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
def test_a_companys_authority_that_the_runtime_cannot_see_is_added_to_the_systems_store(trusting, variable):
    trusting.files["/home/ada/bundle.pem"] = b"# all of ours\n" + PUBLIC + COMPANY
    found = problems(with_environ(trusting, **{variable: "/home/ada/bundle.pem"}))["certificates"]
    assert found["severity"] == "warn"
    assert "Stand-in CA for tests" in found["finding"]
    assert commands(found) == [
        f"Copy the certificate of Stand-in CA for tests to {Path(ADDED).parent}, as a file that ends in .crt",
        "sudo update-ca-certificates",
    ]
    trusting.files["/etc/os-release"] = b"ID=fedora"
    copy, take = commands(problems(trusting)["certificates"])
    assert "/etc/pki/ca-trust/source/anchors" in copy
    assert take == "sudo update-ca-trust"
    trusting.files[STORE] = PUBLIC + COMPANY
    assert problems(trusting) == {}


def test_a_companys_authority_that_python_cannot_see_is_shown_to_it(trusting):
    trusting.files |= {STORE: PUBLIC + COMPANY, ADDED: COMPANY}
    found = problems(trusting)["certificates"]
    assert (found["severity"], commands(found)) == ("warn", [f"export REQUESTS_CA_BUNDLE={STORE}"])
    assert problems(with_environ(trusting, REQUESTS_CA_BUNDLE=STORE)) == {}


@pytest.mark.parametrize("content", [None, b"", b"no certificate", b"-----BEGIN CERTIFICATE-----\nAAAA"])
def test_a_bundle_that_is_none_fails(trusting, content):
    if content is not None:
        trusting.files["/bundle.pem"] = content
    found = problems(with_environ(trusting, REQUESTS_CA_BUNDLE="/bundle.pem"))["certificates"]
    assert found["severity"] == "fail"
    assert "REQUESTS_CA_BUNDLE names /bundle.pem" in found["finding"]
