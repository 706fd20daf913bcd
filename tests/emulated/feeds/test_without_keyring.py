"""Package feeds of tools that ask no keyring: cargo asks our program, npm and its like read a variable.

The commands are those of docs/feeds.md and docs/tools.md, with a feed of the tests.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from azext_brokerauth.bridges import Home, load
from azext_brokerauth.bridges.edits import Record
from azext_brokerauth.bridges.feeds import SCOPE, feed_variables
from testbed.directory import ADA
from tests.emulated.session import Session
from tests.inheritance import INHERITED

pytestmark = [pytest.mark.any_runtime]

PROGRAMS = Path(sys.executable).parent
FEED = "https://pkgs.dev.azure.com/contoso/_packaging/tools"
READ = json.dumps(
    {"v": 1, "registry": {"index-url": f"sparse+{FEED}/Cargo/index/"}, "kind": "get", "operation": "read"}
)


def users(there: Session) -> set[str]:
    """Whose tokens the feed accepted."""
    return {entry["username"] for entry in there.machine.journal() if entry["to"] == "feeds" and "username" in entry}


def credential_program(there: Session) -> subprocess.CompletedProcess[str]:
    return there.machine.run(
        [str(PROGRAMS / "cargo-credential-brokerauth"), "--cargo-plugin"], input=READ + "\n", env=there.env
    )


def test_cargos_program_gives_a_token_that_the_feed_accepts(there: Session) -> None:
    for _ in range(2):
        done = credential_program(there)
        assert (done.returncode, done.stderr) == (0, "")
        first, reply = map(json.loads, done.stdout.splitlines())
        assert (first, reply["Ok"]["cache"]) == ({"v": [1]}, "expires")
    assert users(there) == {ADA.username}
    assert sum(method.startswith("acquireToken") for method in there.calls()) == 1


def test_without_a_sign_in_cargo_is_told_why(nobody: Session) -> None:
    reply = json.loads(credential_program(nobody).stdout.splitlines()[1])
    message = "brokerauth: Nobody is signed in through the broker. Run: brokerauth login"
    assert reply == {"Err": {"kind": "other", "message": message, "caused-by": []}}


def cargo(there: Session, home: Path, *words: str) -> subprocess.CompletedProcess[str]:
    program = shutil.which("cargo", path=INHERITED.variables["PATH"])
    assert program, "cargo is missing: install it with rustup (1.74 or later)"
    rustup = INHERITED.variables.get("RUSTUP_HOME") or str(Path(INHERITED.variables["HOME"]) / ".rustup")
    return there.run([program, *words], RUSTUP_HOME=rustup, CARGO_HOME=str(home / ".cargo"))


@pytest.mark.full
def test_cargo_fetches_from_a_feed_once_its_settings_name_the_program(nobody: Session, tmp_path: Path) -> None:
    there = nobody
    project = tmp_path / "project"
    (project / "src").mkdir(parents=True)
    (project / "src/lib.rs").touch()
    (project / "Cargo.toml").write_text(
        '[package]\nname = "hello"\nversion = "1.0.0"\nedition = "2021"\n\n'
        '[dependencies]\ngreeting = { version = "1.0", registry = "tools" }\n'
    )
    settings = tmp_path / ".cargo/config.toml"
    settings.parent.mkdir()
    settings.write_text(f'[registries.tools]\nindex = "sparse+{FEED}/Cargo/index/"\n')
    fetch = ("fetch", "--manifest-path", str(project / "Cargo.toml"))
    assert cargo(there, tmp_path, *fetch).returncode != 0
    home = Home(tmp_path, {"PATH": ""}, tmp_path / ".local/bin")  # it does not lead to the program
    assert Record(tmp_path / ".azure", "cargo").make(load("cargo").edits(home))
    refused = cargo(there, tmp_path, *fetch)
    assert "Run: brokerauth login" in refused.stderr
    there.tell("login")
    done = cargo(there, tmp_path, *fetch)
    assert done.returncode == 0, done.stderr
    assert users(there) == {ADA.username}
    assert list((tmp_path / ".cargo/registry/src").glob("*/greeting-1.0.0/src/lib.rs"))


@pytest.fixture(scope="session")
def node_programs(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, list[str]]:
    """npm, and what it has installed from package.json: how each is started."""
    directory = tmp_path_factory.mktemp("node")
    (directory / "package.json").write_text(Path(__file__).with_name("package.json").read_text())
    npm = shutil.which("npm")
    assert npm, "npm is missing"
    install = [npm, "install", "--no-fund", "--no-audit"]
    subprocess.run(install, cwd=directory, env=INHERITED.variables, check=True, capture_output=True)
    modules = directory / "node_modules"
    return {
        "npm": [npm],
        "pnpm": ["node", str(modules / "pnpm/bin/pnpm.cjs")],
        "yarn 1": ["node", str(modules / "yarn/bin/yarn.js")],
        "yarn 4": ["node", str(modules / "@yarnpkg/cli-dist/bin/yarn.js")],
    }


DOCUMENT = (Path(__file__).parents[3] / "docs/feeds.md").read_text()
FOR_TESTS = {
    "npmMinimalAgeGate": "0",  # the stand-in does not say how old a package is
    "enableTelemetry": "false",
    "enableGlobalCache": "false",
    "nodeLinker": "node-modules",
}


def documented(language: str) -> str:
    """What the document says to write into a file of this language."""
    (block,) = re.findall(rf"^```{language}\n(.*?)^```", DOCUMENT, re.MULTILINE | re.DOTALL)
    return str(block)


@pytest.mark.full
@pytest.mark.parametrize("name", ["npm", "pnpm", "yarn 1", "yarn 4"])
def test_nodes_programs_install_with_the_variable(
    there: Session, tmp_path: Path, node_programs: Mapping[str, list[str]], name: str
) -> None:
    (tmp_path / "package.json").write_text(json.dumps({"name": "hello", "dependencies": {"greeting": "1.0.0"}}))
    (tmp_path / "yarn.lock").touch()  # of yarn 4 it marks the project's folder
    (tmp_path / ".npmrc").write_text(documented("ini"))
    ours = "".join(f"{key}: {value}\n" for key, value in FOR_TESTS.items())
    (tmp_path / ".yarnrc.yml").write_text(documented("yaml") + ours)
    token = there.tell("get-access-token", "--scope", SCOPE)["accessToken"]
    command = ["env", "--chdir", str(tmp_path), *node_programs[name], "install"]
    without = there.run(command, ARTIFACTS_ACCESSTOKEN="")
    assert without.returncode != 0, without.stdout
    done = there.run(command, **feed_variables(["contoso"], token))
    assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / "node_modules/greeting/index.js").exists()
    assert users(there) == {ADA.username}
