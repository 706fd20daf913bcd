"""The account records: who is in use, and what the file survives."""

import json
import os
import threading
from dataclasses import replace

import pytest

from azext_brokerauth.accounts import AccountStore, Records
from azext_brokerauth.errors import SettingsError
from azext_brokerauth.errors.rendering import AZ, in_words
from azext_brokerauth.models import Account

ADA = Account("ada@contoso.com", "a.t", "a", "t", "app", "login.microsoftonline.com")
GRACE = Account("grace@contoso.com", "g.t", "g", "t", "app", "login.microsoftonline.com")


@pytest.fixture
def store(tmp_path):
    return AccountStore(tmp_path)


def save(store, records):
    with store.change() as change:
        change.after = records


def test_the_last_one_to_sign_in_is_in_use():
    records = Records().with_account(ADA).with_account(GRACE)
    assert records.find() == GRACE
    assert records.with_account(ADA).accounts == (GRACE, ADA)
    assert records.with_account(ADA).find() == ADA


def test_of_several_sign_ins_of_one_person_the_latest_counts():
    elsewhere = replace(ADA, client_id="another")
    records = Records().with_account(ADA).with_account(elsewhere)
    assert records.find() == records.find(ADA.username) == elsewhere
    assert records.find(client_id=ADA.client_id) == ADA
    assert records.with_account(ADA).find() == ADA
    assert records.without(elsewhere).find() == ADA


def test_a_user_name_is_found_in_any_case():
    assert Records().with_account(ADA).find("ADA@Contoso.com") == ADA
    assert Records().with_account(ADA).find("nobody@contoso.com") is None
    assert Records().with_account(ADA).find(client_id="another") is None


def test_when_the_one_in_use_leaves_another_takes_its_place():
    records = Records().with_account(ADA).with_account(GRACE)
    assert records.without(GRACE).find() == ADA
    assert records.without(ADA).find() == GRACE
    assert records.without(GRACE).without(ADA) == Records()


def test_signing_in_again_renews_the_record():
    again = replace(ADA, tenant="other")
    assert Records().with_account(ADA).with_account(again).accounts == (again,)


def test_records_survive_on_disk_for_nobody_else(store, tmp_path):
    assert store.read() == Records()
    save(store, Records().with_account(ADA))
    assert store.read() == Records((ADA,), "a.t")
    directory = tmp_path / "brokerauth"
    assert directory.stat().st_mode & 0o777 == 0o700
    assert {p.name: p.stat().st_mode & 0o777 for p in directory.iterdir()} == {
        "accounts.json": 0o600,
        "accounts.lock": 0o600,
    }


@pytest.mark.parametrize(
    "content", ["", "{", "[]", '{"version": 1}', '{"version": 1, "current": "", "accounts": [{}]}']
)
def test_a_damaged_file_is_an_error_that_names_it_and_is_kept(store, tmp_path, content):
    save(store, Records().with_account(ADA))
    path = tmp_path / "brokerauth" / "accounts.json"
    path.write_text(content)
    with pytest.raises(SettingsError, match=str(path)) as caught:
        store.read()
    assert str(path) in in_words(caught.value.remedies, AZ)
    with pytest.raises(SettingsError), store.change() as change:
        change.after = Records()
    assert path.read_text() == content


def test_a_file_of_another_version_is_left_alone(store, tmp_path):
    save(store, Records().with_account(ADA))
    path = tmp_path / "brokerauth" / "accounts.json"
    path.write_text(json.dumps({"version": 2}))
    with pytest.raises(SettingsError, match="another version"):
        store.read()


def test_a_file_of_another_user_is_refused(store, tmp_path, monkeypatch):
    save(store, Records().with_account(ADA))
    monkeypatch.setattr(os, "getuid", lambda: 12345)
    with pytest.raises(SettingsError, match="another user"):
        store.read()


def test_a_write_that_fails_leaves_the_old_records_and_nothing_else(store, tmp_path, monkeypatch):
    save(store, Records().with_account(ADA))

    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(SettingsError, match="No space left on device"):
        save(store, Records().with_account(GRACE))
    assert store.read() == Records((ADA,), "a.t")
    assert sorted(p.name for p in (tmp_path / "brokerauth").iterdir()) == ["accounts.json", "accounts.lock"]


def test_changes_from_many_threads_are_all_kept(store):
    accounts = [replace(ADA, home_account_id=f"{n}.t", username=f"u{n}") for n in range(20)]

    def add(account):
        with store.change() as change:
            change.after = change.before.with_account(account)

    threads = [threading.Thread(target=add, args=(account,)) for account in accounts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {a.username for a in store.read().accounts} == {a.username for a in accounts}
