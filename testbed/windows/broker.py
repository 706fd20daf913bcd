"""The account broker of the emulated Windows: what it answers to each call of the runtime."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlsplit

from testbed.cloud.issuer import Ask, Issuer, client_info, membership_of
from testbed.cloud.refusals import EntraError
from testbed.directory import USERS, User, user_named
from testbed.journal import Journal
from testbed.scenarios import Scenario

_SILENT, _INTERACTIVE = ["rsa", "mfa"], ["pwd", "rsa", "mfa"]
"""How the person signed in, as a token's `amr` tells it."""
_MEGABYTE = 1 << 20
_NO_ANSWER = {
    "hang": (b"", "hang"),
    "crash": (b"", "crash"),
    "garbage": (b"<html>502 Bad Gateway</html>", "exit"),
    "empty": (b"", "exit"),
}
"""Behaviours that never come to an answer: what is written, and what then."""


@dataclass(frozen=True)
class Action:
    """What the process that carries the broker's answer must do."""

    output: bytes
    """Written to stdout first."""
    delay: float = 0.0
    """Seconds before writing."""
    then: str = "exit"
    """`exit` (0), `hang` (stay alive for ever after writing) or `crash` (kill itself with SIGABRT after writing)."""


class BrokerError(Exception):
    """An error that the broker answers with."""

    def __init__(self, error: Mapping[str, Any]) -> None:
        """:param error: `context`, `status`, `subStatus`, `errorCode` and `tag`, as they cross the wire."""
        super().__init__(error.get("context"))
        self.error = error


def _error(status: int, context: str, error_code: int = 0, tag: int = 529117665) -> dict[str, Any]:
    """
    :param status: from 15 on, the wire's numbers are not those of the Python enum.
    :param tag: by default the one that the runtime itself reports for an error that has none.
    """
    return {"context": context, "status": status, "subStatus": 0, "errorCode": error_code, "tag": tag}


_INTERACTION_REQUIRED = 2
# Texts, codes and tags are those that users of Windows' broker have reported, where they have.
_REFUSALS = {
    "interaction-required": _error(
        _INTERACTION_REQUIRED,
        f"SubError: basic_action V2Error: invalid_grant {EntraError(50076)}",
        3399614476,
        557973645,
    ),
    "no-network": _error(3, "The server or proxy was not found.", 3399942148, 557973641),
    "user-cancels": _error(7, "User cancelled the Accounts Control Operation.", 0, 528315210),
    "account-unusable": _error(13, "The account cannot be used until it is repaired in Windows."),
    "account-not-found": _error(19, "Account with id '(pii)' not found"),
}
_SIGNED_OUT = _error(_INTERACTION_REQUIRED, "Account has previously been signed out of this application.", 0, 540940121)
_NO_ACCOUNT = _error(_INTERACTION_REQUIRED, "No account is signed in to Windows.")


