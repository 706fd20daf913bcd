"""Which package of this distribution has a thing, and the command that installs it."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable
from dataclasses import dataclass

from azext_brokerauth.models import Remedies, run

WEBKIT = {"4.1": "libwebkit2gtk-4.1.so.0", "4.0": "libwebkit2gtk-4.0.so.37"}
"""WebKitGTK's library for each of the two interfaces that Microsoft's wheels are built against."""
OTHER_LIBRARIES = ("libfido2.so.1", "libcurl.so.4", "libubsan.so.1", "libsecret-1.so.0")
"""With WebKitGTK, what Microsoft lists for its wheels: the packages of these bring all that they are linked with."""

_PACKAGES: dict[str, dict[str, str]] = {
    # Library or program -> package. Debian's were run; the others are from the distributions' package lists.
    "debian": {
        "libwebkit2gtk-4.1.so.0": "libwebkit2gtk-4.1-0",
        "libwebkit2gtk-4.0.so.37": "libwebkit2gtk-4.0-37",
        "libfido2.so.1": "libfido2-1",
        "libcurl.so.4": "libcurl4",
        "libubsan.so.1": "libubsan1",
        "libsecret-1.so.0": "libsecret-1-0",
        "gnome-keyring-daemon": "gnome-keyring",
        "dbus-daemon": "dbus",
        "session-bus": "dbus-user-session",
    },
    "fedora": {
        "libwebkit2gtk-4.1.so.0": "webkit2gtk4.1",
        "libwebkit2gtk-4.0.so.37": "webkit2gtk4.0",
        "libfido2.so.1": "libfido2",
        "libcurl.so.4": "libcurl",
        "libubsan.so.1": "libubsan",
        "libsecret-1.so.0": "libsecret",
        "gnome-keyring-daemon": "gnome-keyring",
        "dbus-daemon": "dbus-daemon",
        "session-bus": "dbus-daemon",
    },
    "suse": {
        "libwebkit2gtk-4.1.so.0": "libwebkit2gtk-4_1-0",
        "libwebkit2gtk-4.0.so.37": "libwebkit2gtk-4_0-37",
        "libfido2.so.1": "libfido2-1",
        "libcurl.so.4": "libcurl4",
        "libubsan.so.1": "libubsan1",
        "libsecret-1.so.0": "libsecret-1-0",
        "gnome-keyring-daemon": "gnome-keyring",
        "dbus-daemon": "dbus-1-daemon",
        "session-bus": "dbus-1-daemon",
    },
    "arch": {
        "libwebkit2gtk-4.1.so.0": "webkit2gtk-4.1",
        "libwebkit2gtk-4.0.so.37": "webkit2gtk",
        "libfido2.so.1": "libfido2",
        "libcurl.so.4": "curl",
        "libubsan.so.1": "gcc-libs",
        "libsecret-1.so.0": "libsecret",
        "gnome-keyring-daemon": "gnome-keyring",
        "dbus-daemon": "dbus",
        "session-bus": "dbus",
    },
}


_AUTHORITIES = {
    "fedora": ("/etc/pki/ca-trust/source/anchors", "update-ca-trust"),
    "suse": ("/etc/pki/trust/anchors", "update-ca-certificates"),
    "arch": ("/etc/ca-certificates/trust-source/anchors", "update-ca-trust"),
}
_DEBIANS = ("/usr/local/share/ca-certificates", "update-ca-certificates")
"""Where an administrator puts the certificate of an authority, and what takes it into the system's store."""


@dataclass(frozen=True)
class Distribution:
    """A Linux distribution, as ``/etc/os-release`` tells it (https://www.freedesktop.org/software/systemd/man/os-release.html).

    :param id: such as ``ubuntu``.
    :param family: ``debian``, ``fedora``, ``suse``, ``arch``, ``alpine``, or empty for another.
    :param version: major and minor number; zeros where it has none.
    """

    id: str = ""
    name: str = "this distribution"
    family: str = ""
    version: tuple[int, int] = (0, 0)

    @property
    def authorities(self) -> str:
        """The directory where an administrator puts the certificates of authorities to trust."""
        return _AUTHORITIES.get(self.family, _DEBIANS)[0]

    @property
    def trust_command(self) -> str:
        """The command that takes them into the system's store."""
        return _AUTHORITIES.get(self.family, _DEBIANS)[1]

    def package(self, thing: str) -> str:
        """The package that has a library or program; empty where that is not known."""
        package = _PACKAGES.get(self.family, {}).get(thing, "")
        renamed = (self.id == "debian" and self.version >= (13, 0)) or (self.id == "ubuntu" and self.version >= (24, 4))
        if package == "libcurl4" and renamed:
            return "libcurl4t64"  # https://wiki.debian.org/ReleaseGoals/64bit-time
        if package == "webkit2gtk4.0" and self.id != "fedora" and self.version < (10, 0):
            return "webkit2gtk3"
        return package

    def install(
        self, packages: Iterable[str], *, sudo: tuple[str, ...], damaged: bool = False, interrupted: bool = False
    ) -> Remedies:
        """The commands that install packages; none where the package manager is not known.

        :param sudo: the first words of a command that only root may run; none for root.
        :param damaged: they are installed, but files of theirs are gone.
        :param interrupted: the package manager was interrupted, and has to finish that first (dpkg alone does not by
            itself).
        """
        names = sorted(set(packages))
        match self.family:
            case "debian":
                again = ("--reinstall",) if damaged else ()
                finish = run(*sudo, "dpkg", "--configure", "-a") if interrupted else ()
                return finish + run(*sudo, "apt-get", "update") + run(*sudo, "apt-get", "install", *again, "-y", *names)
            case "fedora":
                return run(*sudo, "dnf", "reinstall" if damaged else "install", "-y", *names)
            case "suse":
                again = ("--force",) if damaged else ()
                return run(*sudo, "zypper", "install", *again, "-y", *names)
            case "arch":
                return run(*sudo, "pacman", "-S", "--noconfirm", *names)
        return ()


def read(os_release: str) -> Distribution:
    """The distribution that an ``os-release`` file describes."""
    fields: dict[str, str] = {}
    for line in os_release.splitlines():
        name, equals, value = line.strip().partition("=")
        if not equals or name.startswith("#"):
            continue
        try:
            fields[name] = " ".join(shlex.split(value))
        except ValueError:  # a quote that does not end
            fields[name] = value
    own = fields.get("ID", "").lower()
    like = [own, *fields.get("ID_LIKE", "").lower().split()]
    families = {
        "debian": "debian",
        "ubuntu": "debian",
        "fedora": "fedora",
        "rhel": "fedora",
        "centos": "fedora",
        "suse": "suse",
        "opensuse": "suse",
        "sles": "suse",
        "arch": "arch",
        "alpine": "alpine",
    }
    family = next((families[each] for each in like if each in families), "")
    numbers = re.match(r"(\d{1,6})(?:\.(\d{1,6}))?", fields.get("VERSION_ID", ""))
    version = (int(numbers[1]), int(numbers[2] or 0)) if numbers else (0, 0)
    return Distribution(own, fields.get("PRETTY_NAME") or own or "this distribution", family, version)
