"""Programs that hand a used credential on; run with the name of one, prints what the copies got as JSON."""

from __future__ import annotations

import asyncio
import copy
import json
import multiprocessing
import pickle
import sys
from collections.abc import Callable
from typing import Any

from azext_brokerauth import BrokerCredential
from azext_brokerauth.aio import BrokerCredential as AsyncBrokerCredential
from tests.tokens import claims_of

VAULT = "https://vault.azure.net/.default"


class Mine(BrokerCredential):
    """A user's own, which knows more."""

    def __init__(self, purpose: str, **keywords: Any) -> None:
        super().__init__(**keywords)
        self.purpose = purpose


class Slotted(AsyncBrokerCredential):
    __slots__ = ("purpose",)


def token_of(credential: Any) -> str:
    found = credential.get_token(VAULT)
    token = asyncio.run(found) if asyncio.iscoroutine(found) else found
    return str(token.token)


def used() -> tuple[Any, Any, str]:
    """A sync and an async one, whose account another person has chosen in the picker; and all that is secret."""
    one = Mine("reports", disable_automatic_authentication=True)
    record = one.authenticate()
    other = Slotted(authentication_record=record)
    other.purpose = "blobs"
    return one, other, token_of(one) + token_of(other)


def of_copies(make: Callable[[Any], Any]) -> object:
    one, other, _ = used()
    seen = []
    for credential in (one, other):
        copied = make(credential)
        claims = claims_of(token_of(copied))
        assert copied is not credential
        seen.append([type(copied).__name__, copied.purpose, claims["upn"]])
        if isinstance(copied, BrokerCredential):
            copied.close()
        else:
            asyncio.run(copied.close())
        token_of(credential)  # closing the copy has left it alone
    return seen


def copied() -> object:
    return of_copies(copy.copy)


def copied_deeply() -> object:
    return of_copies(copy.deepcopy)


def pickled() -> object:
    return of_copies(lambda credential: pickle.loads(pickle.dumps(credential)))  # noqa: S301  (it is ours)


def what_a_pickle_holds() -> object:
    one, other, secret = used()
    held = pickle.dumps(one) + pickle.dumps(other)
    return any(part.encode() in held for part in secret.split("."))


def in_a_process(credential: Any, answer: Any) -> None:
    answer.put([type(credential).__name__, credential.purpose, claims_of(token_of(credential))["upn"]])


def in_processes(method: str) -> object:
    context = multiprocessing.get_context(method)
    answer = context.Queue()
    seen = []
    for credential in used()[:2]:
        process = context.Process(target=in_a_process, args=(credential, answer))
        process.start()
        seen.append(answer.get(timeout=60))
        process.join()
        token_of(credential)
    return seen


def spawned() -> object:
    return in_processes("spawn")


def of_a_fork_server() -> object:
    return in_processes("forkserver")


def forked() -> object:
    return in_processes("fork")


if __name__ == "__main__":
    json.dump(globals()[sys.argv[1]](), sys.stdout)
