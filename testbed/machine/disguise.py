"""What the emulated machine looks like: the kernel's release, the marks of WSL, the CA, the installed runtime."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from collections.abc import Sequence
from pathlib import Path

from testbed.machine.layers import Layers, mount_tmpfs, write
from testbed.machine.plan import Plan
from testbed.scenarios import Scenario
from testbed.windows.programs import LINUX_BROKER, ON_WINDOWS, PROXY, STATE, WSLINFO

RELEASES = {
    "wsl2": "5.15.167.4-microsoft-standard-WSL2",
    "docker-on-wsl": "5.15.167.4-microsoft-standard-WSL2",
    "wsl1": "4.4.0-19041-Microsoft",
    "custom-kernel": "6.6.87-custom",
    "native-linux": "6.1.0-28-amd64",
    "not-wsl": "6.1.0-28-amd64",
}
_SYSTEM_STORE = Path("/etc/ssl/certs/ca-certificates.crt")
_ADDED_AUTHORITIES = Path("/usr/local/share/ca-certificates")
"""What update-ca-certificates adds to the system's store."""
_DOUBLE = Path(__file__).parents[1] / "runtime/pymsalruntime"
_RUNTIME_VERSION = "0.20.7"
"""The release of pymsalruntime that the double stands in for."""


def put_on(plan: Plan, layers: Layers, scenario: Scenario, hosts: Sequence[str], authority: Path) -> dict[str, str]:
    """Make the files of the machine what the scenario says.

    :param hosts: the names that are this machine's own.
    :param authority: the certificate of the CA that this machine trusts.
    :return: the variables that tell a program of them.
    """
    for directory in ("/etc", "/usr/bin"):
        layers.overlay(Path(directory))
    route(scenario, hosts)
    environment = _trust(layers, scenario.trust, authority)
    _say_release(plan, layers, RELEASES[scenario.machine])
    for mark in (WSLINFO, Path("/usr/bin/wslpath"), Path("/etc/wsl.conf")):
        mark.unlink(missing_ok=True)  # the host may be WSL itself
    if scenario.machine in ("wsl2", "wsl1", "custom-kernel"):
        environment |= _look_like_wsl(plan, scenario)
    if scenario.machine == "docker-on-wsl":
        Path("/.dockerenv").touch()
    if scenario.machine == "native-linux":
        _install(plan.programs["windows_program"], LINUX_BROKER)
    _arrange_runtime(plan, layers, scenario.runtime_package)
    if scenario.kernel_keyring == "refused":
        _refuse_keys(plan)
    return environment


def route(scenario: Scenario, hosts: Sequence[str]) -> None:
    """Send the cloud's names to the stand-ins, or to an address (RFC 5737) that this network has no route to."""
    address = "203.0.113.1" if scenario.cloud == "unreachable" else "127.0.0.1"
    write(Path("/etc/hosts"), "127.0.0.1 localhost\n" + "".join(f"{address} {name}\n" for name in hosts))


def _trust(layers: Layers, where: str, authority: Path) -> dict[str, str]:
    _SYSTEM_STORE.parent.mkdir(parents=True, exist_ok=True)
    if not _SYSTEM_STORE.exists():
        _SYSTEM_STORE.touch()
    with_it = _SYSTEM_STORE.read_text() + "\n" + authority.read_text()
    # What is below an overlay stays its owner's, who may be unknown here.
    layers.overlay(_ADDED_AUTHORITIES if _ADDED_AUTHORITIES.is_dir() else _ADDED_AUTHORITIES.parent)
    _ADDED_AUTHORITIES.mkdir(exist_ok=True)
    environment = {"NODE_EXTRA_CA_CERTS": str(authority)}
    if where == "bundle":
        bundle = Path("/etc/company-ca.pem")
        write(bundle, with_it)
        return environment | {"REQUESTS_CA_BUNDLE": str(bundle)}
    layers.replace(_SYSTEM_STORE, with_it)
    write(_ADDED_AUTHORITIES / "company.crt", authority.read_text())
    if where == "system-store":
        return environment
    return environment | dict.fromkeys(("REQUESTS_CA_BUNDLE", "SSL_CERT_FILE", "CURL_CA_BUNDLE"), str(_SYSTEM_STORE))


