"""The archive for support."""

import json
import re
import stat
import zipfile

from azext_brokerauth.health import bundle
from azext_brokerauth.health.bundle import Names
from azext_brokerauth.health.facts import Facts
from tests.unit.health.machine import with_environ


def test_names_are_hashed_alike_within_one_archive_and_unlike_in_another():
    hidden = Names(frozenset({"ada"})).hide("ada@contoso.com ADA@contoso.com /home/ada/x Canada")
    first, second, rest = re.match(r"(<person \w+>) (<person \w+>) (.*)", hidden).groups()
    assert first == second
    assert rest.startswith("/home/<person ")
    assert rest.endswith("/x Canada")
    assert Names(frozenset()).hide("ada@contoso.com") != Names(frozenset()).hide("ada@contoso.com")


def test_the_archive_holds_what_it_says_and_names_nobody(healthy, tmp_path):
    with_environ(healthy, USER="lovelace", AZURE_BROKERAUTH_FALLBACK="browser")
    for with_names in (False, True):
        path = tmp_path / f"{with_names}.zip"
        bundle.write(path, {"finding": "of lovelace"}, "log of lovelace", Facts(healthy, list), with_names)
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        with zipfile.ZipFile(path) as archive:
            assert archive.namelist() == list(bundle.CONTENTS)
            texts = {name: archive.read(name).decode() for name in archive.namelist()}
        assert ("lovelace" in "".join(texts.values())) is with_names
        fallback = json.loads(texts["settings.json"])["fallback"]
        assert fallback == {"value": "browser", "origin": "the environment variable AZURE_BROKERAUTH_FALLBACK"}
        assert json.loads(texts["versions.json"])["msal"] == "1.39.0"
