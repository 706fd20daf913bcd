"""What a program gives a credential is checked before anything is done with it, and the message names the argument."""

from __future__ import annotations

import asyncio
import copy
import enum
import multiprocessing
import pickle
from collections.abc import Callable
from typing import Any

import msal
import pytest
from azure.identity import AuthenticationRecord, CredentialUnavailableError

from azext_brokerauth import BrokerCredential
from azext_brokerauth.aio import BrokerCredential as AsyncBrokerCredential

VAULT = "https://vault.azure.net/.default"
TENANT = "c0000000-0000-4000-8000-000000000001"
APP = "04b07795-8ddb-461a-bbee-02f9e1bf7b46"
TEXTS = ("tenant_id", "client_id", "authority", "login_hint", "fallback")
FLAGS = (
    "disable_automatic_authentication",
    "disable_instance_discovery",
    "enable_support_logging",
    "use_default_broker_account",
    "disable_interactive_fallback",
    "enable_msa_passthrough",
    "require_broker",
    "enable_broker_on_wsl",
    "enable_broker_on_linux",
    "enable_broker_on_windows",
    "enable_broker_on_mac",
)
SECONDS = ("timeout", "silent_timeout")
OTHERS = ("additionally_allowed_tenants", "parent_window_handle", "authentication_record")
OBJECT = [1]
"""Of no type that any argument has."""


class Sync(BrokerCredential):
    """One that is off everywhere, so that nothing is ever asked."""

    def __init__(self, **keywords: Any) -> None:
        super().__init__(**{"enable_broker_on_wsl": False, **keywords})


class Async(AsyncBrokerCredential):
    def __init__(self, **keywords: Any) -> None:
        super().__init__(**{"enable_broker_on_wsl": False, **keywords})

    def __getattribute__(self, name: str) -> Any:
        found = super().__getattribute__(name)
        if name not in ("get_token", "get_token_info", "authenticate", "close"):
            return found
        return lambda *arguments, **options: asyncio.run(found(*arguments, **options))


@pytest.fixture(params=[Sync, Async], ids=["sync", "aio"])
def make(request: pytest.FixtureRequest) -> Callable[..., Any]:
    kind: Callable[..., Any] = request.param
    return kind


@pytest.mark.parametrize("name", [*TEXTS, *FLAGS, *SECONDS, *OTHERS])
def test_a_keyword_of_a_wrong_type_is_named(make: Callable[..., Any], name: str) -> None:
    wrong = {
        "fallback": [b"browser", 1, OBJECT, True],
        "additionally_allowed_tenants": [b"*", "*", 1, [1], [None], [b"*"]],
        "parent_window_handle": [b"1", "1", 1.0, True, OBJECT],
        "authentication_record": [b"{}", "{}", {}, 1],
        **{flag: [b"true", "false", 0, OBJECT] for flag in FLAGS},
        **{seconds: [b"1", "1", True, OBJECT, 1j] for seconds in SECONDS},
    }.get(name, [b"contoso.com", 1, OBJECT, True])
    for value in wrong:
        with pytest.raises((TypeError, ValueError), match=name) as caught:
            make(**{name: value})
        assert str(caught.value).endswith(".")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("tenant_id", f"{TENANT}\n"),
        ("tenant_id", " contoso.com"),
        ("tenant_id", ""),
        ("client_id", f"{APP}\n"),
        ("authority", "login.microsoftonline.com\n"),
        ("login_hint", "ada@contoso.com\n"),
        ("login_hint", "ada@contoso.com\0"),
        ("fallback", "browser\n"),
        ("fallback", "sms"),
        ("additionally_allowed_tenants", [f"{TENANT}\n"]),
        ("parent_window_handle", -1),
        ("parent_window_handle", 2**64),
        ("timeout", 0),
        ("timeout", -1.0),
        ("timeout", float("nan")),
        ("timeout", float("inf")),
        ("timeout", 10**400),
        ("silent_timeout", 0),
    ],
)
def test_a_keyword_with_a_value_that_cannot_be_used_is_named(make: Callable[..., Any], name: str, value: Any) -> None:
    with pytest.raises(ValueError, match=name):
        make(**{name: value})


def test_what_cannot_be_read_from_a_record_is_named(make: Callable[..., Any]) -> None:
    good = {"tenant_id": TENANT, "client_id": APP, "authority": "login.microsoftonline.com"}
    good |= {"home_account_id": f"a.{TENANT}", "username": "ada@contoso.com"}
    assert make(authentication_record=AuthenticationRecord(**good))
    for name in good:
        with pytest.raises(TypeError, match=name):
            make(authentication_record=AuthenticationRecord(**{**good, name: 1}))
    with pytest.raises(ValueError, match="authority"):
        make(authentication_record=AuthenticationRecord(**{**good, "authority": "http://evil"}))


def test_what_is_not_given_may_be_none(make: Callable[..., Any]) -> None:
    assert make(**dict.fromkeys([*TEXTS, *FLAGS, *SECONDS, *OTHERS]))


def test_what_peers_and_enumerations_give_is_taken(make: Callable[..., Any]) -> None:
    class Tenant(str, enum.Enum):
        OURS = "Contoso.com"

    console = msal.PublicClientApplication.CONSOLE_WINDOW_HANDLE
    assert make(tenant_id=Tenant.OURS, parent_window_handle=console, timeout=60, silent_timeout=0.5)
    assert make(parent_window_handle=2**64 - 1, additionally_allowed_tenants=("*", TENANT.upper()))


