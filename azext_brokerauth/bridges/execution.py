"""``exec -- COMMAND``: this process becomes the command, and one beside it listens for as long as the command lives.

The command has the process ID, the terminal, the process group and the parent that this process had. So signals, job
control and its exit code are its own affair, and nothing stands in between.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import secrets
import select
import shlex
import signal
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from azext_brokerauth import agents, settings
from azext_brokerauth.bridges import containers, variables
from azext_brokerauth.bridges import feeds as feed_names
from azext_brokerauth.bridges.calls import Terms
from azext_brokerauth.bridges.listener import LOOPBACK, Listener
from azext_brokerauth.bridges.silent import EXEC, Source, Wanted, check_allowed
from azext_brokerauth.broker.launch import SHORT_OF_RESOURCES
from azext_brokerauth.errors import (
    BrokerAuthError,
    BrokerNotReadyError,
    BrokerOffError,
    InvalidInputError,
    SettingsError,
)
from azext_brokerauth.errors.rendering import PLAIN, Host
from azext_brokerauth.machine import detect
from azext_brokerauth.models import own, person
from azext_brokerauth.printable import printable
from azext_brokerauth.sign_in import takes_options
from azext_brokerauth.tokens.eligibility import eligibility

_LOGGER = logging.getLogger(f"cli.{__name__}")  # knack and az show what is below this name
_NOT_FOUND, _NOT_EXECUTABLE = 127, 126
"""As shells have it (https://www.gnu.org/software/bash/manual/html_node/Exit-Status.html)."""
_LOOK = 0.5
"""Seconds between two looks at the command, where the kernel or a sandbox has no pidfd."""


@dataclass(frozen=True)
class Options:
    """What ``exec`` can be told.

    :param resources: what tokens are given for; none for whatever is asked.
    :param containers: listen where containers can reach it, too.
    :param container_address: that address, which implies them; empty for the bridge's.
    :param feeds: organisations of Azure DevOps for whose feeds a token is put into the command's variables.
    :param agent_session: the AI agent's session that the command is run in; None: what the variable says.
    """

    resources: Sequence[str] | None = None
    containers: bool = False
    container_address: str = ""
    feeds: Sequence[str] | None = None
    agent_session: str | None = None

    @property
    def for_containers(self) -> bool:
        """Can containers reach it?"""
        return self.containers or bool(self.container_address)


@takes_options(Options)
def execute(arguments: list[str], options: Options) -> None:
    """The command of ``brokerauth``."""
    become(as_typed(arguments), options)


def environ_for(told: Options) -> dict[str, str]:
    """The variables of this process, in which an agent's session is named for the command and whatever it starts.

    :raises InvalidInputError: it cannot be one.
    """
    session = agents.session(os.environ, told.agent_session)
    return {**os.environ, agents.VARIABLE: session} if session else dict(os.environ)


def as_typed(arguments: list[str]) -> list[str]:
    """The words after the two dashes, as they were typed: az has expanded ``@file`` in its own by now."""
    return sys.argv[sys.argv.index("--") + 1 :] if "--" in sys.argv else arguments


def become(words: list[str], told: Options, host: Host = PLAIN) -> NoReturn:
    """Run a command in the place of this process.

    :param words: the command, as it was typed.
    :param told: what ``exec`` was told.
    :param host: whose commands remedies name.
    :raises SystemExit: it cannot be run; why is said.
    :raises BrokerAuthError: it must not get tokens, or the listener cannot listen.
    """
    if not words:
        raise InvalidInputError(
            "The command to run is missing.", remedies=own(EXEC, "--", "node", "server.js", text="After two dashes,")
        )
    if not hasattr(os, "fork"):
        raise BrokerOffError("exec is for Linux: here is no way to become another program.")
    chosen = settings.load()
    check_allowed(EXEC, chosen)
    obstacle = eligibility(chosen, detect())
    if isinstance(obstacle, BrokerAuthError):
        raise obstacle
    environ = environ_for(told)
    of_feeds = _feed_variables(told.feeds or (), environ)
    terms = Terms(secrets.token_hex(32), chosen.client_id, tuple(told.resources or ()), host)
    source = Source(EXEC, environ=environ, check=terms.check)
    listeners = [_listener(LOOPBACK, terms, source)]
    ours = variables.of_listener(listeners[0].url, terms.key)
    directory = None
    if told.for_containers:
        listeners.append(_listener(containers.address_for(words, told.container_address), terms, source))
        directory = _files_for_containers(listeners[1].url, terms.key)
        ours[variables.ENV_FILE] = str(directory / containers.ENV_FILE)
        ours[variables.HELPERS] = str(directory)
    given = variables.handed(environ, {**ours, **of_feeds}, LOOPBACK)
    _tell(words[0], told, given, listeners)
    sys.stdout.flush()
    sys.stderr.flush()
    try:
        _begin(lambda ended: _serve(listeners, source, ended, directory))
    except OSError as error:
        if directory:
            containers.remove(directory)
        raise BrokerNotReadyError(
            f"No process can be started: {error.strerror}.", remedies=SHORT_OF_RESOURCES
        ) from error
    _run(words, given.environ)


def _feed_variables(organisations: Sequence[str], environ: Mapping[str, str]) -> dict[str, str]:
    """The variables for the feeds of these organisations, with a token that is had before anything is started.

    :raises InvalidInputError: a name is none.
    :raises BrokerAuthError: there is no token.
    """
    try:
        names = [feed_names.organisation(each) for each in organisations]
    except ValueError as error:
        raise InvalidInputError(f"--feed cannot be used: {error}.") from error
    if not names:
        return {}
    with Source(EXEC, environ=environ, asker=os.getpid) as source:  # its broker is no child for the command to have
        return feed_names.feed_variables(names, source.token(Wanted(feed_names.SCOPE)).value)


def _files_for_containers(url: str, key: str) -> Path:
    """A new directory with them."""
    try:
        directory = containers.private_directory()
        try:
            containers.fill(directory, url, key, variables.of_listener(url, key))
        except BaseException:
            containers.remove(directory)
            raise
    except OSError as error:
        raise SettingsError(
            f"The files for containers cannot be written: {error.strerror}.",
            remedies=person("Check that the disk has free space."),
        ) from error
    return directory


def _listener(address: str, terms: Terms, source: Source) -> Listener:
    try:
        return Listener(address, terms, source.token)
    except OSError as error:
        raise InvalidInputError(
            f"Nothing can listen at {address}: {error.strerror}.",
            remedies=person("Name another address with --container-address.") if address != LOOPBACK else (),
        ) from error


def _tell(name: str, told: Options, given: variables.Handed, listeners: list[Listener]) -> None:
    """What a person has to know, once."""
    what = f"for {' and '.join(told.resources)} only" if told.resources else "for any resource"
    if told.feeds:
        what += f"; a token for the feeds of {' and '.join(told.feeds)} is in its variables"
    reach = f", and so can containers, at {listeners[1].url}" if told.for_containers else ""
    marked = " They are marked as an agent's." if agents.VARIABLE in given.environ else ""
    removed = ", ".join(given.removed)
    _LOGGER.warning(
        "While it runs, %s can get tokens of yours, %s%s. To it they look like those of a managed identity.%s%s",
        printable(name),
        what,
        reach,
        marked,
        f" It is started without {removed}, which would be used instead." if removed else "",
    )


def _run(words: list[str], environ: dict[str, str]) -> NoReturn:
    for number in (signal.SIGPIPE, signal.SIGXFSZ):  # which Python ignores, and no program expects to be ignored
        signal.signal(number, signal.SIG_DFL)
    try:
        os.execvpe(words[0], words, environ)  # noqa: S606
    except (OSError, ValueError) as error:
        missing = isinstance(error, (FileNotFoundError, NotADirectoryError))
        reason = "there is no such command" if missing else getattr(error, "strerror", None) or str(error)
        _LOGGER.error("%s cannot be run: %s.", printable(shlex.quote(words[0])), reason)
        sys.exit(_NOT_FOUND if missing else _NOT_EXECUTABLE)


def _begin(serve: Callable[[Callable[[], None]], None]) -> None:
    """Have a process serve that is neither this one's child, of which the command would not know, nor in its session,
    whose terminal's signals are not for it.

    :param serve: is given what waits until this process has ended, whatever it has become by then.
    :raises OSError: the system gives no more processes.
    """
    ended = _end_of_this_process()
    first = os.fork()
    if first:
        if os.waitpid(first, 0)[1]:
            raise OSError(errno.EAGAIN, os.strerror(errno.EAGAIN))
        return
    code = 1
    try:
        os.setsid()
        if not os.fork():
            serve(ended)
        code = 0
    finally:
        os._exit(code)


def _end_of_this_process() -> Callable[[], None]:
    this = os.getpid()
    try:
        watched = os.pidfd_open(this)
    except (AttributeError, OSError):

        def look() -> None:
            with contextlib.suppress(ProcessLookupError):
                while True:
                    os.kill(this, 0)
                    time.sleep(_LOOK)

        return look

    def wait() -> None:
        select.select([watched], [], [])

    return wait


def _serve(listeners: list[Listener], source: Source, ended: Callable[[], None], directory: Path | None) -> None:
    """Answer until the command has ended."""
    serving: list[Listener] = []
    try:
        _let_go()
        for listener in listeners:
            threading.Thread(target=listener.serve, daemon=True).start()
            serving.append(listener)
        ended()
    finally:
        if directory:
            containers.remove(directory)
        for listener in serving:
            listener.close()
        source.close()


def _let_go() -> None:
    """Hold nothing open that others wait for the end of: the caller's files, which every program inherits; those that
    Python has opened, none does. And leave no core file."""
    import resource

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    logging.disable()
    nothing = os.open(os.devnull, os.O_RDWR)
    for number in range(3):
        os.dup2(nothing, number)
    for name in os.listdir("/proc/self/fd"):
        number = int(name)
        with contextlib.suppress(OSError):
            if number > 2 and os.get_inheritable(number):
                os.close(number)
