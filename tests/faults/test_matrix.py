"""Every fault, through every way in: it ends in time with the right error, leaves nothing behind, and then all works.

Each of them in a home that was used before, and in a fresh one. `make test` takes every fault through one way in, and
every way in with the worst faults, or with one of them; `make test-full` all of it.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import signal
import tempfile
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from azext_brokerauth.errors import BrokerTimeoutError
from testbed.machine import Machine
from testbed.scenarios import SCENARIOS
from tests.conftest import RUNTIMES
from tests.emulated.session import AZ, Session
from tests.faults import leaks, table
from tests.faults.expected import BORN_WITH, DIFFERENTLY, FAULTS, HOMES, NO_FAULT, WORST, WORST_AT_FIRST, Fault, state
from tests.faults.tools import CARGO, DOCKER, GIT, KEYRING, KUBECTL
from tests.faults.ways import IN_EXEC, SIGN_OUT, TOKEN, WAYS, Told, Way, sign_in
from tests.waiting import wait_until

ONE_WAY = "brokerauth get-access-token"
ONE_OF_EACH_HOST = (ONE_WAY, "az account get-access-token", "BrokerCredential.get_token")
ONE_CELL = {
    IN_EXEC: ("hang-on-silent", "used", "double"),
    GIT: ("crash", "used", "double"),
    KUBECTL: ("crash", "used", "real"),
    DOCKER: ("hang-on-silent", "fresh", "double"),
    KEYRING: ("crash", "used", "double"),
    CARGO: ("no-route", "fresh", "double"),
}
"""What is in `make test` of the ways in whose tokens come by the same way as those of get-access-token."""
HTTP_CACHE = "msal_http_cache.bin"
"""What az keeps of what authorities say about themselves."""
STORES = ("brokerauth/accounts.json", "azureProfile.json")
# az's own cache has the tokens that az asked for; the other two are the runtime's and its double's keyring.
HOLD_TOKENS = (".azure/msal_token_cache.json", ".azure/msal_token_cache.bin")


def is_core(way: Way, name: str, runtime: str, home: str) -> bool:
    """Is this cell in `make test`?"""
    if way.name in ONE_CELL:
        return ONE_CELL[way.name] == (name, home, runtime)
    if home == "fresh":
        return name in WORST_AT_FIRST and runtime == "double" and way.name in ONE_OF_EACH_HOST
    if way.name == ONE_WAY:
        return name in WORST or runtime == "double"
    return name in WORST and runtime == "double"


def cells(host: str, runtimes: Iterable[str] = RUNTIMES) -> list[object]:
    """All cells of the ways in through one host, the large rest marked."""
    return [
        pytest.param(runtime, way, name, home, id=f"{way.name}-{name}-{home}-{runtime}", marks=marks)
        for runtime in runtimes
        for way in WAYS
        if way.host == host
        for name in FAULTS
        for home in HOMES
        for marks in [[] if is_core(way, name, runtime, home) else [pytest.mark.full]]
    ]


class Bench:
    """One machine for each runtime, for as long as the cells of a host run on it."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._stack = contextlib.ExitStack()
        self._there: dict[str, Session] = {}

    def on(self, runtime: str) -> Session:
        if runtime not in self._there:
            self.close()
            extension = AZ.parent / "cliextensions/brokerauth"
            machine = self._stack.enter_context(
                Machine(state("default"), runtime, python=[extension] if extension.exists() else [])
            )
            opened = self._directory / f"opened-{runtime}"
            there = Session(machine, opened, {"BROWSER": f"touch {opened}"})
            self._there[runtime] = there
        return self._there[runtime]

    def try_cell(self, runtime: str, way: Way, name: str, home: str) -> None:
        try:
            try_cell(self.on(runtime), way, name, home)
        except BaseException:
            self.close()  # whatever is wrong with this machine is not to be taken for the fault of the next cell
            raise

    def close(self) -> None:
        self._there.clear()
        self._stack.close()


def start_afresh(there: Session, way: Way) -> None:
    """Leave nothing of az and of this project, or what a sign-in leaves where one is needed, but no HTTP cache."""
    shutil.rmtree(there.config, ignore_errors=True)
    if way.wants in (TOKEN, SIGN_OUT):
        sign_in(there, way.host)
        (there.config / HTTP_CACHE).unlink(missing_ok=True)


def try_cell(there: Session, way: Way, name: str, home: str) -> None:
    fault = FAULTS[name]
    if home == "fresh":
        start_afresh(there, way)
    elif b"username" not in stores(there).get("brokerauth/accounts.json", b""):  # nobody yet, or a sign-out came last
        sign_in(there, way.host)
    # What processes share would answer in place of the broker that is at fault.
    shutil.rmtree(there.machine.home / ".cache/brokerauth", ignore_errors=True)
    before = stores(there)
    there.machine.clear_journal()
    there.machine.set_scenario(state(name))
    after: list[dict[str, bytes]] = []

    def recover() -> None:
        after.append(stores(there))
        assert not [argv for _, argv in there.machine.processes() if "--method" in argv], "a proxy was left behind"
        there.machine.set_scenario(state("default"))
        killer.close()

    with leaks.Sampler(there.machine) as sampler, contextlib.ExitStack() as killer:
        if fault.killing:
            killer.enter_context(killing(there.machine))
        try:
            private = killer.enter_context(broken_keyring(fault)) if fault.keyring else {}
            first, second = way.go(there, deadlines(way, fault) | private, recover)
        finally:
            there.machine.set_scenario(state("default"))
    check(way, name, first)
    assert second.succeeded, second.said
    wait_until(lambda: there.machine.processes() == [], 20)
    assert not there.opened.exists(), "a browser was opened"
    assert not [call for call in there.calls("entra") if "/token" in call], "the broker was passed by"
    assert way.wants != TOKEN or "acquireTokenInteractively" not in there.calls(), "a person was asked"
    if not first.succeeded:
        assert after[0] == before, "a store was changed by what failed"
    assert_no_litter(there.config)
    allowed = tuple(there.machine.home / path for path in HOLD_TOKENS)
    assert leaks.found(there.machine, first.said, second.said, sampler=sampler, allowed=allowed) == []


