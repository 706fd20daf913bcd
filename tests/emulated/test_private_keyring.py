"""Nobody has to make or unlock a keyring: where the session has none, the broker's process gets one of its own."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from testbed.directory import ADA, GRACE
from testbed.scenarios import SCENARIOS
from tests.emulated.session import BROKERAUTH, Session, session
from tests.waiting import wait_until

NEW_TOKEN = ("get-access-token", "--query", "tokenType")
"""The tokens here are too short-lived to come from a cache."""
NO_KEYRING = replace(SCENARIOS["no-keyring"], token_lifetime=240)
FULL = pytest.mark.full
REFUSING = [sys.executable, str(Path(__file__).with_name("refusing.py"))]
LOOK_FOR_KEY = """
import os
from pathlib import Path
from azext_brokerauth.keyring import kernel
key = kernel.key("brokerauth:keyring")
places = [path for above in (Path.home(), Path("/dev/shm")) for path in above.rglob("*") if path.is_file()]
for process in Path("/proc").glob("[0-9]*"):
    places += [process / "cmdline", process / "environ"]
for place in places:
    try:
        content = place.read_bytes()
    except OSError:
        continue
    if key in content or key.hex().encode() in content:
        print(place)
"""
NEW_SESSION = """
import ctypes, json, os, platform, sys
keyctl, join_session_keyring = {"x86_64": 250, "aarch64": 219}[platform.machine()], 1
assert ctypes.CDLL(None).syscall(keyctl, join_session_keyring, None) > 0
os.execve(sys.argv[2], sys.argv[2:], json.loads(sys.argv[1]))
"""
TWO_TOKENS = """
import sys
from azext_brokerauth import BrokerCredential
with BrokerCredential() as credential:
    for vault in ("a", "b"):
        print(credential.get_token(f"https://{vault}.vault.azure.net/.default").expires_on > 0, flush=True)
        sys.stdin.readline()
