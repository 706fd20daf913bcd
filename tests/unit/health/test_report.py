"""The report: its schema and order, which are public, how remedies are spelt, and what a person sees of it."""

import json
import re
import threading
import time
from pathlib import Path

import jsonschema
import pytest

from azext_brokerauth.errors import InvalidInputError
from azext_brokerauth.errors.rendering import AZ, PLAIN
from azext_brokerauth.health import report
from azext_brokerauth.health.attempt import Attempt
from azext_brokerauth.health.checks import CHECKS, ONLINE
from azext_brokerauth.health.facts import Facts
from azext_brokerauth.health.finding import Check, Finding, Severity, failed, passed, warned
from azext_brokerauth.health.remedies import RESTART
from azext_brokerauth.keyring.secret_service import State
from azext_brokerauth.models import code, filled, own, person, powershell, run, script

DOCUMENT = Path(__file__).parents[3] / "docs/check-health.md"
IDS = {
    "Machine": ["machine", "wsl-version", "windows-drive", "interop", "proxy", "networking"],
    "Runtime": ["platform", "msal", "pymsalruntime", "libraries", "runtime-locks", "certificates"],
    "Network": ["authority"],
    "Keyring": ["user", "keyring", "linux-broker"],
    "Windows": ["windows-elevated", "windows-desktop", "device", "prt", "clock"],
    "Settings": ["system-file", "settings", "accounts", "az-cache", "az-tokens", "redirect-uri"],
    "Online": ["broker", "token"],
}
"""Public: programs look for these, and people fix in this order."""


def answered(settings, machine, account):
    return Attempt(("ada@contoso.com",), 1.0, 2.0, username="ada@contoso.com")


def test_every_check_has_its_place_in_the_report(healthy):
    told = report.make(Facts(healthy, list, answered), AZ, online=True)
    every = [(group, id) for group, ids in IDS.items() for id in ids]
    assert [(check["group"], check["id"]) for check in told["checks"]] == every
    assert told["brokerAsked"]


@pytest.mark.parametrize("host", [AZ, PLAIN])
def test_a_report_without_the_broker_says_that_it_was_not_asked_and_how_to(healthy, host):
    told = report.make(Facts(healthy, list, answered), host)
    every = [(group, id) for group, ids in IDS.items() for id in ids]
    assert [(check["group"], check["id"]) for check in told["checks"]] == every
    ask = f"{' '.join(host.program)} check-health --online"
    assert (told["healthy"], told["brokerAsked"], told["remedies"]) == (True, False, [])
    for check in told["checks"][-2:]:
        assert (check["severity"], check["finding"]) == ("skip", f"the broker was not asked; to ask it, run: {ask}")
    (line,) = report.to_block(told, host).split("\n")[1:-1]
    assert line == f"Nothing to fix so far. The broker itself was not asked. To ask it, run: {ask}"
    healthy.keyring = State()
    assert report.to_block(report.make(Facts(healthy, list, answered), host), host).endswith(f"To ask it, run: {ask}\n")
    healthy.keyring = State(collection="login")
    told = report.make(Facts(healthy, list, answered), host, online=True)
    assert report.to_block(told, host) == "\nNothing to fix.\n"


def test_every_check_is_documented():
    documented = re.findall(r"^\| `([a-z-]+)` \|", DOCUMENT.read_text(), re.MULTILINE)
    assert [check.id for check in CHECKS + ONLINE] == documented


def test_the_report_has_the_documented_schema(healthy):
    schema = json.loads(re.search(r"```json schema\n(.*?)```", DOCUMENT.read_text(), re.DOTALL)[1])
    healthy.keyring = State(collection="login", locked=True)
    healthy.lacking = ("dbus-daemon",)
    told = report.make(Facts(healthy, list), PLAIN)
    jsonschema.validate(told, schema)
    assert not told["healthy"]
    assert (told["schemaVersion"], told["machine"], told["distribution"]) == (1, "WSL 2", "Ubuntu 24.04 LTS")
    assert told["counts"] == {"pass": 24, "warn": 0, "fail": 1, "skip": 4}
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**told, "surprise": 1}, schema)


def step(remedies, host, healthy):
    """How the report shows one remedy."""
    check = Check("id", "Group", lambda facts: failed("broken", remedies))
    told = report.to_json([check], [check.find(None)], Facts(healthy, list), host)
    (shown,) = told["checks"][0]["remedies"]
    assert told["remedies"] == [shown]
    return shown["shell"], shown["command"]


