"""What a check elsewhere already says is broken is not said again: the checks that need it are skipped, and say why."""

import stat
from dataclasses import replace

import pytest

from azext_brokerauth.health.finding import Check, Severity, passed
from azext_brokerauth.health.probe import FileFacts, Python, Ran
from azext_brokerauth.keyring.secret_service import State
from tests.unit.health.machine import HUNG, POWERSHELL, SYSTEM32, WSL, all_checks

NO_PROGRAM = "no Windows program can be started from here"
WINDOWS = ("windows-elevated", "windows-desktop", "device", "prt", "clock")
SERVED_BY_WSL = ("wsl-version", "windows-drive", "interop", "proxy", "networking", *WINDOWS)
SERVED = (
    *("platform", "msal", "pymsalruntime", "libraries", "runtime-locks", "certificates", "authority", "user"),
    *("keyring", "linux-broker", "redirect-uri"),
)


def skipped(probe):
    found = all_checks(probe)
    assert found.pop("broker")["severity"] == found.pop("token")["severity"] == "skip"  # which are not asked for here
    return {id: check["finding"] for id, check in found.items() if check["severity"] == "skip"}


def healthy_skips():
    return {"linux-broker": "the broker is Windows'", "az-cache": "nobody has signed in through the broker"}


def spoil(name, value):
    return lambda probe: setattr(probe, name, value)


def say(program, ran):
    return lambda probe: probe.programs.update({program: ran})


def on_linux(probe):
    probe.view = replace(probe.view, release="6.1.0-debian", paths=())


def on_linux_with_broker(probe):
    on_linux(probe)
    probe.view = replace(probe.view, environ={**probe.environ, "AZURE_BROKERAUTH_ENABLE_BROKER_ON_LINUX": "true"})
    probe.bus_names = lambda: frozenset({"com.microsoft.identity.broker1"})


@pytest.mark.parametrize(
    ("change", "reasons"),
    [
        (lambda probe: None, {}),
        (on_linux, dict.fromkeys((*SERVED_BY_WSL, *SERVED), "this is Linux")),
        (on_linux_with_broker, {**dict.fromkeys(SERVED_BY_WSL, "this is Linux"), "linux-broker": None}),
        (
            lambda probe: [probe.files.pop(f"{SYSTEM32}/cmd.exe"), probe.programs.pop(f"{SYSTEM32}/cmd.exe")],
            {**dict.fromkeys(("interop", *WINDOWS), "drive C: is not mounted"), "proxy": NO_PROGRAM},
        ),
        (say(f"{SYSTEM32}/cmd.exe", HUNG), dict.fromkeys(("proxy", *WINDOWS), NO_PROGRAM)),
        (say("/usr/bin/wslinfo --wsl-version", Ran(0, "2.4.12\n")), {"proxy": "WSL is older than the proxy"}),
        (
            say("/usr/bin/wslinfo --networking-mode", Ran(1)),
            {"networking": "wslinfo does not name the networking mode: exit code 1"},
        ),
        (
            say(POWERSHELL, HUNG),
            dict.fromkeys(
                ("windows-elevated", "windows-desktop", "clock"), "PowerShell gives no answer: no answer in 5 s"
            ),
        ),
        (
            say(f"{SYSTEM32}/dsregcmd.exe", HUNG),
            dict.fromkeys(("device", "prt"), "dsregcmd.exe gives no answer: no answer in 5 s"),
        ),
        (
            say(f"{SYSTEM32}/dsregcmd.exe", Ran(0, " AzureAdJoined : NO\n WorkplaceJoined : YES\n")),
            {"prt": "dsregcmd.exe shows one for a joined device only"},
        ),
        (
            spoil("wheel", lambda package: "Tag: py3-none-any"),
            {"libraries": "the installed pymsalruntime is not one of Microsoft's wheels for Linux"},
        ),
        (
            spoil("python", Python("p", "cp312", "x86_64", "")),
            {"libraries": "there is no runtime for this C library"},
        ),
        (
            lambda probe: [on_linux_with_broker(probe), setattr(probe, "keyring", State(bus_problem="no file"))],
            {**dict.fromkeys(SERVED_BY_WSL, "this is Linux"), "linux-broker": "there is no D-Bus session"},
        ),
        (
            spoil("owners", {"/etc/brokerauth/config": FileFacts(7, stat.S_IFREG | 0o644)}),
            {"settings": "/etc/brokerauth/config cannot be trusted"},
        ),
    ],
)
def test_exactly_what_cannot_be_looked_at_is_skipped_with_the_reason(healthy, change, reasons):
    assert healthy.view.release == WSL
    change(healthy)
    expected = {**healthy_skips(), **reasons}
    assert skipped(healthy) == {id: reason for id, reason in expected.items() if reason}


def test_a_check_is_not_run_after_the_first_prerequisite_that_is_not_fulfilled():
    asked = []

    def needs(name, reason):
        return lambda facts: asked.append(name) or reason

    def run(facts):
        asked.append("run")
        return passed("fine")

    found = Check("id", "Group", run, needs=(needs("first", ""), needs("second", "not so"), needs("third", ""))).find(
        {}
    )
    assert (found.severity, found.text) == (Severity.SKIP, "not so")
    assert asked == ["first", "second"]
    assert Check("id", "Group", run, needs=(needs("first", ""),)).find({}).severity is Severity.PASS
    assert asked == ["first", "second", "first", "run"]
