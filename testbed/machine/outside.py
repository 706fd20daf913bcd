"""The emulated machine as seen from outside: start it, run programs on it, ask what happened."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Any

from testbed.machine.host import MachineError, compiled, tool, why_it_ended
from testbed.machine.interpreters import default_runtime, site_packages_of
from testbed.machine.plan import Plan
from testbed.scenarios import Scenario, load, to_json

_ROOM = Path(__file__).parent
_SOURCES = {
    "uname_shim": _ROOM / "uname_shim.c",
    "keys_shim": _ROOM / "keys_shim.c",
    "windows_program": _ROOM.parent / "windows/program.c",
}
"""What the machine needs compiled, by the name that the plan gives it."""
_FROM_THE_CALLER = ("PATH", "USER", "LOGNAME", "SHELL", "TERM")
"""The caller's variables that the machine has too. All others are settings of another machine."""
_UMASK = 0o022
_UNTOUCHED = "--default-signal"
"""To env: with no signal ignored, as a program that a login shell starts."""
_FIXED_AT_START = ("machine", "interop", "keyring", "kernel_keyring", "runtime_package", "trust")
_END_DEADLINE = 5.0
"""Seconds that the machine's programs may take to die with it."""


class Process(subprocess.Popen[str]):
    """A program on the machine. Signals go to it, not to the nsenter that carries it in and its status out."""

    def send_signal(self, sig: int) -> None:
        if self.poll() is None:
            for pid in _children(self.pid) or [self.pid]:
                with contextlib.suppress(ProcessLookupError):  # it ended by itself just now
                    os.kill(pid, sig)


