"""What of az's token cache can be used."""

from __future__ import annotations

import copy
import json
from typing import Any

import msal
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from azext_brokerauth.azcli.cache_entries import without_damage

OWNER = {"home_account_id": "oid.tenant", "environment": "login.microsoftonline.com"}
SCOPES = ["https://vault.azure.net/.default"]
SOUND: dict[str, Any] = {
    "AccessToken": {
        "credential_type": "AccessToken",
        "secret": "token",
        **OWNER,
        "client_id": "client",
        "target": SCOPES[0],
        "realm": "tenant",
        "token_type": "Bearer",
        "cached_at": "1",
        "expires_on": "9999999999",
        "extended_expires_on": "9999999999",
    },
    "RefreshToken": {"credential_type": "RefreshToken", "secret": "refresh", **OWNER, "client_id": "client"},
    "IdToken": {"credential_type": "IdToken", "secret": "id", **OWNER, "client_id": "client", "realm": "tenant"},
    "Account": {
        **OWNER,
        "realm": "tenant",
        "local_account_id": "oid",
        "username": "ada@contoso.com",
        "authority_type": "MSSTS",
        "account_source": "broker",
    },
    "AppMetadata": {"client_id": "client", "environment": OWNER["environment"]},
}
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner, max_size=2),
    max_leaves=4,
)


def cache_of(entries: dict[str, Any]) -> dict[str, Any]:
    """Each kind with a sound entry and one of these beside it."""
    return {kind: {"sound": SOUND[kind], "other": entries.get(kind, SOUND[kind])} for kind in SOUND}


def use(text: str) -> list[str]:
    """What MSAL and az do with a cache; the access tokens found."""
    cache = msal.SerializableTokenCache()
    cache.deserialize(text)
    for kind in SOUND:
        found = list(cache.search(kind, query=OWNER))
        if kind == "RefreshToken":  # MSAL takes the newest
            found.sort(key=lambda entry: int(entry.get("last_modification_time", "0")))
        for entry in found:
            cache.modify(kind, entry, entry)
    for account in cache.search("Account", query={"environment": OWNER["environment"]}):
        account["authority_type"] + account["username"].lower()
    query = {**OWNER, "client_id": "client", "realm": "tenant"}
    return [
        entry["secret"] + str(int(entry["expires_on"]) - 1.5) + str(int(entry.get("refresh_on", 0)))
        for entry in cache.search("AccessToken", target=SCOPES, query=query)
    ]


def test_a_sound_cache_is_left_as_it_is() -> None:
    text = json.dumps(cache_of({}), indent=2)
    assert without_damage(text) == text
    assert use(text)


@pytest.mark.parametrize("text", ["", " \n"])
def test_an_empty_file_is_an_empty_cache(text: str) -> None:
    assert without_damage(text) == ""


@pytest.mark.parametrize("text", ["{", "[]", "null", '"text"', "\x00\x00"])
def test_what_is_no_json_object_is_no_cache(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  (JSON has words of its own)
        without_damage(text)


def test_what_a_later_msal_may_keep_there_stays() -> None:
    text = json.dumps({"Later": ["anything"], "AccessToken": []})
    assert json.loads(without_damage(text)) == {"Later": ["anything"], "AccessToken": {}}


@pytest.mark.parametrize(
    ("kind", "change"),
    [
        ("AccessToken", {"expires_on": None}),
        ("AccessToken", {"expires_on": "soon"}),
        ("AccessToken", {"expires_on": 10**400}),
        ("AccessToken", {"expires_on": float("inf")}),
        ("AccessToken", {"expires_on": []}),
        ("AccessToken", {"refresh_on": "never"}),
        ("AccessToken", {"secret": None}),
        ("AccessToken", {"secret": ""}),
        ("AccessToken", {"secret": 7}),
        ("AccessToken", {"target": 7}),
        ("AccessToken", {"home_account_id": 7}),
        ("RefreshToken", {"secret": {}}),
        ("RefreshToken", {"last_modification_time": "then"}),
        ("IdToken", {"realm": []}),
        ("Account", {"username": None}),
        ("Account", {"authority_type": 1}),
        ("Account", {"local_account_id": None}),
        ("Account", {"realm": 3}),
    ],
)
def test_one_damaged_entry_is_not_there_and_the_others_are(kind: str, change: dict[str, Any]) -> None:
    text = without_damage(json.dumps(cache_of({kind: SOUND[kind] | change})))
    assert set(json.loads(text)[kind]) == {"sound"}
    assert use(text)


@given(st.data())
@settings(deadline=None, max_examples=300)
def test_whatever_an_entry_is_nothing_that_reads_the_cache_stumbles(data: st.DataObject) -> None:
    kind = data.draw(st.sampled_from(list(SOUND)))
    entry = copy.deepcopy(SOUND[kind])
    for name in data.draw(st.lists(st.sampled_from([*entry, "refresh_on", "last_modification_time", "ext_cache_key"]))):
        if data.draw(st.booleans()):
            entry.pop(name, None)
        else:
            entry[name] = data.draw(ANYTHING)
    whole = cache_of({kind: data.draw(st.just(entry) | ANYTHING)})
    assert use(without_damage(json.dumps(whole)))


@given(st.dictionaries(st.sampled_from([*SOUND, "Later"]), ANYTHING))
@settings(deadline=None)
def test_whatever_a_section_is_nothing_that_reads_the_cache_stumbles(cache: dict[str, Any]) -> None:
    use(without_damage(json.dumps(cache)))
