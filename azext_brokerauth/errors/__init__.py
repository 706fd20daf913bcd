"""The one family of errors: each says what happened, why, what to do next, and how a host should take it."""

from __future__ import annotations

from typing import ClassVar

from azext_brokerauth.errors.diagnostics import MSAL, Diagnostics
from azext_brokerauth.models import Remedies, own, person

AGAIN = person("Try again.")
SIGN_IN = own("login")


class BrokerAuthError(Exception):
    """Base of every error that this package raises.

    :param message: what happened and why, one or two sentences.
    :keyword remedies: what to do next, in order; empty when there is nothing to do.
    :keyword diagnostics: what MSAL and the broker said.
    """

    exit_code: ClassVar[int] = 1
    """Of a command that ends with it, by az's convention."""
    attempted: ClassVar[bool] = True
    """Was a sign-in or a request begun? Where none was, a chain of credentials goes on to the next."""
    fallback_may_follow: ClassVar[bool] = False
    """May a sign-in without the broker follow, where the person chose that?"""
    az_class: ClassVar[str] = "CLIInternalError"
    """Its class in ``azure.cli.core.azclierror``."""

    def __init__(self, message: str, *, remedies: Remedies = (), diagnostics: Diagnostics | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.remedies = remedies
        self.diagnostics = diagnostics or Diagnostics()

    def __str__(self) -> str:
        """The message and everything MSAL said, without the remedies, which each host shows in its own way."""
        parts = [self.message]
        if self.diagnostics.description and self.diagnostics.description not in self.message:
            verb = "reported" if self.diagnostics.speaker == MSAL else "said"
            # MSAL ends the broker's sentence, which has an end already.
            told = self.diagnostics.description.replace(".. Status:", ". Status:")
            parts.append(f"{self.diagnostics.speaker} {verb}: {told}")
        if self.diagnostics.correlation_id and self.diagnostics.correlation_id not in " ".join(parts):
            parts.append(f"(correlation ID {self.diagnostics.correlation_id})")
        return " ".join(parts)


class BrokerOffError(BrokerAuthError):
    """Not a machine for the broker, or the broker is switched off."""

    attempted = False
    az_class = "UnclassifiedUserFault"


class BrokerNotReadyError(BrokerAuthError):
    """A machine for the broker, but something that the broker needs is missing.

    :keyword check: the check of ``check-health`` that finds it; empty where none does.
    """

    attempted = False
    fallback_may_follow = True
    az_class = "UnclassifiedUserFault"
    check: str = ""

    def __init__(
        self, message: str, *, remedies: Remedies = (), diagnostics: Diagnostics | None = None, check: str = ""
    ) -> None:
        self.check = check or self.check
        named = f" (see the check {self.check})" if self.check else ""
        super().__init__(
            message,
            remedies=(*remedies, *own("check-health", text=f"To see all that is missing{named},")),
            diagnostics=diagnostics,
        )


class KeyringMissingError(BrokerNotReadyError):
    """The session has no keyring."""

    check = "keyring"


class InteractionRequiredError(BrokerAuthError):
    """Only a person at a prompt can help, and prompting was not allowed."""

    az_class = "AuthenticationError"


class AccountUnknownError(InteractionRequiredError):
    """The broker's runtime does not have the account: it never had it, or has signed it out."""


class SignInRefusedError(BrokerAuthError):
    """The broker or Microsoft Entra was asked and refused."""

    fallback_may_follow = True
    az_class = "AuthenticationError"


class SignInCanceledError(SignInRefusedError):
    """The person closed the prompt: their decision, and no failure of the broker."""

    fallback_may_follow = False


class WrongAccountError(SignInRefusedError):
    """The broker answered with another account than the one asked for: the person's choice."""

    fallback_may_follow = False


class PolicyRefusedError(SignInRefusedError):
    """The policy file forbids the request or its answer, whichever way the sign-in would go."""

    fallback_may_follow = False


class BrokerFailedError(BrokerAuthError):
    """The broker was asked, and crashed or gave an answer that cannot be used."""

    fallback_may_follow = True
    az_class = "ClientRequestError"


class BrokerTimeoutError(BrokerAuthError):
    """The broker did not answer by its deadline, and its process was ended."""

    fallback_may_follow = True
    az_class = "AzureConnectionError"


class NotSignedInError(BrokerAuthError):
    """No account is recorded that fits the request."""

    exit_code = 3
    az_class = "ResourceNotFoundError"


class InvalidInputError(BrokerAuthError):
    """An argument has a value that cannot be used."""

    az_class = "InvalidArgumentValueError"


class SettingsError(BrokerAuthError):
    """A settings or account file cannot be used as it is."""

    az_class = "FileOperationError"


class RepairError(BrokerAuthError):
    """A command that was to fix something on this machine failed."""

    az_class = "UnclassifiedUserFault"


class ClosedError(BrokerAuthError):
    """The object was closed and cannot be used again."""