"""


@pytest.fixture(scope="module")
def there(runtime: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    """A machine whose session has no keyring. Each test has a home of its own, and with it a keyring."""
    with session(NO_KEYRING, runtime, tmp_path_factory.mktemp(runtime)) as machine:
        yield machine


@pytest.fixture
def home(there: Session, tmp_path: Path) -> dict[str, str]:
    there.machine.set_scenario(NO_KEYRING)
    return {"HOME": str(tmp_path / "home"), "AZURE_CONFIG_DIR": str(tmp_path / "home/.azure")}


@pytest.fixture(autouse=True)
def made(tmp_path: Path) -> Path:
    (tmp_path / "home").mkdir()
    return tmp_path / "home"


def keepers(there: Session, program: str = "gnome-keyring-daemon") -> list[int]:
    """The processes of private keyrings."""
    return [pid for pid, argv in there.machine.processes() if argv[0].endswith(program)]


def gone(there: Session) -> None:
    wait_until(lambda: not there.machine.processes(), 15)


def end(there: Session) -> None:
    """Have all keepers end now, which else wait a while for another use."""
    for pid in keepers(there):
        os.kill(pid, signal.SIGKILL)
    gone(there)


def use_both(there: Session, **variables: str) -> None:
    """Two accounts, each in later processes; and one of them forgotten."""
    assert there.tell("login", **variables)["username"] == ADA.username
    assert there.tell("login", "--username", GRACE.username, **variables)["username"] == GRACE.username
    for user in (ADA, GRACE):
        assert there.claims("--username", user.username, **variables)["oid"] == user.home.object_id
    there.tell("logout", "--username", GRACE.username, "--yes", **variables)
    assert there.brokerauth("get-access-token", "--username", GRACE.username, **variables).stdout == ""
    there.tell(*NEW_TOKEN, **variables)


def test_two_accounts_need_no_keyring_and_nothing_of_it_is_left(there: Session, home: dict[str, str]) -> None:
    use_both(there, **home)
    assert keepers(there)
    mine = there.run(["find", "/dev/shm", "-name", "brokerauth-*", "-printf", "%m %U\n"]).stdout  # noqa: S108
    assert set(mine.splitlines()) == {f"700 {os.getuid() if os.getuid() == 0 else 0}"}
    assert there.python(LOOK_FOR_KEY, **home).stdout == ""
    limits = [Path(f"/proc/{pid}/limits").read_text() for pid in keepers(there, "")]
    assert limits
    assert all(re.search(r"Max core file size +0 +0 ", told) for told in limits)  # whose memory holds the password
    gone(there)
    assert there.run(["find", "/dev/shm", "-name", "brokerauth-*"]).stdout == ""  # noqa: S108
    assert there.claims("--username", ADA.username, **home)["oid"] == ADA.home.object_id


@pytest.mark.full
@pytest.mark.parametrize("state", ["locked", "no bus"])
def test_what_the_session_lacks_makes_no_difference(runtime: str, tmp_path: Path, state: str) -> None:
    scenario = replace(NO_KEYRING, keyring="locked" if state == "locked" else "none")
    with session(scenario, runtime, tmp_path / "machine") as there:
        if state == "no bus":
            there.run(["rm", f"/run/user/{0 if os.getuid() else os.getuid()}/bus"])
        use_both(there)


@pytest.mark.any_runtime
def test_a_job_of_cron_has_it_too(there: Session, home: dict[str, str]) -> None:
    """With hardly a variable set; what trusts the stand-ins' certificates is the machine's."""
    bare = ["env", "-i", f"HOME={home['HOME']}", f"REQUESTS_CA_BUNDLE={Path('/etc/ssl/certs/ca-certificates.crt')}"]
    for words in (["login"], ["login", "--username", GRACE.username], NEW_TOKEN):
        done = there.run([*bare, BROKERAUTH, *words])
        assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.any_runtime
def test_each_session_of_ssh_and_su_has_the_same(there: Session, home: dict[str, str]) -> None:
    """Each with a session keyring of its own, in which nobody possesses the user's keys, and no desktop's variables."""
    bare = {"HOME": home["HOME"], "REQUESTS_CA_BUNDLE": "/etc/ssl/certs/ca-certificates.crt", "PATH": os.defpath}
    for words in (["login"], ["login", "--username", GRACE.username], [*NEW_TOKEN, "--username", GRACE.username]):
        done = there.run([sys.executable, "-c", NEW_SESSION, json.dumps(bare), BROKERAUTH, *words])
        assert (done.returncode, done.stderr) == (0, "")
        end(there)  # the next one starts a keeper of its own, with the key of the first


@pytest.mark.any_runtime
def test_any_number_of_processes_share_one(there: Session, home: dict[str, str]) -> None:
    there.tell("login", "--username", GRACE.username, **home)
    end(there)
    pipe = subprocess.PIPE
    words = [BROKERAUTH, *NEW_TOKEN, "--username", GRACE.username]
    running = [
        there.machine.popen(words, there.env | home, stdout=pipe, stderr=pipe, stdin=subprocess.DEVNULL)
        for _ in range(20)
    ]
    most = 0
    while any(process.poll() is None for process in running):
        most = max(most, len(keepers(there)))
        time.sleep(0.1)
    assert [(*process.communicate(), process.returncode) for process in running] == [('"Bearer"\n', "", 0)] * 20
    assert most == 1


@pytest.mark.any_runtime
@pytest.mark.parametrize(
    "damage", ["changed", *(pytest.param(how, marks=FULL) for how in ("cut", "gone", "not a file"))]
)
def test_a_damaged_keyring_is_made_anew_without_a_word(
    there: Session, home: dict[str, str], made: Path, damage: str
) -> None:
    there.tell("login", **home)
    end(there)
    (file,) = made.glob(".local/state/brokerauth/keyring-*/keyrings/login.keyring")
    content = file.read_bytes()
    if damage == "cut":
        file.write_bytes(content[: len(content) // 2])
    elif damage == "changed":
        file.write_bytes(content[:-20] + bytes(byte ^ 255 for byte in content[-20:]))
    else:
        file.unlink()
        if damage == "not a file":
            file.mkdir()
    there.tell(*NEW_TOKEN, **home)
    assert there.tell("login", "--username", GRACE.username, **home)


@pytest.mark.any_runtime
def test_a_lost_key_costs_another_account_a_login_and_windows_own_nothing(there: Session, home: dict[str, str]) -> None:
    """A user namespace has keys of its own, as Linux has after `wsl --shutdown`."""
    for user in (GRACE, ADA):
        there.tell("login", "--username", user.username, **home)
    own, other = (
        shlex.join([BROKERAUTH, *NEW_TOKEN]),
        shlex.join([BROKERAUTH, *NEW_TOKEN, "--username", GRACE.username]),
    )
    login = shlex.join([BROKERAUTH, "login", "--username", GRACE.username, "--query", "username"])
    after = ["unshare", "--user", "--map-root-user", "sh", "-c", f"{own}; {other}; {login}; {other}"]
    assert there.run(after, **home).stdout.splitlines() == ['"Bearer"', f'"{GRACE.username}"', '"Bearer"']
    # And where the key is still known nothing was lost.
    there.tell(*NEW_TOKEN, "--username", GRACE.username, **home)


@pytest.mark.any_runtime
def test_where_the_kernel_keeps_no_keys_nothing_is_kept_and_a_sign_in_says_so(
    there: Session, home: dict[str, str], made: Path
) -> None:
    there.machine.set_scenario(replace(NO_KEYRING, calls={"acquireTokenSilently": ["interaction-required", "answer"]}))
    done = there.run([*REFUSING, BROKERAUTH, "login", "--username", GRACE.username], **home)
    assert done.returncode == 0, done.stderr
    assert "Accounts other than Windows' own must sign in again" in done.stderr
    there.machine.set_scenario(NO_KEYRING)
    done = there.run([*REFUSING, BROKERAUTH, "login"], **home)
    assert (done.returncode, done.stderr) == (0, "")
    assert there.run([*REFUSING, BROKERAUTH, *NEW_TOKEN], **home).stdout == '"Bearer"\n'
    assert not list(made.glob(".local/state/brokerauth/keyring-*"))


@pytest.mark.any_runtime
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be in somebody else's home")
def test_root_makes_nothing_in_somebodys_home(there: Session, made: Path, home: dict[str, str], tmp_path: Path) -> None:
    os.chown(made, 1234, 1234)
    there.tell("login", **home | {"AZURE_CONFIG_DIR": str(tmp_path / "config")})
    assert list(made.iterdir()) == []


SOMEBODY_ELSE = 65534
"""Nobody's, whom every Linux knows by name, as a message bus wants it."""
OPEN_TO_ALL = """
mkdir /run/two
mount -t tmpfs -o mode=755 tmpfs /run/two
for above in {closed}; do
    mkdir -p /run/two/upper$above /run/two/work$above
    layers=lowerdir=$above,upperdir=/run/two/upper$above,workdir=/run/two/work$above
    mount -t overlay -o $layers,userxattr overlay $above
    chmod 755 $above
done
chmod 666 /run/testbed/windows.sock
mkdir /run/two/home
chown {owner}:{owner} /run/two/home
"""


