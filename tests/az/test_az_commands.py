"""The commands inside the real az: the same as without it, in az's manners."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from azext_brokerauth.clouds import CLOUDS, RESOURCE_TYPES
from testbed.directory import ADA, DEVICE_ID, GRACE
from tests.az import conftest as az_tests
from tests.emulated.session import Session, session
from tests.tokens import claims_of

Start = Callable[..., Session]
COMMANDS = (
    *("login", "logout", "list", "show", "set"),
    *("get-access-token", "inspect-token", "list-settings", "check-health", "repair", "measure", "exec"),
)
OF_TOOLS = ("list", "enable", "disable")
SILENT, PICKER = "acquireTokenSilently", "acquireTokenInteractively"


@pytest.fixture(scope="module")
def signed_in(runtime: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    """Ada and Grace have signed in through az, and Ada is in use."""
    with session("default", runtime, tmp_path_factory.mktemp(runtime)) as there:
        # az's cache would hold tokens, which no session of `brokerauth` leaves behind.
        there.env["AZURE_BROKERAUTH_SEED_AZ_CACHE"] = "false"
        for words in (["--username", GRACE.username], []):
            done = there.az("brokerauth", "login", *words)
            assert done.returncode == 0, done.stderr
        yield there


def without_times(printed: Any) -> Any:
    """A second may pass between two commands."""
    lasting = printed if isinstance(printed, dict) else {}
    return {k: v for k, v in lasting.items() if k not in ("expiresOn", "expires_on", "issuedOn")} or printed


def commands_in(help_text: str) -> list[str]:
    return re.findall(r"^ {4}([a-z-]+)(?: +\[Preview\])? +: ", help_text.partition("\nCommands:\n")[2], re.MULTILINE)


def examples_in(help_text: str) -> list[list[str]]:
    """The command lines of a help text; long ones are wrapped."""
    listed = re.findall(r"^ {8}\S.*\n(?: {8}\S.*\n)*", help_text.partition("\nExamples\n")[2], re.MULTILINE)
    return [shlex.split(text) for text in listed]


@pytest.mark.any_runtime
def test_az_lists_the_extension(signed_in: Session) -> None:
    assert "brokerauth" in json.loads(signed_in.az("version").stdout)["extensions"]


@pytest.mark.any_runtime
@pytest.mark.parametrize(
    "words",
    [
        ["login"],
        ["list"],
        ["show"],
        ["get-access-token", "--resource", "https://vault.azure.net"],
        ["inspect-token"],
        ["list", "--query", "[].username"],
    ],
    ids=" ".join,
)
def test_the_same_json_with_and_without_az(signed_in: Session, words: list[str]) -> None:
    in_az, alone = signed_in.tell_in_az(*words), signed_in.tell(*words)
    if words == ["login"]:
        assert in_az.pop("subscriptions")  # it signs az in as well
    assert without_times(in_az) == without_times(alone)
    assert in_az
    if isinstance(in_az, dict):
        assert list(in_az) == list(alone)


@pytest.mark.any_runtime
@pytest.mark.parametrize("words", [["list"], ["show"], ["inspect-token"]], ids=" ".join)
def test_the_same_table_with_and_without_az(signed_in: Session, words: list[str]) -> None:
    tables = [
        [line for line in done.stdout.splitlines() if "On " not in line]
        for done in (signed_in.az("brokerauth", *words, "-o", "table"), signed_in.brokerauth(*words, "-o", "table"))
    ]
    assert tables[0] == tables[1]
    assert any(ADA.username in line for line in tables[0])


def test_a_new_process_gets_a_device_bound_token_and_neither_entra_nor_a_person_is_asked(signed_in: Session) -> None:
    signed_in.machine.clear_journal()
    token = signed_in.tell_in_az("get-access-token", "--resource", "https://storage.azure.com")
    claims = claims_of(token["accessToken"])
    assert (claims["aud"], claims["deviceid"]) == ("https://storage.azure.com", DEVICE_ID)
    assert SILENT in signed_in.calls()
    assert PICKER not in signed_in.calls()


@pytest.mark.any_runtime
def test_az_follows_its_own_account_and_what_is_chosen_in_az_is_in_use_outside_too(default: Session) -> None:
    default.tell("login", "--username", GRACE.username)
    default.tell_in_az("login")
    default.tell("set", "--username", GRACE.username)
    assert default.tell("show")["username"] == GRACE.username
    assert default.tell_in_az("show")["username"] == ADA.username, "az's own account, and Grace is not signed in to az"
    not_in_az = default.az("brokerauth", "set", "--username", GRACE.username)
    assert f"{GRACE.username} is not signed in to az through the broker" in not_in_az.stderr
    assert f"Run: az brokerauth login --username {GRACE.username}" in not_in_az.stderr
    assert default.tell_in_az("set", "--username", ADA.username) is None
    assert default.tell("show")["username"] == ADA.username
    default.tell_in_az("logout", "--all", "--yes")
    assert default.tell("list") == []


@pytest.mark.any_runtime
def test_debug_leaves_stdout_alone_and_holds_no_secret(signed_in: Session) -> None:
    vault = ("--resource", "https://debug.vault.azure.net")
    done = signed_in.az("brokerauth", "get-access-token", *vault, "--debug")
    assert "started the broker's process" in done.stderr
    assert claims_of(json.loads(done.stdout)["accessToken"])["oid"] == ADA.home.object_id


@pytest.mark.any_runtime
def test_both_helps_list_the_same_commands_but_for_those_about_az_itself(signed_in: Session) -> None:
    assert commands_in(signed_in.az("brokerauth", "--help").stdout) == sorted(COMMANDS)
    assert commands_in(signed_in.brokerauth("--help").stdout) == sorted(COMMANDS)


@pytest.mark.any_runtime
def test_the_examples_in_the_help_are_commands_that_work(default: Session) -> None:
    for name in (*(c for c in COMMANDS if c != "logout"), *(f"tool {name}" for name in OF_TOOLS), "logout"):
        if name in ("login", "get-access-token"):
            default.tell("login", "--username", GRACE.username)
            default.tell("login")  # some examples name Grace, others a tenant where only Ada is a guest
        examples = examples_in(default.brokerauth(*name.split(), "--help").stdout)
        assert examples, name
        for program, *words in examples:
            assert program == "brokerauth"
            confirmed = ["--yes"] if words[-1] == "logout" or words[:2] == ["tool", "enable"] else []
            if name == "exec":  # whose examples run other people's programs
                words = [*(word for word in words[: words.index("--") + 1] if word != "--containers"), "true"]
            done = default.brokerauth(*words, *confirmed)
            assert done.returncode == 0, (words, done.stderr)


@pytest.mark.any_runtime
def test_the_examples_in_azs_help_are_commands_that_work(new_terminal: az_tests.Start) -> None:
    """In one process of az's Python, which saves the start of az for each of them."""
    code = f"""
import io, shlex, sys, yaml
from azure.cli.core import get_default_cli
from knack.help_files import helps
def run(*words):
    print(shlex.join(words), flush=True)
    assert get_default_cli().invoke(list(words), out_file=io.StringIO()) == 0
run("brokerauth", "login", "--username", {GRACE.username!r})
ours = [name for name in helps if name.startswith("brokerauth ") or name == "account show-broker"]
for name in sorted(ours, key=lambda name: ("exec" in name, "logout" in name)):  # exec does not come back
    if name in ("brokerauth get-access-token", "brokerauth exec", "brokerauth logout"):
        run("brokerauth", "login", "--username", {GRACE.username!r})
        run("brokerauth", "login")
    for example in yaml.safe_load(helps[name]).get("examples", ()):  # a group has none
        program, *words = shlex.split(example["text"])
        assert program == "az" and " ".join(words).startswith(name), words
        sys.argv = ["az", *words]  # exec takes its command from here
        run(*words, *(["--yes"] if words[-1] == "logout" or "enable" in words else []))
"""
    there = new_terminal("default")
    done = there.run([there.cli.python, "-Ic", code], timeout=180)
    assert done.returncode == 0, (done.stdout, done.stderr)
    for command in (
        *(f"brokerauth {name}" for name in (*COMMANDS, *(f"tool {name}" for name in OF_TOOLS))),
        "account show-broker",
    ):
        assert f"\n{command}" in done.stdout
    assert '"name": "app"' in done.stdout  # what exec's example lists


