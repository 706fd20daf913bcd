"""The wheel is installed as its users do, upgraded, and taken away again."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from azext_brokerauth import __version__
from tests.inheritance import INHERITED
from tests.packaging.pythons import newest, oldest

HERE = Path(__file__).parents[2]
SCRIPTS = {
    "brokerauth",
    *(f"{tool}-credential-brokerauth" for tool in ("cargo", "docker", "git", "kube")),
}

pytestmark = pytest.mark.full


def wheel() -> Path:
    made = HERE / "dist/brokerauth.whl"
    assert made.exists(), "There is no wheel: run make wheel."
    return made.resolve()


def run(command: Sequence[str | Path], **environ: str) -> str:
    """What it prints. It finds the way to packages as the test run does, and no settings of brokerauth's."""
    ways = {name: value for name, value in INHERITED.variables.items() if not name.startswith("AZURE_")}
    done = subprocess.run(
        [*map(str, command)], env=ways | environ, cwd="/", text=True, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def left_in(programs: Path, environments: Path) -> list[Path]:
    """The programs and environments that are still there; a lock of pipx's or uv's own may be."""
    return [*programs.iterdir(), *(entry for entry in environments.iterdir() if entry.is_dir())]


@pytest.mark.parametrize("python", [oldest, newest, lambda: "/usr/bin/python3"], ids=["oldest", "newest", "system's"])
def test_pip_installs_it_with_each_extra_and_takes_it_away(python: Callable[[], str]) -> None:
    told = run([HERE / ".ci/smoke-install", wheel(), python()])
    assert f"brokerauth {__version__}: installed with each extra" in told


def test_pipx_installs_it_and_takes_it_away(tmp_path: Path) -> None:
    run([sys.executable, "-m", "venv", tmp_path / "pipx"])
    run([tmp_path / "pipx/bin/python", "-m", "pip", "install", "--quiet", "pipx==1.18.4"])
    env = {"PIPX_HOME": str(tmp_path / "home"), "PIPX_BIN_DIR": str(tmp_path / "bin"), "PIPX_DEFAULT_PYTHON": newest()}
    pipx = tmp_path / "pipx/bin/pipx"
    install = [pipx, "install", f"{wheel()}[cli]"]
    run(install, **env)
    assert {file.name for file in (tmp_path / "bin").iterdir()} == SCRIPTS
    assert run([tmp_path / "bin/brokerauth", "--version"]).startswith(f"brokerauth {__version__}\n")
    run([*install, "--force"], **env)
    assert run([tmp_path / "bin/brokerauth", "list-settings"], HOME=str(tmp_path))
    run([pipx, "uninstall", "brokerauth"], **env)
    assert left_in(tmp_path / "bin", tmp_path / "home/venvs") == []


def test_uv_installs_it_and_takes_it_away(tmp_path: Path) -> None:
    uv = shutil.which("uv", path=str(Path(sys.executable).parent))
    assert uv
    env = {
        "UV_TOOL_DIR": str(tmp_path / "tools"),
        "UV_TOOL_BIN_DIR": str(tmp_path / "bin"),
        "UV_PYTHON": newest(),
        "UV_PYTHON_DOWNLOADS": "never",
        "UV_NO_CONFIG": "true",
    }
    install = [uv, "tool", "install", f"brokerauth[cli] @ {wheel().as_uri()}"]
    run(install, **env)
    assert {file.name for file in (tmp_path / "bin").iterdir()} == SCRIPTS
    assert run([tmp_path / "bin/brokerauth", "--version"]).startswith(f"brokerauth {__version__}\n")
    run([*install, "--reinstall"], **env)
    assert run([tmp_path / "bin/brokerauth", "list-settings"], HOME=str(tmp_path))
    run([uv, "tool", "uninstall", "brokerauth"], **env)
    assert left_in(tmp_path / "bin", tmp_path / "tools") == []
