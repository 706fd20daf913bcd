"""The commands on the pages, as they stand, typed by a person at a terminal of the emulated machine.

`tests/unit/test_documents.py` sees to it that each block is among these, or says why not.
"""

from __future__ import annotations

import re
import shlex
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.documents import PAGES, Block, blocks_of, name_of
from tests.emulated.session import AZ, BROKERAUTH, Session, session

OFTEN = ("README.md",)
"""Pages that `make test` runs too."""
RUN = {name_of(page): [block for block in blocks_of(page) if block.is_for_the_runner] for page in PAGES}
UNINSTALLING = "docs/uninstalling.md"
STAND_IN = '''#!{python}
"""Another program, as far as it gets a token: from a managed identity, or from the programs for a dev container."""
import json, os, subprocess, sys, urllib.request
words, given = sys.argv[1:], dict(os.environ)
if "--env-file" in words:
    given.update(line.split("=", 1) for line in open(words[words.index("--env-file") + 1]).read().splitlines())
if helpers := given.get("BROKERAUTH_HELPERS"):
    assert subprocess.check_output([helpers + "/ado-auth-helper", "get-access-token"])
if words[:1] == ["pull"]:
    asked = dict(input=words[1].partition("/")[0].encode(), check=True, stdout=subprocess.PIPE)
    assert json.loads(subprocess.run(["docker-credential-brokerauth", "get"], **asked).stdout)["Secret"]
else:
    query = "?api-version=2019-08-01&resource=https://vault.azure.net"
    request = urllib.request.Request(given["IDENTITY_ENDPOINT"] + query)
    request.add_header("X-IDENTITY-HEADER", given["IDENTITY_HEADER"])
    with urllib.request.build_opener(urllib.request.ProxyHandler({{}})).open(request) as answer:
        assert json.load(answer)["access_token"]
'''
OTHERS = ("terraform", "func", "docker", "devcontainer", "app.py")
"""Programs that the pages name and that are not to be had here, and a program of the reader's."""
BRIDGE = "ip link add docker0 type bridge; ip addr add 172.17.0.1/16 dev docker0; ip link set docker0 up"


@pytest.fixture
def there(tmp_path: Path) -> Iterator[Session]:
    """Ada has signed in, in az too; docker knows a registry, and has a bridge."""
    with session("default", "double", tmp_path) as made:
        programs = tmp_path / "bin"
        for name in OTHERS:
            (programs / name).write_text(STAND_IN.format(python=sys.executable))
            (programs / name).chmod(0o755)
        (tmp_path / "app.py").write_text((programs / "app.py").read_text())
        mine = f"{Path(BROKERAUTH).parent}:{AZ.parent}"
        made.env["PATH"] = f"{programs}:{mine}:{made.env['PATH']}"
        made.env["AZURE_CONFIG_DIR"] = str(made.config)
        made.env["SHELL"] = "/bin/bash"
        made.env["AZURE_BROKERAUTH_SEED_AZ_CACHE"] = "false"  # no session of ours leaves a token in the clear
        docker = made.machine.home / ".docker/config.json"
        docker.parent.mkdir()
        docker.write_text('{"auths": {"contoso.azurecr.io": {}}}')
        yield made