def check(way: Way, name: str, told: Told) -> None:
    fault = FAULTS[name]
    if way.wants == SIGN_OUT:
        assert told.succeeded, told.said
        assert ("could not be told" in told.said) == (fault.sign_out is not None)
        assert fault.sign_out is None or fault.sign_out.cause in told.said
        return
    problem = DIFFERENTLY.get((way.name, name), fault.of(way.wants))
    if problem is None:
        assert told.succeeded, told.said
        return
    assert not told.succeeded
    assert problem.cause in told.said
    assert problem.remedy in told.said
    if way.host == "credential":
        assert told.error == (problem.sdk, problem.error.__name__)


def deadlines(way: Way, fault: Fault) -> dict[str, str]:
    """Shorter ones than a product's own, where nothing but a deadline ends the wait."""
    problem = fault.of(way.wants)
    if problem is None or problem.error is not BrokerTimeoutError:
        return {}
    # A credential has the same deadline for the second attempt, which is to succeed on a loaded machine too.
    seconds = "8" if way.host == "credential" else "2"
    return {f"AZURE_BROKERAUTH_{'PROMPT' if 'prompt' in problem.cause else 'SILENT'}_TIMEOUT": seconds}


@contextlib.contextmanager
def broken_keyring(fault: Fault) -> Iterator[dict[str, str]]:
    """The variables with which a private keyring is wanted, and none starts for as long as this is open."""
    with tempfile.TemporaryDirectory(prefix="testbed-") as directory:
        broken, program = Path(directory) / "broken", Path(directory) / "gnome-keyring-daemon"
        broken.touch()
        program.write_text(
            f'#!/bin/sh\nif [ -e {broken} ]; then {fault.keyring}; fi\nexec /usr/bin/{program.name} "$@"\n'
        )
        program.chmod(0o755)
        yield {"AZURE_BROKERAUTH_KEYRING": "private", "PATH": f"{directory}:{os.environ['PATH']}"}


@contextlib.contextmanager
def killing(machine: Machine) -> Iterator[None]:
    """Kill each broker process as the kernel does when memory runs out: it alone, and at any moment."""
    over = threading.Event()

    def kill() -> None:
        while not over.wait(0.1):
            for pid, argv in machine.processes():
                if any(word.endswith("broker/host.py") for word in argv):
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)

    thread = threading.Thread(target=kill)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def stores(there: Session) -> dict[str, bytes]:
    """What is kept about who is signed in. az makes a profile of nobody whenever it finds none."""
    kept = {name: (there.config / name).read_bytes() for name in STORES if (there.config / name).exists()}
    return {name: content for name, content in kept.items() if content.decode("utf-8-sig") != "{}"}


def assert_no_litter(config: Path) -> None:
    """No temporary file, and no lock that anybody holds."""
    ours = config / "brokerauth"
    if not ours.exists():
        return
    assert {path.name for path in ours.iterdir()} <= {"accounts.json", "accounts.lock"}
    with (ours / "accounts.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)


@pytest.fixture(scope="class")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    there = Bench(tmp_path_factory.mktemp("faults"))
    yield there
    there.close()


class TestBrokerauth:
    host = "brokerauth"

    @pytest.mark.parametrize(("runtime", "way", "name", "home"), cells(host))
    def test_fault(self, bench: Bench, runtime: str, way: Way, name: str, home: str) -> None:
        bench.try_cell(runtime, way, name, home)


class TestTool:
    host = "tool"

    @pytest.mark.parametrize(("runtime", "way", "name", "home"), cells(host))
    def test_fault(self, bench: Bench, runtime: str, way: Way, name: str, home: str) -> None:
        bench.try_cell(runtime, way, name, home)


class TestAz:
    host = "az"

    @pytest.mark.parametrize(("runtime", "way", "name", "home"), cells(host, RUNTIMES[:1]))
    def test_fault(self, bench: Bench, runtime: str, way: Way, name: str, home: str) -> None:
        bench.try_cell(runtime, way, name, home)


class TestAzOnTheOtherRuntime:
    """A class of its own, so that another process runs it meanwhile: az takes the longest."""

    @pytest.mark.parametrize(("runtime", "way", "name", "home"), cells("az", RUNTIMES[1:]))
    def test_fault(self, bench: Bench, runtime: str, way: Way, name: str, home: str) -> None:
        bench.try_cell(runtime, way, name, home)


class TestCredential:
    host = "credential"

    @pytest.mark.parametrize(("runtime", "way", "name", "home"), cells(host))
    def test_fault(self, bench: Bench, runtime: str, way: Way, name: str, home: str) -> None:
        bench.try_cell(runtime, way, name, home)


def test_the_page_about_it_is_up_to_date() -> None:
    page = table.PAGE.read_text()
    assert table.put_in(page) == page
    assert table.size(2) in page


def test_every_scenario_is_a_fault_or_says_why_it_is_none() -> None:
    scenarios = {fault.scenario or name for name, fault in FAULTS.items()}
    assert scenarios | {*BORN_WITH, *NO_FAULT} == set(SCENARIOS)
