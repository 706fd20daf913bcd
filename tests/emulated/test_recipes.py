"""The recipes of docs/recipes.md, word by word, with the real tools, against stand-ins that check the token."""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from testbed.cloud.postgres import BEHIND
from testbed.directory import ADA, DEVICE_ID
from tests.emulated.session import AZ, BROKERAUTH, Session, session
from tests.inheritance import INHERITED
from tests.waiting import wait_until

# The real one is in make test-full: what differs between the runtimes is tested with the commands.
pytestmark = pytest.mark.any_runtime

HERE = Path(__file__).parents[2]
PAGE = (HERE / "docs/recipes.md").read_text()
SCRIPTS = Path(sys.executable).parent
SITE_PACKAGES = Path(sysconfig.get_path("purelib"))
TOOLS = Path(__file__).with_name("package.json")
TERRAFORM = shutil.which("terraform")
FOR_TERRAFORM = {"CHECKPOINT_DISABLE": "1", "TF_CLI_CONFIG_FILE": "/dev/null"}
NOTEBOOK = """
import sys, nbformat
from nbclient import NotebookClient
notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(sys.argv[1])])
NotebookClient(notebook, kernel_name="python3").execute()
print(notebook.cells[0].outputs[0]["data"]["text/plain"])
"""
SUBSCRIPTIONS = ("Contoso Development", "Contoso Production")


