"""Which keyring is used, and why."""

import os
import socket
import stat
from pathlib import Path

import pytest

from azext_brokerauth.keyring.choice import Choice, choose
from azext_brokerauth.keyring.secret_service import State

GOOD = State(collection="login", instance="bus :1.2 /login")
LACKING = {
    "no session bus": State(bus_problem="No such file or directory"),
    "no keyring answers": State(service_problem="no answer in time"),
    "no default keyring": State(),
    "'login' is locked": State(collection="login", locked=True),
    "does not keep what is written": State(collection="login", write_problem="disk full"),
}


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


def never(*_):
    raise AssertionError("nobody asked for a look")


@pytest.mark.parametrize("kind", ["session", "private"])
def test_who_chose_one_gets_it_without_a_look(kind):
    assert choose(kind, {}, 1, never) == Choice(kind, f"the setting keyring is {kind}")


@pytest.mark.parametrize("lacking", LACKING)
def test_what_the_session_lacks_makes_it_private_and_is_said(lacking):
    choice = choose("auto", {}, 1, lambda *_: LACKING[lacking])
    assert choice.kind == "private"
    assert lacking in choice.reason


def test_a_good_keyring_of_the_session_is_used_and_tried_once_for_each_time_it_is_started(home):
    asked = []
    for state in (GOOD, GOOD, State(collection="login", instance="bus :1.9 /login"), GOOD):
        assert (
            choose("auto", {}, 1, lambda _environ, _uid, tried, it=state: asked.append(tried) or it).kind == "session"
        )
    assert asked == ["", "bus :1.2 /login", "bus :1.2 /login", "bus :1.9 /login"]
    kept = home / ".local/state/brokerauth"
    assert [stat.S_IMODE(path.stat().st_mode) for path in (kept, kept / "session-keyring")] == [0o700, 0o600]


def test_where_nothing_can_be_remembered_it_is_tried_each_time(home):
    (home / ".local").write_text("")
    assert choose("auto", {}, 1, lambda *_: GOOD).kind == "session"


@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="only root can be in another's home")
def test_root_makes_nothing_in_another_users_home(home):
    os.chown(home, 4242, 4242)
    assert choose("auto", {}, 0, lambda *_: GOOD).kind == "session"
    assert list(home.iterdir()) == []


def test_a_bus_that_takes_connections_and_says_nothing_is_given_up(tmp_path):
    with socket.socket(socket.AF_UNIX) as bus:
        bus.bind(str(tmp_path / "bus"))
        bus.listen()
        found = choose("auto", {"DBUS_SESSION_BUS_ADDRESS": f"unix:path={tmp_path}/bus"}, os.getuid())
    assert found.kind == "private"
    assert "no session bus" in found.reason
