"""A machine with the storage emulator on it."""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from testbed.machine import Machine
from tests.certificates import self_signed
from tests.inheritance import INHERITED

TOOLS = Path(__file__).with_name("package.json")


@pytest.fixture(scope="session")
def azurite() -> Path:
    """Azurite's blob service, which npm installs into the user's cache, once for each version."""
    cache = Path(os.environ["XDG_CACHE_HOME"]) / "brokerauth-tests"
    program = cache / "node_modules" / "azurite" / "dist" / "src" / "blob" / "main.js"
    installed = cache / "package.json"
    if not program.exists() or installed.read_text() != TOOLS.read_text():
        cache.mkdir(parents=True, exist_ok=True)
        installed.unlink(missing_ok=True)
        wanted = cache / "wanted"
        wanted.mkdir(exist_ok=True)
        shutil.copy(TOOLS, wanted)
        npm = ["npm", "install", "--no-audit", "--no-fund", "--no-package-lock", "--silent"]
        subprocess.run(npm, cwd=wanted, env=INHERITED.variables, check=True)
        shutil.rmtree(cache / "node_modules", ignore_errors=True)
        (wanted / "node_modules").replace(cache / "node_modules")
        (wanted / "package.json").replace(installed)
    return program


@pytest.fixture(scope="module")
def machine(runtime: str) -> Iterator[Machine]:
    with Machine("default", runtime) as machine:
        yield machine


@pytest.fixture(scope="module")
def storage(machine: Machine, azurite: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The emulator on the machine: its account's URL, and the certificate to trust."""
    files = tmp_path_factory.mktemp("azurite")
    certificate = files / "certificate.pem"
    key = self_signed(certificate)
    options = ["--inMemoryPersistence", "--skipApiVersionCheck", "--disableTelemetry", "--oauth", "basic"]
    command = ["node", str(azurite), *options, "--cert", str(certificate), "--key", str(key)]
    process = machine.popen(command, cwd=files, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    try:
        assert process.stdout is not None
        said = []
        for line in process.stdout:
            said.append(line)
            if "successfully listens" in line:
                break
        else:
            raise AssertionError("".join(said))
        # It writes a line for each request, and would wait once the pipe is full.
        threading.Thread(target=process.stdout.read, daemon=True).start()
        yield {"STORAGE_URL": "https://127.0.0.1:10000/devstoreaccount1", "STORAGE_CERTIFICATE": str(certificate)}
    finally:
        process.kill()
        process.wait()
