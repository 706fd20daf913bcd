"""Package feeds: real programs install from Azure Artifacts with the broker's tokens, and keep none.

The commands are those of docs/feeds.md and docs/tools.md, with the file names of the tests.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from testbed.directory import ADA, DEVICE_ID, FABRIKAM
from tests.emulated.session import Session
from tests.tokens import claims_of

pytestmark = pytest.mark.any_runtime

HOST = "https://pkgs.dev.azure.com"
KEYRING = str(Path(sys.executable).with_name("keyring"))
REFUSE = f"import urllib.request; urllib.request.urlopen('{HOST}/testbed/refuse-what-you-saw')"


def index(organisation: str = "contoso", feed: str = "tools", host: str = HOST) -> str:
    return f"{host}/{organisation}/_packaging/{feed}/pypi/simple/"


def pip(there: Session, url: str, *words: str, **env: str) -> subprocess.CompletedProcess[str]:
    """Have pip fetch the package of a feed."""
    fetch = ["download", "--quiet", "--no-deps", "--no-input", "--index-url", url, "--dest", there.env["HOME"]]
    provider = [] if words else ["--keyring-provider", "import"]
    return there.run([sys.executable, "-m", "pip", *fetch, *provider, *words, "greeting"], **env)


def fetched(there: Session) -> list[str]:
    return [file.name for file in Path(there.env["HOME"]).glob("greeting-*")]


def asked(there: Session) -> list[tuple[int, str]]:
    """What the feeds answered, and to whom."""
    calls = [entry for entry in there.machine.journal() if entry["to"] == "feeds"]
    assert not [call for call in calls if call["status"] == 200 and call.get("deviceid") not in (None, DEVICE_ID)]
    return [(call["status"], call.get("username", "")) for call in calls]


def broker_calls(there: Session) -> int:
    return sum(method.startswith("acquireToken") for method in there.calls())


def test_pip_installs_from_a_feed(there: Session) -> None:
    done = pip(there, index())
    assert (done.returncode, done.stderr, fetched(there)) == (0, "", ["greeting-1.0.0-py3-none-any.whl"])
    # Refused without a token, asked whether the token is good, and then the index and the package.
    assert asked(there) == [(401, ""), *[(200, ADA.username)] * 3]
    before = broker_calls(there)
    assert pip(there, index(host="https://contoso.pkgs.visualstudio.com").replace("/contoso/", "/", 1)).returncode == 0
    assert broker_calls(there) == before


def test_pip_installs_from_a_feed_with_a_keyring_of_its_own(there: Session, tmp_path: Path) -> None:
    """As one that pipx installed; pip leaves out the one beside it."""
    (tmp_path / "keyring").symlink_to(KEYRING)
    url = index().replace("https://", "https://whoever@")  # before 26.2 pip asks for nobody in particular's
    done = pip(there, url, "--keyring-provider", "subprocess", PATH=f"{tmp_path}:{there.env['PATH']}")
    assert (done.returncode, fetched(there)) == (0, ["greeting-1.0.0-py3-none-any.whl"]), done.stderr


def test_a_token_that_a_feed_refuses_is_renewed_once(there: Session) -> None:
    assert pip(there, index()).returncode == 0
    assert there.python(REFUSE).returncode == 0
    there.machine.clear_journal()
    assert pip(there, index()).returncode == 0
    assert asked(there) == [(401, ""), (401, ""), (200, ADA.username)]  # the package is there already
    assert broker_calls(there) == 1


def test_a_feed_of_another_tenant_gets_a_token_of_that_tenant(there: Session) -> None:
    done = there.machine.run([KEYRING, "--mode", "creds", "get", index("fabrikam")], env=there.env)
    username, token = done.stdout.split()
    assert (username, claims_of(token)["tid"]) == ("EntraToken", FABRIKAM.tenant_id)
    assert asked(there) == [(401, ""), (200, ADA.username)]


def test_a_public_feed_costs_nothing(there: Session) -> None:
    assert pip(there, index(feed="public")).returncode == 0
    assert asked(there) == [(200, "")] * 2
    assert broker_calls(there) == 0


def test_a_look_alike_is_told_nothing(there: Session) -> None:
    done = pip(there, index(host="https://evilpkgs.dev.azure.com"))
    assert done.returncode == 1
    assert "brokerauth" not in done.stderr
    assert {entry["authorization"] for entry in there.machine.journal() if entry["to"] == "feeds"} == {""}
    assert broker_calls(there) == 0


def test_without_a_sign_in_pip_ends_as_ever_and_one_line_says_why(nobody: Session) -> None:
    done = pip(nobody, index())
    assert done.returncode == 1
    said = [line for line in done.stderr.splitlines() if "brokerauth" in line]
    assert said == ["brokerauth: Nobody is signed in through the broker. Run: brokerauth login"]
    assert asked(nobody) == [(401, "")]


def test_a_policy_can_keep_tokens_from_pip(there: Session) -> None:
    done = pip(there, index(), AZURE_BROKERAUTH_TOOLS="cargo")
    assert done.returncode == 1
    assert (
        "brokerauth: pip gets no tokens here: the environment variable AZURE_BROKERAUTH_TOOLS is cargo." in done.stderr
    )
    assert broker_calls(there) == 0


@pytest.fixture(scope="session")
def newest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Python programs whose versions differ from those of our own environment, for PYTHONPATH."""
    from tests.inheritance import INHERITED

    directory = tmp_path_factory.mktemp("newest")
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--target", str(directory), *NEWEST]
    subprocess.run(command, env=INHERITED.variables, check=True, capture_output=True)
    return directory


