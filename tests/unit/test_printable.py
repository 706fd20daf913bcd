"""What a terminal obeys is never printed, whoever wrote it."""

import logging

import pytest

from azext_brokerauth import output, settings
from azext_brokerauth.accounts import Records
from azext_brokerauth.errors import SettingsError
from azext_brokerauth.errors.rendering import PLAIN
from azext_brokerauth.health import report
from azext_brokerauth.models import Account, Token
from azext_brokerauth.printable import is_printable, printable
from azext_brokerauth.redaction import Redacting

HARMFUL = {
    "\x1b[2J": "\\x1b[2J",
    "a\rb": "a\\x0db",
    "a\x08b": "a\\x08b",
    "a\x7f": "a\\x7f",
    "a\x9b31m": "a\\u009b31m",
    "a\u202eb": "a\\u202eb",
    "a\u2066b": "a\\u2066b",
    "a\u2028b": "a\\u2028b",
    "a\udc9bb": "a\\x9bb",
}
ADA = Account("ada@contoso.com", "a.t", "a", "t", "app", "login.microsoftonline.com")


@pytest.mark.parametrize("text", HARMFUL)
def test_what_a_terminal_obeys_is_spelt_out(text):
    assert printable(text) == HARMFUL[text]
    assert not is_printable(text)
    assert is_printable(printable(text))


def test_names_in_any_writing_stay_as_they_are():
    for name in (
        "o'brien@contoso.com",
        "ада@пример.рф",
        "rene\u0301@contoso.com",
        "עדה@contoso.com",
        "艾达@contoso.com",
    ):
        assert printable(name) == name


def test_lines_stay_where_a_text_may_have_them():
    assert printable("a\n\tb\x1b", lines=True) == "a\n\tb\\x1b"
    assert printable("a\n\tb") == "a\\x0a\\x09b"


@pytest.mark.parametrize("text", HARMFUL)
@pytest.mark.parametrize("field", ["username", "home_account_id", "tenant", "client_id", "authority"])
def test_no_account_has_it(field, text):
    with pytest.raises(ValueError, match="cannot be shown"):
        Account(**{**vars(ADA), field: text})


@pytest.mark.parametrize("text", HARMFUL)
def test_no_user_name_in_the_settings_has_it(text):
    with pytest.raises(SettingsError, match="LOGIN_HINT") as caught:
        settings.load(environ={"AZURE_CONFIG_DIR": "no-such", "AZURE_BROKERAUTH_LOGIN_HINT": f"{text}."})
    assert is_printable(str(caught.value))


def test_no_table_has_it():
    token = Token("h.e30.s", 1, "\x1b[31mBearer", "broker", "t\nInUse", ADA)
    rows = [
        *output.shown(output.token_facts_rows)(output.token_facts(token)),
        output.shown(output.access_token_row)(output.access_token(token)),
        *output.shown(output.account_rows)([output.account_facts(ADA, Records())]),
    ]
    assert [cell for row in rows for cell in row.values() if not is_printable(cell)] == []
    assert any("\\x1b[31mBearer" in row.values() for row in rows)


def test_the_table_of_the_checks_and_what_is_pasted_from_it_have_none():
    found = {"id": "proxy", "group": "Machine", "severity": "fail", "finding": "/mnt\x1b[2J\nFAIL"}
    steps = [{"shell": "person", "command": "Look\nrm -rf ~"}, {"shell": "bash", "command": "rm -- $'a\\x1b'"}]
    rows = report.to_rows({"checks": [found]}, coloured=False)
    assert rows[0]["Finding"] == "/mnt\\x1b[2J\\x0aFAIL"
    assert report.to_block({"checks": [], "remedies": steps}, PLAIN).splitlines()[3:] == [
        "# By hand:",
        "#   Look\\x0arm -rf ~",
        "# In this Linux:",
        "rm -- $'a\\x1b'",
    ]


def test_no_message_has_it():
    record = logging.LogRecord("x", logging.WARNING, "", 0, "%s", ("Go to\nhttps://x \x1b]52;c;cm0=\x07",), None)
    Redacting().filter(record)
    assert record.getMessage() == "Go to\nhttps://x \\x1b]52;c;cm0=\\x07"
