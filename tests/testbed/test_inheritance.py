"""Whatever a test run is started with, its tests see the same; and so do the emulated machine's programs."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
# As in the background of a script, and worse.
STARTER = """
import os, signal, sys
for name in ("INT", "HUP", "QUIT", "CHLD", "TERM", "USR1", "PIPE", "TSTP", "ALRM"):
    signal.signal(getattr(signal, "SIG" + name), signal.SIG_IGN)
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT, signal.SIGTERM, signal.SIGCHLD, signal.SIGUSR1])
os.umask(0o277)
os.close(0)
os.execv(sys.executable, [sys.executable, *sys.argv[1:]])
"""
NOWHERE, PROXY = "/nonexistent", "http://127.0.0.1:9"
SETTINGS = {
    **dict.fromkeys(("HOME", "AZURE_CONFIG_DIR", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE", "XDG_RUNTIME_DIR"), NOWHERE),
    **dict.fromkeys(("http_proxy", "https_proxy", "HTTPS_PROXY", "ALL_PROXY", "PIP_INDEX_URL"), PROXY),
    **{"AZURE_CLIENT_SECRET": "a secret", "AZURE_BROKERAUTH_FALLBACK": "fax", "AZURE_CORE_OUTPUT": "table"},
    **{"NO_COLOR": "1", "FORCE_COLOR": "1", "TERM": "xterm-256color", "COLUMNS": "20", "BROWSER": "false"},
    **{"LANG": "tr_TR.ISO-8859-9", "LC_ALL": "tr_TR.ISO-8859-9", "SUDO_USER": "ada", "WSL_INTEROP": NOWHERE},
}
SENSITIVE = (
    "tests/emulated/test_interrupting.py::test_a_signal_ends_it_within_a_second[double-hang-on-silent-2-credential]",
    "tests/unit/health/test_bundle.py",
    "tests/unit/health/test_probe.py",
    "tests/unit/test_accounts.py",
    "tests/unit/test_imports.py",
    "tests/unit/tokens/test_tokens.py::test_a_forked_process_gets_tokens_of_its_own",
)
"""Tests that failed when they were started so."""


ITS_OWN = {"HOME", "LANG", "TERM", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE", "XDG_RUNTIME_DIR", "WSL_INTEROP"}
"""What a machine has in its own right, or takes from the terminal."""


def run(*command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    given = {"PATH": os.environ["PATH"], **SETTINGS, **environment}
    return subprocess.run(command, env=given, cwd=REPOSITORY, capture_output=True, text=True, timeout=600)


@pytest.mark.parametrize(
    "workers", [[], pytest.param(["-n", "2"], marks=pytest.mark.full)], ids=["alone", "distributed"]
)
def test_what_a_test_run_is_started_with_makes_no_difference(workers: list[str]) -> None:
    chosen = SENSITIVE[:1] if workers else SENSITIVE
    quiet = ("-q", "-p", "no:cacheprovider", *workers)
    done = run(sys.executable, "-c", STARTER, "-m", "pytest", *quiet, *chosen)
    assert done.returncode == 0, done.stdout + done.stderr


ON_A_MACHINE = """
import json, signal, subprocess, sys
from testbed.machine import Machine
look = '''
import json, os, signal
ignored = [n for n in signal.valid_signals() if signal.getsignal(n) is signal.SIG_IGN]
print(json.dumps([sorted(os.environ), sorted(map(int, ignored)), os.umask(0)]))
'''
with Machine("default", "double") as machine:
    print(machine.run([sys.executable, "-c", look], check=True).stdout.strip())
    killed = machine.popen([sys.executable, "-c", "import os; os.kill(os.getpid(), 2)"], stderr=subprocess.DEVNULL)
    print(killed.wait())
"""
"""Any program that uses the testbed."""


def test_a_machines_programs_begin_as_after_a_login() -> None:
    in_the_background = "trap '' INT HUP; umask 077; exec \"$@\""
    done = run("sh", "-c", in_the_background, "sh", sys.executable, "-c", ON_A_MACHINE, HOME=os.environ["HOME"])
    seen, status = done.stdout.splitlines()
    variables, ignored, umask = json.loads(seen)
    assert not ({*SETTINGS} - ITS_OWN) & {*variables}
    assert (ignored, umask) == ([signal.SIGPIPE, signal.SIGXFSZ], 0o022)
    assert int(status) == -signal.SIGINT