NEWEST = ("pip==26.3", "poetry==2.5.1")


@pytest.mark.full
@pytest.mark.parametrize("provider", ["import", "subprocess", "auto"])
def test_the_newest_pip_needs_no_user_name(there: Session, tmp_path: Path, newest: Path, provider: str) -> None:
    (tmp_path / "keyring").symlink_to(KEYRING)
    env = {"PYTHONPATH": str(newest), "PATH": f"{tmp_path}:{there.env['PATH']}"}
    no_input = [] if provider == "auto" else ["--no-input"]
    fetch = ["download", "--quiet", "--no-deps", "--dest", str(tmp_path), "--index-url", index(), *no_input]
    done = there.run([sys.executable, "-m", "pip", *fetch, "--keyring-provider", provider, "greeting"], **env)
    assert (done.returncode, fetched(there)) == (0, ["greeting-1.0.0-py3-none-any.whl"]), done.stderr


@pytest.mark.full
def test_poetry_locks_a_project_that_needs_a_package_of_a_feed(there: Session, tmp_path: Path, newest: Path) -> None:
    (tmp_path / "pyproject.toml").write_text(
        f"""
[project]
name = "hello"
version = "1.0"
requires-python = ">=3.10"
dependencies = ["greeting"]

[[tool.poetry.source]]
name = "tools"
url = "{index()}"
"""
    )
    command = [sys.executable, "-m", "poetry", "lock", "--no-interaction", "--directory", str(tmp_path)]
    done = there.run(command, PYTHONPATH=str(newest))
    assert done.returncode == 0, done.stdout + done.stderr
    assert 'name = "greeting"' in (tmp_path / "poetry.lock").read_text()


UV = str(Path(sys.executable).with_name("uv"))
WITH_KEYRING = {"UV_KEYRING_PROVIDER": "subprocess", "UV_PYTHON": sys.executable}


def uv(there: Session, *words: str) -> subprocess.CompletedProcess[str]:
    path = f"{Path(KEYRING).parent}:{there.env['PATH']}"
    return there.run([UV, "--no-cache", *words], PATH=path, **WITH_KEYRING)


@pytest.mark.full
@pytest.mark.parametrize("asks", ["for a user name in the URL", "always"])
def test_uv_installs_from_a_feed(there: Session, tmp_path: Path, asks: str) -> None:
    settings = tmp_path / "uv.toml"
    url, always = (index(), "always") if asks == "always" else (index().replace("//", "//VssSessionToken@"), "auto")
    settings.write_text(f'[[index]]\nurl = "{url}"\ndefault = true\nauthenticate = "{always}"\n')
    made = tmp_path / "made"
    done = uv(there, "pip", "install", "--config-file", str(settings), "--target", str(made), "greeting")
    assert done.returncode == 0, done.stderr
    assert (made / "greeting.py").exists()


@pytest.mark.full
@pytest.mark.parametrize("program", ["uv", "twine"])
def test_packages_are_published_to_a_feed(there: Session, tmp_path: Path, program: str) -> None:
    assert pip(there, index()).returncode == 0
    (wheel,) = tmp_path.glob("greeting-*")
    mine = wheel.rename(tmp_path / f"greeting-2.0.{len(program)}-py3-none-any.whl")
    url = index().replace("simple/", "upload/")
    if program == "uv":
        done = uv(there, "publish", "--publish-url", url, "--username", "EntraToken", str(mine))
    else:
        upload = ["upload", "--non-interactive", "--repository-url", url]
        done = there.run([sys.executable, "-m", "twine", *upload, str(mine)])
    assert done.returncode == 0, done.stdout + done.stderr
    assert any(
        entry["method"].startswith("POST /contoso") and entry["status"] == 200 for entry in there.machine.journal()
    )
