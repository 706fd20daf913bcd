"""The remedies that several checks share, fitted to this machine."""

from __future__ import annotations

import re
from collections.abc import Sequence

from azext_brokerauth.health.facts import Facts, Linux
from azext_brokerauth.models import Remedies, filled, person, powershell, run, script

RESTART = powershell("wsl.exe", "--shutdown")
UPDATE_WSL = powershell("wsl.exe", "--update") + RESTART
INSTALL_UBUNTU = powershell("wsl.exe", "--install", "Ubuntu-24.04")
UNLOCK = script(
    "read -rsp 'Password of the keyring: ' password"
    ' && printf %s "$password" | gnome-keyring-daemon --replace --unlock --components=secrets; unset password'
)
"""Creates the keyring named login with this password where it does not exist, and unlocks it where it does. A daemon
that runs already unlocks nothing for another: it is replaced."""
_WSL_CONF = "/etc/wsl.conf"


def enable_in_wsl_conf(linux: Linux, section: str, name: str) -> Remedies:
    """Set a value of ``/etc/wsl.conf`` to true: where it stands, else below its section, else in a new one."""
    begin = f"/^\\[{section}\\]/I"
    if f"{section}.{name}" in linux.wsl_conf:
        edit = f"{begin},/^\\[/s/^[[:space:]]*{name}[[:space:]]*=.*/{name}=true/I"
    elif re.search(rf"^\[{section}\]", linux.text(_WSL_CONF), re.MULTILINE | re.IGNORECASE):
        edit = f"{begin}a {name}=true"
    else:
        return script(f"printf '\\n[{section}]\\n{name}=true\\n' | {' '.join((*linux.sudo, 'tee'))} -a {_WSL_CONF}")
    return run(*linux.sudo, "sed", "-i", edit, _WSL_CONF)


def install_packages(facts: Facts, things: Sequence[str]) -> Remedies:
    """Install the packages of libraries and programs, or name what is needed where the packages are not known."""
    distribution = facts.linux.distribution
    named = {thing: distribution.package(thing) for thing in things}
    packages = [package for package in named.values() if package]
    # dpkg keeps one such file for each package it believes to be there.
    lists = "/var/lib/dpkg/info"
    damaged = any(
        facts.probe.exists(f"{lists}/{p}{architecture}.list") for p in packages for architecture in ("", ":amd64")
    )
    commands = distribution.install(packages, sudo=facts.linux.sudo, damaged=damaged) if packages else ()
    unknown = [thing for thing, package in named.items() if not package] if commands else things
    if not unknown:
        return commands
    missing = person("Install, with the package manager of {distribution}, what provides {things}")
    return commands + filled(missing, distribution=distribution.name, things=", ".join(unknown))


def install_python_packages(facts: Facts, *what: str) -> Remedies:
    """Install Python packages where this program finds them.

    :param what: requirements and options, as pip takes them.
    """
    python = facts.probe.python
    where = ("--upgrade", "--target", python.extension) if python.extension else ()
    return run(python.executable, "-m", "pip", "install", *where, *what)
