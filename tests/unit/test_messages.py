"""What crosses between the two processes: round trips, limits, and nonsense."""

import io

import pytest

from azext_brokerauth.broker.messages import (
    MAX_LINE,
    Account,
    Answer,
    App,
    Ask,
    Done,
    Failure,
    Log,
    MessageError,
    Step,
    Trouble,
    decode,
    encode,
    read_line,
)

ACCOUNT = Account("ada@contoso.com", "a.t", "a", "t", "app", "login.microsoftonline.com")
APP = App("app", "login.microsoftonline.com", "organizations", enable_broker_on_wsl=True, capabilities=("CP1",))


@pytest.mark.parametrize(
    "message",
    [
        Ask(Step.SILENT, APP, ("scope",), '{"access_token": {}}', ACCOUNT),
        Ask(Step.PROMPT, APP, login_hint="ada@contoso.com", select_account=True, window=7),
        Answer("the token", 1, "Bearer", "t", ACCOUNT),
        Done(),
        Failure(Trouble.NO_BROKER, "text", "id"),
        Log(10, "a\nline"),
    ],
)
def test_a_message_arrives_as_it_was_sent(message):
    line = encode(7, message)
    assert line.count(b"\n") == 1
    assert decode(line) == (7, message)


def test_an_answers_token_is_not_in_its_repr():
    assert "the token" not in repr(Answer("the token", 1, "Bearer", "t", ACCOUNT))


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


def test_a_line_has_a_limit_in_both_directions():
    with pytest.raises(MessageError, match="limit"):
        encode(1, Answer("x" * MAX_LINE, 1, "Bearer", "t", ACCOUNT))
    with pytest.raises(MessageError, match="limit"):
        read_line(io.BytesIO(b"x" * (MAX_LINE + 1)))
    assert read_line(io.BytesIO(b"a\nb\n")) == b"a\n"
