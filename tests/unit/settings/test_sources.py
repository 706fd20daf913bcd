"""Settings: which source wins, and what a bad value says."""

import os
from pathlib import Path

import pytest

from azext_brokerauth import settings
from azext_brokerauth.errors import InvalidInputError, SettingsError
from azext_brokerauth.errors.rendering import AZ, in_words
from azext_brokerauth.spelling import authority_host


@pytest.fixture
def environ(tmp_path):
    return {"AZURE_CONFIG_DIR": str(tmp_path)}


def write(environ, text):
    path = f"{environ['AZURE_CONFIG_DIR']}/config"
    with open(path, "w", encoding="utf-8") as stream:
        stream.write(text)
    return path


def test_the_defaults_turn_the_broker_on_under_wsl_only_and_nothing_else_on(environ):
    chosen = settings.load(environ=environ)
    assert {origin for _, origin in chosen.origins} == {"default"}
    expected = {
        "client_id": "04b07795-8ddb-461a-bbee-02f9e1bf7b46",
        "tenant_id": "organizations",
        "authority": "login.microsoftonline.com",
        "login_hint": "",
        "enable_broker_on_wsl": True,
        "enable_broker_on_linux": False,
        "enable_broker_on_windows": False,
        "enable_broker_on_mac": False,
        "require_broker": False,
        "fallback": "none",
        "keyring": "auto",
        "extend_az": True,
        "seed_az_cache": True,
        "token_cache": "encrypted",
        "allow_exec": True,
        "tools": "all",
        "tool_log": False,
        "silent_timeout": 30.0,
        "prompt_timeout": 300.0,
    }
    assert {name: getattr(chosen, name) for name in expected} == expected


def test_arguments_win_over_the_environment_and_the_environment_over_the_file(environ):
    path = write(environ, "[brokerauth]\ntenant_id = one.com\nlogin_hint = a@one.com\nsilent_timeout = 1\n")
    environ |= {"AZURE_BROKERAUTH_TENANT_ID": "two.com", "AZURE_BROKERAUTH_LOGIN_HINT": "b@two.com"}
    chosen = settings.load({"tenant_id": "Three.com", "client_id": None}, environ=environ)
    assert (chosen.tenant_id, chosen.login_hint, chosen.silent_timeout) == ("three.com", "b@two.com", 1.0)
    assert chosen.origin("tenant_id") == "tenant_id"
    assert chosen.origin("login_hint") == "the environment variable AZURE_BROKERAUTH_LOGIN_HINT"
    assert chosen.origin("silent_timeout") == f"brokerauth.silent_timeout in {path}"
    assert chosen.origin("client_id") == "default"


def test_an_empty_variable_is_one_that_is_not_set(environ, tmp_path):
    path = write(environ, "[brokerauth]\ntenant_id = one.com\nenable_broker_on_wsl = false\n")
    variables = [f"AZURE_BROKERAUTH_{name.upper()}" for name in settings.SETTINGS]
    chosen = settings.load(environ=environ | dict.fromkeys([*variables, "AZURE_CORE_ENABLE_BROKER_ON_WSL"], ""))
    assert (chosen.tenant_id, chosen.enable_broker_on_wsl) == ("one.com", False)
    assert chosen.origin("tenant_id") == f"brokerauth.tenant_id in {path}"
    assert chosen.origin("client_id") == "default"


def test_this_process_s_own_environment_counts_where_no_other_is_given(environ, monkeypatch):
    write(environ, "[brokerauth]\nlogin_hint = a@one.com\n")
    monkeypatch.setenv("AZURE_CONFIG_DIR", environ["AZURE_CONFIG_DIR"])
    monkeypatch.setenv("AZURE_BROKERAUTH_TENANT_ID", "two.com")
    chosen = settings.load(policy_file=Path(environ["AZURE_CONFIG_DIR"], "none", "config"))
    assert (chosen.login_hint, chosen.tenant_id) == ("a@one.com", "two.com")
    assert settings.config_directory() == Path(environ["AZURE_CONFIG_DIR"])


