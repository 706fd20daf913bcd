"""cargo: what it and our program say to each other, and the line in its settings."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from azext_brokerauth import bridges
from azext_brokerauth.bridges import Home
from azext_brokerauth.bridges.cargo import BRIDGE, serve
from azext_brokerauth.bridges.cargo_config import PROGRAM, with_provider, without_provider
from azext_brokerauth.bridges.edits import Record
from azext_brokerauth.errors import SIGN_IN, BrokerOffError, NotSignedInError, SettingsError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib  # mypy brings it

# As cargo 1.95 sends them.
READ = (
    '{"v":1,"registry":{"index-url":"sparse+https://pkgs.dev.azure.com/contoso/_packaging/tools/Cargo/index/",'
    '"name":"tools","headers":["WWW-Authenticate: Bearer authorization_uri=https://login.microsoftonline.com/common"]},'
    '"kind":"get","operation":"read"}\n'
)
LOGIN = READ.replace('"kind":"get","operation":"read"', '"kind":"login","token":"secret","login-url":null')
LOGOUT = READ.replace('"kind":"get","operation":"read"', '"kind":"logout"')


def conversation(*lines: str, error: Exception | None = None) -> list[dict[str, object]]:
    """What our program says to these lines."""
    said: list[str] = []
    asked: list[object] = []

    def get(url: str, headers: list[str]) -> tuple[str, int]:
        asked.append((url, headers))
        if error:
            raise error
        return "a-token", 1_800_000_000

    serve(lines, said.append, get)
    assert not any("\n" in line for line in said)
    return [json.loads(line) for line in said]


def kind_of(reply: dict[str, object]) -> object:
    return reply["Err"]["kind"]  # type: ignore[index]


def test_it_begins_with_the_versions_it_speaks_and_ends_with_cargo() -> None:
    assert conversation() == [{"v": [1]}]


@pytest.mark.parametrize("operation", ["read", "publish", "yank", "owners"])
def test_a_token_is_for_all_that_cargo_does_until_shortly_before_its_end(operation: str) -> None:
    reply = {
        "kind": "get",
        "token": "Bearer a-token",
        "cache": "expires",
        "expiration": 1_800_000_000 - 60,
        "operation_independent": True,
    }
    line = READ.replace('"read"', f'"{operation}"')
    assert conversation(line, line)[1:] == [{"Ok": reply}, {"Ok": reply}]


@pytest.mark.parametrize(
    "url",
    [
        "sparse+https://index.crates.io/",
        "https://github.com/rust-lang/crates.io-index",
        "",
    ],
)
def test_every_other_registry_is_the_next_providers(url: str) -> None:
    line = json.dumps({"v": 1, "registry": {"index-url": url}, "kind": "get", "operation": "read"})
    assert conversation(line)[1:] == [{"Err": {"kind": "url-not-supported"}}]


def test_there_is_nothing_to_log_in_to_or_out_of() -> None:
    assert [kind_of(reply) for reply in conversation(LOGIN, LOGOUT)[1:]] == ["operation-not-supported"] * 2
    assert "secret" not in json.dumps(conversation(LOGIN))


@pytest.mark.parametrize("line", ["", "no json", "[]", "{}", "null", '{"v":1,"kind":"get","registry":{}}', "[" * 10**5])
def test_what_is_no_request_is_an_error_and_the_conversation_goes_on(line: str) -> None:
    _, reply, after = conversation(line, READ)
    assert kind_of(reply) == "other"
    assert "Ok" in after


def test_another_version_is_refused() -> None:
    assert kind_of(conversation(READ.replace('"v":1', '"v":2'))[1]) == "other"


def test_a_failure_names_what_to_do() -> None:
    error = NotSignedInError("Nobody is signed in through the broker.", remedies=SIGN_IN)
    message = "brokerauth: Nobody is signed in through the broker. Run: brokerauth login"
    assert conversation(READ, error=error)[1] == {"Err": {"kind": "other", "message": message, "caused-by": []}}


def test_where_the_broker_is_off_the_next_provider_is_asked(capsys: pytest.CaptureFixture[str]) -> None:
    assert kind_of(conversation(READ, error=BrokerOffError("This is native Linux."))[1]) == "url-not-supported"
    assert capsys.readouterr().err == "brokerauth: This is native Linux.\n"


def test_a_fault_of_ours_is_an_error_of_one_line() -> None:
    (reply,) = conversation(READ, error=RuntimeError("two\nlines"))[1:]
    assert reply["Err"]["message"] == "brokerauth: two lines"  # type: ignore[index]


LIST = f'global-credential-providers = ["cargo:token", "{PROGRAM}"]'
SETTINGS = {
    "": f"[registry]\n{LIST}\n",
    "[build]\njobs = 2\n": f"[build]\njobs = 2\n\n[registry]\n{LIST}\n",
    "[build]\njobs = 2": f"[build]\njobs = 2\n\n[registry]\n{LIST}\n",
    "[build]\r\njobs = 2\r\n": f"[build]\r\njobs = 2\r\n\r\n[registry]\r\n{LIST}\r\n",
    "[registry]": f"[registry]\n{LIST}\n",
    "[ registry ] # mine\ndefault = 'a'\n[net]\n": f"[ registry ] # mine\n{LIST}\ndefault = 'a'\n[net]\n",
    '["registry"]\n': f'["registry"]\n{LIST}\n',
    "[registries.a]\nindex = 'x'\n": f"[registries.a]\nindex = 'x'\n\n[registry]\n{LIST}\n",
    "x = '[registry]'\n": f"x = '[registry]'\n\n[registry]\n{LIST}\n",
    'x = """\n[registry]\n"""\n': f'x = """\n[registry]\n"""\n\n[registry]\n{LIST}\n',
    "# [registry]\n": f"# [registry]\n\n[registry]\n{LIST}\n",
    "[registry]\nglobal-credential-providers = []\n": (f'[registry]\nglobal-credential-providers = ["{PROGRAM}"]\n'),
    "[registry]\nglobal-credential-providers = ['cargo:token', 'a b'] # both\n": (
        f"[registry]\nglobal-credential-providers = ['cargo:token', 'a b', \"{PROGRAM}\"] # both\n"
    ),
    "[registry]\nglobal-credential-providers = [\n  'a', # ], first\n  # '\n  'b', # last\n]\ndefault = 'a'\n": (
        "[registry]\nglobal-credential-providers = [\n"
        f"  'a', # ], first\n  # '\n  'b', \"{PROGRAM}\" # last\n]\ndefault = 'a'\n"
    ),
    "registry.global-credential-providers = ['a']\n": (
        f"registry.global-credential-providers = ['a', \"{PROGRAM}\"]\n"
    ),
}


@pytest.mark.parametrize("before", SETTINGS)
def test_the_program_is_put_last_and_all_else_stays(before: str) -> None:
    after = with_provider(before.encode(), PROGRAM)
    assert after.decode() == SETTINGS[before]
    assert with_provider(after, f"/opt/{PROGRAM}") == after
    elsewhere = with_provider(before.encode(), f"/opt/{PROGRAM}")
    assert with_provider(elsewhere, PROGRAM) == elsewhere != after
    given, made = tomllib.loads(before), tomllib.loads(after.decode())
    providers = given.get("registry", {}).get("global-credential-providers", ["cargo:token"])
    given.setdefault("registry", {})["global-credential-providers"] = [*providers, PROGRAM]
    assert made == given


@pytest.mark.parametrize("before", SETTINGS)
def test_where_somebody_wrote_since_only_the_program_is_taken_away(before: str) -> None:
    after = without_provider(with_provider(before.encode(), PROGRAM) + b"[later]\na = 1\n")
    left = tomllib.loads(after.decode())
    assert left.pop("later") == {"a": 1}
    given = tomllib.loads(before)
    given.setdefault("registry", {}).setdefault("global-credential-providers", ["cargo:token"])
    assert left == given
    assert without_provider(after) == after


def test_the_program_is_taken_away_wherever_it_is_on_the_list() -> None:
    table = "[registry]\nglobal-credential-providers = "
    given = f"""{table}["/a/{PROGRAM}", 'b', # mine\n  '{PROGRAM}' , "c", "{PROGRAM}"]\n"""
    assert without_provider(given.encode()).decode() == f"""{table}[ 'b', # mine\n "c",]\n"""


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"registry = { default = 'a' }\n", "not written as a table"),
        (b"registry.default = 'a'\n", "not written as a table"),
        (b"[[registry]]\n", "not written as a table"),
        (b"[[registry]]\nglobal-credential-providers = ['a']\n", "not written as a table"),
        (b"[registry.global-credential-providers]\n", "not a list of strings"),
        (b"[[registry.global-credential-providers]]\n", "not a list of strings"),
        (b"[registry]\nglobal-credential-providers = 'a'\n", "not a list of strings"),
        (b"[registry]\nglobal-credential-providers = [['a']]\n", "not a list of strings"),
        (b"[registry]\nglobal-credential-providers = \n", "not TOML"),
        (b"[registry\n", "not TOML"),
        (b"a = [\n", "not TOML"),
        (b"a = ]\n", "not TOML"),
        (b" = 1\n", "not TOML"),
        (b"a\n", "not TOML"),
        (b'a = "b\n', "not TOML"),
        (b"\xff", "not UTF-8"),
    ],
)
def test_what_cannot_be_changed_safely_is_refused(content: bytes, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        with_provider(content, PROGRAM)


def home_in(directory: Path, **environ: str) -> Home:
    """A home where pip has put our program on PATH."""
    programs = directory / "bin"
    programs.mkdir(exist_ok=True)
    (programs / PROGRAM).touch(0o755)
    return Home(directory, {"PATH": str(programs), **environ}, directory / ".local/bin")


def everything(home: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() if path.is_file() else b"" for path in home.rglob("*")}


@pytest.mark.parametrize("is_on_path", [True, False])
def test_what_was_set_up_is_taken_back_to_the_byte(tmp_path: Path, is_on_path: bool) -> None:
    settings = tmp_path / ".cargo/config.toml"
    settings.parent.mkdir()
    (tmp_path / ".azure").mkdir()
    settings.write_bytes(b"# mine\r\n[net]\r\n")
    home = home_in(tmp_path)
    if not is_on_path:  # as in az's extension folder
        home = Home(tmp_path, {"PATH": ""}, home.programs)
    at_first = everything(tmp_path)
    record = Record(tmp_path / ".azure", "cargo")
    made = record.make(BRIDGE.edits(home))
    named = PROGRAM if is_on_path else str(home.programs / PROGRAM)
    assert f'"{named}"]' in settings.read_text()
    assert [edit.path for edit in made][1:] == ([] if is_on_path else [home.programs / PROGRAM])
    assert record.make(BRIDGE.edits(home)) == []
    record.take_back(BRIDGE.leftovers(home, record.paths()))
    assert everything(tmp_path) == at_first


def test_it_is_taken_back_from_where_it_was_set_up_with_other_variables(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    record = Record(tmp_path / ".azure", "cargo")
    record.make(BRIDGE.edits(home_in(tmp_path, CARGO_HOME=str(elsewhere))))
    (elsewhere / "config.toml").write_bytes((elsewhere / "config.toml").read_bytes() + b"[mine]\n")
    record.take_back(BRIDGE.leftovers(home_in(tmp_path), record.paths()))
    assert PROGRAM not in (elsewhere / "config.toml").read_text()
    assert "[mine]" in (elsewhere / "config.toml").read_text()


def test_it_starts_from_azs_extension_folder_too(tmp_path: Path) -> None:
    command = [sys.executable, "-I", str(Path(bridges.__file__).with_name("start.py")), "cargo"]
    started = subprocess.run([*command, "--cargo-plugin"], input="", capture_output=True, text=True, cwd=tmp_path)
    assert (started.returncode, json.loads(started.stdout), started.stderr) == (0, {"v": [1]}, "")
    by_hand = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert (by_hand.returncode, by_hand.stdout) == (2, "")
    assert "tool enable --name cargo" in by_hand.stderr


def test_the_file_is_the_one_that_cargo_reads(tmp_path: Path) -> None:
    assert BRIDGE.edits(home_in(tmp_path))[0].path == tmp_path / ".cargo/config.toml"
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    assert BRIDGE.edits(home_in(tmp_path, CARGO_HOME=str(elsewhere)))[0].path == elsewhere / "config.toml"
    (elsewhere / "config").touch()
    assert BRIDGE.edits(home_in(tmp_path, CARGO_HOME=str(elsewhere)))[0].path == elsewhere / "config"


def test_a_path_that_cargo_would_take_apart_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="blank in its path"):
        BRIDGE.edits(Home(tmp_path, {"PATH": ""}, tmp_path / "a folder"))
