"""What is said where files of this extension cannot be used."""

from __future__ import annotations

import logging

_TOLD: set[str] = set()
"""The names of the errors that were told of in this process; one is enough."""


def tell(error: BaseException) -> None:
    """Say, once in a process, that az goes on without us.

    :param error: what loading them came to.
    """
    if not _TOLD:
        # By the name under which az shows what is logged.
        logging.getLogger("cli.azext_brokerauth").warning(
            "az runs without brokerauth: its files may be damaged (%s). Run: az extension remove --name brokerauth;"
            " az extension add --name brokerauth",
            type(error).__name__,
        )
    _TOLD.add(type(error).__name__)
