"""Behind a proxy that looks into TLS, a feed and an organisation are asked as everything else is."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from azext_brokerauth.bridges.feed_tokens import refused
from azext_brokerauth.bridges.organisations import Memory, Organisation
from tests.unit.bridges.inspecting import company, says

TENANT = "f0000000-0000-4000-8000-000000000002"
NAMES = f"WWW-Authenticate: Bearer authorization_uri=https://login.microsoftonline.com/{TENANT}"
REFUSAL = f"HTTP/1.1 401 Unauthorized\r\n{NAMES}\r\nContent-Length: 0\r\n\r\n".encode()


def of_the_feed(_: Path) -> str | None:
    return refused("https://pkgs.dev.azure.com/contoso/", "a-token")


def of_the_organisation(directory: Path) -> str:
    return Memory(str(directory)).tenant(Organisation("dev.azure.com", "contoso"), ())


ASKED = {"pkgs.dev.azure.com": (of_the_feed, None), "dev.azure.com": (of_the_organisation, "")}


@pytest.mark.parametrize("host", ASKED)
@pytest.mark.parametrize("variable", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"])
def test_who_is_trusted_is_what_the_variables_say(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, host: str, variable: str
) -> None:
    tenant, unknown = ASKED[host]
    with company(tmp_path, monkeypatch, host, says(REFUSAL)) as behind:
        assert tenant(tmp_path) == unknown
        monkeypatch.setenv(variable, str(behind.bundle))
        assert tenant(tmp_path) == TENANT


@pytest.mark.parametrize("host", ASKED)
def test_a_directory_of_certificates_is_trusted_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    trusted = tmp_path / "trusted"
    trusted.mkdir()
    with company(tmp_path, monkeypatch, host, says(REFUSAL)) as behind:
        behind.bundle.rename(trusted / "company.pem")
        subprocess.run(["openssl", "rehash", trusted], check=True)  # noqa: S607
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(trusted))
        assert ASKED[host][0](tmp_path) == TENANT


@pytest.mark.parametrize("host", ASKED)
def test_no_redirect_is_followed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    tenant, unknown = ASKED[host]
    away = f"HTTP/1.1 302 Found\r\nLocation: https://{host}/elsewhere\r\nContent-Length: 0\r\n\r\n"
    with company(tmp_path, monkeypatch, host, says(away.encode())) as behind:
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(behind.bundle))
        assert tenant(tmp_path) == unknown
        assert [asked for asked in behind.asked if "elsewhere" in asked] == []