def _say_release(plan: Plan, layers: Layers, release: str) -> None:
    shim = STATE / "uname_shim.so"
    _install(plan.programs["uname_shim"], shim)
    _preload(shim)
    layers.replace(Path("/proc/sys/kernel/osrelease"), f"{release}\n")
    layers.replace(Path("/proc/version"), f"Linux version {release} (testbed@localhost) #1 SMP\n")


def _preload(shim: Path) -> None:
    """Let every program that starts from now on load this library."""
    preload = Path("/etc/ld.so.preload")
    write(preload, (preload.read_text() if preload.exists() else "") + f"{shim}\n")


def _refuse_keys(plan: Plan) -> None:
    """Let the kernel keep no keys for the programs that start from now on."""
    shim = STATE / "keys_shim.so"
    _install(plan.programs["keys_shim"], shim)
    _preload(shim)


def _look_like_wsl(plan: Plan, scenario: Scenario) -> dict[str, str]:
    write(Path("/etc/wsl.conf"), f"[interop]\nenabled={str(scenario.interop).lower()}\n")
    os.utime("/etc/wsl.conf", (0, 0))  # long before this machine started
    _install(plan.programs["windows_program"], WSLINFO)
    Path("/mnt/wsl").mkdir()
    Path("/mnt/c").mkdir()
    for program in ON_WINDOWS:
        if scenario.machine == "wsl1" and program == PROXY:
            continue  # it came with WSL 2
        program.parent.mkdir(parents=True, exist_ok=True)
        _install(plan.programs["windows_program"], program)
        if not scenario.interop:
            program.write_bytes(b"MZ\0\0 a Windows program, which Linux alone cannot execute\n")
    formats = Path("/proc/sys/fs/binfmt_misc")
    if formats.is_dir():  # not in every kernel
        mount_tmpfs(formats)
        write(formats / "status", "enabled\n")
        if scenario.interop:
            write(formats / "WSLInterop", "enabled\ninterpreter /init\nflags: PF\noffset 0\nmagic 4d5a\n")
    interop = Path("/run/WSL/1_interop")
    interop.parent.mkdir()
    server = socket.socket(socket.AF_UNIX)
    server.bind(str(interop))
    server.listen()
    server.detach()  # stays open for as long as this process lives, and never answers
    return {"WSL_DISTRO_NAME": "Debian", "WSL_INTEROP": str(interop)}


def _arrange_runtime(plan: Plan, layers: Layers, package: str) -> None:
    if package == "broken":
        _hide_webkit(layers)
    if plan.runtime == "real" and package != "absent":
        return
    for directory in map(Path, plan.python):
        layers.overlay(directory)
        for installed in (directory / "pymsalruntime", *directory.glob("pymsalruntime-*.dist-info")):
            if installed.exists():
                shutil.rmtree(installed)
        if package != "absent":
            shutil.copytree(_DOUBLE, directory / "pymsalruntime")
            metadata = directory / f"pymsalruntime-{_RUNTIME_VERSION}.dist-info" / "METADATA"
            metadata.parent.mkdir()
            write(metadata, f"Metadata-Version: 2.1\nName: pymsalruntime\nVersion: {_RUNTIME_VERSION}\n")
            if package == "broken":  # the double is linked with nothing, but claims to be
                write(metadata.with_name("WHEEL"), "Wheel-Version: 1.0\nTag: py3-none-manylinux_2_35_x86_64\n")


def _hide_webkit(layers: Layers) -> None:
    """Take away a library that the runtime is linked with."""
    cache = subprocess.run(["/sbin/ldconfig", "-p"], capture_output=True, text=True, check=True).stdout
    found = [Path(line.split(" => ")[1]) for line in cache.splitlines() if line.strip().startswith("libwebkit2gtk-4.")]
    # Whoever installs the package again here must not change the host.
    for directory in {*(library.parent.resolve() for library in found), Path("/var"), Path("/usr/share")}:
        layers.overlay(directory)
    for library in found:
        library.rename(library.with_name(f".taken-away-{library.name}"))  # where a test's stand-in apt-get finds it


def _install(program: str, path: Path) -> None:
    shutil.copyfile(program, path)
    path.chmod(0o755)
