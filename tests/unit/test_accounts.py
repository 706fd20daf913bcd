"""The account records: who is in use, and what the file survives."""

import fcntl
import json
import os
import socket
import tempfile
import threading
from dataclasses import asdict, replace
from pathlib import Path

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


GOVERNMENT = "login.microsoftonline.us"


@pytest.mark.parametrize("name", ["", ADA.username], ids=["in use", "by name"])
def test_one_person_in_two_clouds_and_two_applications_is_three_sign_ins(name):
    government, application = replace(ADA, authority=GOVERNMENT), replace(ADA, client_id="another")
    records = Records().with_account(government).with_account(application).with_account(ADA)
    assert records.accounts == (government, application, ADA)
    assert records.find(name) == ADA
    assert records.find(name, authority=GOVERNMENT) == government
    assert records.find(name, client_id="another") == application
    assert records.find(name, client_id="another", authority=GOVERNMENT) is None
    assert records.find(name, authority="login.partner.microsoftonline.cn") is None


def test_a_sign_out_from_one_cloud_leaves_the_other_signed_in():
    government = replace(ADA, authority=GOVERNMENT)
    records = Records().with_account(government).with_account(ADA).with_az(ADA)
    assert records.without(ADA).accounts == (government,)
    assert records.without(government).accounts == (ADA,)
    left = records.without(ADA)
    assert (left.find(), left.find(authority=ADA.authority)) == (government, None)
    assert left.signed_in_to_az == (ADA.home_account_id,)
    assert left.without(government) == Records()


def test_whoever_is_in_use_stays_so_when_another_leaves():
    third = replace(ADA, username="k@contoso.com", home_account_id="k.t")
    records = Records().with_account(ADA).with_account(GRACE).with_account(third)
    assert records.using(GRACE).without(third).find() == GRACE
    assert records.using(ADA).without(GRACE).find() == ADA


def test_whose_sign_in_was_azs_too_is_kept_once_and_leaves_with_the_account(store):
    records = Records().with_account(ADA).with_account(GRACE).with_az(ADA).with_az(GRACE).with_az(ADA)
    assert records.signed_in_to_az == (ADA.home_account_id, GRACE.home_account_id)
    save(store, records)
    assert store.read() == records
    assert records.without(ADA).signed_in_to_az == (GRACE.home_account_id,)


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
    "content",
    [
        *("", "{", "[]", '{"version": 1}', '{"version": 1, "current": "", "accounts": [{}]}'),
        json.dumps({"version": 1, "current": "", "accounts": [{**asdict(ADA), "username": 7}]}),
    ],
)
def test_a_damaged_file_is_an_error_that_names_it_and_is_kept(store, tmp_path, content):
    save(store, Records().with_account(ADA))
    path = tmp_path / "brokerauth" / "accounts.json"
    path.write_text(content)
    with pytest.raises(SettingsError, match=str(path)) as caught:
        store.read()
    assert (
        in_words(caught.value.remedies, AZ) == f"To remove the file, run: rm -- {path}; then run: az brokerauth login"
    )
    with pytest.raises(SettingsError), store.change() as change:
        change.after = Records()
    assert path.read_text() == content


def test_a_file_of_another_version_is_left_alone(store, tmp_path):
    save(store, Records().with_account(ADA))
    path = tmp_path / "brokerauth" / "accounts.json"
    path.write_text(json.dumps({"version": 2}))
    with pytest.raises(SettingsError, match="another version"):
        store.read()


def test_records_of_another_user_are_refused(store, tmp_path):
    save(store, Records().with_account(ADA))
    as_another = AccountStore(tmp_path, owner=os.geteuid() + 1)
    with pytest.raises(SettingsError, match=f"does not belong to user {os.geteuid() + 1}") as caught:
        as_another.read()
    assert "mv" not in in_words(caught.value.remedies, AZ)
    with pytest.raises(SettingsError, match=f"does not belong to user {os.geteuid() + 1}"):
        save(as_another, Records())


def theirs(path):
    """Make a path another user's, or where only root could do that, say who this user has to be for it."""
    if os.geteuid() != 0:
        return os.geteuid() + 1
    os.chown(path, 1234, 1234, follow_symlinks=False)
    return 0


def test_nothing_is_made_in_the_directory_of_another_user(tmp_path):
    (tmp_path / "theirs").mkdir()
    store = AccountStore(tmp_path / "theirs", owner=theirs(tmp_path / "theirs"))
    assert store.read() == Records()
    with pytest.raises(SettingsError, match="the directory above it belongs to another user"):
        save(store, Records())
    assert list((tmp_path / "theirs").iterdir()) == []