@pytest.mark.any_runtime
@pytest.mark.parametrize(
    ("scenario", "words", "status", "parts"),
    [
        ("default", ["show"], 3, ["Nobody is signed in", "Run: az brokerauth login"]),
        ("default", ["get-access-token"], 3, ["Nobody is signed in", "Run: az brokerauth login"]),
        ("default", ["login", "--tenant", "no tenant"], 1, ["--tenant cannot be 'no tenant'", "domain name"]),
        ("default", ["get-access-token", "--nonsense"], 2, ["--nonsense"]),
        ("default", ["set"], 2, ["--username"]),
        ("no-network", ["login"], 1, ["no network connection", "Connect Windows", "3399942148"]),
        ("user-cancels", ["login"], 1, ["The sign-in window was closed", "try again and answer the window"]),
        ("crash", ["login"], 1, ["did not give a usable answer", "wsl --update"]),
        ("hang-on-silent", ["login"], 1, ["did not answer", "wsl --shutdown"]),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_an_error_has_its_remedy_and_azs_exit_code(
    nobody: Session, scenario: str, words: list[str], status: int, parts: list[str]
) -> None:
    nobody.machine.set_scenario(scenario)
    patience = {"AZURE_BROKERAUTH_SILENT_TIMEOUT": "2"} if scenario.startswith("hang") else {}
    done = nobody.az("brokerauth", *words, **patience)
    assert (done.returncode, done.stdout) == (status, "")
    for part in parts:
        assert part in done.stderr
    assert not (nobody.config / "brokerauth/accounts.json").exists()


AZS_RESOURCES = """
import json
from azure.cli.command_modules.profile import cloud_resource_types
from azure.cli.command_modules.profile.custom import cloud_resource_type_mappings
from azure.cli.core.cloud import KNOWN_CLOUDS
print(json.dumps([cloud_resource_types, {
    cloud.name: [vars(cloud.endpoints).get(cloud_resource_type_mappings[kind]) or "" for kind in cloud_resource_types]
    for cloud in KNOWN_CLOUDS}]))
"""


@pytest.mark.any_runtime
def test_the_types_of_resources_are_those_of_az_in_each_cloud(new_terminal: az_tests.Start) -> None:
    there = new_terminal("default")
    types, resources = json.loads(there.run([there.cli.python, "-Ic", AZS_RESOURCES]).stdout)
    assert tuple(types) == RESOURCE_TYPES
    assert resources == {cloud.name: list(cloud.resources) for cloud in CLOUDS}


@pytest.mark.any_runtime
@pytest.mark.parametrize(
    ("scenario", "why", "remedy"),
    [
        ("not-wsl", "This is native Linux, not WSL", "az config set brokerauth.enable_broker_on_linux=true"),
        ("docker-on-wsl", "a container on a WSL kernel", "under WSL 2 itself"),
        ("wsl1", "This is WSL 1", "wsl --set-version"),
        ("custom-kernel", "a custom kernel", "wsl --shutdown"),
        ("no-runtime", "pymsalruntime is not installed", "-m pip install pymsalruntime"),
        ("missing-library", "libwebkit2gtk-4.1.so.0", "sudo apt-get install"),
    ],
)
def test_without_a_reachable_broker_az_says_why_and_goes_on_working(
    start: Start, scenario: str, why: str, remedy: str
) -> None:
    there = start(scenario)
    done = there.az("brokerauth", "login")
    assert (done.returncode, done.stdout) == (1, "")
    assert why in done.stderr
    assert remedy in done.stderr
    assert there.calls() == []
    shown = there.az("account", "show-broker")
    assert (shown.returncode, shown.stdout) == (3, "")
    # What would only be refused is not advised; a missing package can be installed.
    assert ("Run: az login" in shown.stderr) is (scenario not in ("no-runtime", "missing-library")), shown.stderr
    assert ("az brokerauth login" in shown.stderr) is (scenario in ("no-runtime", "missing-library")), shown.stderr
    assert there.az("version").returncode == there.az("brokerauth", "--help").returncode == 0


@pytest.mark.any_runtime
def test_a_setting_made_with_az_config_holds_in_both_hosts(start: Start) -> None:
    there = start("native-linux")
    # az's cache would hold tokens, which no session of `brokerauth` leaves behind.
    there.env["AZURE_BROKERAUTH_SEED_AZ_CACHE"] = "false"
    assert there.az("config", "set", "brokerauth.enable_broker_on_linux=true").returncode == 0
    assert there.tell_in_az("login")["username"] == there.tell("show")["username"] == ADA.username
    assert {entry["via"] for entry in there.machine.journal() if entry["to"] == "broker"} == {"dbus"}


def test_the_expiry_that_az_prints_is_the_tokens(signed_in: Session) -> None:
    token = signed_in.tell_in_az("get-access-token")
    assert abs(token["expires_on"] - claims_of(token["accessToken"])["exp"]) <= 1
