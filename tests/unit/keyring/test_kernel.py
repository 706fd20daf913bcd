"""Keys that only the kernel keeps. In a sandbox without them there is none, and nothing below depends on one."""

import os
import platform
import secrets
import subprocess
import sys
import time
from pathlib import Path

import pytest

from azext_brokerauth.keyring import kernel

PRINT_KEY = "import sys; from azext_brokerauth.keyring import kernel; print(kernel.key(sys.argv[1]))"
REFUSING = str(Path(__file__).parents[2] / "emulated/refusing.py")


@pytest.fixture
def name():
    """One for this test alone, whose keys are gone afterwards: a user may have but few."""
    mine = f"brokerauth:test-{secrets.token_hex(8)}"
    yield mine
    for each in (mine, f"{mine}-other"):
        kernel.remove(each)


def printed(*before, name):
    command = [*before, sys.executable, "-c", PRINT_KEY, name]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


@pytest.mark.skipif(not hasattr(os, "fork"), reason="only Linux has them")
def test_all_processes_get_the_key_that_the_first_one_made(name):
    for _ in range(25):
        together = time.monotonic() + 0.02
        pipe, forked = os.pipe(), []
        for _ in range(4):
            forked.append(os.fork())
            if forked[-1] == 0:
                while time.monotonic() < together:
                    pass
                os.write(pipe[1], f"{kernel.key(name)}\n".encode())
                os._exit(0)
        for pid in forked:
            os.waitpid(pid, 0)
        said = os.read(pipe[0], 4096).decode().splitlines()
        assert said == [str(kernel.key(name))] * 4
        for end in pipe:
            os.close(end)
        kernel.remove(name)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has them")
def test_one_that_was_taken_away_is_gone_for_all_processes(name):
    before = kernel.key(name)
    assert printed(name=name) == f"{before}\n"
    kernel.remove(name)
    after = printed(name=name)
    assert (after == f"{before}\n") == (before is None)
    assert after == f"{kernel.key(name)}\n"
    kernel.remove(f"{name}-other")  # there is none


def test_a_key_is_long_enough_and_another_name_has_another(name):
    one, other = kernel.key(name), kernel.key(f"{name}-other")
    assert one is None or (len(one) == kernel.LENGTH and one != other)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has them")
def test_where_the_kernel_refuses_there_is_none_and_the_one_that_is_there_stays(name):
    before = kernel.key(name)
    assert printed(sys.executable, REFUSING, name=name) == "None\n"
    assert kernel.key(name) == before


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has them")
def test_a_session_that_does_not_possess_the_users_keys_has_the_same(name):
    """As that of a service, of ssh or of sudo."""
    number = {"x86_64": 250, "aarch64": 219}.get(platform.machine(), -1)
    code = f"import ctypes; ctypes.CDLL(None).syscall({number}, 1, None)  # KEYCTL_JOIN_SESSION_KEYRING\n{PRINT_KEY}"
    before = kernel.key(name)
    done = subprocess.run([sys.executable, "-c", code, name], capture_output=True, text=True, check=True)
    assert done.stdout == f"{before}\n"