@pytest.mark.parametrize(
    ("name", "raw", "value"),
    [
        ("client_id", " 04B07795-8DDB-461A-BBEE-02F9E1BF7B46 ", "04b07795-8ddb-461a-bbee-02f9e1bf7b46"),
        ("tenant_id", " Contoso.COM ", "contoso.com"),
        ("authority", " HTTPS://Login.MicrosoftOnline.us// ", "login.microsoftonline.us"),
        ("login_hint", " Ada@Contoso.com ", "Ada@Contoso.com"),
        ("fallback", " Device-Code ", "device-code"),
        ("require_broker", "ON", True),
        ("require_broker", "0", False),
        ("silent_timeout", "86399.9", 86399.9),
        ("silent_timeout", "0.001", 0.001),
    ],
)
def test_a_value_is_what_was_meant(environ, name, raw, value):
    variable = {f"AZURE_BROKERAUTH_{name.upper()}": raw}
    assert getattr(settings.load(environ=environ | variable), name) == value


@pytest.mark.parametrize(
    ("name", "raw", "use"),
    [
        ("authority", "http://login.microsoftonline.com", "use https"),
        ("authority", "localhost", "use a host name such as login.microsoftonline.com"),
        ("client_id", "04b07795-8ddb-461a-bbee-02f9e1bf7b46x", "use the application's client ID, a GUID"),
        ("tenant_id", "a" * 255, "use a tenant ID or a domain name"),
        ("silent_timeout", "86400", "use a number of seconds above 0"),
        ("fallback", "telephone", "use one of none, browser, device-code"),
        ("token_cache", "disk", "use one of encrypted, az, memory"),
        ("keyring", "none", "use one of auto, session, private"),
    ],
)
def test_a_value_that_cannot_be_used_says_what_to_use(name, raw, use):
    with pytest.raises(InvalidInputError, match=f"{name} cannot be '{raw}': {use}"):
        settings.check({name: raw})


