"""What crosses between the two processes: round trips, limits, and nonsense."""

import io
import json
from dataclasses import replace

import pytest

from azext_brokerauth.broker.messages import (
    MAX_LINE,
    Answer,
    AppOptions,
    Ask,
    Done,
    Failure,
    Log,
    MessageError,
    Notice,
    Step,
    decode,
    encode,
    read_line,
)
from azext_brokerauth.errors.troubles import Trouble
from azext_brokerauth.models import Account, BrokerFlag, Target, Token, TokenRequest

ACCOUNT = Account("ada@contoso.com", "a.t", "a", "t", "app", "login.microsoftonline.com")
TARGET = Target("app", "login.microsoftonline.com", "organizations")
OPTIONS = AppOptions(BrokerFlag.WSL, enable_pii_log=True)
TOKEN = Token("the token", 1, "Bearer", "broker", "t", ACCOUNT)


@pytest.mark.parametrize(
    "message",
    [
        Ask(Step.SILENT, TokenRequest(("scope",), TARGET, ACCOUNT, '{"access_token": {}}'), OPTIONS),
        Ask(Step.PROMPT, TokenRequest((), TARGET, "ada@contoso.com"), OPTIONS, select_account=True, window=7),
        Answer(TOKEN),
        Answer(replace(TOKEN, refresh_on=1)),
        Done(),
        Done(("ada@contoso.com",)),
        Notice("read this"),
        Failure(Trouble.NO_BROKER, "text", "id"),
        Log(10, "a\nline"),
    ],
)
def test_a_message_arrives_as_it_was_sent(message):
    line = encode(7, message)
    assert line.count(b"\n") == 1
    assert decode(line) == (7, message)


def test_an_answers_token_is_not_in_its_repr():
    assert "the token" not in repr(Answer(TOKEN))


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"\n",
        b"ping succeeded\n",
        b"{}\n",
        b"[]\n",
        b'{"number": 1, "type": "Ask", "message": {"step": "silent"}}\n',
        b'{"number": 1, "type": "Answer", "message": {"secret-token": 1}}\n',
        b'{"number": 1, "type": "Failure", "message": {"trouble": "unheard of", "text": ""}}\n',
        b'{"number": 1, "type": "str", "message": {}}\n',
        b'{"number": "x", "type": "Done", "message": {}}\n',
        b"\xff\xfe\n",
        b"[" * 100_000 + b"\n",
    ],
)
def test_nonsense_is_an_error_that_does_not_quote_it(line):
    with pytest.raises(MessageError) as caught:
        decode(line)
    assert "secret-token" not in str(caught.value)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("expires_on", "soon"),
        ("expires_on", 1.5),
        ("expires_on", True),
        ("expires_on", None),
        ("refresh_on", "later"),
        ("value", 7),
        ("account", "ada@contoso.com"),
        ("account", None),
        ("tenant", ["t"]),
    ],
)
def test_a_value_of_another_type_is_refused(field, value):
    body = json.loads(encode(7, Answer(TOKEN)))
    body["message"]["token"][field] = value
    with pytest.raises(MessageError):
        decode(json.dumps(body).encode())


@pytest.mark.parametrize("change", [lambda token: token.pop("source"), lambda token: token.update(more=1)])
def test_a_field_that_is_missing_or_unknown_is_refused(change):
    body = json.loads(encode(7, Answer(TOKEN)))
    change(body["message"]["token"])
    with pytest.raises(MessageError):
        decode(json.dumps(body).encode())


def test_a_line_has_a_limit_in_both_directions():
    with pytest.raises(MessageError, match="limit"):
        encode(1, Answer(replace(TOKEN, value="x" * MAX_LINE)))
    with pytest.raises(MessageError, match="limit"):
        read_line(io.BytesIO(b"x" * (MAX_LINE + 1)))
    assert read_line(io.BytesIO(b"a\nb\n")) == b"a\n"
