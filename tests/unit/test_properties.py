"""What holds for any input: whatever is read from outside becomes a value or our own error, never anything else."""

from __future__ import annotations

import base64
import io
import json
import string
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from azext_brokerauth import errors, output, settings, sign_in
from azext_brokerauth.accounts import AccountStore, Records
from azext_brokerauth.broker import messages, msal_app
from azext_brokerauth.broker.messages import Answer, AppOptions, Ask, Done, Failure, Log, MessageError, Notice, Step
from azext_brokerauth.errors.diagnostics import Diagnostics
from azext_brokerauth.errors.lookup import from_msal
from azext_brokerauth.errors.statuses import STATUSES
from azext_brokerauth.errors.troubles import Trouble
from azext_brokerauth.models import Account, BrokerFlag, Target, Token, TokenRequest
from azext_brokerauth.printable import printable
from azext_brokerauth.redaction import redact

ANY_TEXT = st.text(st.characters(exclude_categories=["Cs"]))
NUMBERS = st.integers(0, 2**53)
DEEP = "[" * 100_000

ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | ANY_TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(ANY_TEXT, inner, max_size=4),
    max_leaves=10,
)
ACCOUNTS = st.builds(Account, *[ANY_TEXT.map(printable)] * 6)
TARGETS = st.builds(Target, *[ANY_TEXT] * 3)
SOME_TEXTS = st.lists(ANY_TEXT).map(tuple)
REQUESTS = st.builds(
    TokenRequest, SOME_TEXTS, TARGETS, ANY_TEXT | ACCOUNTS, ANY_TEXT, st.booleans(), SOME_TEXTS, ANY_TEXT
)
OPTIONS = st.builds(AppOptions, st.sampled_from(BrokerFlag), *[st.booleans()] * 3)
TOKENS = st.builds(Token, ANY_TEXT, NUMBERS, *[ANY_TEXT] * 3, ACCOUNTS, st.none() | NUMBERS)
MESSAGES = st.one_of(
    st.builds(Ask, st.sampled_from(Step), REQUESTS, OPTIONS, st.booleans(), NUMBERS),
    st.builds(Answer, TOKENS),
    st.builds(Done, SOME_TEXTS),
    st.builds(Failure, st.sampled_from(Trouble), ANY_TEXT, ANY_TEXT),
    st.builds(Log, NUMBERS, ANY_TEXT),
    st.builds(Notice, ANY_TEXT),
)


def outcome(call: Callable[[], Any], *expected: type[Exception]) -> Any:
    """What a call returns, or the expected error that it raises."""
    try:
        return call()
    except expected as error:
        return error


def object_with(*keys: str) -> st.SearchStrategy[dict[str, Any]]:
    """Objects that have some of the keys that matter, with any values."""
    return st.dictionaries(st.sampled_from(keys) | ANY_TEXT, ANY_JSON, max_size=len(keys))


class TestMessages:
    @given(NUMBERS, MESSAGES)
    def test_a_message_arrives_as_it_was_sent(self, number, message):
        line = messages.encode(number, message)
        assert messages.read_line(io.BytesIO(line + b"rest")) == line
        assert messages.decode(line) == (number, message)

    @given(
        st.binary()
        | ANY_JSON.map(lambda value: json.dumps(value).encode())
        | st.builds(
            lambda kind, fields, number: json.dumps({"number": number, "type": kind, "message": fields}).encode(),
            st.sampled_from(["Ask", "Answer", "Done", "Failure", "Log", "Notice"]),
            object_with("step", "request", "options", "token", "trouble", "text", "usernames", "level"),
            ANY_JSON,
        )
    )
    @example(b'{"number": Infinity, "type": "Done", "message": {}}')
    @example(DEEP.encode())
    def test_any_line_is_a_message_or_a_message_error(self, line):
        found = outcome(lambda: messages.decode(line), MessageError)
        if not isinstance(found, MessageError):
            number, message = found
            assert isinstance(number, int)
            assert isinstance(message, (Ask, Answer, Done, Failure, Log, Notice))