@pytest.mark.full
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be two users")
def test_two_users_at_once_in_one_home_share_nothing(runtime: str, tmp_path: Path) -> None:
    programs = {Path(sys.base_prefix), Path(sys.prefix), Path(__file__)}
    ways = {above for program in programs for above in program.resolve().parents if above.parent == Path("/")}
    closed = " ".join(str(way) for way in ways if not way.stat().st_mode & 0o001)
    with session(NO_KEYRING, runtime, tmp_path / "machine") as there:
        opened = there.run(["sh", "-ec", OPEN_TO_ALL.format(closed=closed, owner=SOMEBODY_ELSE)])
        assert opened.returncode == 0, opened.stderr
        bare = ["env", "-i", "HOME=/run/two/home", "REQUESTS_CA_BUNDLE=/etc/ssl/certs/ca-certificates.crt"]
        owner = ["setpriv", f"--reuid={SOMEBODY_ELSE}", f"--regid={SOMEBODY_ELSE}", "--clear-groups", *bare]
        root = [*bare, f"AZURE_CONFIG_DIR={tmp_path}/roots"]
        for words in (["login"], NEW_TOKEN, NEW_TOKEN):
            pipe = subprocess.PIPE
            both = [
                there.machine.popen([*user, BROKERAUTH, *words], {}, stdin=pipe, stdout=pipe, stderr=pipe)
                for user in (owner, root)
            ]
            ends = [(each.communicate()[1], each.returncode) for each in both]
            assert [(printed, code) for printed, code in ends] == [("", 0), ("", 0)]
        wait_until(lambda: len(keepers(there)) == 1)  # root's is in memory, and ends with the command
        refused = there.run([*bare, BROKERAUTH, "login"])
        assert "/run/two/home/.azure/brokerauth cannot be used: the directory above it belongs to another user" in (
            refused.stderr
        )
        found = there.run(["find", "/run/two/home", "-not", "-user", str(SOMEBODY_ELSE)])
        assert (found.returncode, found.stdout) == (0, "")


@pytest.mark.any_runtime
@pytest.mark.parametrize("planted", ["link", *(pytest.param(it, marks=FULL) for it in ("pipe", "file", "open to all"))])
def test_what_is_planted_in_its_place_is_left_alone(
    there: Session, home: dict[str, str], made: Path, tmp_path: Path, planted: str
) -> None:
    place = made / ".local/state/brokerauth"
    place.parent.mkdir(parents=True)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    if planted == "link":
        place.symlink_to(elsewhere)
    elif planted == "pipe":
        os.mkfifo(place)
    elif planted == "file":
        place.write_text("")
    else:
        place.mkdir()
        place.chmod(0o777)
    there.tell("login", **home)
    there.tell(*NEW_TOKEN, **home)
    assert list(elsewhere.iterdir()) == []
    assert not place.is_dir() or list(place.iterdir()) == []


