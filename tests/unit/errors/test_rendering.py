"""Remedies in words: each host's spelling of our commands and arguments, quoting for each shell, and how steps join."""

import shutil
import subprocess
from dataclasses import replace

import pytest

from azext_brokerauth.errors.rendering import AZ, CREDENTIAL, PLAIN, command_line, in_words, text_of
from azext_brokerauth.models import code, configure, filled, own, person, powershell, run, script

AWKWARD = ("o'brien@contoso.com", "two words", "$HOME", "`id`", "a;b", "", 'say "hi"', "back\\slash", "*", "(pii)")
UNPRINTABLE = (
    "two\nlines",
    "\x1b]0;title\x07red\x1b[31m",
    "o'b\\\x1b1rien",
    "ada\u202emoc.osotnoc@",
    "\x9b31m",
    "\udcff!",
)


@pytest.mark.parametrize(
    ("host", "line"),
    [
        (AZ, "az brokerauth login --tenant contoso.com"),
        (PLAIN, "brokerauth login --tenant contoso.com"),
        (CREDENTIAL, "brokerauth login --tenant contoso.com"),
    ],
    ids=["az", "plain", "credential"],
)
def test_our_command_is_spelt_as_the_host_knows_it(host, line):
    (remedy,) = own("login", "--tenant", "contoso.com")
    assert command_line(remedy, host) == line


@pytest.mark.parametrize(
    ("host", "said"),
    [
        (AZ, "To use it, run: az config set brokerauth.enable_broker_on_linux=true"),
        (PLAIN, "To use it, run: brokerauth config set brokerauth.enable_broker_on_linux=true"),
        (
            CREDENTIAL,
            "To use it, give enable_broker_on_linux=True,"
            " or run: brokerauth config set brokerauth.enable_broker_on_linux=true",
        ),
    ],
    ids=["az", "plain", "credential"],
)
def test_a_setting_is_set_as_the_host_knows_it(host, said):
    assert in_words(configure("set", "brokerauth.enable_broker_on_linux=true", text="To use it,"), host) == said


@pytest.mark.parametrize(
    ("remedies", "said"),
    [
        (own("login"), "Call authenticate(), or run: brokerauth login --client-id X --tenant contoso.com"),
        (
            own("login", "--select-account", text="To choose the account,"),
            "To choose the account, call authenticate(),"
            " or run: brokerauth login --select-account --client-id X --tenant contoso.com",
        ),
        (
            own("login", "--username", "ada@contoso.com"),
            "Call authenticate(),"
            " or run: brokerauth login --username ada@contoso.com --client-id X --tenant contoso.com",
        ),
        (
            own("login", "--tenant", "TENANT", "--username", "NAME", text="To name another,"),
            "To name another, give tenant_id='TENANT' and login_hint='NAME'",
        ),
        (
            own("login", "--fallback", "browser", text="To sign in without the device,"),
            "To sign in without the device, give fallback='browser'",
        ),
        (own("check-health"), "Run: brokerauth check-health"),
        (configure("unset", "brokerauth.nonsense"), "Run: brokerauth config unset brokerauth.nonsense"),
    ],
)
def test_a_program_is_told_what_it_can_do_itself_and_the_sign_in_that_would_serve_it(remedies, said):
    """A sign-in to another application or tenant than the program's would not be found by it."""
    asked = replace(CREDENTIAL, sign_in=("--client-id", "X", "--tenant", "contoso.com"))
    assert in_words(remedies, asked) == said


def test_a_command_of_others_is_the_same_everywhere():
    (remedy,) = run("sudo", "apt-get", "install", "libfido2-1")
    assert {command_line(remedy, host) for host in (AZ, PLAIN, CREDENTIAL)} == {"sudo apt-get install libfido2-1"}


def test_a_step_for_a_person_has_no_command():
    assert command_line(*person("Unlock the keyring."), AZ) == ""
    assert command_line(*code("Leave out the option 'pop'."), AZ) == ""


def test_a_name_with_an_apostrophe_is_quoted_for_the_shell_that_reads_it():
    words = ("--username", "o'brien@contoso.com")
    assert command_line(*own("login", *words), AZ) == """az brokerauth login --username 'o'"'"'brien@contoso.com'"""
    assert command_line(*powershell("tool", *words), AZ) == "tool --username 'o''brien@contoso.com'"


@pytest.mark.parametrize("word", AWKWARD + UNPRINTABLE)
def test_bash_reads_back_the_word_that_was_meant(word):
    bash = shutil.which("bash")
    assert bash
    line = command_line(*run("printf", "%s", word), AZ)
    read = subprocess.run([bash, "-c", line], capture_output=True, check=True, env={"LC_ALL": "C.UTF-8"})
    assert read.stdout == word.encode(errors="surrogateescape")


