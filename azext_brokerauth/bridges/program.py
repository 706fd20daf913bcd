"""A program that another tool starts: its answer on standard output, or a line on standard error."""

from __future__ import annotations

from collections.abc import Callable

from azext_brokerauth.errors import BrokerAuthError
from azext_brokerauth.terminal.program import until_ended
from azext_brokerauth.terminal.streams import say


def run(name: str, work: Callable[[], int], refused: Callable[[str], object] = lambda _: None) -> int:
    """Do what the tool asks, until that or a signal ends it.

    :param name: the program's, which the line begins with.
    :param work: writes the answer on standard output, and gives the exit code.
    :param refused: is given the words of a failure too, for a tool that reads them on standard output.
    :returns: the exit code.
    """

    def answer() -> int:
        try:
            return work()
        except (BrokerAuthError, ImportError) as error:
            from azext_brokerauth.bridges.programs import in_a_line

            told = in_a_line(error)
        say(f"{name}: {told}\n")
        refused(f"{told}\n")
        return 1

    return until_ended(answer)
