"""Microsoft's runtime: is it published for this Python, installed, complete, and not stuck?"""

from __future__ import annotations

import os
import re

from azext_brokerauth.health import distribution, parsing
from azext_brokerauth.health.facts import Facts
from azext_brokerauth.health.finding import Finding, failed, passed, skipped, warned
from azext_brokerauth.health.probe import Ran
from azext_brokerauth.health.remedies import INSTALL_UBUNTU, install_packages, install_python_packages
from azext_brokerauth.models import person, run

_PYTHONS = ("cp310", "cp311", "cp312", "cp313", "cp314")
_OLDEST_GLIBC = (2, 24)
_LOADER = "/lib64/ld-linux-x86-64.so.2"
_QUIET = (0, 20, 6)
"""The first runtime that prints nothing on standard output under WSL
(https://github.com/AzureAD/microsoft-authentication-library-for-python/issues/854)."""
_MOMENT = 0.3
"""Seconds for which another program's runtime may hold a lock."""


def platform(facts: Facts) -> Finding:
    """Does Microsoft publish a runtime for this Python?"""
    python, glibc = facts.probe.python, facts.runtime.glibc
    shown = f"{python.tag} on {python.architecture} with {python.libc or 'a C library that is not glibc'}"
    if python.architecture != "x86_64":
        text = f"Microsoft publishes its runtime for x86_64 Linux only; this Python is {shown}"
        return failed(text, person("Use a Windows machine with an x86_64 processor, or az login"))
    if not glibc:
        musl = " (musl)" if facts.probe.exists("/lib/ld-musl-x86_64.so.1") else ""
        text = f"Microsoft publishes its runtime for glibc only; this Python is {shown}{musl}"
        return failed(text, INSTALL_UBUNTU)
    if glibc < _OLDEST_GLIBC:
        return failed(f"The runtime needs glibc 2.24; this Python is {shown}", INSTALL_UBUNTU)
    if python.tag not in _PYTHONS and not facts.runtime.version:
        text = f"Microsoft publishes its runtime for CPython 3.10 to 3.14; this is {shown}"
        return failed(text, person("Use az or brokerauth with a Python that it is published for"))
    return passed(shown)


def msal(facts: Facts) -> Finding:
    """Is msal there, and new enough to use the broker under WSL?"""
    python, found = facts.probe.python, facts.runtime.msal
    # In az it is az's own.
    upgrade = (
        run("az", "upgrade")
        if python.extension
        else install_python_packages(facts, "--upgrade", "msal[broker]>=1.36,<2")
    )
    if not found:
        return failed(f"msal is not installed for {python.executable}", upgrade)
    if not (1, 36) <= parsing.version(found) < (2,):
        return failed(f"msal is {found}; 1.36 or newer, and older than 2, is needed", upgrade)
    return passed(f"msal {found}")


def pymsalruntime(facts: Facts) -> Finding:
    """Is Microsoft's runtime there, in a release that this msal goes with?"""
    from packaging.requirements import Requirement

    python, found = facts.probe.python, facts.runtime.version
    wanted = [
        requirement
        for requirement in map(Requirement, facts.probe.requirements("msal"))
        if requirement.name == "pymsalruntime"
        and (requirement.marker is None or requirement.marker.evaluate({"extra": "broker"}))
    ]
    release = f"pymsalruntime{wanted[0].specifier}" if wanted else "pymsalruntime>=0.18,<0.21"
    install = install_python_packages(facts, release)
    update = install_python_packages(facts, "--upgrade", release)
    if not found:
        if not python.libc or python.architecture != "x86_64":
            return skipped("pymsalruntime is not published for this platform")
        return failed(f"pymsalruntime is not installed for {python.executable}", install)
    if wanted and not wanted[0].specifier.contains(found, prereleases=True):
        # Releases of other years have worked: only a sign-in shows whether this one does.
        return warned(f"pymsalruntime is {found}; msal {facts.runtime.msal} needs {wanted[0].specifier}", install)
    if parsing.version(found) < _QUIET:
        text = (
            f"pymsalruntime is {found}; before 0.20.6 it prints on standard output under WSL, and so spoils what other"
        )
        return warned(f"{text} programs that load it print (brokerauth keeps it apart)", update)
    return passed(f"pymsalruntime {found}")


def libraries(facts: Facts) -> Finding:
    """Are the shared libraries there that the runtime is linked with?

    Where it is installed, the dynamic loader is asked, which runs nothing of it; else Microsoft's list is looked up.
    """
    missing = _missing_to_the_loader(facts) if facts.runtime.files else _missing_of_the_published(facts)
    if isinstance(missing, Finding):
        return missing
    if not missing:
        return passed("All shared libraries that the runtime needs are there")
    package = facts.linux.distribution.package
    named = [f"{name} ({package(name)})" if package(name) else name for name in missing]
    # The packages that are known bring the others along.
    known = [name for name in missing if package(name)]
    return failed(f"Shared libraries are missing: {', '.join(named)}", install_packages(facts, known or missing))


def _missing_to_the_loader(facts: Facts) -> list[str] | Finding:
    missing: list[str] = []
    for file in facts.runtime.files:
        # As in the broker's process, which has no LD_LIBRARY_PATH.
        loaded = facts.probe.run(
            *("/usr/bin/env", "-i", "LD_TRACE_LOADED_OBJECTS=1"),
            *(_LOADER, "--library-path", os.path.dirname(file), file),
        )
        if loaded.status != 0:
            return skipped(f"the dynamic loader does not list what {os.path.basename(file)} needs: {loaded.why}")
        missing += parsing.missing_libraries(loaded.stdout)
    return list(dict.fromkeys(missing))


def _missing_of_the_published(facts: Facts) -> list[str] | Finding:
    wheel = facts.runtime.wheel
    is_newer = "manylinux_2_35" in wheel if wheel else facts.runtime.glibc >= (2, 35)
    needed = (distribution.WEBKIT["4.1" if is_newer else "4.0"], *distribution.OTHER_LIBRARIES)
    ldconfig = next((path for path in ("/sbin/ldconfig", "/usr/sbin/ldconfig") if facts.probe.exists(path)), "")
    cache = facts.probe.run(ldconfig, "-p") if ldconfig else Ran(None, problem="there is no ldconfig")
    if cache.status != 0:
        return skipped(f"the dynamic linker's cache cannot be read: {cache.why}")
    # A library in the cache may have been removed since.
    cached = re.findall(r"^\s*(\S+) \([^)]*x86-64[^)]*\) => (.+)$", cache.stdout, re.MULTILINE)
    present = {name for name, path in cached if facts.probe.exists(path)}
    return [name for name in needed if name not in present]


def runtime_locks(facts: Facts) -> Finding:
    """Has a runtime that was killed left one of its named semaphores locked? Then every call hangs."""
    stuck = facts.probe.held_locks()
    if stuck and any("broker/host.py" in line for line in facts.probe.command_lines()):
        return skipped("a process of the broker is at work")
    if stuck:
        facts.probe.pause(_MOMENT)
        stuck = [path for path in facts.probe.held_locks() if path in stuck]
    if not stuck:
        return passed("The runtime has left no lock behind")
    text = f"A process that has ended left {len(stuck)} lock(s) of Microsoft's runtime locked, so calls hang"
    return failed(text, run("rm", "-f", "--", *stuck))
