"""Our errors in az's own classes, so that az prints the advice and sets the exit code."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, NoReturn

from azure.cli.core import azclierror

from azext_brokerauth.errors import BrokerAuthError
from azext_brokerauth.errors.rendering import AZ, in_words
from azext_brokerauth.models import Remedies
from azext_brokerauth.printable import printable


def az_error(error: BrokerAuthError, remedies: Remedies | None = None) -> azclierror.AzCLIError:
    """Our error in az's class for it.

    :param remedies: what to do; None: the error's own.
    """
    advice = in_words(error.remedies if remedies is None else remedies, AZ)
    kind: type[azclierror.AzCLIError] = getattr(azclierror, error.az_class)
    # az prints both as they are.
    return kind(printable(str(error), lines=True), recommendation=printable(advice, lines=True) or None)


def raise_as_az_error(error: Exception) -> NoReturn:
    """az's exception handler for our commands."""
    if not isinstance(error, BrokerAuthError):
        raise error
    raise az_error(error) from error


def raising_az_errors(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function, for az to call where its exception handler is not."""

    @functools.wraps(function)
    def translated(*arguments: Any, **more: Any) -> Any:
        try:
            return function(*arguments, **more)
        except BrokerAuthError as error:
            raise_as_az_error(error)

    return translated
