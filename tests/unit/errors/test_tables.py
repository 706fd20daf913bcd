"""The tables of what codes mean: that none is missing, and that each row says what it must, on every host."""

import importlib.util
import re
from pathlib import Path

import pytest

from azext_brokerauth.errors.aadsts import AADSTS
from azext_brokerauth.errors.codes import CODES
from azext_brokerauth.errors.diagnostics import Diagnostics
from azext_brokerauth.errors.rendering import AZ, CREDENTIAL, PLAIN, command_line, in_words, text_of
from azext_brokerauth.errors.statuses import STATUSES
from azext_brokerauth.errors.tags import TAGS
from azext_brokerauth.errors.troubles import TROUBLES, Trouble
from azext_brokerauth.models import OWN, By
from tests.unit.errors.error_page import PAGE, page

STATUS_NAMES = {
    *("Unexpected", "Reserved", "InteractionRequired", "NoNetwork", "NetworkTemporarilyUnavailable"),
    *("ServerTemporarilyUnavailable", "ApiContractViolation", "UserCanceled", "ApplicationCanceled"),
    *("IncorrectConfiguration", "InsufficientBuffer", "AuthorityUntrusted", "UserSwitch", "AccountUnusable"),
    *("UserDataRemovalRequired", "KeyNotFound", "AccountNotFound", "TransientError", "AccountSwitch"),
    *("RequiredBrokerMissing", "DeviceNotRegistered", "FallbackToNativeMsal"),
}
NUMBERS = {
    *(28000, 50005, 50011, 50020, 50034, 50057, 50058, 50072, 50074, 50076, 50079, 50105, 50126, 50128, 50158, 50173),
    *(50196, 53000, 53001, 53002, 53003, 53004, 530003, 530004, 530084, 65001, 65004, 70043, 70044, 90002, 90072),
    *(700016, 700082, 7000218, 9002313),
}
ERROR_CODES = {3399614467, 3399614473, 3399614476, 3399942148}
ERROR_TAGS = {495490195, 507316096, 507897694, 508909194, 525678464, 540940121, 544564044, 557973642, 593794722}
ALL = {
    **{f"Status_{name}": row for name, row in STATUSES.items()},
    **{f"AADSTS{number}": row for number, row in AADSTS.items()},
    **{f"code {code}": row for code, row in CODES.items()},
    **{f"tag {tag}": row for tag, row in TAGS.items()},
    **{trouble.value: row for trouble, row in TROUBLES.items()},
}
HOSTS = {"az": AZ, "plain": PLAIN, "credential": CREDENTIAL}
A_COMMAND = re.compile(r"\b(az|wsl|sudo|pip|python3|brokerauth|ulimit) [-a-z]|(?<!\{)--[a-z]|\b[Rr]un\b")
"""What looks like a command in a sentence. "WSL" in capitals is the product."""

each_row = pytest.mark.parametrize("name", sorted(ALL))
on_each_host = pytest.mark.parametrize("host", HOSTS.values(), ids=HOSTS)


def test_the_codes_that_people_meet_are_all_known():
    assert set(STATUSES) >= STATUS_NAMES
    assert set(AADSTS) >= NUMBERS
    assert set(CODES) >= ERROR_CODES
    assert set(TAGS) >= ERROR_TAGS


def test_each_trouble_has_a_row_but_a_refusal_which_its_codes_explain():
    assert set(TROUBLES) == set(Trouble) - {Trouble.REFUSED}


def test_the_runtime_has_no_status_without_a_row():
    runtime = importlib.util.find_spec("pymsalruntime")
    assert runtime is not None
    assert runtime.origin is not None
    public = Path(runtime.origin).with_name("PyMsalRuntime.pyi").read_text()
    assert set(re.findall(r"^    Status_(\w+): int", public, re.MULTILINE)) == set(STATUSES)


