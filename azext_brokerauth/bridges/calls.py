"""What a program asks the listener of ``exec`` and is answered: values, so that each protocol is a function of them."""

from __future__ import annotations

import hmac
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import parse_qsl

from azext_brokerauth import errors
from azext_brokerauth.bridges.silent import Wanted
from azext_brokerauth.errors.rendering import PLAIN, Host, in_words
from azext_brokerauth.models import Token
from azext_brokerauth.printable import printable

Get = Callable[[Wanted], Token]
"""Gets a token, or raises :class:`~azext_brokerauth.errors.BrokerAuthError`."""

_MOST_FIELDS = 32
_FORBIDDEN = (errors.BrokerOffError, errors.PolicyRefusedError, errors.SettingsError)
_SIGN_IN_FIRST = (errors.NotSignedInError, errors.InteractionRequiredError)


@dataclass(frozen=True)
class Call:
    """One request.

    :param method: such as ``GET``.
    :param target: path and query, as they came.
    :param headers: names in lower case, and values.
    :param body: what came after them.
    """

    method: str
    target: str
    headers: Sequence[tuple[str, str]] = field(default=(), repr=False)
    body: bytes = field(default=b"", repr=False)

    @property
    def path(self) -> str:
        """The path as it came: nothing in it is decoded or put right."""
        return self.target.partition("?")[0]

    def values(self, *names: str) -> list[str]:
        """The values of all headers of these names."""
        return [value for name, value in self.headers if name in names]

    def query(self) -> dict[str, str]:
        """The fields of the query, without those that are empty.

        :raises ValueError: one is there twice, or there are too many.
        """
        fields = parse_qsl(self.target.partition("?")[2], max_num_fields=_MOST_FIELDS)
        found = dict(fields)
        if len(found) != len(fields):
            raise ValueError("a parameter is there twice")
        return found


@dataclass(frozen=True)
class Reply:
    """The answer to one request.

    :param status: of HTTP. A refusal has 400, 401 or 403: clients try others again, for up to a minute.
    :param body: becomes JSON, in this order.
    """

    status: int
    body: Mapping[str, object] = field(repr=False)


@dataclass(frozen=True)
class Terms:
    """Who gets tokens from a listener, and for what.

    :param key: what a caller must know.
    :param client_id: the application whose tokens these are, which a caller may name.
    :param resources: what tokens are given for; empty for whatever is asked.
    :param host: how remedies are put.
    """

    key: str = field(repr=False)
    client_id: str
    resources: tuple[str, ...] = ()
    host: Host = PLAIN

    def admits(self, keys: Sequence[str]) -> bool:
        """Is there a key, and is every one that was given the right one?"""
        right = self.key.encode()
        # All are compared, each in a time that does not tell how much of it is right.
        return bool(keys) and all([hmac.compare_digest(key.encode("utf-8", "replace"), right) for key in keys])

    def check(self, scope: str) -> None:
        """Raise if tokens for this are not given here.

        :raises BrokerOffError: what is given is named.
        """
        if self.resources and resource_of(scope) not in map(_plainly, self.resources):
            raise errors.BrokerOffError(
                f"No token for {scope} is given here: exec was started with --resource {' '.join(self.resources)}."
            )

    def refused(self, error: errors.BrokerAuthError) -> Reply:
        """The answer where there is no token."""
        if isinstance(error, _SIGN_IN_FIRST):
            status, kind = 401, "interaction_required"
        elif isinstance(error, _FORBIDDEN):
            status, kind = 403, "access_denied"
        else:
            status, kind = (
                400,
                "invalid_request" if isinstance(error, errors.InvalidInputError) else "token_unavailable",
            )
        return refusal(status, kind, self.explained(error), error.diagnostics.correlation_id)

    def explained(self, error: errors.BrokerAuthError) -> str:
        """What went wrong and what to do, in one line."""
        return printable(" ".join(f"{error} {in_words(error.remedies, self.host)}".split()))


def resource_of(scope: str) -> str:
    """The resource of a scope, in the one spelling in which resources are compared; empty where it names none."""
    suffix = "/.default"
    return _plainly(scope if scope.endswith(suffix) else scope.rpartition("/")[0])


def _plainly(resource: str) -> str:
    return resource.lower().removesuffix("/.default").rstrip("/")


def refusal(status: int, kind: str, message: str, correlation_id: str = "") -> Reply:
    """An answer of which each client shows something: MSAL for Python ``statusCode`` and ``message``, that for Node
    ``error_description``, Terraform all of it.

    :param status: 400, 401 or 403.
    :param kind: one word for programs.
    """
    return Reply(
        status,
        {
            "statusCode": status,
            "message": message,
            "error": kind,
            "error_description": message,
            "correlation_id": correlation_id or str(uuid.uuid4()),
        },
    )


def malformed(message: str) -> Reply:
    """The answer to a request that no client makes."""
    return refusal(400, "invalid_request", message)


def no_key() -> Reply:
    """The answer to whoever does not know the key."""
    return refusal(
        401, "invalid_client", "The key is missing or wrong. Only programs that brokerauth exec started have it."
    )
