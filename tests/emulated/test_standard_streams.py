"""What a command does when nobody takes what it prints: no traceback, and an exit code that says so."""

from __future__ import annotations

import json
import shlex
import subprocess
from collections.abc import Iterator

import pytest

from testbed.directory import ADA
from tests.emulated.session import AZ, BROKERAUTH, Session, session

# The real runtime too in make test-full.
pytestmark = pytest.mark.any_runtime

UNWRITABLE = {">&-": "Bad file descriptor", ">/dev/full": "No space left on device"}
COMMANDS = (
    "get-access-token",
    "show",
    "list --output table",
    "check-health",
    "list-settings",
    "--version",
    "show --help",
)


@pytest.fixture(scope="module")
def there(runtime: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    """A machine where Ada has signed in."""
    with session("default", runtime, tmp_path_factory.mktemp(runtime)) as made:
        made.tell("login")
        yield made


def in_shell(there: Session, command: str, program: str = BROKERAUTH) -> subprocess.CompletedProcess[str]:
    line = f"set -o pipefail; {shlex.quote(program)} {command}"
    # Not as a session's command: some of these print a token, which is what they are for.
    done = there.machine.run(["bash", "-c", line], env=there.env | {"AZURE_CONFIG_DIR": str(there.config)})
    assert "Traceback" not in done.stderr
    assert not [secret for secret in there.secrets() if secret in done.stderr]
    return done


@pytest.mark.parametrize("where", UNWRITABLE)
@pytest.mark.parametrize("command", COMMANDS)
def test_output_that_cannot_be_written_is_an_error_in_one_line(there: Session, command: str, where: str) -> None:
    done = in_shell(there, f"{command} {where}")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"ERROR: The output cannot be written: {UNWRITABLE[where]}.\n"


@pytest.mark.parametrize("command", COMMANDS)
def test_a_reader_that_has_gone_ends_a_command_without_a_word(there: Session, command: str) -> None:
    done = in_shell(there, f"{command} | true; exit ${{PIPESTATUS[0]}}")
    assert (done.returncode, done.stdout, done.stderr) in ((141, "", ""), (0, "", ""))  # 0: it was faster
    done = in_shell(there, f"{command} | (exec <&-; sleep 2); exit ${{PIPESTATUS[0]}}")
    assert (done.returncode, done.stdout, done.stderr) == (141, "", "")
    done = in_shell(there, f"{command} | head -c1")
    assert (len(done.stdout), done.stderr) == (1, "")
    assert done.returncode in (0, 141)


def test_a_command_that_prints_nothing_needs_no_output(there: Session) -> None:
    done = in_shell(there, f"set --username {ADA.username} >&-")
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("where", ["2>&-", "2>/dev/full"])
def test_messages_that_cannot_be_written_change_nothing(there: Session, where: str) -> None:
    done = in_shell(there, f"get-access-token {where}")
    assert done.returncode == 0
    assert json.loads(done.stdout)["tokenType"] == "Bearer"
    assert in_shell(there, f"get-access-token --username nobody@contoso.com {where}").returncode == 3
    assert in_shell(there, f"get-access-token --username nobody@contoso.com >&- {where}").returncode == 3
    assert in_shell(there, f"nonsense {where}").returncode == 2


def test_with_every_stream_closed_nothing_is_written_into_a_file(there: Session) -> None:
    # The first file that is opened would get the number of standard output.
    before = {path: path.read_bytes() for path in there.config.rglob("*.json")}
    assert in_shell(there, "get-access-token <&- >&- 2>&-").returncode == 1
    assert {path: path.read_bytes() for path in there.config.rglob("*.json")} == before


def test_az_says_it_too_where_az_gets_as_far_as_us(there: Session) -> None:
    """With standard output closed az ends before it loads any extension: knack asks whether it is a terminal."""
    program = str(AZ)
    done = in_shell(there, "brokerauth list --only-show-errors >/dev/full", program)
    assert (done.returncode, done.stderr) == (1, f"ERROR: The output cannot be written: {UNWRITABLE['>/dev/full']}.\n")
    done = in_shell(there, "brokerauth get-access-token --only-show-errors | (exec <&-; sleep 4)", program)
    assert (done.returncode, done.stderr) == (141, "")
    done = in_shell(there, "brokerauth get-access-token 2>&-", program)
    assert done.returncode == 0
    done = in_shell(there, "brokerauth show --username nobody@contoso.com 2>&-", program)
    assert done.returncode != 0