def section(heading: str) -> str:
    (found,) = re.findall(rf"^## {re.escape(heading)}\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL)
    return str(found)


def lines(heading: str, language: str) -> str:
    """What the page says to write or to type, below a heading."""
    (block,) = re.findall(rf"^```{language}\n(.*?)^```", section(heading), re.MULTILINE | re.DOTALL)
    return str(block)


def served(there: Session, to: str) -> list[dict[str, Any]]:
    """What a stand-in gave, all of it to Ada on her device."""
    calls = [call for call in there.machine.journal() if call["to"] == to and call["status"] < 300]
    assert {(call["username"], call["deviceid"]) for call in calls} <= {(ADA.username, DEVICE_ID)}
    return calls


@pytest.fixture(scope="module")
def machine(runtime: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    """Ada has signed in."""
    with session("default", runtime, tmp_path_factory.mktemp(runtime)) as there:
        there.env |= {"PATH": f"{SCRIPTS}:{there.env['PATH']}", "LC_ALL": "C.UTF-8"}
        there.tell("login")
        yield there


@pytest.fixture
def there(machine: Session) -> Session:
    machine.machine.clear_journal()
    return machine


@pytest.fixture(scope="module")
def database(machine: Session, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A real server that trusts whoever reaches it, as only the stand-in for Azure's does."""
    programs = sorted(HERE.glob(".tools/usr/lib/postgresql/*/bin"))
    assert programs, "run: make system-for-tests"
    data = tmp_path_factory.mktemp("database") / "data"
    not_as_root = ["unshare", "--user", "--map-user=65534", "--map-group=65534"]
    options = ["--auth=trust", f"--username={ADA.username}", "--no-locale", "--encoding=UTF8", "--no-sync"]
    done = machine.machine.run([*not_as_root, str(programs[-1] / "initdb"), *options, str(data)], timeout=120)
    assert done.returncode == 0, done.stderr
    settings = [f"--port={BEHIND}", "--listen_addresses=127.0.0.1", "--unix_socket_directories=", "--fsync=off"]
    with (data.parent / "log").open("w") as log:
        server = [*not_as_root, str(programs[-1] / "postgres"), "-D", str(data), *settings]
        running = machine.machine.popen(server, stdout=log, stderr=log)
        ready = ["pg_isready", "--host=127.0.0.1", f"--port={BEHIND}"]
        try:
            wait_until(lambda: machine.machine.run(ready).returncode == 0, 60)
            yield
        finally:
            running.send_signal(signal.SIGINT)
            running.wait(60)


def shell(there: Session, words: str, **env: str) -> subprocess.CompletedProcess[str]:
    done = there.run(["sh", "-euc", words], timeout=120, **env)
    assert done.returncode == 0, done.stdout + done.stderr
    return done


def with_az(there: Session, directory: Path, PATH: str = "", **env: str) -> dict[str, str]:  # noqa: N803
    """Variables with which az is found, signed in, and keeps its own token cache out of the home directory."""
    env |= {"PATH": f"{AZ.parent}:{PATH or there.env['PATH']}", "AZURE_CONFIG_DIR": str(directory / ".azure")}
    shell(there, "az brokerauth login", **env)
    return env


def python(there: Session, program: str, *words: str, **env: str) -> str:
    done = there.run([sys.executable, "-c", program, *words], timeout=120, **env)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_every_recipe_has_its_row() -> None:
    rows = re.findall(r"^\| \[[^]]+\]\(#([^)]+)\)[^|]*\| ([^|]+) \|", PAGE, re.MULTILINE)
    anchors = [re.sub(r"[^a-z0-9 -]", "", heading.lower()).replace(" ", "-") for heading in headings()]
    assert [anchor for anchor, _ in rows] == anchors
    assert all(tested.strip() for _, tested in rows)


def headings() -> list[str]:
    return re.findall(r"^## (.*)", PAGE, re.MULTILINE)


def test_curl_sends_a_token_that_is_in_no_command_line(there: Session) -> None:
    done = shell(there, lines("curl", "sh"))
    assert all(name in done.stdout for name in SUBSCRIPTIONS)
    assert [call["method"] for call in served(there, "arm")] == ["GET /subscriptions"]


def test_psql_connects_with_a_token_as_its_password(there: Session, database: None) -> None:
    done = shell(there, lines("psql", "sh"))
    assert done.stdout.split()[2] == ADA.username
    assert len(served(there, "postgres")) == 1


@pytest.mark.full
def test_a_token_of_another_resource_and_no_tls_are_refused_by_the_stand_in(there: Session, database: None) -> None:
    right = lines("psql", "sh")
    wrong = {
        "is not valid": right.replace("https://ossrdbms-aad.database.windows.net", "https://vault.azure.net"),
        "no encryption": right.replace("sslmode=verify-full", "sslmode=disable"),
        "is not of the role": right.replace(f"user={ADA.username}", "user=postgres"),
    }
    for why, words in wrong.items():
        done = there.run(["sh", "-euc", words])
        assert done.returncode != 0
        assert why in done.stderr
    assert served(there, "postgres") == []


def test_each_connection_of_sqlalchemys_pool_has_a_token(there: Session, database: None) -> None:
    again = "\nengine.dispose()\nwith engine.connect() as connection:\n    pass\n"
    assert python(there, lines("SQLAlchemy", "python") + again) == f"{ADA.username}\n"
    assert len(served(there, "postgres")) == 2


@pytest.mark.full
def test_microsofts_odbc_driver_takes_the_token_as_an_attribute(there: Session, tmp_path: Path) -> None:
    (driver,) = SITE_PACKAGES.glob("mssql_python_odbc/libs/linux/debian_ubuntu/x86_64/lib/libmsodbcsql-*.so.*")
    (tmp_path / "odbcinst.ini").write_text(f"[ODBC Driver 18 for SQL Server]\nDriver={driver}\n")
    told = python(there, lines("ODBC, SQL Server", "python"), ODBCSYSINI=str(tmp_path))
    assert told == f"{ADA.username}\n"
    assert len(served(there, "sql_server")) == 1


def test_a_model_answers_openais_clients(there: Session) -> None:
    program = lines("OpenAI", "python")
    (other,) = re.findall(r"^`(OpenAI\(.*\))`", section("OpenAI"), re.MULTILINE)
    asking = program[program.index("answer = ") :]
    program += f"from openai import OpenAI\nclient = {other}\n{asking}"
    assert python(there, program) == f"hello {ADA.username}\n" * 2
    assert len(served(there, "openai")) == 2


@pytest.mark.full
def test_a_file_is_read_by_its_account_and_path(there: Session) -> None:
    assert python(there, lines("adlfs, fsspec, pandas", "python")) == "hello from contoso.blob.core.windows.net\n"
    assert served(there, "storage")


@pytest.fixture(scope="session")
def azcopy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where npm has put azcopy, in the version that package.json names."""
    directory = tmp_path_factory.mktemp("azcopy")
    (directory / "package.json").write_text(TOOLS.read_text())
    npm = shutil.which("npm")
    assert npm, "npm is missing"
    install = [npm, "install", "--no-fund", "--no-audit"]
    subprocess.run(install, cwd=directory, env=INHERITED.variables, check=True, capture_output=True)
    (program,) = directory.glob("node_modules/@azure-tools/azcopy-linux/dist/bin/azcopy_linux_*")
    program.chmod(0o755)
    (directory / "azcopy").symlink_to(program)
    return directory


@pytest.mark.full
@pytest.mark.parametrize("door", ["exec", "az"])
def test_azcopy_lists_a_container(there: Session, azcopy: Path, tmp_path: Path, door: str) -> None:
    words = dict(zip(("exec", "az"), lines("azcopy", "sh").splitlines(), strict=True))[door]
    env = {"PATH": f"{azcopy}:{there.env['PATH']}"}
    done = shell(there, words, **(with_az(there, tmp_path, **env) if door == "az" else env))
    assert "greeting.txt" in done.stdout
    assert served(there, "storage")


@pytest.mark.full
def test_a_cell_of_a_notebook_gets_a_secret(there: Session) -> None:
    assert python(there, NOTEBOOK, lines("notebooks", "python")) == "'hello from contoso.vault.azure.net'\n"
    assert served(there, "vault")


@pytest.mark.full
def test_a_playbook_of_ansible_asks_resource_manager(there: Session, tmp_path: Path) -> None:
    (tmp_path / "play.yml").write_text(lines("Ansible", "yaml"))
    done = shell(there, f"cd {tmp_path}\n{lines('Ansible', 'sh')}")
    assert all(name in done.stdout for name in SUBSCRIPTIONS)
    assert served(there, "arm")


@pytest.mark.full
@pytest.mark.skipif(TERRAFORM is None, reason="no package registry has Terraform: it is tested where it is installed")
def test_terraform_keeps_its_state_in_blob_storage(there: Session, tmp_path: Path) -> None:
    (tmp_path / "main.tf").write_text(lines("Terraform", "hcl") + 'output "greeting" { value = "hello" }\n')
    env = with_az(there, tmp_path, **FOR_TERRAFORM)
    done = shell(there, f"cd {tmp_path}\n{lines('Terraform', 'sh')}\nterraform apply -auto-approve -no-color", **env)
    assert 'greeting = "hello"' in done.stdout
    assert "PUT /state/app.tfstate" in [call["method"] for call in served(there, "storage")]


@pytest.mark.full
@pytest.mark.skipif(TERRAFORM is None, reason="no package registry has Terraform: it is tested where it is installed")
def test_terraform_which_shows_no_key_is_told_so_at_once(there: Session, tmp_path: Path) -> None:
    """As long as it sends none, a managed identity is nothing for it. It would look for that of a virtual machine."""
    (tmp_path / "main.tf").write_text(lines("Terraform", "hcl"))
    env = FOR_TERRAFORM | {"ARM_USE_MSI": "true", "ARM_USE_CLI": "false"}
    done = there.run([BROKERAUTH, "exec", "--", "env", f"--chdir={tmp_path}", "terraform", "init", "-no-color"], **env)
    assert done.returncode == 1
    assert "The key is missing or wrong" in done.stderr
    assert "169.254" not in done.stderr
