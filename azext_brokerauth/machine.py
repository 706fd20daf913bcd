"""What machine this is: pure functions over an injected view of it."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum


class Kind(Enum):
    """The machines that the broker's flags tell apart."""

    WSL2 = "WSL 2"
    WSL1 = "WSL 1"
    CUSTOM_KERNEL = "WSL with a custom kernel"
    CONTAINER = "a container on a WSL kernel"
    LINUX = "Linux"
    WINDOWS = "Windows"
    MACOS = "macOS"
    OTHER = "an unknown platform"


@dataclass(frozen=True)
class View:
    """The few facts of the world that detection looks at, so that a test can hand in its own.

    :param platform: as ``sys.platform``.
    :param release: as ``os.uname().release``; MSAL's own test reads the same (``msal.oauth2cli.authcode.is_wsl``).
    :param environ: the environment.
    :param root: the directory that stands for ``/``.
    """

    platform: str = sys.platform
    release: str = field(default_factory=lambda: os.uname().release if hasattr(os, "uname") else "")
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ)
    root: str = "/"

    def exists(self, path: str) -> bool:
        """Is there anything by this name, if only a broken link?"""
        return os.path.lexists(os.path.join(self.root, path.lstrip("/")))


@dataclass(frozen=True)
class Machine:
    """What kind of machine this is, and how that was told.

    :param kind: one of :class:`Kind`.
    :param evidence: what was seen, one clause for a person.
    """

    kind: Kind
    evidence: str


def detect(view: View | None = None) -> Machine:
    """Tell the machine's kind from the kernel's release and from what WSL leaves in the file system.

    Windows Subsystem for Linux has no official test; Microsoft's own tools look for "microsoft" in the kernel's release
    (https://github.com/microsoft/WSL/issues/423). A container on that kernel sees the same release, so WSL's own files,
    which no container has by accident, decide: ``/run/WSL`` (the interop sockets) and ``wslinfo``.
    """
    view = view or View()
    if view.platform == "win32":
        return Machine(Kind.WINDOWS, "the platform is win32")
    if view.platform == "darwin":
        return Machine(Kind.MACOS, "the platform is darwin")
    if view.platform != "linux":
        return Machine(Kind.OTHER, f"the platform is {view.platform}")
    seen = [path for path in ("/run/WSL", "/usr/bin/wslinfo") if view.exists(path)]
    kernel = f"the kernel's release is {view.release}"
    if "microsoft" in view.release.lower():
        if re.fullmatch(r"4\.4\.0-\d+-Microsoft", view.release):
            return Machine(Kind.WSL1, kernel)
        if seen:
            return Machine(Kind.WSL2, f"{kernel}, and {seen[0]} exists")
        marker = next((path for path in ("/.dockerenv", "/run/.containerenv") if view.exists(path)), "")
        told = f"{marker} exists" if marker else "neither /run/WSL nor /usr/bin/wslinfo exists"
        return Machine(Kind.CONTAINER, f"{kernel}, but {told}")
    if (seen and "WSL_DISTRO_NAME" in view.environ) or len(seen) == 2:
        return Machine(Kind.CUSTOM_KERNEL, f"{seen[0]} exists, but {kernel}")
    return Machine(Kind.LINUX, kernel)
