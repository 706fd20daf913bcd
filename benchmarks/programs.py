"""What a program that measures itself does: run with the name of a function below and its arguments, prints JSON.

A credential is `ours`, or `peer`: azure-identity-broker's, in the way in which it shows no window.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

ARM = "https://management.azure.com/.default"


def credential(kind: str) -> Any:
    if kind == "ours":
        from azext_brokerauth import BrokerCredential

        return BrokerCredential()
    import msal
    from azure.identity.broker import InteractiveBrowserBrokerCredential

    return InteractiveBrowserBrokerCredential(
        parent_window_handle=msal.PublicClientApplication.CONSOLE_WINDOW_HANDLE,
        use_default_broker_account=True,
        disable_interactive_fallback=True,
    )


def token(kind: str, scope: str) -> None:
    """What most programs do first."""
    with credential(kind) as made:
        made.get_token(scope)


def imports(statement: str) -> float:
    """Seconds that a statement takes on top of azure-core's own."""
    import azure.core.credentials  # noqa: F401

    started = time.perf_counter()
    exec(statement)  # noqa: S102  (what is measured)
    return time.perf_counter() - started


def loop(kind: str, calls: str) -> float:
    """Seconds of one call, once there is a token."""
    with credential(kind) as made:
        get = made.get_token
        for _ in range(3):
            get(ARM)
        started = time.perf_counter()
        for _ in range(int(calls)):
            get(ARM)
        return (time.perf_counter() - started) / int(calls)


def memory(kind: str) -> int:
    """Bytes that are resident after a token, above those after azure-core's import."""
    import azure.core.credentials  # noqa: F401

    before = resident()
    with credential(kind) as made:
        made.get_token(ARM)
        return resident() - before


def resident(pid: int | str = "self") -> int:
    """Bytes of a process."""
    status = Path(f"/proc/{pid}/status").read_text()
    return 1024 * next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS:"))


def threads(kind: str, scope: str, count: str) -> float:
    """Seconds until so many threads have a token that none had before."""
    with credential(kind) as made:
        start = threading.Barrier(int(count) + 1)
        failed: list[BaseException] = []

        def ask() -> None:
            start.wait()
            try:
                made.get_token(scope)
            except Exception as error:  # noqa: BLE001  (told below)
                failed.append(error)

        running = [threading.Thread(target=ask) for _ in range(int(count))]
        for thread in running:
            thread.start()
        start.wait()
        started = time.perf_counter()
        for thread in running:
            thread.join()
        if failed:
            raise failed[0]
        return time.perf_counter() - started


def scopes(kind: str, scope: str, count: str) -> float:
    """Seconds until one program has tokens for so many resources, one after the other."""
    with credential(kind) as made:
        started = time.perf_counter()
        for number in range(int(count)):
            made.get_token(scope.replace("://", f"://{number}."))
        return time.perf_counter() - started


def wait(kind: str) -> None:
    """Get a token, say so, and stay until stdin ends, as a server does."""
    made = credential(kind)
    made.get_token(ARM)
    sys.stdout.write("\n")
    sys.stdout.flush()
    sys.stdin.read()


# ---- the tokens that processes share ---------------------------------------------------------------------------------


def fill(directory: str, count: str) -> None:
    """Keep so many tokens; the one for ARM is the first."""
    import os

    from azext_brokerauth.models import Token
    from azext_brokerauth.tokens.disk import TokenFiles

    os.fsync = lambda _: None  # only a filled directory is wanted
    kept = TokenFiles(directory)
    for number, request in zip(range(int(count)), requests(), strict=False):
        token = Token(f"{'x' * 1500}{number}", int(time.time()) + 86400, "Bearer", "broker", ADA["tenant"], account())
        kept.put(request, token)


def lookups(calls: str, *directories: str) -> dict[str, list[float]]:
    """By directory: seconds of each look-up, in turn."""
    from azext_brokerauth.tokens.disk import TokenFiles

    wanted = next(requests())
    taken: dict[str, list[float]] = {directory: [] for directory in directories}
    for _ in range(int(calls)):
        for directory, seconds in taken.items():
            started = time.perf_counter()
            found = TokenFiles(directory).get(wanted)
            seconds.append(time.perf_counter() - started)
            assert found is not None
    return taken


ADA = {
    "username": "ada@contoso.com",
    "home_account_id": "a0000000-0000-4000-8000-000000000001.c0000000-0000-4000-8000-000000000001",
    "local_account_id": "a0000000-0000-4000-8000-000000000001",
    "tenant": "c0000000-0000-4000-8000-000000000001",
    "client_id": "04b07795-8ddb-461a-bbee-02f9e1bf7b46",
    "authority": "login.microsoftonline.com",
}


def account(**other: str) -> Any:
    from azext_brokerauth.models import Account

    return Account(**{**ADA, **other})


def requests() -> Iterator[Any]:
    """The first is for ARM, all others for something else."""
    import itertools

    from azext_brokerauth.models import Target, TokenRequest
    from azext_brokerauth.tokens.flights import key_of

    target = Target(ADA["client_id"], ADA["authority"], ADA["tenant"])
    for number in itertools.count():
        yield key_of(TokenRequest((ARM if not number else f"https://{number}.example/.default",), target, account()))


def sign_in_others(count: str) -> None:
    """Add people to those who have signed in, and leave in use who is."""
    from azext_brokerauth.accounts import AccountStore

    with AccountStore(Path.home() / ".azure").change() as change:
        after = before = change.before
        for number in range(int(count)):
            home = f"b0000000-0000-4000-8000-{number:012}"
            names = {"username": f"person{number}@contoso.com", "local_account_id": home}
            after = after.with_account(account(home_account_id=f"{home}.{ADA['tenant']}", **names))
        change.after = after.using(next(each for each in before.accounts if each.home_account_id == before.current))


if __name__ == "__main__":
    _function: Callable[..., object] = globals()[sys.argv[1]]
    sys.stdout.write(json.dumps(_function(*sys.argv[2:])))