@pytest.mark.parametrize("name", ["accounts.json", "accounts.lock"])
@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda path, elsewhere: path.symlink_to(elsewhere / "file"), "it is a symbolic link"),
        (lambda path, elsewhere: path.symlink_to(elsewhere / "absent"), "it is a symbolic link"),
        (lambda path, elsewhere: os.mkfifo(path), "it is not a file"),
        (lambda path, elsewhere: path.mkdir(), "it is a directory"),
        (lambda path, elsewhere: bound(path), "it is not a file"),
    ],
    ids=["link", "dangling link", "pipe", "directory", "socket"],
)
def test_what_is_planted_in_place_of_a_file_is_named_and_left_alone(store, tmp_path, name, make, reason):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "file").write_text("{}")
    (elsewhere / "file").chmod(0o644)
    (tmp_path / "brokerauth").mkdir(0o700)
    path = tmp_path / "brokerauth" / name
    make(path, elsewhere)
    with pytest.raises(SettingsError, match=reason) as caught:
        save(store, Records().with_account(ADA))
    assert in_words(caught.value.remedies, AZ) == f"Run: mv -- {path} {path}.unfit"
    assert [file.name for file in elsewhere.iterdir()] == ["file"]
    assert ((elsewhere / "file").read_text(), (elsewhere / "file").stat().st_mode & 0o777) == ("{}", 0o644)


def bound(path):
    with socket.socket(socket.AF_UNIX) as made:
        # A socket's address is short, and a test's directory is not.
        here = os.open(path.parent, os.O_RDONLY)
        made.bind(f"/proc/self/fd/{here}/{path.name}")
        os.close(here)


def test_a_link_in_place_of_the_directory_is_named_and_not_followed(store, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "brokerauth").symlink_to("elsewhere")
    with pytest.raises(SettingsError, match="it is a symbolic link"):
        save(store, Records().with_account(ADA))
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_a_file_without_end_is_not_read_to_its_end(store, tmp_path):
    save(store, Records().with_account(ADA))
    os.truncate(tmp_path / "brokerauth/accounts.json", 1 << 40)
    with pytest.raises(SettingsError, match="it is longer than"):
        store.read()


def test_ones_own_link_to_azs_directory_is_followed(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    (tmp_path / "absolute").symlink_to(tmp_path / "link")
    store = AccountStore(tmp_path / "absolute/below/.azure")
    save(store, Records().with_account(ADA))
    assert store.read() == Records((ADA,), "a.t")
    assert (tmp_path / "real/below/.azure/brokerauth/accounts.json").exists()


def test_a_link_of_another_user_is_not_followed(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    for directory in (tmp_path / "link", tmp_path / "link/below"):
        store = AccountStore(directory, owner=theirs(tmp_path / "link"))
        with pytest.raises(SettingsError, match="link in its path is another user's symbolic link"):
            save(store, Records())
    assert list((tmp_path / "real").iterdir()) == []


def test_links_that_lead_to_each_other_end(tmp_path):
    (tmp_path / "one").symlink_to("two")
    (tmp_path / "two").symlink_to("one")
    with pytest.raises(SettingsError, match="symbolic links"):
        save(AccountStore(tmp_path / "one"), Records())


def test_a_write_that_fails_leaves_the_old_records_and_nothing_else(store, tmp_path, monkeypatch):
    save(store, Records().with_account(ADA))

    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(SettingsError, match="No space left on device"):
        save(store, Records().with_account(GRACE))
    assert store.read() == Records((ADA,), "a.t")
    assert sorted(p.name for p in (tmp_path / "brokerauth").iterdir()) == ["accounts.json", "accounts.lock"]


def test_the_first_sign_in_makes_the_directories(tmp_path):
    store = AccountStore(tmp_path / "new" / "deeper")
    save(store, Records().with_account(ADA))
    assert store.read().find() == ADA


def test_what_was_not_changed_is_not_written(store, tmp_path):
    save(store, Records().with_account(ADA))
    path = tmp_path / "brokerauth" / "accounts.json"
    before = path.stat()
    with store.change():
        pass
    save(store, Records().with_account(ADA))
    assert (path.stat().st_ino, path.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_records_are_whole_on_the_disk_before_they_replace_the_old_ones(store, tmp_path, monkeypatch):
    save(store, Records().with_account(ADA))
    written = []

    def fsync(descriptor):
        assert store.read() == Records().with_account(ADA)
        written.append(json.loads(Path(f"/proc/self/fd/{descriptor}").read_text()))

    monkeypatch.setattr(os, "fsync", fsync)
    # It is made beside the old file: between two file systems nothing is replaced at once.
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "no-such"))
    save(store, Records().with_account(GRACE))
    assert [[account["username"] for account in body["accounts"]] for body in written] == [[GRACE.username]]
    assert store.read().find() == GRACE


@pytest.mark.full
def test_a_lock_that_another_process_holds_is_named(store, tmp_path):
    save(store, Records().with_account(ADA))
    lock = tmp_path / "brokerauth" / "accounts.lock"
    with lock.open("a") as holder:
        fcntl.flock(holder, fcntl.LOCK_EX)
        with pytest.raises(SettingsError, match=f"{lock} is locked by another process"):
            save(store, Records())
    assert store.read().find() == ADA


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