@each_row
def test_a_row_says_what_happened_what_to_do_and_how_that_is_known(name):
    row = ALL[name]
    assert row.remedies
    assert row.source.startswith(("https://", "PyMsalRuntime.pyi", "seen with"))
    assert row.cause.endswith(".")
    assert len(re.findall(r"\.(?: [A-Z]|$)", row.cause)) <= 2, "at most two sentences"


@each_row
@on_each_host
def test_a_row_reads_well_on_every_host(name, host):
    error = ALL[name].as_error(Diagnostics.parse("something was said"))
    said = in_words(error.remedies, host)
    assert said[0].isupper()
    assert not re.search(r"[{}]|[.;:,] ?[.;:]|  ", said + " " + error.message)
    for remedy in error.remedies:
        # A program has keywords for what no sign-in by command does for it.
        by_keyword = host is CREDENTIAL and {"--tenant", "--fallback"} & set(remedy.words)
        assert ("give " if by_keyword else command_line(remedy, host)) in said
        assert text_of(remedy, host).rstrip(".")[1:] in said


@each_row
def test_commands_are_words_and_never_prose(name):
    row = ALL[name]
    for prose in (row.cause, *(remedy.text for remedy in row.remedies)):
        assert not A_COMMAND.search(prose)


@each_row
def test_who_carries_a_remedy_out_fits_what_it_is(name):
    for remedy in ALL[name].remedies:
        assert bool(remedy.words) is (remedy.by in (By.LINUX, By.WINDOWS))
        assert (remedy.by is By.WINDOWS) is (remedy.words[:1] == ("wsl",))


@each_row
def test_our_commands_are_those_of_the_host(name):
    remedies = ALL[name].as_error().remedies
    ours = [remedy for remedy in remedies if remedy.words[:1] == (OWN,)]
    assert in_words(remedies, AZ).count("az brokerauth ") == len(ours)
    assert "az brokerauth" not in in_words(remedies, PLAIN)
    assert in_words(remedies, PLAIN).count(": brokerauth ") == len(ours)


@each_row
def test_a_program_is_told_its_own_names_of_arguments(name):
    names = {"--tenant": "tenant_id", "--username": "login_hint", "--client-id": "client_id", "--scope": "the scopes"}
    names |= {"the setting authority": "authority"}
    for remedy in ALL[name].as_error().remedies:
        in_az, in_program = text_of(remedy, AZ), text_of(remedy, CREDENTIAL)
        for option, keyword in names.items():
            in_az = in_az.replace(option, keyword)
        assert "--" not in in_program
        assert in_program == in_az


def test_where_az_says_tenant_a_program_is_told_tenant_id():
    remedies = AADSTS[50034].as_error().remedies
    assert in_words(remedies, AZ) == "Check --username and --tenant for a typing error."
    assert in_words(remedies, PLAIN) == "Check --username and --tenant for a typing error."
    assert in_words(remedies, CREDENTIAL) == "Check login_hint and tenant_id for a typing error."


def test_a_row_shows_what_belongs_where_nothing_is_known():
    said = [in_words(ALL[name].as_error().remedies, AZ) for name in ("AADSTS65001", "tag 557973642")]
    assert "https://login.microsoftonline.com/<tenant>/adminconsent?client_id=<client ID>" in said[0]
    assert "https://portal.azure.com" in said[1]
    assert said[1].endswith("ms-appx-web://Microsoft.AAD.BrokerPlugin/<client ID>")


def test_each_code_on_the_page_of_errors_has_a_place_to_link_to():
    written = re.findall(r'^\| <a id="([^"]+)"></a>([^ ]+) \|', page(), re.MULTILINE)
    assert len(written) == len(dict(written)) == len(ALL)
    assert {("aadsts53003", "AADSTS53003"), ("interactionrequired", "InteractionRequired")} <= set(written)


def test_the_page_of_errors_says_what_the_program_says():
    assert PAGE.read_text(encoding="utf-8") == page(), "run: python -m tests.unit.errors.error_page"
