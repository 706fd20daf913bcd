"""What az's own HTTP meets in a sign-in of ours becomes an error of ours, and nothing else does."""

from __future__ import annotations

import pytest
import requests

from azext_brokerauth import errors
from azext_brokerauth.azcli.network import authority_error, explained
from azext_brokerauth.errors.rendering import AZ, in_words
from azext_brokerauth.models import Target
from azext_brokerauth.settings import Settings

TARGET = Target("client", "login.microsoftonline.com", "organizations")
URL = "https://login.microsoftonline.com/nowhere"


def test_the_error_is_that_of_a_network_with_what_to_check_and_no_address_of_a_proxy() -> None:
    error = authority_error(requests.ConnectionError("https://ada:secret@proxy"), URL, "client")
    assert type(error) is errors.SignInRefusedError
    assert "The authority cannot be reached from WSL" in str(error)
    assert "https://login.microsoftonline.com" in str(error)
    assert "secret" not in str(error)
    assert "HTTPS_PROXY" in error.remedies[0].text


def test_an_authority_that_msal_cannot_use_is_another_matter_and_what_is_no_error_of_ours_stays() -> None:
    told = authority_error(ValueError("Unable to get authority configuration"), URL, "client")
    assert "The tenant or authority cannot be used" in str(told)
    assert told
    assert in_words(told.remedies, AZ) == "Check --tenant (a tenant ID or domain)."
    where = "brokerauth.tenant_id in /etc/brokerauth/config"
    by_fleet = Settings(tenant_id="nowhere", origins=(("tenant_id", where),))
    told = authority_error(ValueError("Unable to get authority configuration"), URL, "client", by_fleet)
    assert told
    assert in_words(told.remedies, AZ) == f"Check {where} (a tenant ID or domain)."
    assert authority_error(KeyError("a fault"), URL, "client") is None
    with pytest.raises(KeyError), explained(TARGET, "https://management.azure.com"):
        raise KeyError("a fault")
