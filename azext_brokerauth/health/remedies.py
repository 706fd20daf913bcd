"""The remedies that several checks share, fitted to this machine."""

from __future__ import annotations

import re
from collections.abc import Sequence

from azext_brokerauth import settings
from azext_brokerauth.health.facts import Facts, Linux
from azext_brokerauth.models import Remedies, configure, filled, person, powershell, run, script

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
    """Set a value of ``/etc/wsl.conf`` to true: where it stands, else below its section, else in a new one.

    GNU sed writes a new file and puts it in the place of the old one.
    """
    text = linux.text(_WSL_CONF)
    begin = f"/^\\[{section}\\]/I"
    if f"{section}.{name}" in linux.wsl_conf:
        edit = f"{begin},/^\\[/s/^[[:space:]]*{name}[[:space:]]*=.*/{name}=true/I"
    elif re.search(rf"^\[{section}\]", text, re.MULTILINE | re.IGNORECASE):
        edit = f"{begin}a {name}=true"
    elif text:
        edit = f"$a [{section}]\\n{name}=true"
    else:
        # Nothing that could be lost, and no line for sed to stand at.
        return script(f"printf '[{section}]\\n{name}=true\\n' | {' '.join((*linux.sudo, 'tee'))} {_WSL_CONF}")
    return run(*linux.sudo, "sed", "-i", edit, _WSL_CONF)


def fix_setting(facts: Facts, found: settings.Found) -> Remedies:
    """Take away a setting, or a whole settings file, that cannot be used."""
    told = found.error.remedies if found.error else ()
    own_file = str(facts.own.directory / "config")
    if found.blamed.startswith("the environment variable "):
        return run("unset", found.blamed.rpartition(" ")[2])
    if found.blamed == own_file:
        file = facts.probe.facts(own_file)
        if file and file.is_regular and file.owner == facts.probe.uid:
            # Under another name, where whoever wants to can put it right; one that has the name already is kept too.
            return run("mv", "--backup=numbered", "--", own_file, f"{own_file}.broken")
    elif found.blamed.endswith(f" in {own_file}"):
        return configure("unset", found.blamed.partition(" in ")[0])
    return told or person("Ask the people who manage this machine to fix that setting")


def trust_in_system(facts: Facts, names: str) -> Remedies:
    """Have the system's store, which Microsoft's runtime reads, trust authorities.

    :param names: what they are called.
    """
    distribution = facts.linux.distribution
    copy = person("Copy the certificate of {names} to {directory}, as a file that ends in .crt")
    return filled(copy, names=names, directory=distribution.authorities) + run(
        *facts.linux.sudo, distribution.trust_command
    )


def trust_in_python(store: str) -> Remedies:
    """Have Python trust whom the system's store trusts.

    :param store: its file.
    """
    return run("export", f"REQUESTS_CA_BUNDLE={store}")


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
    # As dpkg itself tells (dpkg/lib/dpkg/dbmodify.c): the journal of what it was doing has files with numbers as names.
    interrupted = any(name.isdigit() for name in facts.probe.names("/var/lib/dpkg/updates"))
    sudo = facts.linux.sudo
    commands = distribution.install(packages, sudo=sudo, damaged=damaged, interrupted=interrupted) if packages else ()
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
