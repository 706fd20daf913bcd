"""repair: which commands are run, in which order, after which answer, and what is left for whom."""

import os
import signal
import subprocess
import sys

import pytest

from azext_brokerauth.errors import RepairError
from azext_brokerauth.errors.rendering import PLAIN, in_words
from azext_brokerauth.health import repair as repairs
from azext_brokerauth.health import runner
from azext_brokerauth.health.finding import Check, failed, passed, warned
from azext_brokerauth.health.remedies import RESTART, UPDATE_WSL
from azext_brokerauth.models import own, person, powershell, run, script


class World:
    """Conditions that hold once their command was run."""

    def __init__(self, *conditions, statuses=None):
        self.conditions = conditions  # (ID, steps while it fails, the command that fixes it)
        self.ran, self.asked, self.told = [], [], ""
        self.statuses = statuses or {}

    def look(self):
        return [(Check(id, "Group", None), self._finding(id, *rest)) for id, *rest in self.conditions]

    def _finding(self, id, steps, fixed_by, found=failed):
        return passed(f"{id} is well") if fixed_by in self.ran else found(f"{id} is broken", steps)

    def run(self, words, environ):
        self.ran.append(" ".join(words))
        status = self.statuses.get(self.ran[-1], 0)
        if isinstance(status, Exception):
            raise status
        return status

    def repair(self, answer=True, **more):
        def ask(question):
            self.asked.append(question)
            return answer

        def tell(text):
            self.told += text

        return repairs.repair(self.look, PLAIN, ask, run=self.run, tell=tell, **more)


def test_the_commands_of_what_fails_are_run_in_their_order_each_once():
    update, one, two = run("apt", "update"), run("apt", "install", "one"), run("apt", "install", "two")
    world = World(("a", update + one, "apt install one"), ("fine", (), ""), ("b", update + two, "apt install two"))
    world.conditions = [world.conditions[0], world.conditions[2]]
    told = world.repair()
    assert world.ran == ["apt update", "apt install one", "apt install two"]
    assert (told["ready"], told["failing"], told["left"]) == (True, [], [])
    assert [(step["check"], step["command"]) for step in told["done"]] == [
        ("a", "apt update"),
        ("a", "apt install one"),
        ("b", "apt install two"),
    ]
    assert len(world.asked) == 2
    assert world.told.index("a: a is broken") < world.told.index("$ apt update") < world.told.index("a: fixed")
    assert world.told.endswith("Nothing fails. Next: brokerauth login\n")


def test_what_others_have_to_do_is_left_in_its_order_with_one_restart():
    world = World(
        ("wsl", UPDATE_WSL, ""),
        ("interop", run("sed", "x") + RESTART, ""),
        ("shell", run("export", "A=b"), ""),
        ("old-shell", script("unset A"), ""),
        ("person", person("Open a window"), ""),
        ("signed-in", own("login"), ""),
    )
    told = world.repair()
    assert world.ran == ["sed x"]
    assert [(step["check"], step["shell"], step["command"]) for step in told["left"]] == [
        ("wsl", "powershell", "wsl.exe --update"),
        ("wsl", "powershell", "wsl.exe --shutdown"),
        ("shell", "bash", "export A=b"),
        ("old-shell", "bash", "unset A"),
        ("person", "person", "Open a window"),
        ("signed-in", "bash", "brokerauth login"),
    ]
    assert "wsl.exe --shutdown   (ends every distribution and all that runs in them" in world.told
    assert "Then run: brokerauth repair" in world.told
    assert not told["ready"]


def test_a_command_below_what_windows_has_to_do_first_is_not_run():
    world = World(("a", powershell("first") + run("second"), ""))
    assert [step["command"] for step in world.repair()["left"]] == ["first", "second"]
    assert world.ran == []


def test_warnings_are_told_and_nothing_is_run_for_them():
    world = World(("w", run("improve"), "", warned))
    told = world.repair()
    assert (told["ready"], world.ran, world.asked) == (True, [], [])
    assert told["advised"] == [{"check": "w", "shell": "bash", "command": "improve"}]
    assert "Not necessary, but useful. In this order:" in world.told


