"""Settings: which source wins, and what a bad value says."""

import pytest

from azext_brokerauth import settings
from azext_brokerauth.errors import InvalidInputError, SettingsError


@pytest.fixture
def environ(tmp_path):
    return {"AZURE_CONFIG_DIR": str(tmp_path)}


def write(environ, text):
    path = f"{environ['AZURE_CONFIG_DIR']}/config"
    with open(path, "w", encoding="utf-8") as stream:
        stream.write(text)
    return path


def test_the_defaults_turn_the_broker_on_under_wsl_only(environ):
    chosen = settings.load(environ=environ)
    assert chosen.enable_broker_on_wsl
    assert (chosen.enable_broker_on_linux, chosen.enable_broker_on_windows, chosen.enable_broker_on_mac) == (False,) * 3
    assert set(chosen.origins.values()) == {"default"}


def test_arguments_win_over_the_environment_and_the_environment_over_the_file(environ):
    path = write(environ, "[brokerauth]\ntenant_id = one.com\nlogin_hint = a@one.com\nsilent_timeout = 1\n")
    environ |= {"AZURE_BROKERAUTH_TENANT_ID": "two.com", "AZURE_BROKERAUTH_LOGIN_HINT": "b@two.com"}
    chosen = settings.load({"tenant_id": "Three.com", "client_id": None}, environ=environ)
    assert (chosen.tenant_id, chosen.login_hint, chosen.silent_timeout) == ("three.com", "b@two.com", 1.0)
    assert chosen.origins["tenant_id"] == "tenant_id"
    assert chosen.origins["login_hint"] == "the environment variable AZURE_BROKERAUTH_LOGIN_HINT"
    assert chosen.origins["silent_timeout"] == f"brokerauth.silent_timeout in {path}"
    assert chosen.origins["client_id"] == "default"


@pytest.mark.parametrize("how", ["file", "environment"])
def test_azs_own_switch_turns_the_broker_off(environ, how):
    if how == "file":
        write(environ, "[core]\nenable_broker_on_wsl = false\n")
    else:
        environ["AZURE_CORE_ENABLE_BROKER_ON_WSL"] = "no"
    assert settings.load(environ=environ).enable_broker_on_wsl is False


def test_a_config_in_the_working_directory_is_not_read(environ, tmp_path, monkeypatch):
    (tmp_path / "project" / ".azure").mkdir(parents=True)
    (tmp_path / "project" / ".azure" / "config").write_text("[brokerauth]\ntenant_id = attacker.com\n")
    monkeypatch.chdir(tmp_path / "project")
    assert settings.load(environ=environ).tenant_id == "organizations"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("tenant_id", "a/b"),
        ("tenant_id", "contoso.com?x"),
        ("tenant_id", ".."),
        ("client_id", "not-a-guid"),
        ("authority", "http://login.microsoftonline.com"),
        ("authority", "login.microsoftonline.com/tenant"),
        ("authority", "evil@login"),
        ("enable_broker_on_linux", "perhaps"),
        ("silent_timeout", "soon"),
        ("silent_timeout", "0"),
        ("prompt_timeout", "-1"),
        ("prompt_timeout", "inf"),
        ("prompt_timeout", "nan"),
    ],
)
def test_a_value_that_cannot_be_used_is_named_with_where_it_came_from(environ, name, value):
    with pytest.raises(InvalidInputError, match=rf"--word cannot be '{value.replace('?', '.')}'"):
        settings.load({name: value}, environ=environ, labels={name: "--word"})
    with pytest.raises(SettingsError, match=f"AZURE_BROKERAUTH_{name.upper()}"):
        settings.load(environ={**environ, f"AZURE_BROKERAUTH_{name.upper()}": value})


def test_an_unknown_setting_is_an_error_that_names_the_file_and_what_there_is(environ):
    path = write(environ, "[brokerauth]\ntennant_id = contoso.com\n")
    with pytest.raises(SettingsError, match=path) as caught:
        settings.load(environ=environ)
    assert "tennant_id" in str(caught.value)
    assert "az config unset brokerauth.tennant_id" in caught.value.remedy
    assert "tenant_id" in caught.value.remedy


@pytest.mark.parametrize("content", [b"no section\n", b"[brokerauth\n", b"\xff\xfe[brokerauth]\n"])
def test_a_file_that_cannot_be_parsed_is_named(environ, tmp_path, content):
    (tmp_path / "config").write_bytes(content)
    with pytest.raises(SettingsError, match=str(tmp_path / "config")):
        settings.load(environ=environ)


def test_an_authority_may_be_given_as_a_url():
    assert settings.authority_host("https://Login.MicrosoftOnline.us/") == "login.microsoftonline.us"
