"""On a machine without a reachable broker: nothing is done, and everything says why and what to do."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from testbed.directory import ADA, CONTOSO, DEVICE_ID
from tests.emulated.session import Session

Start = Callable[..., Session]
UNAVAILABLE, REFUSED = "CredentialUnavailableError", "ClientAuthenticationError"

# scenario -> why, what to do
OFF = {
    "not-wsl": ("This is native Linux, not WSL", "config set brokerauth.enable_broker_on_linux=true"),
    "native-linux": ("This is native Linux, not WSL", "config set brokerauth.enable_broker_on_linux=true"),
    "docker-on-wsl": ("This is a container on a WSL kernel, not WSL", "run this under WSL 2 itself"),
}
WRONG_WSL = {
    "wsl1": ("This is WSL 1", "wsl --set-version <distribution> 2"),
    "custom-kernel": ("This is WSL with a custom kernel", "wsl --shutdown"),
}
NOT_READY = {
    "no-runtime": ("pymsalruntime is not installed", "-m pip install pymsalruntime"),
    "missing-library": ("libwebkit2gtk-4.1.so.0", "sudo apt-get install libwebkit2gtk-4.1-0"),
    "old-wsl": ("since version 2.4.13", "wsl --update"),
    "no-interop": ("needs interop", "/etc/wsl.conf"),
    "no-keyring-packages": ("dbus-daemon and gnome-keyring-daemon", "sudo apt-get install dbus gnome-keyring"),
}
COMMANDS = (
    *(["login"], ["login", "--no-prompt"], ["login", "--select-account"], ["logout", "--yes"], ["list"], ["show"]),
    *(["set", "--username", ADA.username], ["get-access-token"], ["inspect-token"]),
)

CREDENTIAL = """
import logging, sys
logging.basicConfig(format="LOG %(levelname)s %(message)s")
from azext_brokerauth import BrokerCredential
with BrokerCredential({keywords}) as credential:
    for attempt in (credential.get_token, credential.get_token_info, credential.get_token):
        try:
            print("token for", attempt("https://vault.azure.net/.default").expires_on)
        except Exception as error:
            print(type(error).__name__, error)
