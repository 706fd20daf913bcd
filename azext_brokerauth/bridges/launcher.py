"""The program that is started in place of az: it puts the facade there, then is az, unchanged."""

from __future__ import annotations

import sys
from pathlib import Path

EXTENSION = str(Path(__file__).resolve().parents[2])
"""The folder that az has this extension in."""

_PROGRAM = """\
import importlib.util, json, os, runpy, sys
extension, stock = sys.argv.pop(1), sys.argv.pop(1)
def say(why, remedy):
    sys.stderr.write(f"WARNING: az runs without brokerauth: {why}. Run: {remedy}\\n")
try:
    complete = importlib.util.find_spec("azure.cli.core") is not None
except ImportError:
    complete = False
if stock and not complete:
    say(f"{sys.executable} has no Azure CLI any more", "az brokerauth tool enable --name az")
    os.execv(stock, [stock, *sys.argv[1:]])
sys.path.append(extension)  # at the end, as az does
try:
    with open(f"{extension}/azext_brokerauth/azext_metadata.json", encoding="utf-8") as metadata:
        json.load(metadata)["azext.minCliCoreVersion"]  # az reads it, and ends where it cannot
    from azext_brokerauth.azcli.hook import HOOK
    HOOK.prepare(launcher=True)
except (Exception, SystemExit) as error:
    again = "az extension remove --name brokerauth; az extension add --name brokerauth"
    say(f"its folder {extension} is incomplete or damaged ({type(error).__name__})", again)
    from azure.cli.core import MainCommandsLoader, extension as installed
    load, listed = MainCommandsLoader.load_command_table, installed.get_extensions
    def load_others(*words):  # az would stumble over this one too: say so again, or end
        installed.get_extensions = lambda *kinds: [one for one in listed(*kinds) if one.name != "brokerauth"]
        try:
            return load(*words)
        finally:
            installed.get_extensions = listed
    MainCommandsLoader.load_command_table = load_others
runpy.run_module("azure.cli", run_name="__main__", alter_sys=True)
"""


def command_line(stock: str | None = None) -> list[str]:
    """The words that start az through us, which az's own arguments follow.

    Nothing of this extension is read before az's Python can catch what is wrong with it: the words hold all that is
    needed for it.

    :param stock: the az to become where this Python has none any more; None: there is none.
    """
    return [sys.executable, "-I", "-c", _PROGRAM, EXTENSION, stock or ""]