def test_what_the_person_does_not_want_is_left_and_the_rest_is_asked_about():
    world = World(("a", run("one"), "one"), ("b", run("two"), "two"))
    told = world.repair(answer=False)
    assert (world.ran, len(world.asked), told["failing"]) == ([], 2, ["a", "b"])
    assert [step["command"] for step in told["left"]] == ["one", "two"]


def test_a_dry_run_asks_nothing_and_runs_nothing():
    world = World(("a", run("one"), "one"))
    told = world.repair(dry_run=True)
    assert (world.ran, world.asked, [step["command"] for step in told["left"]]) == ([], [], ["one"])


@pytest.mark.parametrize(
    ("status", "why"),
    [
        (100, "ended with exit code 100"),
        (-9, "was ended by signal 9"),
        (FileNotFoundError(2, "No such file or directory"), "cannot be started: one: No such file or directory"),
    ],
)
def test_a_command_that_fails_stops_all_and_says_how_to_go_on(status, why):
    world = World(("a", run("one") + run("two"), ""), ("b", run("three"), ""), statuses={"one": status})
    with pytest.raises(RepairError, match=f"one {why}. It was meant to fix a") as stopped:
        world.repair()
    assert world.ran == ["one"]
    assert "run: brokerauth repair" in in_words(stopped.value.remedies, PLAIN)


def test_what_does_not_help_ends_and_is_said():
    world = World(("a", run("one"), ""))
    told = world.repair()
    assert (world.ran, told["ready"], told["left"]) == (["one"], False, [])
    assert "a: still fails: a is broken" in world.told
    assert "No command here can fix that." in world.told


def test_a_check_that_wants_something_new_each_time_is_left_after_a_while():
    world = World()
    world.look = lambda: [(Check("a", "Group", None), failed("broken", run("fix", str(len(world.ran)))))]
    assert not world.repair()["ready"]
    assert 1 < len(world.ran) < 10


def test_what_is_run_cannot_be_led_astray_by_variables_or_the_current_directory(tmp_path, monkeypatch):
    (tmp_path / "json.py").write_text("raise SystemExit(7)")
    environ = {
        **{"PATH": f"relative:{os.environ['PATH']}:", "PYTHONPATH": str(tmp_path), "LD_PRELOAD": "/no.so"},
        **{"BASH_ENV": "/no", "HOME": "/home/ada", "HTTPS_PROXY": "http://proxy:1", "LC_ALL": "C"},
    }
    assert set(runner.cleaned(environ)) == {"PATH", "HOME", "HTTPS_PROXY", "LC_ALL"}
    assert runner.cleaned(environ)["PATH"] == os.environ["PATH"]
    monkeypatch.chdir(tmp_path)
    assert runner.run([sys.executable, "-c", "import json"], environ) == 0
    assert runner.run(["sh", "-c", "exit 3"], environ) == 3
    with pytest.raises(FileNotFoundError):
        runner.run(["no-such-program"], environ)


def test_sudo_is_run_as_any_other_command(tmp_path):
    """With a stand-in: whoever runs the tests may have none."""
    sudo = tmp_path / "sudo"
    sudo.write_text(f'#!/bin/sh\necho "$@" > {tmp_path}/asked\nexec "$@"\n')
    sudo.chmod(0o755)
    environ = {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    assert runner.run(["sudo", "touch", f"{tmp_path}/a b"], environ) == 0
    assert (tmp_path / "a b").exists()
    assert (tmp_path / "asked").read_text() == f"touch {tmp_path}/a b\n"


WAITING = """
import os, sys
from azext_brokerauth.health import runner
from azext_brokerauth.terminal.signals import Ended, end_on_signals
end_on_signals()
try:
    runner.run(["sh", "-c", "trap : INT; echo begun; sleep 2 & wait; wait; echo ended"], os.environ)
except Ended as ended:
    print("left with", ended.code, file=sys.stderr)
    raise
"""


def test_a_signal_waits_for_the_end_of_the_command():
    process = subprocess.Popen([sys.executable, "-c", WAITING], stderr=subprocess.PIPE, text=True)
    assert process.stderr.readline() == "begun\n"
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 143
    assert said.index("Waiting for sh to end") < said.index("ended") < said.index("left with 143")