def test_az_keeps_its_files_in_the_home_directory_unless_it_is_told_otherwise(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert settings.config_directory({}) == settings.config_directory({"AZURE_CONFIG_DIR": ""}) == tmp_path / ".azure"
    assert settings.config_directory({"AZURE_CONFIG_DIR": "/elsewhere"}) == Path("/elsewhere")


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
    assert "az config unset brokerauth.tennant_id" in in_words(caught.value.remedies, AZ)
    assert ", tenant_id," in str(caught.value)


@pytest.mark.parametrize("content", [b"no section\n", b"[brokerauth\n", b"\xff\xfe[brokerauth]\n"])
def test_a_file_that_cannot_be_parsed_is_named(environ, tmp_path, content):
    (tmp_path / "config").write_bytes(content)
    with pytest.raises(SettingsError, match=str(tmp_path / "config")):
        settings.load(environ=environ)


def test_an_authority_may_be_given_as_a_url():
    assert authority_host("https://Login.MicrosoftOnline.us/") == "login.microsoftonline.us"


TENANT = "c0000000-0000-4000-8000-000000000001"


@pytest.fixture
def policy(tmp_path):
    """A file that passes for the policy file: it is in a directory of its own, and both belong to this user."""
    (tmp_path / "policy").mkdir(mode=0o755)
    path = tmp_path / "policy" / "config"

    def write(text):
        path.write_text(text)
        path.chmod(0o644)
        return path

    return write


def load_with(path, environ, arguments=None, labels=None):
    return settings.load(arguments, environ, labels, policy_file=path, policy_owner=os.getuid())


def test_what_the_policy_does_not_enforce_is_a_default_below_the_users_file(environ, policy):
    path = policy(
        "[brokerauth]\nclient_id = 04b07795-8ddb-461a-bbee-02f9e1bf7b46\nsilent_timeout = 7\nallow_exec = no\n"
    )
    user = write(environ, "[brokerauth]\nsilent_timeout = 9\n")
    chosen = load_with(path, environ)
    assert (chosen.silent_timeout, chosen.allow_exec, chosen.enforced) == (9.0, False, frozenset())
    assert chosen.origin("silent_timeout") == f"brokerauth.silent_timeout in {user}"
    assert chosen.origin("allow_exec") == f"brokerauth.allow_exec in {path}"


@pytest.mark.parametrize("source", ["user", "environment", "argument"])
@pytest.mark.parametrize(
    ("name", "enforced", "other", "same"),
    [
        ("tenant_id", TENANT, "fabrikam.com", TENANT.upper()),
        ("require_broker", "true", "false", "Yes"),
        ("token_cache", "memory", "az", "Memory"),
        ("keyring", "private", "auto", "Private"),
        ("keyring", "private", "session", "PRIVATE"),
        ("authority", "login.microsoftonline.com", "login.microsoftonline.us", "https://login.microsoftonline.com/"),
        ("enable_broker_on_linux", "false", "true", "off"),
        ("silent_timeout", "30", "31", "30.0"),
        ("login_hint", "Ada@contoso.com", "grace@contoso.com", "ada@contoso.com"),
    ],
)
def test_an_enforced_setting_cannot_be_changed_but_may_be_repeated(
    environ, policy, source, name, enforced, other, same
):
    path = policy(f"[brokerauth]\n{name} = {enforced}\nenforced = {name}\n")

    def given(value):
        if source == "user":
            write(environ, f"[brokerauth]\n{name} = {value}\n")
        variables = {f"AZURE_BROKERAUTH_{name.upper()}": value} if source == "environment" else {}
        arguments = {name: value} if source == "argument" else {}
        return load_with(path, environ | variables, arguments, {name: "--word"})

    with pytest.raises(InvalidInputError if source == "argument" else SettingsError) as caught:
        given(other)
    origin = {"user": f"{environ['AZURE_CONFIG_DIR']}/config", "environment": name.upper(), "argument": "--word"}[
        source
    ]
    assert origin in str(caught.value)
    assert str(path) in str(caught.value)
    chosen = given(same)
    assert chosen.origin(name) == f"brokerauth.{name} in {path}"
    assert chosen.enforced == {name}


def test_azs_own_switch_cannot_change_an_enforced_one(environ, policy):
    path = policy("[brokerauth]\nenable_broker_on_wsl = true\nenforced = enable_broker_on_wsl\n")
    with pytest.raises(SettingsError, match="AZURE_CORE_ENABLE_BROKER_ON_WSL"):
        load_with(path, environ | {"AZURE_CORE_ENABLE_BROKER_ON_WSL": "false"})


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[brokerauth\n", "section"),
        ("tenant_id = x\n", "section"),
        ("[other]\na = b\n", "no other"),
        ("[brokerauth]\n[core]\na = b\n", "no other"),
        ("[DEFAULT]\nallow_exec = no\n[brokerauth]\n", "no other"),
        ("[brokerauth]\ntennant = x\n", "tennant"),
        ("[brokerauth]\nenforced = tennant\n", "tennant"),
        ("[brokerauth]\nenforced = allow_exec\n", "no value"),
        ("[brokerauth]\nallow_exec =\nenforced = allow_exec\n", "no value"),
        ("[brokerauth]\nallow_exec = perhaps\n", "perhaps"),
        ("[brokerauth]\nallow_exec = no\nallow_exec = yes\n", "already exists"),
        ("[brokerauth]\ntenant_id = contoso.com\nenforced = tenant_id\n", "GUID"),
        ("[brokerauth]\ntenant_id = organizations\nenforced = tenant_id\n", "GUID"),
        ("[brokerauth]\nlogin_hint =\n  enforced = login_hint\n", "line 3 is indented"),
        ("[brokerauth]\nlogin_hint = ada\n\n\n\tenforced = login_hint\n", "line 5 is indented"),
        ("[brokerauth]\nlogin_hint = ada\n# who\n enforced = login_hint\n", "line 4 is indented"),
        ("[brokerauth]\n login_hint = ada\n enforced = login_hint\n", "line 2 is indented"),
        ("[brokerauth] enforced = tenant_id\n", "line 1 must be [brokerauth] and nothing else"),
        (f"[brokerauth]\renforced = tenant_id\rtenant_id = {'0' * 8}\n", "line 1"),
        ("[brokerauth]\nlogin_hint = ada\renforced = login_hint\n", "line 2 has a character that cannot be seen"),
        ("[brokerauth]\nlogin_hint = ada\u2028enforced = login_hint\n", "line 2 has a character that cannot be seen"),
        ("[brokerauth]\n# who\u2028enforced = login_hint\n", "line 2 has a character that cannot be seen"),
        ("\ufeff[brokerauth]\nallow_exec = no\n", "line 1 has a character that cannot be seen"),
    ],
)
def test_a_policy_file_with_a_mistake_is_never_half_applied(environ, policy, text, reason):
    path = policy(text)
    with pytest.raises(SettingsError, match=str(path)) as caught:
        load_with(path, environ)
    assert reason in str(caught.value)


