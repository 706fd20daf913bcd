"""The session and its keyring, where the runtime keeps its accounts; on native Linux also the broker there."""

from __future__ import annotations

from azext_brokerauth.health.facts import Facts
from azext_brokerauth.health.finding import Finding, failed, passed, warned
from azext_brokerauth.health.remedies import RESTART, UNLOCK, enable_in_wsl_conf, install_packages
from azext_brokerauth.keyring.choice import SESSION
from azext_brokerauth.keyring.secret_service import address
from azext_brokerauth.machine import Kind
from azext_brokerauth.models import filled, person, run, script

_LINUX_BROKER = "com.microsoft.identity.broker1"
_INSTALL = {"debian": ("apt-get", "install", "-y"), "fedora": ("dnf", "install", "-y")}
"""How the distributions that Microsoft's broker for Linux is published for install a package."""
_COST = "it ends with each program, and accounts other than Windows' own must sign in again for the next one"
_KEEP_KEYS = person(
    "Run it outside of the sandbox or container that refuses keyctl(2). Or set keyring=session and unlock a keyring"
)


def user(facts: Facts) -> Finding:
    """Is this the user's own session, and not one as root by sudo?"""
    invoker = facts.probe.environ.get("SUDO_USER", "")
    if facts.probe.uid == 0 and invoker not in ("", "root"):
        text = f"Running as root with sudo, where {invoker}'s keyring and sign-ins are out of reach"
        return warned(text, person("Run without sudo"))
    return passed(f"User {facts.probe.uid}, in a session of its own")


def keyring(facts: Facts) -> Finding:
    """Which keyring does the runtime keep its accounts in, and does that one serve?"""
    chosen = facts.keyring_choice
    if chosen.kind == SESSION:
        return _session(facts)
    text = f"A private keyring is used, because {chosen.reason}"
    if lacking := facts.probe.lacking_programs():
        why = (
            f"A private keyring is needed, because {chosen.reason}, but these programs are missing:"
            f" {', '.join(lacking)}"
        )
        return failed(why, install_packages(facts, lacking))
    if not facts.probe.kernel_keeps_keys():
        return warned(f"{text}, but the kernel keeps no key for it: {_COST}", _KEEP_KEYS)
    return passed(text)


def _session(facts: Facts) -> Finding:
    """The session's keyring is used: with the setting `session`, on native Linux, or since it serves."""
    state = facts.keyring
    if state.bus_problem:
        return _no_bus(facts)
    if state.service_problem:
        return _no_service(facts)
    if not state.collection:
        problem = "The session has no default keyring, which is usually the one named 'login'"
    elif state.locked:
        problem = f"The session's keyring {state.collection!r} is locked"
    elif state.write_problem:
        problem = (
            f"The session's keyring {state.collection!r} does not keep what is written to it: {state.write_problem}"
        )
    else:
        return passed(f"The session's keyring {state.collection!r} is used: it is unlocked and keeps what is written")
    lacking = () if facts.own.settings.keyring == SESSION or facts.on_linux else facts.probe.lacking_programs()
    if lacking:  # with these, a private one would do
        return failed(
            f"{problem}, and a private one cannot be made without {', '.join(lacking)}",
            install_packages(facts, lacking),
        )
    return failed(problem, UNLOCK)


def _no_bus(facts: Facts) -> Finding:
    where = address(facts.probe.environ, facts.probe.uid)
    text = f"There is no D-Bus session: {facts.keyring.bus_problem} ({where})"
    usual = f"/run/user/{facts.probe.uid}/bus"
    if facts.probe.exists(usual) and where != f"unix:path={usual}":
        return failed(text, script(f"export DBUS_SESSION_BUS_ADDRESS=unix:path={usual}"))
    remedies = () if facts.probe.exists("/usr/bin/dbus-daemon") else install_packages(facts, ["session-bus"])
    has_systemd = facts.linux.wsl_conf.get("boot.systemd", "false").lower() == "true"
    if facts.linux.machine.kind is Kind.WSL2 and not has_systemd:
        remedies += enable_in_wsl_conf(facts.linux, "boot", "systemd")
    return failed(text, remedies + RESTART)


def _no_service(facts: Facts) -> Finding:
    text = f"No keyring (Secret Service) answers on the session bus: {facts.keyring.service_problem}"
    if facts.probe.exists("/usr/bin/gnome-keyring-daemon"):
        return failed(text, UNLOCK)
    # The order matters, says Microsoft's page: packages, restart, keyring.
    return failed(text, install_packages(facts, ["gnome-keyring-daemon", "libsecret-1.so.0"]) + RESTART + UNLOCK)


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