class TestWhatTheBrokerSays:
    @given(ANY_TEXT)
    @example("Status: Response_Status.Status_Unexpected, Error code: " + "9" * 5000 + ", Tag: 1")
    @example("AADSTS53003 AADSTS" + "9" * 5000)
    def test_any_description_becomes_an_error_that_keeps_it(self, text):
        error = from_msal(text)
        assert isinstance(error, errors.BrokerAuthError)
        assert error.diagnostics.description == text
        assert text in str(error)

    @given(st.sampled_from(sorted(STATUSES)), st.integers(-(2**63), 2**63), st.integers(1, 2**32), st.uuids())
    def test_the_facts_in_a_description_are_found(self, status, code, tag, correlation_id):
        text = f"(pii). Status: Response_Status.Status_{status}, Error code: {code}, Tag: {tag} Correlation ID: "
        found = Diagnostics.parse(text + str(correlation_id))
        assert (found.status, found.error_code, found.tag) == (status, code, tag)
        assert found.correlation_id == str(correlation_id)

    @given(object_with("access_token", "expires_in", "refresh_on", "token_type", "id_token_claims"), ANY_JSON, ANY_JSON)
    @example({"access_token": "a", "expires_in": 10**30}, "u", "t")
    @example({"access_token": "a", "expires_in": "soon"}, "u", "t")
    @example({"access_token": "a"}, "u", "t")
    @example({"access_token": "a", "expires_in": 1, "id_token_claims": [1]}, "u", "t")
    def test_any_answer_is_a_token_or_a_reason(self, fields, user, home):
        info = json.dumps({"uid": user, "utid": home}).encode()
        result = {"token_source": "broker", "client_info": base64.urlsafe_b64encode(info).decode()} | fields
        application = Application(f"{user}.{home}")
        target = Target("app", "login.microsoftonline.com", "organizations")
        ask = Ask(Step.SILENT, TokenRequest(("scope",), target), AppOptions(BrokerFlag.WSL))
        found = outcome(lambda: msal_app._to_answer(application, result, ask), msal_app.NoTokenError)
        if isinstance(found, msal_app.NoTokenError):
            assert found.failure.trouble in Trouble
            return
        assert messages.decode(messages.encode(1, found)) == (1, found)
        assert found.token.expires_on >= int(time.time()) - 60
        assert output._utc(found.token.expires_on)

    @given(ANY_TEXT | ANY_JSON.map(lambda value: base64.urlsafe_b64encode(json.dumps(value).encode()).decode()))
    @example(base64.urlsafe_b64encode(DEEP.encode()).decode())
    def test_any_client_info_names_an_account_or_is_nonsense(self, text):
        found = outcome(lambda: msal_app._client_info(text), msal_app.NoTokenError)
        if isinstance(found, msal_app.NoTokenError):
            assert found.failure.trouble is Trouble.NONSENSE
        else:
            assert found[0].endswith(f".{found[1]}")


class Application:
    """MSAL's application, as far as one answer goes."""

    def __init__(self, home_account_id: str) -> None:
        self._home_account_id = home_account_id

    def get_accounts(self) -> list[dict[str, str]]:
        return [{"home_account_id": self._home_account_id, "local_account_id": "local"}]