@pytest.mark.parametrize("word", UNPRINTABLE)
@pytest.mark.parametrize("make", [run, powershell])
def test_no_command_holds_what_a_terminal_would_obey(make, word):
    line = command_line(*make("tool", word), AZ)
    assert line.isprintable()
    assert "\n" not in line


@pytest.mark.parametrize("word", AWKWARD)
def test_powershell_reads_a_word_in_single_quotes_as_it_stands(word):
    line = command_line(*powershell("tool", word), AZ)
    quoted = line.removeprefix("tool ")
    if quoted == word:
        assert word == "back\\slash", "only what means nothing to PowerShell stands bare"
    else:
        assert (quoted[0], quoted[-1]) == ("'", "'")
        assert quoted[1:-1].replace("''", "\0").count("'") == 0
        assert quoted[1:-1].replace("''", "'") == word


@pytest.mark.parametrize("quote", "'\u2018\u2019\u201a\u201b")
def test_whatever_powershell_takes_for_a_single_quote_does_not_end_the_word(quote):
    """A word processor's quotation marks are as good as the keyboard's to it
    (https://learn.microsoft.com/powershell/module/microsoft.powershell.core/about/about_quoting_rules)."""
    line = command_line(*powershell("tool", f"o{quote};calc"), AZ)
    assert line == f"tool 'o{quote}{quote};calc'"


def test_letters_of_other_alphabets_are_quoted():
    assert command_line(*powershell("tool", "caf\u00e9"), AZ) == "tool 'caf\u00e9'"


def test_paths_options_and_placeholders_stand_bare_in_powershell():
    (remedy,) = powershell("wsl", "--set-version", "<distribution>", "2")
    assert command_line(remedy, AZ) == "wsl --set-version <distribution> 2"


def test_a_script_is_a_line_at_the_prompt_of_bash():
    (remedy,) = script("ulimit -v | cat")
    assert command_line(remedy, AZ) == "ulimit -v | cat"
    assert in_words((remedy,), AZ) == "Run: ulimit -v | cat"


def test_an_argument_has_the_name_that_the_reader_knows():
    (remedy,) = person("{--client-id} {--tenant} {--username} {--scope} {--fallback} {--timeout} {--pop} {--authority}")
    options = "--client-id --tenant --username --scope --fallback --timeout --pop the setting authority"
    assert text_of(remedy, AZ) == text_of(remedy, PLAIN) == options
    assert text_of(remedy, CREDENTIAL) == "client_id tenant_id login_hint the scopes fallback timeout pop authority"


def test_a_fact_is_put_in_as_it_is():
    (remedy,) = filled(person("Go to {url}"), url="https://contoso.com/{tenant}")
    assert text_of(remedy, AZ) == "Go to https://contoso.com/{tenant}"


def test_a_field_that_nobody_filled_is_an_error_and_not_shown():
    with pytest.raises(KeyError):
        text_of(*person("Go to {url}"), AZ)


@pytest.mark.parametrize(
    ("remedies", "said"),
    [
        ((), ""),
        (own("login"), "Run: az brokerauth login"),
        (powershell("wsl", "--shutdown"), "Run in PowerShell: wsl --shutdown"),
        (own("login", text="to try again,"), "To try again, run: az brokerauth login"),
        ((*own("logout"), *own("login")), "Run: az brokerauth logout; then run: az brokerauth login"),
        ((*person("Unlock it."), *own("login")), "Unlock it; then run: az brokerauth login"),
        (
            (*powershell("wsl", "--update"), *powershell("wsl", "--shutdown")),
            "Run in PowerShell: wsl --update; wsl --shutdown",
        ),
        (
            (*run("sudo", "true"), *powershell("wsl", "--shutdown")),
            "Run: sudo true; then run in PowerShell: wsl --shutdown",
        ),
        (
            (*powershell("wsl", "--shutdown"), *own("login")),
            "Run in PowerShell: wsl --shutdown; then run: az brokerauth login",
        ),
        (
            (*person("Try again."), *powershell("wsl", "--update", text="If this keeps happening,")),
            "Try again. If this keeps happening, run in PowerShell: wsl --update",
        ),
        (
            (*powershell("wsl", "--update"), *powershell("wsl", "--shutdown", text="If this keeps happening,")),
            "Run in PowerShell: wsl --update. If this keeps happening, run in PowerShell: wsl --shutdown",
        ),
        (
            (*person("Unlock it."), *powershell("wsl", "--shutdown")),
            "Unlock it; then run in PowerShell: wsl --shutdown",
        ),
        ((*own("login"), *person("Then wait")), "Run: az brokerauth login. Then wait"),
        ((*own("login"), *person("then wait")), "Run: az brokerauth login; then wait"),
    ],
)
def test_steps_join_into_one_paragraph(remedies, said):
    assert in_words(remedies, AZ) == said