"""


def ask_credential(there: Session, keywords: str = "", **env: str) -> tuple[list[str], list[str]]:
    """What three calls of a credential end with, and what was logged."""
    done = there.python(CREDENTIAL.format(keywords=keywords), **env)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines(), [line for line in done.stderr.splitlines() if line.startswith("LOG ")]


def assert_untouched(there: Session) -> None:
    assert there.machine.journal() == []
    assert not there.config.joinpath("brokerauth").exists()


@pytest.mark.any_runtime
@pytest.mark.parametrize("name", [*OFF, *WRONG_WSL])
def test_every_command_says_why_not_and_does_nothing(start: Start, name: str) -> None:
    why, remedy = (OFF | WRONG_WSL)[name]
    there = start(name)
    for words in COMMANDS:
        said = there.refuse(*words)
        assert said.startswith(f"ERROR: {why}")
        assert remedy in said
    assert_untouched(there)
    assert there.brokerauth("--help").returncode == there.brokerauth("login", "--help").returncode == 0


@pytest.mark.any_runtime
@pytest.mark.parametrize("name", OFF)
def test_a_chain_goes_on_past_the_credential_even_where_the_broker_is_required(start: Start, name: str) -> None:
    there = start(name)
    for keywords in ("", "require_broker=True"):
        said, logged = ask_credential(there, keywords)
        assert [line.split()[0] for line in said] == [UNAVAILABLE] * 3
        assert OFF[name][0] in said[0]
        assert logged == []
    assert_untouched(there)


@pytest.mark.any_runtime
@pytest.mark.parametrize(
    "name",
    [*WRONG_WSL, *list(NOT_READY)[:1], *(pytest.param(name, marks=pytest.mark.full) for name in list(NOT_READY)[1:])],
)
def test_under_wsl_but_not_ready_is_one_warning_and_stops_a_chain_only_where_required(start: Start, name: str) -> None:
    why, remedy = (WRONG_WSL | NOT_READY)[name]
    there = start(name)
    said, logged = ask_credential(there, "disable_automatic_authentication=True")
    assert [line.split()[0] for line in said] == [UNAVAILABLE] * 3
    assert why in said[0]
    assert remedy in said[0]
    (warning,) = logged
    assert warning.startswith("LOG WARNING")
    assert why in warning
    said, _ = ask_credential(there, "require_broker=True")
    assert [line.split()[0] for line in said] == [REFUSED] * 3
    said, _ = ask_credential(there, AZURE_BROKERAUTH_REQUIRE_BROKER="true")
    assert [line.split()[0] for line in said] == [REFUSED] * 3


@pytest.mark.any_runtime
@pytest.mark.parametrize("name", NOT_READY)
def test_login_names_what_is_missing_and_how_to_get_it(start: Start, name: str) -> None:
    why, remedy = NOT_READY[name]
    there = start(name)
    for words in (["login"], ["login", "--select-account"], ["login", "--no-prompt"]):
        said = there.refuse(*words)
        assert why in said
        assert remedy in said
    assert there.tell("list") == []
    for words in (["show"], ["get-access-token"], ["inspect-token"]):
        assert "Run: brokerauth login" in there.refuse(*words, status=3)


@pytest.mark.any_runtime
def test_switched_off_says_by_what(start: Start) -> None:
    there = start("default")
    said = there.refuse("login", AZURE_CORE_ENABLE_BROKER_ON_WSL="false")
    assert "the environment variable AZURE_CORE_ENABLE_BROKER_ON_WSL is false" in said
    (there.config / "config").write_text("[core]\nenable_broker_on_wsl = false\n")
    said = there.refuse("get-access-token")
    assert f"core.enable_broker_on_wsl in {there.config}/config is false" in said
    assert ask_credential(there)[0][0].startswith(UNAVAILABLE)
    assert_untouched(there)
    assert there.tell("login", AZURE_BROKERAUTH_ENABLE_BROKER_ON_WSL="true")["source"] == "broker"


@pytest.mark.parametrize("way", ["setting", "environment"])
def test_native_linux_signs_in_over_dbus_where_it_is_chosen(start: Start, way: str) -> None:
    there = start("native-linux")
    if way == "setting":
        there.config.mkdir()
        (there.config / "config").write_text("[brokerauth]\nenable_broker_on_linux = true\n")
    env = {"AZURE_BROKERAUTH_ENABLE_BROKER_ON_LINUX": "true"} if way == "environment" else {}
    assert there.tell("login", **env)["username"] == ADA.username
    facts = there.tell("inspect-token", **env)
    assert (facts["deviceId"], facts["tenantId"], facts["source"]) == (DEVICE_ID, CONTOSO.tenant_id, "broker")
    assert_only_dbus(there)


def test_native_linux_serves_a_credential_that_chooses_it_by_keyword(start: Start) -> None:
    there = start("native-linux")
    said, logged = ask_credential(there, "enable_broker_on_linux=True")
    assert [line.split()[0] for line in said] == ["token"] * 3
    assert logged == []
    assert_only_dbus(there)


def assert_only_dbus(there: Session) -> None:
    ways = {entry["via"] for entry in there.machine.journal() if entry["to"] == "broker"}
    assert ways == {"dbus"}


@pytest.mark.any_runtime
def test_the_wsl_switch_alone_does_not_open_native_linux(start: Start) -> None:
    there = start("native-linux")
    said, _ = ask_credential(there, "enable_broker_on_wsl=True, enable_broker_on_windows=True")
    assert said[0].startswith(UNAVAILABLE)
    assert_untouched(there)


@pytest.mark.any_runtime
def test_importing_needs_no_runtime_and_starts_nothing(start: Start) -> None:
    there = start("no-runtime")
    done = there.python(
        "import sys, azext_brokerauth; azext_brokerauth.BrokerCredential().close();"
        " print('msal' in sys.modules, 'pymsalruntime' in sys.modules)"
    )
    assert done.stdout == "False False\n"
    assert_untouched(there)


@pytest.mark.any_runtime
def test_a_container_with_no_marker_but_the_kernel_is_still_no_wsl(start: Start) -> None:
    """A `docker-on-wsl` machine whose image lacks /.dockerenv, as those of other engines do."""
    there = start("docker-on-wsl")
    there.machine.run(["rm", "/.dockerenv"], check=True)
    assert "a container on a WSL kernel" in there.refuse("login")
    assert_untouched(there)
