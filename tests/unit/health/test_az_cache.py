"""az's token cache, read without its secrets."""

import json

import pytest

from azext_brokerauth.health.az_cache import CachedSignIn, UnreadableCacheError, read_file


@pytest.mark.parametrize("text", ["", "{}", '{"RefreshToken": [1], "Account": {"a": 1}}'])
def test_a_cache_without_sign_ins_has_none(tmp_path, text):
    (tmp_path / "msal_token_cache.json").write_text(text)
    assert read_file(tmp_path) == []


def test_no_cache_has_no_sign_ins(tmp_path):
    assert read_file(tmp_path) == []


def test_a_sign_in_is_read_without_its_secret(tmp_path):
    cache = {
        "RefreshToken": {"any": {"home_account_id": "a.t", "secret": "never shown"}},
        "AccessToken": {"any": {"home_account_id": "b.t", "secret": "never shown"}},
        "Account": {"any": {"home_account_id": "b.t", "account_source": "broker"}},
    }
    (tmp_path / "msal_token_cache.json").write_text(json.dumps(cache))
    found = read_file(tmp_path)
    assert found == [
        CachedSignIn("a.t", "refresh token"),
        CachedSignIn("b.t", "access token"),
        CachedSignIn("b.t", "account", "broker"),
    ]
    assert "never shown" not in repr(found)


@pytest.mark.parametrize("text", ["[]", "null", "{"])
def test_a_damaged_cache_is_said_to_be_unreadable(tmp_path, text):
    (tmp_path / "msal_token_cache.json").write_text(text)
    with pytest.raises(UnreadableCacheError, match="az's token cache"):
        read_file(tmp_path)


def test_an_encrypted_cache_is_said_to_be_for_az(tmp_path):
    (tmp_path / "msal_token_cache.bin").write_bytes(b"\0")
    with pytest.raises(UnreadableCacheError, match="encrypted"):
        read_file(tmp_path)