def typed(there: Session, command: str, directory: Path) -> str:
    """What a person sees who types this, and says yes to what is asked, or chooses nothing. It must succeed."""
    shell = shlex.join(["bash", "-ec", command])
    done = there.machine.run(  # some of what is typed prints a token, which no other session may
        ["sh", "-c", f"cd {shlex.quote(str(directory))}; exec script -qefc {shlex.quote(shell)} /dev/null"],
        input="y\n\n" * 20,
        timeout=120,
        env=there.env,
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
    return done.stdout.replace("\r\n", "\n")


def run(there: Session, block: Block, directory: Path) -> None:
    """Run a block, and look for the lines that it is shown to print; `...` stands for the rest of one."""
    for command, shown in block.commands:
        said = typed(there, command, directory).splitlines()
        for line in filter(None, shown):
            beginning, dots, _ = line.partition("...")
            assert [one for one in said if one.startswith(beginning) and (dots or one == line)], (command, line, said)


@pytest.mark.parametrize(
    "page",
    [
        page if page in OFTEN else pytest.param(page, marks=pytest.mark.full)
        for page, blocks in RUN.items()
        if blocks and page != UNINSTALLING
    ],
)
def test_what_a_page_has_one_type_works(there: Session, tmp_path: Path, page: str) -> None:
    assert there.machine.run(["sh", "-c", BRIDGE]).returncode == 0
    there.tell("login")
    for block in RUN[page]:
        run(there, block, tmp_path)


def policies() -> list[tuple[str, str]]:
    """Each policy file that a page shows."""
    shown = [block for page in PAGES for block in blocks_of(page) if block.language == "ini"]
    return [(block.page, block.text) for block in shown if block.first == "[brokerauth]"]


@pytest.mark.full
@pytest.mark.parametrize(("page", "text"), policies())
def test_a_policy_on_a_page_is_one_that_brokerauth_takes(there: Session, page: str, text: str) -> None:
    """It is on docs/settings.md and docs/incident-response.md."""
    policy(there, text)
    rows = {row["name"]: row for row in there.tell("list-settings")}
    enforced = {name for name, row in rows.items() if row["isEnforced"]}
    assert enforced == {name.strip() for name in re.findall(r"^enforced = (.+)$", text, re.MULTILINE)[0].split(",")}
    if "enable_broker_on_wsl" in enforced:
        assert "/etc/brokerauth/config" in there.refuse("login")


def policy(there: Session, text: str) -> None:
    done = there.machine.run(["sh", "-c", "mkdir -p /etc/brokerauth; cat > /etc/brokerauth/config"], input=text)
    assert done.returncode == 0, done.stderr


def everything(home: Path) -> set[str]:
    return {str(path.relative_to(home)) for path in home.rglob("*") if not path.is_dir()}


def is_of_ours(path: str) -> bool:
    """az logs each command that was run by its name, ours too."""
    return path == ".local/bin/az" or ("brokerauth" in path and not path.startswith(".azure/commands/"))


def used(there: Session, *words: str) -> None:
    done = there.brokerauth(*words)
    assert done.returncode == 0, done.stderr


@pytest.mark.full
def test_uninstalling_leaves_what_the_page_says(there: Session, tmp_path: Path) -> None:
    before = everything(there.machine.home)
    used(there, "login")
    used(there, "get-access-token")
    used(there, "config", "set", "tenant_id=contoso.com", "keyring=private")
    used(there, "login")
    for tool in ("git", "docker", "cargo"):
        used(there, "tool", "enable", "--name", tool, "--yes")
    ours = everything(there.machine.home) - before
    where = (".azure/brokerauth/", ".cache/brokerauth/", ".local/state/brokerauth/", ".azure/config")
    of_tools = (".gitconfig", ".cargo/config.toml")
    # Microsoft's runtime keeps its own in the session's keyring, which the double has as a file.
    assert {path for path in ours if not path.startswith(where)} == {*of_tools, ".local/share/keyrings/double.keyring"}
    run(there, RUN[UNINSTALLING][0], tmp_path)
    assert everything(there.machine.home) - before == {".azure/config", ".local/share/keyrings/double.keyring"}
    assert (there.config / "config").read_text().split() == ["[brokerauth]"]


@pytest.mark.full
def test_uninstalling_the_extension_leaves_what_the_page_says(there: Session, tmp_path: Path) -> None:
    assert there.az("brokerauth", "login").returncode == 0
    assert there.az("brokerauth", "tool", "enable", "--name", "az", "--yes").returncode == 0
    assert (there.machine.home / ".local/bin/az").exists()
    extensions = tmp_path / "cliextensions"
    shutil.copytree(AZ.parent / "cliextensions", extensions)
    there.env["AZURE_EXTENSION_DIR"] = str(extensions)
    run(there, RUN[UNINSTALLING][1], tmp_path)
    assert not (extensions / "brokerauth").exists()
    assert [path for path in everything(there.machine.home) if is_of_ours(path)] == []
