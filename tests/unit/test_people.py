"""Who is found in a text, and which words are left alone."""

import json
import unicodedata
from urllib.parse import quote

import pytest

from azext_brokerauth.people import People

BY_FORM = [
    "ada@contoso.com",
    "ADA.Lovelace@Contoso.onmicrosoft.com",
    "ada_fabrikam.com#EXT#@contoso.onmicrosoft.com",
    "o'brien@contoso.com",
    "ада@пример.рф",
    "rené@contoso.com",
    unicodedata.normalize("NFD", "rené@contoso.com"),
    "jo@contoso.com",
    "x@corp",
    "+4917012345678",
    "ada%40contoso.com",
    "ada%2540contoso.com",
    "%2B4917012345678",
]
KNOWN = ["jo", "4917012345678", "CORP-jo", "Ada Lovelace", "жанна", "rené", "a0000000-0000-4000-8000-0000000000a1"]
SENTENCES = ["{}", "'{}'", '"{}"', "of {}.", "({}),", "[{}]", "a/{}/b", "login_hint={}&x=1", "<{}>", "to:{};"]


def hidden(text, *known, homes=False):
    return People(known, homes=homes).hide(text, lambda name: "#")


@pytest.mark.parametrize("sentence", SENTENCES)
@pytest.mark.parametrize("name", BY_FORM)
def test_a_user_name_is_told_by_its_form(name, sentence):
    assert hidden(sentence.format(name)) == sentence.format("#")


@pytest.mark.parametrize("sentence", SENTENCES)
@pytest.mark.parametrize("name", KNOWN)
def test_a_known_name_is_found_in_any_case_and_any_spelling(name, sentence):
    decomposed = unicodedata.normalize("NFD", name)
    for spelling in (name, name.upper(), name.lower(), quote(name), json.dumps(name)[1:-1], decomposed):
        assert hidden(sentence.format(spelling), name) == sentence.format("#")


@pytest.mark.parametrize("text", ["major", "banjo", "jojo", "jo_1", "jolly", "1jo", "Jo\u0301"])
def test_a_part_of_a_word_is_nobodys_name(text):
    assert hidden(text, "jo") == text


@pytest.mark.parametrize(
    "text",
    [
        "Sign in with: az login; the root of it is in the user's home, 3 of 1000",
        "@once, @, a @ b, '@decorated'",
        "+0000 +49 2024-01-01T10:00:00+01:00 tag 507316096, error 3399614473",
        "/home/ and C:\\Users\\ and C:\\Users\\Public\\x and /root/x and /usr/bin/in",
    ],
)
def test_ordinary_words_and_numbers_stay_whoever_is_called_so(text):
    assert hidden(text, "in", "root", "user", "home", "bin", "3", "1000", homes=True) == text


@pytest.mark.parametrize(
    ("text", "without"),
    [
        ("/home/in/.azure", "/home/#/.azure"),
        ("in /home/in", "in /home/#"),
        ("C:\\Users\\in\\AppData", "C:\\Users\\#\\AppData"),
        ('"C:\\\\Users\\\\in\\\\AppData"', '"C:\\\\Users\\\\#\\\\AppData"'),
        ("/mnt/c/Users/Ada Lovelace/AppData is in", "/mnt/c/Users/#/AppData is in"),
        ("/mnt/c/users/ada is in", "/mnt/c/users/# is in"),
        (r"\\wsl.localhost\Debian\home\in\x", r"\\wsl.localhost\Debian\home\#\x"),
        ("/home/grace/x, whom nobody knows", "/home/#/x, whom nobody knows"),
    ],
)
def test_a_home_directory_has_a_name_whatever_that_is(text, without):
    assert hidden(text, "in", homes=True) == without
    assert hidden("/home/ada/x") == "/home/ada/x", "but in logs paths are needed"


def test_names_that_overlap_are_hidden_as_one():
    assert hidden("of Ada Lovelace Byron.", "Ada Lovelace", "Lovelace Byron") == "of #."
    assert hidden("mail +jo@contoso.com+ now", "jo@contoso.com") == "mail # now"


@pytest.mark.parametrize(
    "piece",
    [
        *("a", "jo", "@", "a@", "+1", "/home/", "\\Users\\", "%40", "%2525", "'", "a.", "é"),
        pytest.param("jo ", marks=pytest.mark.full),
    ],
)
def test_long_texts_take_no_longer_than_their_length(piece):
    # With anything worse than that, this would not end.
    people = People(["jo", "jo jo jo", "+1", "é" * 50, *(f"jo {n}" for n in range(50))], homes=True)
    assert people.hide(piece * (1_000_000 // len(piece)) + " end", lambda name: "#").endswith("end")


def test_a_name_that_no_text_can_encode_is_a_name_too():
    assert hidden("of \udc9bada.", "\udc9bada") == "of #."
