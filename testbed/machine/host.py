"""What the machine needs of the computer it runs on, and one sentence for the person when that is missing."""

from __future__ import annotations

import hashlib
import os
import platform
import shlex
import shutil
import subprocess
import tempfile
from pathlib import Path

_FORBIDDING_SYSCTLS = {
    "user.max_user_namespaces": "0",
    "kernel.unprivileged_userns_clone": "0",
    "kernel.apparmor_restrict_unprivileged_userns": "1",
}


class MachineError(Exception):
    """The machine cannot be had here; the text is one sentence for the person at the keyboard."""


def tool(name: str) -> str:
    """The path of an installed program.

    :raises MachineError: it is not installed.
    """
    found = shutil.which(name)
    if found is None:
        raise MachineError(f"{name} is missing: install {'a C compiler' if name == 'cc' else 'util-linux'}")
    return found


def compiled(source: Path) -> Path:
    """The program or library made from a C file, from the user's cache when it is there.

    :param source: `NAME.c`; a library's name ends in `_shim`.
    :raises MachineError: there is no C compiler, or it fails.
    """
    name = source.stem
    key = hashlib.sha256(source.read_bytes() + platform.platform().encode()).hexdigest()[:16]
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "brokerauth-testbed"
    made = cache / f"{name}-{key}"
    if made.exists():
        return made
    compiler = [tool("cc"), "-O2", *(["-shared", "-fPIC"] if name.endswith("_shim") else [])]
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache) as private:
        command = [*compiler, "-o", f"{private}/{name}", str(source)]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode != 0:
            raise MachineError(f"{shlex.join(command)} failed: {done.stderr.strip()}")
        Path(private, name).replace(made)
    return made


def why_it_ended(log: str) -> str:
    """One sentence about the end of the machine's first process.

    :param log: what `unshare` and that process wrote to stderr.
    """
    last = (log.strip().splitlines() or ["it said nothing"])[-1]
    if not last.startswith("unshare:"):
        return f"the machine's first process ended: {last}"
    if os.geteuid() == 0:
        return f"this root may not make namespaces ({last}): in a container, give it --privileged"
    for sysctl, forbidding in _FORBIDDING_SYSCTLS.items():
        file = Path("/proc/sys", *sysctl.split("."))
        if file.exists() and file.read_text().strip() == forbidding:
            return f"users may not make namespaces here: change the sysctl {sysctl}={forbidding}, or be root"
    return f"this user may not make namespaces ({last}): be root"