@pytest.mark.parametrize(
    ("harm", "reason"),
    [
        (lambda path: path.chmod(0o664), "other users"),
        (lambda path: path.chmod(0o646), "other users"),
        (lambda path: path.parent.chmod(0o777), "other users"),
        (lambda path: (path.rename(path.with_name("real")), path.symlink_to("real")), "it is a symbolic link"),
        (lambda path: (path.unlink(), path.mkdir()), "is a directory"),
        (lambda path: (path.unlink(), os.mkfifo(path, 0o644)), "not a file"),
        (lambda path: path.write_bytes(b"\xff\xfe"), "decode"),
    ],
)
def test_a_policy_file_that_cannot_be_trusted_is_named(environ, policy, harm, reason):
    path = policy("[brokerauth]\n")
    harm(path)
    with pytest.raises(SettingsError, match=str(path.parent)) as caught:
        load_with(path, environ)
    assert reason in str(caught.value)


def test_a_policy_directory_that_is_a_link_and_a_file_of_somebody_else_are_refused(environ, policy, tmp_path):
    path = policy("[brokerauth]\n")
    (tmp_path / "link").symlink_to(path.parent)
    with pytest.raises(SettingsError, match="it is a symbolic link"):
        load_with(tmp_path / "link" / "config", environ)
    with pytest.raises(SettingsError, match="does not belong to"):
        settings.load(None, environ, policy_file=path, policy_owner=os.getuid() + 1)


def test_the_policy_file_must_be_roots_unless_a_test_says_otherwise(environ, policy):
    path = policy("[brokerauth]\n")
    if os.getuid() == 0:
        os.chown(path.parent, 1, 1)
    with pytest.raises(SettingsError, match=f"{path.parent} cannot be used: it does not belong to root"):
        settings.load(None, environ, policy_file=path)


def test_the_user_whom_the_policy_file_should_belong_to_is_named(environ, policy):
    path, other = policy("[brokerauth]\n"), os.getuid() + 1
    with pytest.raises(SettingsError, match=f"it does not belong to user {other}"):
        settings.load(None, environ, policy_file=path, policy_owner=other)


def test_everything_in_a_list_is_enforced(environ, policy):
    path = policy("[brokerauth]\nallow_exec = no\nfallback = none\nenforced = Allow_Exec ,fallback, \n")
    assert load_with(path, environ).enforced == {"allow_exec", "fallback"}
    for name, value in (("allow_exec", "yes"), ("fallback", "browser")):
        with pytest.raises(InvalidInputError, match="enforced"):
            load_with(path, environ, {name: value})


def test_a_mistake_in_the_policy_file_is_told_before_one_of_the_users_own(environ, policy):
    path = policy("[brokerauth]\nallow_exec = perhaps\n")
    write(environ, "[brokerauth]\nno_such = 1\n")
    with pytest.raises(SettingsError, match=str(path)):
        load_with(path, environ)


def test_reading_the_policy_leaves_nothing_open(environ, policy):
    path = policy("[brokerauth]\n")
    before = os.listdir("/proc/self/fd")
    for _ in range(10):
        load_with(path, environ)
    assert len(os.listdir("/proc/self/fd")) == len(before)


def test_no_policy_file_is_no_policy(environ, tmp_path):
    assert load_with(tmp_path / "nowhere" / "config", environ).enforced == frozenset()


def test_lines_that_end_as_on_windows_and_indented_remarks_are_fine(environ, policy):
    path = policy("")
    path.write_bytes(b"# fleet\r\n[brokerauth]\r\n\t; exec\r\nallow_exec = no\r\n\r\nenforced = allow_exec\r\n")
    assert load_with(path, environ).enforced == {"allow_exec"}


def test_settings_follow_the_policy_file_and_nothing_else(environ, policy):
    user = write(environ, "[brokerauth]\nsilent_timeout = 9\n")
    path = policy("[brokerauth]\nsilent_timeout = 7\nprompt_timeout = 70\n")
    chosen = load_with(path, environ, {"tenant_id": TENANT})
    assert chosen.now() is chosen
    write(environ, "[brokerauth]\nsilent_timeout = 10\n")
    environ["AZURE_BROKERAUTH_LOGIN_HINT"] = "grace@contoso.com"
    policy(f"[brokerauth]\nprompt_timeout = 80\ntenant_id = {TENANT}\nenforced = tenant_id\n")
    later = chosen.now()
    assert (later.prompt_timeout, later.silent_timeout, later.login_hint) == (80.0, 9.0, "")
    assert (later.tenant_id, later.enforced) == (TENANT, {"tenant_id"})
    assert later.origin("silent_timeout") == f"brokerauth.silent_timeout in {user}"
    assert later.now() is later
    path.unlink()
    assert later.now().enforced == frozenset()


