"""pip, and what else asks keyring: uv, twine, poetry. They find our backend where keyring and brokerauth are installed
together, and no file is changed for it."""

from __future__ import annotations

import importlib.util
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from azext_brokerauth.bridges import Bridge, Home
from azext_brokerauth.bridges.edits import Edit
from azext_brokerauth.errors import SettingsError
from azext_brokerauth.models import run


class Pip(Bridge):
    """pip and its like, for feeds of Azure Artifacts."""

    name = "pip"
    serves = "packages in Azure Artifacts (uv, twine and poetry too)"
    programs = ("pip", "pip3", "uv", "twine", "poetry")

    def edits(self, home: Home) -> list[Edit]:
        """None: it is set up by what is installed.

        :raises SettingsError: the keyring that the tools find does not find us.
        """
        program = shutil.which("keyring", path=home.environ.get("PATH", ""))
        if program is None:
            if importlib.util.find_spec("keyring") is not None:
                return []
            raise SettingsError(
                "keyring, which pip and uv ask for passwords, is not installed.",
                remedies=run("pip", "install", "keyring", "brokerauth[cli]", text="Beside pip,")
                + run("uv", "tool", "install", "keyring", "--with", "brokerauth[cli]", text="For uv,"),
            )
        if _has_ours(Path(program)):
            return []
        raise SettingsError(
            f"{program} is installed without brokerauth.",
            remedies=run("pipx", "inject", "keyring", "brokerauth[cli]", text="If pipx installed it,")
            + run("uv", "tool", "install", "keyring", "--with", "brokerauth[cli]", text="If uv did,"),
        )

    def leftovers(self, home: Home, recorded: Sequence[Path]) -> list[Edit]:
        """None, with or without keyring."""
        return []

    def notes(self, home: Home) -> list[str]:
        """What uv wants besides."""
        return [
            "uv asks keyring where UV_KEYRING_PROVIDER is subprocess and the feed's URL names a user, whichever:"
            " https://VssSessionToken@pkgs.dev.azure.com/..."
        ]


def _has_ours(program: Path) -> bool:
    """Does the Python of this program have brokerauth? Its folders are looked at, and nothing is run."""
    with program.open("rb") as file:
        first = file.readline(4096).decode(errors="replace").split()
    interpreter = Path(first[0].removeprefix("#!")) if first else program
    if interpreter == Path(sys.executable):
        return True
    return any(interpreter.parent.parent.glob("lib*/python3*/site-packages/brokerauth-*.dist-info"))


BRIDGE = Pip()
