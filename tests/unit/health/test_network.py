"""The way to the authority: each place where it ends is named, with the reason and what fixes it."""

import socket
import ssl
import threading

import pytest

from azext_brokerauth.errors.troubles import Trouble
from azext_brokerauth.health import network
from azext_brokerauth.models import Target
from tests.unit.health.machine import all_checks, commands, problems, with_environ

STORE = "/etc/ssl/certs/ca-certificates.crt"
TARGET = Target("app", "login.example", "organizations")


def verification(code, message):
    error = ssl.SSLCertVerificationError(1, "certificate verify failed")
    error.verify_code, error.verify_message = code, message
    return OSError(error)  # as requests wraps it


UNKNOWN = verification(20, "unable to get local issuer certificate")
EXPIRED = verification(10, "certificate has expired")


def test_an_authority_that_answers_is_well(healthy):
    found = all_checks(healthy)["authority"]
    assert (found["severity"], found["finding"]) == ("pass", "login.microsoftonline.com answers")
    with_environ(healthy, AZURE_BROKERAUTH_AUTHORITY="login.microsoftonline.us")
    assert all_checks(healthy)["authority"]["finding"] == "login.microsoftonline.us answers"


@pytest.mark.parametrize(
    ("error", "said", "remedy"),
    [
        (
            OSError(socket.gaierror(-2, "Name or service not known")),
            "cannot be resolved (Name or service",
            "name server",
        ),
        (OSError(ConnectionRefusedError(111, "Connection refused")), "refused the connection", "HTTPS_PROXY"),
        (OSError(TimeoutError("timed out")), "did not answer in time", "HTTPS_PROXY"),
        (OSError(OSError(101, "Network is unreachable")), "(Network is unreachable)", "proxy settings"),
        (EXPIRED, "has expired, or is not valid yet (certificate has expired)", "this machine's clock"),
        (ValueError("port"), "cannot be reached", "proxy settings"),
    ],
)
def test_where_the_way_ends_is_named(healthy, error, said, remedy):
    healthy.replies = {"": error}
    found = problems(healthy)
    assert list(found) == ["authority"]
    assert found["authority"]["severity"] == "fail"
    assert said in found["authority"]["finding"]
    assert remedy in commands(found["authority"])[0]


def test_whom_only_the_systems_store_knows_is_named_and_shown_to_python(healthy):
    healthy.replies = {"": UNKNOWN, STORE: "Contoso Inspection CA", "certifi": UNKNOWN}
    found = problems(healthy)["authority"]
    assert found["severity"] == "fail"
    assert "is signed by Contoso Inspection CA, which only the system's store knows" in found["finding"]
    assert commands(found) == [f"export REQUESTS_CA_BUNDLE={STORE}"]


def test_whom_only_python_knows_is_named_and_added_to_the_store(healthy):
    healthy.replies = {"": "Contoso Inspection CA", STORE: UNKNOWN, "certifi": UNKNOWN}
    found = problems(healthy)["authority"]
    assert found["severity"] == "warn"
    assert "signed by Contoso Inspection CA, which Python trusts, but the system's store" in found["finding"]
    copy, take = commands(found)
    assert "the certificate of Contoso Inspection CA" in copy
    assert take == "sudo update-ca-certificates"


def test_whom_nothing_knows_is_to_be_trusted_in_both(healthy):
    healthy.replies = {"": UNKNOWN, STORE: UNKNOWN, "certifi": UNKNOWN}
    found = problems(healthy)["authority"]
    assert found["severity"] == "fail"
    assert "for example a proxy that inspects TLS (unable to get local issuer certificate)" in found["finding"]
    assert commands(found)[1:] == ["sudo update-ca-certificates", f"export REQUESTS_CA_BUNDLE={STORE}"]


def test_tls_that_is_inspected_and_trusted_everywhere_is_recognised(healthy):
    healthy.replies = {"": "Contoso Inspection CA", STORE: "Contoso Inspection CA", "certifi": UNKNOWN}
    found = all_checks(healthy)["authority"]
    assert (found["severity"], "TLS is inspected: Contoso Inspection CA" in found["finding"]) == ("pass", True)


def test_a_name_server_that_never_answers_is_left_behind(healthy):
    over = threading.Event()
    healthy.fetch = lambda url, trusted="": over.wait(60) and ""
    way = network.look(healthy, TARGET, STORE, deadline=0.1)
    over.set()
    assert way.python.trouble is Trouble.NO_ANSWER
    assert way.system is way.public is None


def test_what_msal_reads_is_what_is_asked_for(healthy):
    asked = []
    healthy.fetch = lambda url, trusted="": asked.append((url, trusted)) or ""
    network.look(healthy, TARGET, STORE)
    url = "https://login.example/organizations/v2.0/.well-known/openid-configuration"
    assert sorted(asked) == [(url, ""), (url, STORE), (url, "certifi")]


def test_a_slow_look_at_who_is_trusted_fails_nothing(healthy):
    over = threading.Event()
    healthy.fetch = lambda url, trusted="": (trusted and over.wait(60)) and ""
    way = network.look(healthy, TARGET, STORE, deadline=0.3)
    over.set()
    assert (way.python.trouble, way.system, way.public) == (None, None, None)