@pytest.mark.any_runtime
@pytest.mark.parametrize(
    ("program", "number"),
    [
        ("gnome-keyring-daemon", signal.SIGSTOP),
        ("host.py", signal.SIGSTOP),
        *(
            pytest.param(program, number, marks=FULL)
            for program, number in (
                ("gnome-keyring-daemon", signal.SIGKILL),
                ("host.py", signal.SIGKILL),
                ("dbus-daemon", signal.SIGSTOP),
                ("dbus-daemon", signal.SIGKILL),
            )
        ),
    ],
)
def test_a_keyring_that_hangs_or_dies_is_replaced(
    there: Session, home: dict[str, str], program: str, number: signal.Signals
) -> None:
    before = {pid for pid, _ in there.machine.processes()}
    there.tell("login", "--username", GRACE.username, **home)
    words = "bus.conf" if program == "dbus-daemon" else program
    now = there.machine.processes()
    hit = [pid for pid, argv in now if pid not in before and words in " ".join(argv)]
    assert hit
    for pid in hit:
        os.kill(pid, number)
    there.tell(*NEW_TOKEN, "--username", GRACE.username, **home)


@pytest.mark.any_runtime
@pytest.mark.parametrize("number", [signal.SIGSTOP, pytest.param(signal.SIGKILL, marks=FULL)])
def test_a_program_that_runs_does_not_notice_that_its_keyring_was_replaced(
    there: Session, home: dict[str, str], number: signal.Signals
) -> None:
    before, pipe = set(keepers(there)), subprocess.PIPE
    command = [sys.executable, "-c", TWO_TOKENS]
    with there.machine.popen(command, there.env | home, stdin=pipe, stdout=pipe, stderr=pipe) as program:
        assert program.stdout is not None
        assert program.stdout.readline() == "True\n"
        (keyring,) = set(keepers(there)) - before
        os.kill(keyring, number)
        out, said = program.communicate("\n\n", timeout=60)
    assert (out, said) == ("True\n", "")


FAKES = {
    "ends": "exit 3",
    "hangs": "exec sleep 1000",
    "talks nonsense": "while :; do echo nonsense; sleep 0.1; done",
}


@pytest.mark.any_runtime
@pytest.mark.parametrize(
    ("program", "fake"),
    [
        ("gnome-keyring-daemon", "ends"),
        *(
            pytest.param(program, fake, marks=FULL)
            for program in ("gnome-keyring-daemon", "dbus-daemon")
            for fake in FAKES
            if (program, fake) != ("gnome-keyring-daemon", "ends")
        ),
    ],
)
def test_programs_that_do_not_serve_are_an_error_and_no_hang(
    there: Session, home: dict[str, str], tmp_path: Path, program: str, fake: str
) -> None:
    path = tmp_path / program
    path.write_text(f"#!/bin/sh\n{FAKES[fake]}\n")
    path.chmod(0o755)
    began = time.monotonic()
    said = there.refuse("login", **home, PATH=f"{tmp_path}:{there.env['PATH']}")
    assert time.monotonic() - began < 25
    assert "a private one could not be started" in said
    assert (f"{program} ended (exit code 3)" if fake == "ends" else "were not there within 6 seconds") in said
    there.tell("login", **home)


@pytest.mark.any_runtime
def test_what_is_not_installed_is_named(there: Session, home: dict[str, str], tmp_path: Path) -> None:
    """With a PATH that lacks what is not installed."""
    done = there.run(["env", f"PATH={tmp_path}", BROKERAUTH, "login"], **home)
    said = done.stderr
    assert done.returncode == 1
    assert "dbus-daemon and gnome-keyring-daemon is not installed" in said
    assert "sudo apt-get install dbus gnome-keyring" in said


@pytest.mark.any_runtime
def test_the_sessions_keyring_is_left_alone_where_the_setting_says_private(runtime: str, tmp_path: Path) -> None:
    with session("default", runtime, tmp_path / "machine") as there:
        there.tell("login")
        kept = there.machine.home / ".local/share/keyrings"
        before = {path: path.read_bytes() for path in kept.iterdir()}
        assert not keepers(there)
        there.tell("login", "--username", GRACE.username, AZURE_BROKERAUTH_KEYRING="private")
        assert keepers(there)
        assert {path: path.read_bytes() for path in kept.iterdir()} == before
        there.refuse("get-access-token", AZURE_BROKERAUTH_KEYRING="session")
        end(there)
