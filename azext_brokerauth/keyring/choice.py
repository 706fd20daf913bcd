"""Which keyring the broker's runtime is given: the session's, or a private one."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

from azext_brokerauth.keyring import place, programs, secret_service
from azext_brokerauth.keyring.secret_service import State
from azext_brokerauth.machine import Kind

SESSION, PRIVATE = "session", "private"
AUTO = "auto"
DEADLINE = 4.0
"""Seconds for the whole look at the session's keyring."""
_ANSWER = 2.0
"""Seconds for each answer in it."""
_TRIED = "session-keyring"
"""The file that names the last instance of the session's keyring that stored a test item."""

Look = Callable[[Mapping[str, str], int, str], State]
"""Looks at the session's keyring of an environment and a user; the third is the instance that is not to be tried."""


@dataclass(frozen=True)
class Choice:
    """Which keyring is used, and why.

    :param kind: ``session`` or ``private``.
    :param reason: one clause for a person.
    """

    kind: str
    reason: str


def in_use(setting: str, machine: Kind, environ: Mapping[str, str], uid: int, look: Look | None = None) -> Choice:
    """Which keyring is used on this machine, as :func:`choose` decides under WSL.

    :param setting: as the setting ``keyring``.
    :param machine: its kind.
    """
    if machine is not Kind.WSL2:
        return Choice(SESSION, f"a private one is for {Kind.WSL2.value} only, and this is {machine.value}")
    return choose(setting, environ, uid, look)


def choose(setting: str, environ: Mapping[str, str], uid: int, look: Look | None = None) -> Choice:
    """Decide it: with ``auto`` the session's where it is there, unlocked and can be written, else a private one.

    :param setting: as the setting ``keyring``.
    :param environ: the session's variables.
    :param uid: the user.
    :param look: looks at the session's keyring; None: over its bus, for :data:`DEADLINE` seconds at most.
    """
    if setting != AUTO:
        return Choice(setting, f"the setting keyring is {setting}")
    before = _tried()
    state = (look or look_in_time)(environ, uid, before)
    if problem := _problem(state):
        lacking = programs.missing(environ) if not (state.bus_problem or state.service_problem) else ()
        if lacking:  # the runtime can do something even with a keyring that is locked
            return Choice(SESSION, f"{problem}, and a private one cannot be made without {' and '.join(lacking)}")
        return Choice(PRIVATE, problem)
    if state.instance and state.instance != before:
        _remember(state.instance)
    return Choice(SESSION, f"the session's keyring {state.collection!r} is unlocked")


def _problem(state: State) -> str:
    """Why the session's keyring does not do, one clause; empty where it does."""
    if state.bus_problem:
        return f"there is no session bus ({state.bus_problem})"
    if state.service_problem:
        return f"no keyring answers on the session bus ({state.service_problem})"
    if not state.collection:
        return "the session has no default keyring"
    if state.locked:
        return f"the session's keyring {state.collection!r} is locked"
    if state.write_problem:
        return f"the session's keyring {state.collection!r} does not keep what is written to it ({state.write_problem})"
    return ""


def look_in_time(environ: Mapping[str, str], uid: int, tried: str = "") -> State:
    """Look at the session's keyring for :data:`DEADLINE` seconds at most.

    In a thread of its own: not all that jeepney does has a deadline, and a bus that is stopped answers nothing.

    :param environ: the session's variables.
    :param uid: the user.
    :param tried: the instance that has stored a test item before, and is not asked to do it again.
    """
    states = []

    def look() -> None:
        connect = partial(secret_service.connection, each=_ANSWER)
        states.append(secret_service.look(environ, uid, connect, tried=tried))

    try:
        thread = threading.Thread(target=look, daemon=True, name="session-keyring")
        thread.start()
    except RuntimeError as error:  # the system gives no more threads
        return State(bus_problem=str(error))
    thread.join(DEADLINE)
    return states[0] if states else State(bus_problem=f"no answer in {DEADLINE:g} s")


def _tried() -> str:
    """The instance that has stored a test item: a keyring writes its whole file for each, so it is tried once."""
    try:
        with place.opened() as kept:
            return kept.read(_TRIED).decode(errors="replace")
    except OSError:
        return ""


def _remember(instance: str) -> None:
    with contextlib.suppress(OSError), place.opened(make=True) as kept:
        kept.replace(_TRIED, instance.encode())