def test_the_authority_of_the_environment_may_have_space_around_it(
    make: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AZURE_AUTHORITY_HOST", " https://login.microsoftonline.us/\n")
    assert make()
    monkeypatch.setenv("AZURE_AUTHORITY_HOST", "http://login.microsoftonline.us")
    with pytest.raises(ValueError, match="AZURE_AUTHORITY_HOST"):
        make()


@pytest.mark.parametrize(
    ("name", "wrong", "error"),
    [
        ("tenant_id", 1, TypeError),
        ("tenant_id", b"contoso.com", TypeError),
        ("tenant_id", "contoso.com/../evil", ValueError),
        ("tenant_id", f"{TENANT}\n", ValueError),
        ("claims", b"{}", TypeError),
        ("claims", {"access_token": {}}, TypeError),
        ("claims", "not JSON", ValueError),
        ("claims", "[]", ValueError),
        ("claims", "eyJhY2Nlc3NfdG9rZW4iOnt9fQ==", ValueError),
        ("claims", "[" * 100_000, ValueError),
        ("enable_cae", "false", TypeError),
        ("enable_cae", 1, TypeError),
        ("pop", "yes", ValueError),
        ("pop", {"nonce": "n"}, ValueError),
    ],
)
def test_an_option_that_cannot_be_used_is_named(
    make: Callable[..., Any], name: str, wrong: Any, error: type[Exception]
) -> None:
    for call in (
        lambda: make().get_token(VAULT, **{name: wrong}),
        lambda: make().get_token_info(VAULT, options={name: wrong}),
        lambda: make().authenticate(**{name: wrong}),
    ):
        with pytest.raises(error, match=name):
            call()


def test_authenticate_takes_no_keyword_that_is_misspelt(make: Callable[..., Any]) -> None:
    with pytest.raises(TypeError, match="tennant_id"):
        make().authenticate(tennant_id="contoso.com")


@pytest.mark.parametrize("wrong", [1, b"https://vault.azure.net/.default", [VAULT], None, "", f"{VAULT}\n", "a b", "ä"])
def test_what_is_no_scope_is_refused_in_a_sentence(make: Callable[..., Any], wrong: Any) -> None:
    for call in (
        lambda: make().get_token(wrong),
        lambda: make().get_token_info(VAULT, wrong),
        lambda: make().authenticate(scopes=[wrong]),
    ):
        with pytest.raises((TypeError, ValueError), match="scope"):
            call()


@pytest.mark.parametrize("wrong", [VAULT, 1, b"scope"])
def test_scopes_are_several(make: Callable[..., Any], wrong: Any) -> None:
    with pytest.raises(TypeError, match="scopes must be a list"):
        make().authenticate(scopes=wrong)


@pytest.mark.parametrize("wrong", ["claims", 1, [("claims", "{}")]])
def test_options_are_a_dict(make: Callable[..., Any], wrong: Any) -> None:
    with pytest.raises(TypeError, match="options must be a dict"):
        make().get_token_info(VAULT, options=wrong)


def test_what_was_asked_reaches_the_error_of_a_chain(make: Callable[..., Any]) -> None:
    with pytest.raises(CredentialUnavailableError):
        make().get_token(VAULT, claims='{"access_token": {}}', tenant_id="Contoso.com", enable_cae=None)


def used(make: Callable[..., Any]) -> Any:
    credential = make(tenant_id="contoso.com", additionally_allowed_tenants=["*"])
    with pytest.raises(CredentialUnavailableError):
        credential.get_token(VAULT)
    return credential


@pytest.mark.parametrize(
    "copied",
    [copy.copy, copy.deepcopy, *[lambda one, p=p: pickle.loads(pickle.dumps(one, p)) for p in range(2, 6)]],  # noqa: S301
)
def test_a_used_one_can_be_copied_and_pickled(make: Callable[..., Any], copied: Callable[[Any], Any]) -> None:
    one = used(make)
    one.of_a_subclass = ["anything"]
    other = copied(one)
    assert type(other) is type(one)
    assert other.of_a_subclass == ["anything"]
    with pytest.raises(CredentialUnavailableError, match="WSL"):
        other.get_token(VAULT)
    assert other._workings._opened is not one._workings._opened
    other.close()
    with pytest.raises(CredentialUnavailableError):
        one.get_token(VAULT)


def test_a_subclass_with_a_state_of_its_own_gives_no_token_away() -> None:
    one = used(Stateful)
    other = pickle.loads(pickle.dumps(one))  # noqa: S301  (it is ours)
    other.close()
    with pytest.raises(CredentialUnavailableError):
        one.get_token(VAULT)


class Stateful(Sync):
    """Whose author knew nothing of ours."""

    def __getstate__(self) -> dict[str, Any]:
        return dict(self.__dict__)

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)


def _in_another_process(credential: Any) -> str:
    try:
        credential.get_token(VAULT)
    except CredentialUnavailableError:
        return type(credential).__name__
    return ""


@pytest.mark.parametrize("method", ["spawn", "forkserver"])
def test_a_used_one_goes_to_another_process(make: Callable[..., Any], method: str) -> None:
    with multiprocessing.get_context(method).Pool(1) as pool:
        assert make.__name__ == pool.apply(_in_another_process, (used(make),))


def test_a_closed_one_stays_closed_when_it_is_copied(make: Callable[..., Any]) -> None:
    one = used(make)
    one.close()
    with pytest.raises(Exception, match="was closed"):
        copy.deepcopy(one).get_token(VAULT)
