"""A machine with the storage emulator on it."""

from __future__ import annotations

import datetime
import ipaddress
import os
import shutil
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from testbed.machine import Machine

TOOLS = Path(__file__).with_name("package.json")


@pytest.fixture(scope="session")
def azurite() -> Path:
    """Azurite's blob service, which npm installs into the user's cache, once for each version."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "brokerauth-tests"
    program = cache / "node_modules" / "azurite" / "dist" / "src" / "blob" / "main.js"
    installed = cache / "package.json"
    if not program.exists() or installed.read_text() != TOOLS.read_text():
        cache.mkdir(parents=True, exist_ok=True)
        installed.unlink(missing_ok=True)
        wanted = cache / "wanted"
        wanted.mkdir(exist_ok=True)
        shutil.copy(TOOLS, wanted)
        npm = ["npm", "install", "--no-audit", "--no-fund", "--no-package-lock", "--silent"]
        subprocess.run(npm, cwd=wanted, check=True)
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
    certificate, key = self_signed(files)
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


def self_signed(directory: Path) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.datetime.now(datetime.timezone.utc)
    address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([address]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (directory / "certificate.pem").write_bytes(certificate.public_bytes(pem))
    (directory / "key.pem").write_bytes(private)
    return directory / "certificate.pem", directory / "key.pem"