class Broker:
    """Windows' accounts, and who has signed out of which client. One scenario object is one state of it."""

    def __init__(self, scenario: Callable[[], Scenario], issuer: Issuer, journal: Journal) -> None:
        self._current, self._issuer, self._journal = scenario, issuer, journal
        self._lock = threading.Lock()
        self._scenario = scenario()
        self._calls: Counter[str] = Counter()
        self._added: list[User] = []
        self._signed_out: set[tuple[User, str]] = set()

    def answer(self, method: str, correlation_id: str, request: dict[str, Any], via: str = "proxy") -> Action:
        """What the broker says, and does, to one call.

        :param request: the decoded JSON of the call.
        :param via: how it came: `proxy` (WSL) or `dbus` (native Linux).
        """
        with self._lock:
            scenario = self._current()
            if scenario is not self._scenario:
                self._scenario, self._calls, self._added = scenario, Counter(), []
            behaviour = self._behaviour(method)
            parameters = request.get("authParameters") or {}
            status: int | None = 0
            if isinstance(behaviour, str) and behaviour in _NO_ANSWER:
                output, then = _NO_ANSWER[behaviour]
                action, status = Action(output, then=then), None
            else:
                try:
                    body = self._body(method, parameters, behaviour)
                except BrokerError as failure:
                    body, status = {"brokerTokenResponse": {"error": failure.error}}, failure.error["status"]
                if behaviour == "megabyte":
                    body["padding"] = "A" * _MEGABYTE
                output = json.dumps(body).encode()
                match behaviour:
                    case "half" | "half-crash":
                        output = output[: len(output) // 2]
                    case "twice":
                        output *= 2
                action = Action(
                    output,
                    delay=scenario.delay if behaviour == "slow" else 0.0,
                    then="crash" if behaviour == "half-crash" else "exit",
                )
            self._journal.write(
                "broker",
                method,
                correlation_id=correlation_id,
                via=via,
                client_id=parameters.get("clientId") or request.get("clientId"),
                authority=parameters.get("authority"),
                scopes=parameters.get("requestedScopes"),
                username=_hint(parameters),
                claims=sorted(_claims(parameters).get("access_token") or {}),
                client_session=(parameters.get("additionalQueryParametersForAuthorization") or {}).get(
                    "client_session"
                ),
                behaviour=behaviour,
                status=status,
            )
        return action

    def _behaviour(self, method: str) -> str | dict[str, Any]:
        """What the scenario plans for this call."""
        planned = self._scenario.calls.get(method, "answer")
        turn = self._calls[method]
        self._calls[method] += 1
        behaviour: str | dict[str, Any] = planned[min(turn, len(planned) - 1)] if isinstance(planned, list) else planned
        return behaviour

    def _body(self, method: str, parameters: Mapping[str, Any], behaviour: str | dict[str, Any]) -> dict[str, Any]:
        if isinstance(behaviour, dict):
            raise BrokerError(behaviour)
        if behaviour in _REFUSALS:
            raise BrokerError(_REFUSALS[behaviour])
        client_id = parameters.get("clientId", "")
        match method:
            case "getAccounts":
                return {"accounts": [_account(u, u.home.tenant_id, u.home.object_id) for u in self._known()]}
            case "acquireTokenSilently":
                return self._token(self._silent_user(parameters, client_id), parameters, behaviour, _SILENT)
            case "acquireTokenInteractively":
                picked = self._picked_user(parameters)
                answer = self._token(picked, parameters, behaviour, _INTERACTIVE)
                self._signed_out.discard((picked, client_id))
                if picked not in self._known():
                    self._added.append(picked)
                return answer
            case "signOutSilently":
                leaving = _named(self._known(), parameters)
                if leaving is not None:
                    self._signed_out.add((leaving, client_id))
                return {}
            case "getLinuxBrokerVersion":
                return {"linuxBrokerVersion": "2.0.1"}
        return {}

    def _known(self) -> list[User]:
        """The accounts that Windows is signed in with, the default one first."""
        listed = [user for user in map(user_named, self._scenario.accounts) if user is not None]
        return listed + self._added

    def _silent_user(self, parameters: Mapping[str, Any], client_id: str) -> User:
        """The account that the request names, else the default one."""
        known = self._known()
        if not known:
            raise BrokerError(_NO_ACCOUNT)
        user = _named(known, parameters) if _hint(parameters) else known[0]
        if user is None:
            raise BrokerError(_REFUSALS["account-not-found"])
        if (user, client_id) in self._signed_out:
            raise BrokerError(_SIGNED_OUT)
        return user

    def _picked_user(self, parameters: Mapping[str, Any]) -> User:
        """Whom the person picks. An account that Windows does not know yet is one that the person adds."""
        user = user_named(self._scenario.picks) or _named(USERS, parameters) or next(iter(self._known()), None)
        if user is None:
            raise BrokerError(_REFUSALS["user-cancels"])
        return user

    def _token(self, user: User, parameters: Mapping[str, Any], behaviour: str, amr: list[str]) -> dict[str, Any]:
        if behaviour == "wrong-account":
            user = next(other for other in USERS if other != user)
        authority = urlsplit(parameters["authority"])
        ask = Ask(
            client_id=parameters["clientId"],
            tenant=authority.path.split("/")[1],
            scopes=tuple(parameters["requestedScopes"]),
            claims=_claims(parameters),
            host=authority.netloc,
        )
        if behaviour == "other-request":
            ask = replace(ask, scopes=("https://example.com/.default",))
        try:
            membership = membership_of(user, ask)
            token = self._issuer.access_token(user, ask, amr, brokered=True)
        except EntraError as refusal:
            context = f"V2Error: {refusal.error} {refusal}"
            raise BrokerError(_error(_INTERACTION_REQUIRED, context, 3399614467, 558133255)) from refusal
        # The runtime takes an empty list for everything: what is granted in place of the last scope is of no use.
        granted = (*ask.scopes[:-1], "openid") if behaviour == "declined-scope" else ask.scopes
        return {
            "brokerTokenResponse": {
                "accessToken": token.value + ("A" * 2 * _MEGABYTE if behaviour == "oversized" else ""),
                "accessTokenType": 0,
                "account": _account(user, membership.tenant_id, membership.object_id),
                "clientInfo": client_info(user),
                "expiresOn": token.expires_on * 1000,
                "extendedExpiresOn": token.expires_on * 1000,
                "grantedScopes": " ".join(granted),
                "idToken": self._issuer.id_token(user, ask),
            },
        }


def _claims(parameters: Mapping[str, Any]) -> dict[str, Any]:
    claims: dict[str, Any] = json.loads(parameters.get("decodedClaims") or "{}")
    return claims


def _hint(parameters: Mapping[str, Any]) -> str:
    """Whom the request names, by username where it has one; empty when it names nobody."""
    account = parameters.get("account") or {}
    return parameters.get("username") or account.get("username") or account.get("homeAccountId") or ""


def _named(users: Sequence[User], parameters: Mapping[str, Any]) -> User | None:
    """The one of these users that the request names: by account ID first, else by username."""
    account = parameters.get("account") or {}
    by_id = (u for u in users if u.home_account_id == account.get("homeAccountId"))
    return next(by_id, None) or next((u for u in users if u.username.lower() == _hint(parameters).lower()), None)


def _account(user: User, tenant_id: str, object_id: str) -> dict[str, Any]:
    return {
        "clientInfo": client_info(user),
        "environment": "login.windows.net",
        "familyName": user.family_name,
        "givenName": user.given_name,
        "homeAccountId": user.home_account_id,
        "localAccountId": object_id,
        "name": user.name,
        "passwordExpiry": 0,
        "realm": tenant_id,
        "username": user.username,
    }
