"""The variables of a command that exec runs."""

from __future__ import annotations

import pytest

from azext_brokerauth.bridges.variables import handed, of_listener

URL, KEY = "http://127.0.0.1:4000", "secret key"
OURS = of_listener(URL, KEY)


def test_each_kind_of_client_finds_the_listener() -> None:
    given = handed({"HOME": "/home/ada", "AZURE_TENANT_ID": "t"}, OURS, "127.0.0.1")
    assert given.environ == {
        "HOME": "/home/ada",
        "AZURE_TENANT_ID": "t",
        "IDENTITY_ENDPOINT": f"{URL}/managed-identity/token",
        "IDENTITY_HEADER": KEY,
        "MSI_ENDPOINT": f"{URL}/managed-identity/token",
        "MSI_SECRET": KEY,
        "ARM_MSI_ENDPOINT": f"{URL}/managed-identity/token",
        "ARM_MSI_API_VERSION": "2019-08-01",
        "AZD_AUTH_ENDPOINT": f"{URL}/azd",
        "AZD_AUTH_KEY": KEY,
        "AZURE_TOKEN_CREDENTIALS": "prod",
    }
    assert given.removed == ()
    assert KEY not in repr(given)


@pytest.mark.parametrize(
    "name",
    [
        *("AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET", "AZURE_FEDERATED_TOKEN_FILE", "IDENTITY_SERVER_THUMBPRINT"),
        *("IMDS_ENDPOINT", "AZD_AUTH_CERT", "ARM_CLIENT_ID", "ARM_CLIENT_SECRET"),
    ],
)
def test_what_would_be_used_instead_is_left_out_and_named(name: str) -> None:
    given = handed({name: "x"}, OURS, "127.0.0.1")
    assert (name in given.environ, given.removed) == (False, (name,))


@pytest.mark.parametrize(("before", "removed"), [("dev", True), ("AzureCliCredential", True), ("prod", False)])
def test_a_choice_of_credential_that_leaves_ours_out_is_named(before: str, removed: bool) -> None:
    given = handed({"AZURE_TOKEN_CREDENTIALS": before}, OURS, "127.0.0.1")
    assert given.environ["AZURE_TOKEN_CREDENTIALS"] == "prod"  # noqa: S105
    assert given.removed == (("AZURE_TOKEN_CREDENTIALS",) if removed else ())


@pytest.mark.parametrize(
    ("environ", "lower", "upper"),
    [
        ({"no_proxy": "corp"}, "corp", None),
        ({"HTTP_PROXY": "http://proxy"}, "127.0.0.1", "127.0.0.1"),
        ({"all_proxy": "http://proxy", "NO_PROXY": "corp"}, "corp,127.0.0.1", "corp,127.0.0.1"),
        ({"http_proxy": "http://proxy", "NO_PROXY": "a", "no_proxy": "b"}, "b,127.0.0.1", "a,127.0.0.1"),
    ],
)
def test_no_proxy_is_told_the_key(environ: dict[str, str], lower: str | None, upper: str | None) -> None:
    given = handed(environ, OURS, "127.0.0.1").environ
    assert (given.get("no_proxy"), given.get("NO_PROXY")) == (lower, upper)
