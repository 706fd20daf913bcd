"""What all tests share: the option for the largest matrices, and a session on an emulated machine."""

from __future__ import annotations

import contextlib
import platform
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from testbed.scenarios import Scenario
from tests.emulated.session import Session, session
from tests.inheritance import INHERITED

# Microsoft publishes the real runtime for this kind of Linux machine only.
RUNTIMES = ("double", "real") if platform.machine() == "x86_64" else ("double",)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--full", action="store_true", help="run the largest matrices too")


def pytest_configure(config: pytest.Config) -> None:
    if hasattr(config, "workerinput"):
        INHERITED.take_over(config.workerinput["inherited"])
    INHERITED.put_away()
    config.add_cleanup(INHERITED.end)
    config.addinivalue_line(
        "markers", "any_runtime: the runtime makes no difference, so --full alone adds the real one"
    )
    # The same examples each time, and many more of them with --full.
    settings.register_profile(
        "brokerauth",
        derandomize=True,
        deadline=None,
        max_examples=2000 if config.getoption("full") else 50,
        suppress_health_check=[HealthCheck.too_slow],
    )
    settings.load_profile("brokerauth")


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    node.workerinput["inherited"] = INHERITED.to_worker()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("full"):
        return
    left_out = [item for item in items if item.get_closest_marker("full") or _says_nothing_new(item)]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in left_out]


def _says_nothing_new(item: pytest.Item) -> bool:
    given = item.callspec.params if isinstance(item, pytest.Function) and hasattr(item, "callspec") else {}
    return item.get_closest_marker("any_runtime") is not None and given.get("runtime") == "real"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Tell the size of the fault matrix, and how much of it ran."""
    from tests.faults import table

    ended = {
        outcome: sum(table.is_cell(report.nodeid) for report in terminalreporter.getreports(outcome))
        for outcome in ("passed", "failed")
    }
    if any(ended.values()):
        told = ", ".join(f"{count} {outcome}" for outcome, count in ended.items())
        terminalreporter.write_line(f"Fault matrix: {table.size()}; {told} in this run.")


@pytest.fixture(params=RUNTIMES, scope="module")
def runtime(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture(scope="module")
def nobody(runtime: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    """A machine on which no test succeeds in signing in; each sets the scenario that it needs."""
    with session("default", runtime, tmp_path_factory.mktemp(runtime)) as there:
        yield there


@pytest.fixture
def start(runtime: str, tmp_path: Path) -> Iterator[Callable[[Scenario | str], Session]]:
    """Starts a machine in a scenario; what must hold in every scenario is checked when the test ends."""
    with contextlib.ExitStack() as stack:
        yield lambda scenario: stack.enter_context(session(scenario, runtime, tmp_path))


@pytest.fixture
def default(start: Callable[[Scenario | str], Session]) -> Session:
    """A healthy machine where nobody has signed in yet."""
    return start("default")