HARM = {
    "it comes": lambda path: path.with_name("later").rename(path),
    "it is damaged": lambda path: path.write_text("no\n"),
    "others may write": lambda path: path.chmod(0o666),
    "others may write to its directory": lambda path: path.parent.chmod(0o777),
    "it is a link": lambda path: (path.rename(path.with_name("real")), path.symlink_to("real")),
    "it is a pipe": lambda path: (path.unlink(), os.mkfifo(path, 0o644)),
}


@pytest.mark.parametrize("what", HARM)
@pytest.mark.parametrize("was_there", [True, False])
def test_a_policy_that_comes_or_is_damaged_later_is_as_one_that_was_so_from_the_start(environ, policy, what, was_there):
    path = policy(f"[brokerauth]\ntenant_id = {TENANT}\nenforced = tenant_id\n")
    path.rename(path.with_name("later"))
    if was_there:
        policy("[brokerauth]\nsilent_timeout = 7\n")
    environ["AZURE_BROKERAUTH_TENANT_ID"] = "fabrikam.com"
    chosen = load_with(path, environ)
    if not was_there and what != "it comes":
        path.with_name("later").rename(path)
    HARM[what](path)
    for _ in range(2):  # until it is right again
        with pytest.raises(SettingsError, match=str(path.parent)) as later:
            chosen.now()
        with pytest.raises(SettingsError) as at_start:
            load_with(path, environ)
        assert str(later.value) == str(at_start.value)


def test_memory_only_puts_nothing_into_azs_cache():
    assert settings.Settings().may_seed_az
    assert not settings.Settings(token_cache="memory").may_seed_az  # noqa: S106
    assert not settings.Settings(seed_az_cache=False).may_seed_az


def survey(environ, policy_file=None):
    found = settings.survey(environ, policy_file=policy_file or Path("no-such"), policy_owner=os.geteuid())
    assert [each.name for each in found][: len(settings.SETTINGS)] == list(settings.SETTINGS)
    return {each.name: each for each in found}


def test_what_stands_in_the_way_of_the_settings_is_shown_among_them_and_nothing_is_raised(environ, policy):
    path = write(environ, "[brokerauth]\nsilent_timeout = zero\nno_such = 1\nlogin_hint = ada@contoso.com\n")
    found = survey({**environ, "AZURE_BROKERAUTH_FALLBACK": "fax", "AZURE_BROKERAUTH_PROMPT_TIMEOUT": "7"})
    wrong = {name: (each.value, str(each.error)) for name, each in found.items() if each.error}
    assert set(wrong) == {"silent_timeout", "no_such", "fallback"}
    assert wrong["silent_timeout"][0] == "zero"
    assert f"silent_timeout in {path} cannot be 'zero'" in wrong["silent_timeout"][1]
    assert "AZURE_BROKERAUTH_FALLBACK cannot be 'fax'" in wrong["fallback"][1]
    assert "no setting 'no_such'" in wrong["no_such"][1]
    assert (found["prompt_timeout"].value, found["login_hint"].value) == (7.0, "ada@contoso.com")


def test_an_enforced_setting_that_somebody_sets_otherwise_is_shown_as_it_is_enforced(environ, policy):
    write(environ, "[brokerauth]\nfallback = browser\n")
    path = policy("[brokerauth]\nfallback = none\nenforced = fallback\n")
    row = survey(environ, path)["fallback"]
    assert (row.value, row.is_enforced, row.origin) == ("none", True, f"brokerauth.fallback in {path}")
    assert "cannot be 'browser'" in str(row.error)


def test_a_file_that_cannot_be_read_has_a_row_of_its_own(environ, policy):
    path = write(environ, "this is no settings file")
    found = survey({**environ, "AZURE_BROKERAUTH_PROMPT_TIMEOUT": "7"})
    assert (found[""].origin, found["prompt_timeout"].value) == (path, 7.0)
    assert "cannot be read" in str(found[""].error)
    Path(path).unlink()
    broken = policy("[brokerauth]\nallow_exec = false\nnonsense\n")
    assert survey(environ, broken)[""].origin == str(broken)


def test_where_everything_can_be_used_the_survey_and_the_settings_in_force_are_the_same(environ, policy):
    write(environ, "[brokerauth]\nsilent_timeout = 7\n")
    path = policy("[brokerauth]\nfallback = browser\nenforced = fallback\n")
    chosen = load_with(path, environ)
    for name, each in survey(environ, path).items():
        assert each.error is None
        assert (each.value, each.origin) == (getattr(chosen, name), chosen.origin(name))
        assert each.is_enforced == (name in chosen.enforced)
