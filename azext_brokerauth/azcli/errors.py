"""Our errors in az's own classes, so that az prints the advice and sets the exit code."""

from __future__ import annotations

from typing import NoReturn

from azure.cli.core import azclierror

from azext_brokerauth import errors

_CLASSES: dict[type[errors.BrokerAuthError], type[azclierror.AzCLIError]] = {
    errors.BrokerOffError: azclierror.UnclassifiedUserFault,
    errors.BrokerNotReadyError: azclierror.UnclassifiedUserFault,
    errors.InteractionRequiredError: azclierror.AuthenticationError,
    errors.SignInRefusedError: azclierror.AuthenticationError,
    errors.BrokerFailedError: azclierror.ClientRequestError,
    errors.BrokerTimeoutError: azclierror.AzureConnectionError,
    errors.NotSignedInError: azclierror.ResourceNotFoundError,
    errors.InvalidInputError: azclierror.InvalidArgumentValueError,
    errors.SettingsError: azclierror.FileOperationError,
}


def az_error(error: errors.BrokerAuthError, recommendation: str) -> azclierror.AzCLIError:
    """Our error in az's class for it.

    :param recommendation: what to do; empty for nothing.
    """
    known = next((_CLASSES[base] for base in type(error).__mro__ if base in _CLASSES), azclierror.CLIInternalError)
    return known(str(error), recommendation=recommendation or None)


def raise_as_az_error(error: Exception) -> NoReturn:
    """az's exception handler for our commands."""
    if not isinstance(error, errors.BrokerAuthError):
        raise error
    raise az_error(error, error.remedy) from error
