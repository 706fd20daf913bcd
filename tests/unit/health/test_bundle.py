"""The archive for support."""

import json
import os
import re
import stat
import zipfile

import pytest

from azext_brokerauth import settings
from azext_brokerauth.accounts import AccountStore, Records
from azext_brokerauth.errors import InvalidInputError
from azext_brokerauth.health import bundle
from azext_brokerauth.health.attempt import Attempt
from azext_brokerauth.health.az_cache import CachedSignIn
from azext_brokerauth.health.facts import Facts
from azext_brokerauth.health.names import Names
from azext_brokerauth.models import Account
from tests.unit.health.machine import with_environ

OBJECT, TENANT = "a0000000-0000-4000-8000-0000000000a1", "c0000000-0000-4000-8000-000000000001"


def test_names_are_hashed_alike_within_one_archive_and_unlike_in_another():
    hidden = Names({"ada"}).hide("ada@contoso.com ADA@contoso.com ada%40contoso.com /home/ada/x Canada")
    first, second, third, rest = re.match(r"(<person \w+>) (<person \w+>) (<person \w+>) (.*)", hidden).groups()
    assert first == second == third
    assert re.fullmatch(r"/home/<person \w+>/x Canada", rest)
    assert Names().hide("ada@contoso.com") != Names().hide("ada@contoso.com")


def test_nobody_is_called_root():
    said = "/root/x belongs to root"
    assert Names({"root"}, {"root"}).hide(said) == said


def test_an_accounts_name_alone_is_hidden_although_it_is_a_word():
    names = Names({"in"})
    assert names.hide("in").startswith("<person ")
    assert names.hide("sign in") == "sign in"


def texts_of(path):
    with zipfile.ZipFile(path) as archive:
        assert archive.namelist() == list(bundle.CONTENTS)
        return {name: archive.read(name).decode() for name in archive.namelist()}


def test_the_archive_holds_what_it_says_and_names_nobody(healthy, tmp_path):
    with_environ(healthy, USER="lovelace", AZURE_BROKERAUTH_FALLBACK="browser")
    for with_names in (False, True):
        path = tmp_path / f"{with_names}.zip"
        bundle.write(path, {"finding": "of lovelace"}, "log of lovelace", Facts(healthy, list), with_names)
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        texts = texts_of(path)
        assert ("lovelace" in "".join(texts.values())) is with_names
        fallback = json.loads(texts["settings.json"])["fallback"]
        assert fallback == {"value": "browser", "origin": "the environment variable AZURE_BROKERAUTH_FALLBACK"}
        assert json.loads(texts["versions.json"])["msal"] == "1.39.0"


NAMES = {
    "an account of ours": "жанна",
    "its object ID": OBJECT,
    "az's cache": "Grace",
    "an object ID in az's cache": "b0000000-0000-4000-8000-0000000000b2",
    "az's profile": "katherine",
    "the environment's login_hint": "hedy",
    "the settings' login_hint": "joan",
    "what the broker knows": "radia",
    "whose token it gave": "jo",
    "USER": "barbara",
    "LOGNAME": "frances",
    "SUDO_USER": "dorothy",
    "HOME": "margaret",
    "Windows' PATH": "Mary Jackson",
}
"""Where a name is known from -> a name that has no form by which it could be told."""


@pytest.fixture
def facts(healthy, tmp_path):
    """A machine where each of these is known from one place alone."""
    azure = tmp_path / ".azure"
    azure.mkdir()
    (azure / "config").write_text("[brokerauth]\nlogin_hint = joan\n")
    profile = {"subscriptions": [{"user": {"name": "katherine", "type": "user"}}, {"user": None}]}
    (azure / "azureProfile.json").write_text(json.dumps(profile), encoding="utf-8-sig")
    home = f"{OBJECT}.{TENANT}"
    with AccountStore(azure).change() as change:
        change.after = Records().with_account(Account("жанна", home, OBJECT, TENANT, "app", "authority"))
    cached = [
        CachedSignIn(f"{NAMES['an object ID in az' + chr(39) + 's cache']}.{TENANT}", "account", username="Grace")
    ]
    with_environ(
        healthy,
        AZURE_CONFIG_DIR=str(azure),
        AZURE_BROKERAUTH_LOGIN_HINT="hedy",
        USER="barbara",
        LOGNAME="frances",
        SUDO_USER="dorothy",
        HOME="/srv/people/margaret",
        PATH="/usr/bin:/mnt/c/Users/Mary Jackson/AppData/Local",
    )
    looked = Facts(healthy, lambda: cached, lambda *_: Attempt(("radia",), 0.1, 0.2, "jo"))
    assert looked.attempt.username == "jo"
    return looked