class Machine:
    """An emulated machine, running from `__enter__` to `__exit__`.

    :param scenario: a `Scenario`, the name of one, or a file that holds one.
    :param runtime: `real`, `double`, or None for whichever this Python can load.
    :param home: the user's home directory, which outlives the machine; None makes one that does not.
    :param journal: the file for the record of the calls to the stand-ins, which starts empty; None keeps it with the
        machine.
    :param python: more directories (beside this Python's own) that hold, or should hold, the runtime.
    :raises ValueError: there is no such scenario or directory.
    """

    def __init__(
        self,
        scenario: Scenario | str = "default",
        runtime: str | None = None,
        home: Path | None = None,
        journal: Path | None = None,
        python: Sequence[Path] = (),
    ) -> None:
        self.scenario = load(scenario) if isinstance(scenario, str) else scenario
        self.runtime = runtime or default_runtime(sys.executable)
        if missing := [str(directory) for directory in python if not directory.is_dir()]:
            raise ValueError(f"no such directory: {', '.join(missing)}")
        self._python = sorted({str(directory.resolve()) for directory in (*site_packages_of(sys.executable), *python)})
        self._given_home, self._given_journal = home, journal

    def __enter__(self) -> Machine:
        """:raises MachineError:"""
        self._nsenter = tool("nsenter")
        programs = {name: str(compiled(source)) for name, source in _SOURCES.items()}
        with contextlib.ExitStack() as stack:
            self._world = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="testbed-")))
            self.home = (self._given_home or self._world / "home").absolute()
            self.home.mkdir(parents=True, exist_ok=True)
            self._journal = (self._given_journal or self._world / "journal.jsonl").absolute()
            self.clear_journal()
            plan = Plan(
                scenario=to_json(self.scenario),
                runtime=self.runtime,
                world=str(self._world),
                home=str(self.home),
                journal=str(self._journal),
                python=tuple(self._python),
                programs=programs,
            )
            self._log = stack.enter_context((self._world / "init.log").open("w+"))
            self._init = _start_init(self._log)
            stack.callback(_stop, self._init)
            self._environment: dict[str, str] = self._tell(dataclasses.asdict(plan))["environment"]
            self._pid = _children(self._init.pid)[0]
            self._namespace = os.readlink(f"/proc/{self._pid}/ns/pid")
            self._services = {pid for pid, _ in self._all_processes()}
            self._closing = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing.close()

    @property
    def ledger(self) -> Path:
        """The file with every secret handed out so far, as `Issuer` writes it."""
        return self._world / "ledger"

    def popen(
        self,
        command: Sequence[str],
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        new_session: bool = True,
        **how: Any,
    ) -> Process:
        """Start a program on the machine.

        :param env: variables to add to those of the machine.
        :param cwd: where; None is the caller's present directory.
        :param new_session: out of reach of the caller's terminal.
        :param how: passed on to `subprocess.Popen`; the mode is text.
        """
        namespaces = ["--user", "--preserve-credentials", "--mount", "--pid", "--net"]
        enter = [self._nsenter, f"--target={self._pid}", *namespaces, "--"]
        # nsenter ends by the signal that ended the program, unless it ignores that signal. At the caller's terminal it
        # must do as the caller does, who may leave Ctrl-C to the program.
        enter, session = ([tool("env"), _UNTOUCHED, *enter], ["setsid"]) if new_session else (enter, [])
        place = ["env", _UNTOUCHED, f"--chdir={cwd or Path.cwd()}"]
        environment = _environment() | self._environment | {"HOME": str(self.home)} | dict(env or {})
        return Process([*enter, *session, *place, *command], env=environment, text=True, **{"umask": _UMASK} | how)

    def run(
        self,
        command: Sequence[str],
        input: str | None = None,
        timeout: float | None = 60,
        env: Mapping[str, str] | None = None,
        check: bool = False,
        cwd: Path | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """Run a program on the machine and wait for it, as `subprocess.run` with its output captured does.

        :param timeout: seconds; then the program, but not what it started, is killed.
        :raises subprocess.TimeoutExpired:
        :raises subprocess.CalledProcessError: with `check`, it did not exit 0.
        """
        source = subprocess.DEVNULL if input is None else subprocess.PIPE
        with self.popen(command, env, cwd, stdin=source, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            try:
                stdout, stderr = process.communicate(input, timeout)
            except BaseException:
                process.kill()
                raise
        result = subprocess.CompletedProcess(list(command), process.returncode, stdout, stderr)
        if check:
            result.check_returncode()
        return result

    def set_scenario(self, scenario: Scenario | str) -> None:
        """Change what the broker and the cloud do, from their next call on.

        :raises ValueError: it differs in what a machine can only be born with.
        """
        new = load(scenario) if isinstance(scenario, str) else scenario
        if fixed := [name for name in _FIXED_AT_START if getattr(new, name) != getattr(self.scenario, name)]:
            raise ValueError(f"{' and '.join(fixed)} cannot change while the machine runs: start another one")
        self._tell(to_json(new))
        self.scenario = new

    def journal(self) -> list[dict[str, Any]]:
        """Every call that reached a stand-in, oldest first."""
        return [json.loads(line) for line in self._journal.read_text().splitlines()]

    def clear_journal(self) -> None:
        self._journal.write_text("")

    def processes(self) -> list[tuple[int, list[str]]]:
        """The programs that run on the machine: process ID as seen from outside, and arguments."""
        return [(pid, argv) for pid, argv in self._all_processes() if pid not in self._services]

    def _all_processes(self) -> Iterator[tuple[int, list[str]]]:
        for entry in Path("/proc").iterdir():
            if not entry.name.isdigit():
                continue
            # Processes come and go, and some are not ours to look at.
            with contextlib.suppress(FileNotFoundError, ProcessLookupError, PermissionError):
                if os.readlink(entry / "ns/pid") != self._namespace:
                    continue
                if argv := (entry / "cmdline").read_text(errors="surrogateescape"):  # the dead have none
                    yield int(entry.name), argv.split("\0")[:-1]

    def _tell(self, what: dict[str, Any]) -> dict[str, Any]:
        stdin, stdout = _pipes(self._init)
        with contextlib.suppress(BrokenPipeError):  # then there is no answer, which is handled
            stdin.write(json.dumps(what) + "\n")
            stdin.flush()
        line = stdout.readline()
        if not line:
            raise MachineError(why_it_ended(Path(self._log.name).read_text()))
        answer: dict[str, Any] = json.loads(line)
        if answer["problem"]:
            raise MachineError(answer["problem"])
        return answer


def _start_init(log: IO[str]) -> subprocess.Popen[str]:
    # The keys that the kernel keeps for a user are those of a user namespace: with one of its own, the machine has its
    # own, which end with it. `unshare` gives root none with all users in it.
    python = [sys.executable, "-m"]
    user = [*python, "testbed.machine.all_users"] if os.geteuid() == 0 else []
    mapped = ["--user", "--map-root-user"] if os.geteuid() != 0 else []
    namespaces = [*mapped, "--mount", "--pid", "--net", "--fork", "--kill-child"]
    return subprocess.Popen(
        [tool("env"), _UNTOUCHED, *user, tool("unshare"), *namespaces, *python, "testbed.machine.init"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=log,
        text=True,
        cwd=_ROOM.parents[1],  # where the package testbed is
        env=_environment(),
        umask=_UMASK,
        start_new_session=True,  # Ctrl-C is not for the machine
    )


def _stop(init: subprocess.Popen[str]) -> None:
    for pipe in _pipes(init):
        pipe.close()
    try:
        init.wait(_END_DEADLINE)
    except subprocess.TimeoutExpired:
        init.kill()
        init.wait()


def _pipes(process: subprocess.Popen[str]) -> tuple[IO[str], IO[str]]:
    if process.stdin is None or process.stdout is None:
        raise TypeError("started without pipes")
    return process.stdin, process.stdout


def _children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def _environment() -> dict[str, str]:
    return {"LANG": "C.UTF-8"} | {name: os.environ[name] for name in _FROM_THE_CALLER if name in os.environ}
