"""The family of errors: how a host should take each, and what each says."""

import inspect

import pytest

from azext_brokerauth import errors
from azext_brokerauth.errors.diagnostics import Diagnostics
from azext_brokerauth.errors.rendering import PLAIN, in_words
from azext_brokerauth.models import person

# Exit code, was anything attempted, may a fallback follow, az's class.
TAKEN = {
    "BrokerAuthError": (1, True, False, "CLIInternalError"),
    "BrokerOffError": (1, False, False, "UnclassifiedUserFault"),
    "BrokerNotReadyError": (1, False, True, "UnclassifiedUserFault"),
    "KeyringMissingError": (1, False, True, "UnclassifiedUserFault"),
    "InteractionRequiredError": (1, True, False, "AuthenticationError"),
    "AccountUnknownError": (1, True, False, "AuthenticationError"),
    "SignInRefusedError": (1, True, True, "AuthenticationError"),
    "SignInCanceledError": (1, True, False, "AuthenticationError"),
    "WrongAccountError": (1, True, False, "AuthenticationError"),
    "PolicyRefusedError": (1, True, False, "AuthenticationError"),
    "BrokerFailedError": (1, True, True, "ClientRequestError"),
    "BrokerTimeoutError": (1, True, True, "AzureConnectionError"),
    "NotSignedInError": (3, True, False, "ResourceNotFoundError"),
    "InvalidInputError": (1, True, False, "InvalidArgumentValueError"),
    "SettingsError": (1, True, False, "FileOperationError"),
    "RepairError": (1, True, False, "UnclassifiedUserFault"),
    "ClosedError": (1, True, False, "CLIInternalError"),
}
FAMILY = {
    name: kind for name, kind in inspect.getmembers(errors, inspect.isclass) if kind.__module__ == errors.__name__
}


@pytest.mark.parametrize("name", sorted(FAMILY))
def test_each_error_tells_its_host_how_to_take_it(name):
    kind = FAMILY[name]
    assert (kind.exit_code, kind.attempted, kind.fallback_may_follow, kind.az_class) == TAKEN[name]
    assert issubclass(kind, errors.BrokerAuthError)


def test_no_error_of_the_table_is_gone():
    assert set(FAMILY) == set(TAKEN)


def test_only_a_person_who_can_be_asked_is_asked():
    assert issubclass(errors.AccountUnknownError, errors.InteractionRequiredError)
    assert not issubclass(errors.SignInRefusedError, errors.InteractionRequiredError)


def test_what_msal_said_is_shown_once():
    said = Diagnostics(description="AADSTS99999: no.", correlation_id="0e0ac1de", speaker="Microsoft Entra")
    error = errors.SignInRefusedError("It was refused.", diagnostics=said)
    assert str(error) == "It was refused. Microsoft Entra said: AADSTS99999: no. (correlation ID 0e0ac1de)"
    quoted = errors.SignInRefusedError("It was refused: AADSTS99999: no.", diagnostics=said)
    assert str(quoted).count("AADSTS99999") == 1


def test_remedies_are_not_part_of_the_message():
    error = errors.SignInRefusedError("It was refused.", remedies=person("Ask somebody."))
    assert str(error) == "It was refused."
    assert error.remedies == person("Ask somebody.")


def test_what_is_missing_is_to_be_seen_with_check_health():
    error = errors.BrokerNotReadyError("It is missing.", remedies=person("Get it."), check="machine")
    assert in_words(error.remedies, PLAIN) == (
        "Get it. To see all that is missing (see the check machine), run: brokerauth check-health"
    )
    unnamed = errors.BrokerNotReadyError("It is missing.")
    assert in_words(unnamed.remedies, PLAIN) == "To see all that is missing, run: brokerauth check-health"


def test_a_missing_keyring_names_its_own_check():
    assert errors.KeyringMissingError("It is missing.").check == "keyring"