class TestClaims:
    @given(ANY_TEXT | ANY_JSON.map(json.dumps) | st.binary().map(lambda raw: base64.b64encode(raw).decode()))
    @example(DEEP)
    @example('{"a":' * 100_000)
    @example(base64.b64encode(b'{"a":' * 100_000).decode())
    def test_any_challenge_is_json_or_bad_input(self, challenge):
        text = outcome(lambda: sign_in.claims_text(challenge), errors.InvalidInputError)
        assert isinstance(text, errors.InvalidInputError) or not text or isinstance(json.loads(text), dict)

    @given(st.dictionaries(ANY_TEXT, ANY_JSON.filter(lambda value: value == value), min_size=1))
    def test_a_challenge_in_base64_is_the_one_in_json(self, claims):
        text = json.dumps(claims)
        assert sign_in.claims_text(text) == text
        assert sign_in.claims_text(base64.b64encode(text.encode()).decode()) == text
        assert sign_in.claims_text(base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")) == text

    @given(
        object_with("aud", "appid", "tid", "upn", "xms_cc", "iat", "amr"),
        st.none() | ANY_TEXT,
    )
    @example({"iat": 10**30, "xms_cc": 5}, None)
    @example({"iat": float("nan")}, None)
    @example({}, f"h.{base64.urlsafe_b64encode(DEEP.encode()).decode()}.s")
    def test_any_token_can_be_inspected_and_is_not_shown(self, claims, other):
        body = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
        value = other if other is not None else f"head.{body}.signature"
        facts = output.token_facts(Token(value, 1_800_000_000, "Bearer", "broker", "t", Account(*"unltca")))
        assert facts["source"] == "broker"
        assert json.dumps(facts)
        if other is None:
            assert body not in json.dumps(facts)


NAMES = sorted(settings.SETTINGS)
GOOD: dict[str, st.SearchStrategy[object]] = {
    "client_id": st.uuids().map(str),
    "tenant_id": st.uuids().map(str),
    "authority": st.from_regex(r"[a-z0-9]{1,20}\.[a-z]{2,9}", fullmatch=True),
    "login_hint": st.from_regex(r"[a-z.]{1,20}@[a-z]{1,9}\.com", fullmatch=True),
    "silent_timeout": st.floats(0.001, 86399),
    "prompt_timeout": st.floats(0.001, 86399),
    "token_cache": st.sampled_from(["az", "memory"]),
    "keyring": st.sampled_from(["auto", "session", "private"]),
    "fallback": st.sampled_from(["none", "browser", "device-code"]),
    "tools": st.sampled_from(["all", "none", "az git"]),
}


class TestFiles:
    @given(st.binary() | ANY_TEXT.map(lambda text: f"[brokerauth]\n{text}".encode()))
    @example(b"[brokerauth]\nclient_id = \n")
    @example(b"[brokerauth]\nno_such = 1\n")
    @example(b"[core]\nenable_broker_on_wsl = \xff\n")
    @example(b"[DEFAULT]\nx=1\n[brokerauth]\n")
    def test_any_settings_file_gives_settings_or_an_error_that_names_it(self, content):
        with tempfile.TemporaryDirectory() as directory:
            Path(directory, "config").write_bytes(content)
            found = outcome(lambda: settings.load(environ={"AZURE_CONFIG_DIR": directory}), errors.SettingsError)
        assert isinstance(found, settings.Settings) or str(Path(directory, "config")) in str(found)

    @given(st.dictionaries(st.sampled_from(NAMES), ANY_TEXT, max_size=3))
    def test_any_value_is_used_or_refused_wherever_it_comes_from(self, values):
        here = {"AZURE_CONFIG_DIR": "no-such"}
        refused = (errors.SettingsError, errors.InvalidInputError)
        given_ = {name: value for name, value in values.items() if value}
        variables = {f"AZURE_BROKERAUTH_{name.upper()}": value for name, value in given_.items()}
        by_argument = outcome(lambda: settings.load(given_, here), *refused)
        by_variable = outcome(lambda: settings.load(environ=here | variables), *refused)
        if isinstance(by_argument, refused) or isinstance(by_variable, refused):
            assert isinstance(by_argument, refused)
            assert isinstance(by_variable, refused)
        else:
            assert replace(by_argument, origins=()) == replace(by_variable, origins=())

    @given(
        st.fixed_dictionaries(
            {}, optional={name: GOOD.get(name, st.booleans()) for name in NAMES if hasattr(settings.Settings(), name)}
        )
    )
    def test_a_value_that_is_written_is_read(self, values):
        with tempfile.TemporaryDirectory() as directory:
            lines = [f"{name} = {value}" for name, value in values.items()]
            Path(directory, "config").write_text("\n".join(["[brokerauth]", *lines]))
            loaded = settings.load(environ={"AZURE_CONFIG_DIR": directory})
        assert {name: getattr(loaded, name) for name in values} == values

    @given(
        st.binary()
        | ANY_JSON.map(lambda value: json.dumps(value).encode())
        | st.builds(
            lambda accounts, current: json.dumps({"version": 1, "accounts": accounts, "current": current}).encode(),
            st.lists(st.fixed_dictionaries(dict.fromkeys(Account.__dataclass_fields__, ANY_TEXT | ANY_JSON)))
            | ANY_JSON,
            ANY_JSON,
        )
    )
    @example(DEEP.encode())
    @example(b'{"version": 1, "accounts": ["text"], "current": ""}')
    def test_any_account_file_gives_records_or_an_error_that_names_it(self, content):
        with tempfile.TemporaryDirectory() as directory:
            path = Path(directory, "brokerauth", "accounts.json")
            path.parent.mkdir()
            path.write_bytes(content)
            records = outcome(AccountStore(Path(directory)).read, errors.SettingsError)
        if not isinstance(records, Records):
            assert str(path) in str(records)
            return
        for account in records.accounts:
            assert not account.username or records.find(account.username)
            assert output.account_facts(account, records)["username"] == account.username

    @given(st.lists(ACCOUNTS.filter(lambda account: bool(account.username)), max_size=4))
    def test_accounts_that_are_written_are_read(self, accounts):
        with tempfile.TemporaryDirectory() as directory:
            store = AccountStore(Path(directory))
            records = Records()
            for account in accounts:
                records = records.with_account(account)
            with store.change() as change:
                change.after = records
            assert store.read() == records


URLSAFE = string.ascii_letters + string.digits + "-_"
SEGMENT = st.text(URLSAFE, min_size=20, max_size=60)
JWT = st.builds(lambda *parts: "eyJ" + ".".join(parts), SEGMENT, SEGMENT, SEGMENT)
OPAQUE = st.text(URLSAFE, min_size=48, max_size=200)
SHORT = st.text(URLSAFE + "*!$.", min_size=6, max_size=30)
NAMED = [
    "code={}",
    "'code': '{}'",
    '"refresh_token": "{}"',
    "access_token={}",
    r"{{\"id_token\": \"{}\"}}",
    "Bearer {}",
]
USER = st.from_regex(r"[a-z0-9][a-z0-9._'#-]{4,20}[a-z0-9]@[a-z0-9]{3,12}(\.[a-z]{2,5}){1,2}", fullmatch=True)


class TestRedaction:
    @given(ANY_TEXT, JWT | OPAQUE, ANY_TEXT)
    def test_a_token_is_taken_out_of_any_text(self, before, secret, after):
        assert secret not in redact(before + secret + after)
        assert secret not in redact(before + secret + after, personal=False)

    @given(ANY_TEXT, st.sampled_from(NAMED), SHORT, ANY_TEXT)
    def test_a_named_secret_is_taken_out_however_short_it_is(self, before, form, secret, after):
        named = form.format(secret)
        assert named not in redact(f"{before} {named} {after}")
        assert named.partition(secret)[0] + "<redacted>" in redact(f"{before} {named} {after}", personal=False)

    @given(ANY_TEXT, USER, st.sampled_from(["@", "%40"]), ANY_TEXT)
    @example("", "ada_contoso.com#ext#@fabrikam.onmicrosoft.com", "@", "")
    @example("mail to 'ada@contoso.com','", "grace@contoso.com", "@", "'")
    def test_a_user_name_is_taken_out_of_any_text(self, before, user, at, after):
        user = user.replace("@", at)
        assert user not in redact(before + user + after)

    @given(ANY_TEXT | st.text("eyJcode=:'\"@.%40 \\-x" + "A", max_size=300))
    def test_what_is_redacted_stays_as_it_is(self, text):
        once = redact(text)
        assert redact(once) == once

    @pytest.mark.parametrize(
        "piece", ["a", "a.", "a@", "eyJ", "eyJ.", "code=", "'code': ", "client_info ", "-", "%40", "@.", "'"]
    )
    def test_long_inputs_take_no_longer_than_their_length(self, piece):
        # With anything worse than that, this would not end.
        assert redact(piece * (1_000_000 // len(piece)) + " end").endswith(" end")