@pytest.mark.parametrize("source", NAMES)
def test_a_name_known_from_anywhere_is_hidden_in_every_part(facts, tmp_path, source):
    name = NAMES[source]
    for with_names in (False, True):
        path = tmp_path / f"{with_names}.zip"
        remedy = {"shell": "bash", "command": f"az logout --username {name.upper()}"}
        report = {"checks": [{"id": "token", "finding": f"A token of {name}", "remedies": [remedy]}]}
        bundle.write(path, report, f"DEBUG account={name}\n{json.dumps(name)}", facts, with_names)
        texts = texts_of(path)
        held = "".join(texts.values()) + json.dumps(json.loads(texts["report.json"]), ensure_ascii=False)
        spelt = (name.casefold(), json.dumps(name)[1:-1].casefold())
        found = [each for each in spelt if re.search(rf"(?<!\w){re.escape(each)}(?!\w)", held.casefold())]
        assert bool(found) is with_names


@pytest.mark.parametrize(
    "name",
    ["ada_fabrikam.com#EXT#@contoso.onmicrosoft.com", "ада@пример.рф", "rené@contoso.com", "+4917012345678", "x@corp"],
)
def test_a_name_that_nobody_knows_is_told_by_its_form(healthy, tmp_path, name):
    path = tmp_path / "a.zip"
    bundle.write(
        path, {"checks": [{"finding": f"knows {name}, grace@contoso.com"}]}, f"of {name}", Facts(healthy), False
    )
    texts = texts_of(path)
    finding = json.loads(texts["report.json"])["checks"][0]["finding"]
    assert re.fullmatch(r"knows <person \w+>, <person \w+>", finding)
    assert re.fullmatch(r"of <person \w+>", texts["log.txt"])


def test_who_is_called_like_a_word_of_the_report_does_not_spoil_it(healthy, tmp_path):
    with_environ(healthy, USER="pass", HOME="/home/in", LOGNAME="in")
    report = {"checks": [{"id": "in", "severity": "pass", "finding": "log in, in /home/in/x"}]}
    bundle.write(tmp_path / "a.zip", report, "in", Facts(healthy), False)
    texts = texts_of(tmp_path / "a.zip")
    check = json.loads(texts["report.json"])["checks"][0]
    assert (check["id"], check["severity"]) == ("in", "pass")
    assert re.fullmatch(r"log in, in /home/<person \w+>/x", check["finding"])
    assert set(json.loads(texts["settings.json"])) == set(settings.SETTINGS)


def test_a_secret_with_a_name_in_it_is_taken_out_whole(healthy, tmp_path):
    with_environ(healthy, USER="jo")
    held = "AbCdEfGhIjKlMnOpQrStUv-jo-WxYzAbCdEfGhIjKlMnOpQrStUv"
    bundle.write(tmp_path / "a.zip", {"finding": held}, f"refresh {held}", Facts(healthy), False)
    texts = texts_of(tmp_path / "a.zip")
    assert texts["log.txt"] == "refresh <redacted>"
    assert json.loads(texts["report.json"]) == {"finding": "<redacted>"}


def test_a_planted_link_gets_no_archive(healthy, tmp_path):
    (tmp_path / "a.zip").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(InvalidInputError, match="cannot be written"):
        bundle.write(tmp_path / "a.zip", {}, "", Facts(healthy), False)
    assert os.listdir(tmp_path) == ["a.zip"]
