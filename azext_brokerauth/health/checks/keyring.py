"""The session and its keyring, where the runtime keeps its accounts; on native Linux also the broker there."""

from __future__ import annotations

from azext_brokerauth.health.facts import Facts
from azext_brokerauth.health.finding import Finding, failed, passed, warned
from azext_brokerauth.health.remedies import RESTART, UNLOCK, enable_in_wsl_conf, install_packages
from azext_brokerauth.keyring.secret_service import address
from azext_brokerauth.machine import Kind
from azext_brokerauth.models import filled, person, run, script

_LINUX_BROKER = "com.microsoft.identity.broker1"
_INSTALL = {"debian": ("apt-get", "install", "-y"), "fedora": ("dnf", "install", "-y")}
"""How the distributions that Microsoft's broker for Linux is published for install a package."""


def user(facts: Facts) -> Finding:
    """Is this the user's own session, and not one as root by sudo?"""
    invoker = facts.probe.environ.get("SUDO_USER", "")
    if facts.probe.uid == 0 and invoker not in ("", "root"):
        text = f"Running as root with sudo, where {invoker}'s keyring and sign-ins are out of reach"
        return warned(text, person("Run without sudo"))
    return passed(f"User {facts.probe.uid}, in a session of its own")


def session_bus(facts: Facts) -> Finding:
    """Is there a D-Bus session, through which the runtime reaches the keyring?"""
    where = address(facts.probe.environ, facts.probe.uid)
    if not facts.keyring.bus_problem:
        return passed(f"The session bus is at {where}")
    text = f"There is no D-Bus session: {facts.keyring.bus_problem} ({where})"
    usual = f"/run/user/{facts.probe.uid}/bus"
    if facts.probe.exists(usual) and where != f"unix:path={usual}":
        return failed(text, script(f"export DBUS_SESSION_BUS_ADDRESS=unix:path={usual}"))
    remedies = () if facts.probe.exists("/usr/bin/dbus-daemon") else install_packages(facts, ["dbus-daemon"])
    has_systemd = facts.linux.wsl_conf.get("boot.systemd", "false").lower() == "true"
    if facts.linux.machine.kind is Kind.WSL2 and not has_systemd:
        remedies += enable_in_wsl_conf(facts.linux, "boot", "systemd")
    return failed(text, remedies + RESTART)


def secret_service(facts: Facts) -> Finding:
    """Does a keyring answer? The runtime keeps its accounts there; without it, silent sign-in finds nobody."""
    if not facts.keyring.service_problem:
        return passed("The keyring (Secret Service) answers")
    text = f"No keyring (Secret Service) answers on the session bus: {facts.keyring.service_problem}"
    if facts.probe.exists("/usr/bin/gnome-keyring-daemon"):
        return failed(text, UNLOCK)
    # The order matters, says Microsoft's page: packages, restart, keyring.
    return failed(text, install_packages(facts, ["gnome-keyring-daemon", "libsecret-1.so.0"]) + RESTART + UNLOCK)


def keyring(facts: Facts) -> Finding:
    """Is there a default keyring?"""
    if facts.keyring.collection:
        return passed(f"The default keyring is {facts.keyring.collection!r}")
    return failed("There is no default keyring, which is usually the one named 'login'", UNLOCK)


def keyring_unlocked(facts: Facts) -> Finding:
    """Is it unlocked?"""
    if facts.keyring.locked:
        return failed(f"The keyring {facts.keyring.collection!r} is locked", UNLOCK)
    return passed(f"The keyring {facts.keyring.collection!r} is unlocked")


def keyring_write(facts: Facts) -> Finding:
    """Does it keep what is written? It is tried with an item that is deleted again."""
    if facts.keyring.write_problem:
        return failed(f"The keyring does not keep what is written: {facts.keyring.write_problem}", UNLOCK)
    return passed("A test item was written, read and deleted")


def linux_broker(facts: Facts) -> Finding:
    """On native Linux: is Microsoft's broker on the session bus?"""
    if _LINUX_BROKER in facts.probe.bus_names():
        return passed(f"{_LINUX_BROKER} is on the session bus")
    text = f"Microsoft's broker for Linux ({_LINUX_BROKER}) is not on the session bus"
    distribution = facts.linux.distribution
    if distribution.family not in _INSTALL:
        nothing = person("Microsoft publishes no broker for {distribution}")
        return failed(text, filled(nothing, distribution=distribution.name))
    return failed(text, run(*facts.linux.sudo, *_INSTALL[distribution.family], "microsoft-identity-broker"))