@pytest.mark.parametrize(
    ("remedies", "shell", "command"),
    [
        (run("rm", "--", "/a b"), "bash", "rm -- '/a b'"),
        (script("unset A; unset B"), "bash", "unset A; unset B"),
        (own("login", "--username", "a b"), "bash", "brokerauth login --username 'a b'"),
        (powershell("wsl.exe", "--set-version", "My Linux", "2"), "powershell", "wsl.exe --set-version 'My Linux' 2"),
        (person("Open a new window"), "person", "Open a new window"),
        (filled(person("Ask {whom}"), whom="{Ada}"), "person", "Ask {Ada}"),
        (code("Pass {--tenant}"), "person", "Pass --tenant"),
        (own("login", text="To sign in again,"), "person", "To sign in again, run: brokerauth login"),
        (powershell("wsl", "--update", text="If it stays,"), "person", "If it stays, run in PowerShell: wsl --update"),
    ],
)
def test_a_remedy_is_a_command_to_paste_or_a_sentence(remedies, shell, command, healthy):
    assert step(remedies, PLAIN, healthy) == (shell, command)


def test_our_own_command_is_spelt_as_the_host_spells_it(healthy):
    assert step(own("login"), AZ, healthy) == ("bash", "az brokerauth login")
    assert step(own("login"), PLAIN, healthy) == ("bash", "brokerauth login")
    assert step(person("Say az brokerauth login"), PLAIN, healthy) == ("person", "Say az brokerauth login")


def test_a_check_that_hangs_is_left_behind_and_fails(healthy):
    over = threading.Event()
    hanging = Check("hangs", "Windows", lambda facts: over.wait(60) and None)
    elsewhere = Check("hangs", "Network", lambda facts: over.wait(60) and None)
    quick = Check("quick", "Group", lambda facts: passed("fine"))
    started = time.monotonic()
    found = report.check_all(Facts(healthy, list), [hanging, quick, elsewhere], deadline=0.2)
    over.set()
    assert found[:2] == [Finding(Severity.FAIL, "It did not answer within 0.2 s", RESTART), passed("fine")]
    assert RESTART[0] not in found[2].remedies  # which WSL has no part in
    assert time.monotonic() - started < 30


def test_wsl_is_restarted_once_after_all_that_needs_it():
    unlock, install, update = run("u"), run("install"), powershell("update")
    found = [
        failed("a", update + RESTART),
        warned("b", person("look")),
        failed("c", install + RESTART + unlock),
        failed("d", unlock),
    ]
    assert report.in_order(found) == [*update, *install, *RESTART, *unlock, *person("look")]


def test_the_end_of_the_table_can_be_pasted(healthy):
    check = Check("id", "Group", lambda facts: failed("broken", person("Look") + RESTART + run("u") + run("v")))
    facts = Facts(healthy, list, answered)
    told = report.to_json([check], [check.find(facts)], facts, AZ)
    told["checks"] += report.make(facts, AZ, online=True)["checks"][-2:]
    assert report.to_block(told, AZ) == (
        "\n# To fix it, run: az brokerauth repair\n# Or do it yourself, in this order:\n"
        "# By hand:\n#   Look\n# In PowerShell on Windows:\n#   wsl.exe --shutdown\n"
        "# In this Linux:\nu\nv\n"
    )


def test_the_table_names_a_group_once(healthy):
    rows = report.to_rows(report.make(Facts(healthy, list), AZ), coloured=False)
    assert [row["Group"] for row in rows if row["Group"]] == list(IDS)
    assert [row["Check"] for row in rows] == [check.id for check in CHECKS + ONLINE]
    assert {row["Result"] for row in rows} == {"ok", "-"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"bundle": None, "with_names": True}, "--with-names is only for the archive that --bundle writes"),
        ({"bundle": "/", "with_names": False}, "--bundle: / exists already"),
        ({"bundle": "/no/such/place/x.zip", "with_names": False}, "the directory /no/such/place does not exist"),
    ],
)
def test_what_cannot_be_written_is_refused_before_anything_is_looked_at(arguments, message):
    started = time.monotonic()
    with pytest.raises(InvalidInputError, match=message) as refused:
        report.for_command(online=True, host=AZ, **arguments)
    assert refused.value.remedies
    assert time.monotonic() - started < 5
