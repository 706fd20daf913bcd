"""The programs that other tools start say no in the tool's own way, whatever their standard streams are."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

CARGO = {"index-url": "sparse+https://pkgs.dev.azure.com/contoso/_packaging/tools/Cargo/index/"}
PROGRAMS = {
    "git": (["get"], b"protocol=https\nhost=dev.azure.com\n", 0, "quit=1\n"),
    "kubectl": (["get-token", "--server-id", "6dae42f8-4368-4678-94ff-3960e28e3630"], b"", 1, ""),
    "docker": (["get"], b"contoso.azurecr.io", 1, "the environment variable"),
    "cargo": (
        ["--cargo-plugin"],
        json.dumps({"v": 1, "kind": "get", "operation": "read", "registry": CARGO}).encode() + b"\n",
        0,
        '{"v": [1]}\n{"Err": {"kind": "other", ',
    ),
}
"""By tool: the words, what the tool asks, and the exit code and the start of the output of a refusal."""
REFUSED = {"AZURE_BROKERAUTH_SILENT_TIMEOUT": "nonsense"}
STREAMS = {"closed": "<&- 2>&-", "no error stream": "2>&-", "full": ">/dev/full", "full error stream": "2>/dev/full"}
"""What a shell makes of them."""


def start(tool: str, how: str, env: dict[str, str]) -> subprocess.Popen[bytes]:
    code = f"import sys; from azext_brokerauth.bridges.{tool} import main; sys.exit(main())"
    command = [sys.executable, "-c", code, *PROGRAMS[tool][0]]
    pipe = subprocess.PIPE
    return subprocess.Popen(
        ["/bin/sh", "-c", f'exec "$@" {how}', "sh", *command], env=env, stdin=pipe, stdout=pipe, stderr=pipe
    )


@pytest.mark.parametrize("tool", PROGRAMS)
def test_a_refusal_is_the_tools_own_whatever_the_streams_are(tool: str, tmp_path: Path) -> None:
    _, asked, code, told = PROGRAMS[tool]
    env = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "PYTHONUNBUFFERED": "1", **REFUSED}
    running = {name: start(tool, how, env) for name, how in {"": "", **STREAMS}.items()}
    for name, process in running.items():
        out, said = process.communicate(asked if name != "closed" else b"")
        assert b"Traceback" not in said, (name, said.decode())
        if name == "full":
            assert process.returncode in (1, 141)
        elif name != "closed":
            assert process.returncode == code, name
            assert out.decode().startswith(told), name
            assert len(said.splitlines()) == (tool != "cargo" and not name), name


@pytest.mark.parametrize("tool", ["git", "docker", "cargo"])
def test_what_is_no_text_is_no_host_of_ours(tool: str, tmp_path: Path) -> None:
    env = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), **REFUSED, "PYTHONIOENCODING": "utf-8:strict"}
    with start(tool, "", env) as process:
        out, said = process.communicate(PROGRAMS[tool][1].replace(b"azure", b"\xff\xfe", 1) + b"\xff\n")
    refusals = {
        "git": "",
        "docker": "credentials not found in native keychain\n",
        "cargo": '{"v": [1]}\n{"Err": {"kind": "url-not-supported"}}\n',
    }
    assert (out.decode()[: len(refusals[tool])], said) == (refusals[tool], b"")


def test_a_fault_of_ours_is_a_line_and_the_tools_own_refusal(tmp_path: Path) -> None:
    code = "import sys; from azext_brokerauth.bridges.program import run; sys.exit(run('it', lambda: 1 // 0, print))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (1, "it: integer division or modulo by zero\n")
    assert done.stdout.startswith("integer division")
