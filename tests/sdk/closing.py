"""Programs that close a credential at strange moments of their lives; run with the name of one.

Each has had a token first, so that there is a process to end.
"""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import gc
import logging
import os
import signal
import sys
import threading
import warnings
import weakref
from collections.abc import Callable, Coroutine
from typing import Any

from azure.core.exceptions import ClientAuthenticationError

from azext_brokerauth import BrokerCredential
from azext_brokerauth.aio import BrokerCredential as AsyncBrokerCredential

VAULT = "https://vault.azure.net/.default"


def used() -> BrokerCredential:
    credential = BrokerCredential()
    credential.get_token(VAULT)
    return credential


def used_async() -> AsyncBrokerCredential:
    credential = AsyncBrokerCredential()
    asyncio.run(credential.get_token(VAULT))
    return credential


def by_hand(coroutine: Coroutine[Any, Any, None]) -> None:
    """As code does that has no loop."""
    with contextlib.suppress(StopIteration):
        coroutine.send(None)


class LoopInAThread:
    """As fsspec, s3fs and Jupyter have one."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        threading.Thread(target=self.loop.run_forever, daemon=True).start()

    def run(self, coroutine: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(60)


def fork() -> int:
    with warnings.catch_warnings():
        # Python itself warns of it, since version 3.12.
        warnings.simplefilter("ignore", DeprecationWarning)
        return os.fork()


class Owner:
    """Something of the program's that closes what it owns when it goes."""

    def __init__(self, close: Callable[[], None]) -> None:
        self._close = close

    def __del__(self) -> None:
        self._close()


def after_the_loop() -> None:
    asyncio.run(used_async().close())


def twice_and_at_once() -> None:
    credential = used_async()

    async def main() -> None:
        await asyncio.gather(*[credential.close() for _ in range(3)])
        await credential.close()

    asyncio.run(main())
    one = used()
    one.close()
    one.close()


def at_exit() -> None:
    credential, one = used_async(), used()
    atexit.register(lambda: asyncio.run(credential.close()))
    atexit.register(one.close)


def at_exit_on_a_loop_in_a_thread() -> None:
    thread, credential = LoopInAThread(), AsyncBrokerCredential()
    asyncio.run_coroutine_threadsafe(credential.get_token(VAULT), thread.loop).result(60)
    atexit.register(lambda: thread.run(credential.close()))


def at_exit_of_a_finalizer() -> None:
    """As adlfs does it: the finalizer holds its own object, so that it comes at the end of the program."""
    thread, credential = LoopInAThread(), used_async()
    owner = Owner(lambda: None)
    weakref.finalize(owner, lambda _: thread.run(credential.close()), owner)


def in_a_destructor() -> None:
    credential, one = used_async(), used()
    owners = [Owner(lambda: by_hand(credential.close())), Owner(one.close)]
    owners.clear()


def in_a_destructor_of_the_dying_interpreter() -> None:
    credential, one = used_async(), used()
    globals()["KEPT"] = [Owner(lambda: by_hand(credential.close())), Owner(one.close)]


def in_another_thread() -> None:
    """Which goes on after the main one has ended."""
    credential, one, ended = used_async(), used(), threading.main_thread()

    def close() -> None:
        ended.join()
        asyncio.run(credential.close())
        one.close()

    threading.Thread(target=close).start()


def after_a_fork() -> None:
    credential, one = used_async(), used()
    child = fork()
    if child == 0:
        asyncio.run(credential.close())
        one.close()
        sys.exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    asyncio.run(credential.get_token(VAULT))
    asyncio.run(credential.close())
    one.close()


def in_a_signal_handler() -> None:
    credential, one = used_async(), used()
    signal.signal(signal.SIGUSR1, lambda *_: (one.close(), by_hand(credential.close())))
    signal.raise_signal(signal.SIGUSR1)


def on_a_loop_that_ends_meanwhile() -> None:
    credential, loop = used_async(), asyncio.new_event_loop()
    closing = loop.create_task(credential.close())
    loop.call_soon(loop.stop)
    loop.run_forever()
    closing.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        loop.run_until_complete(closing)
    loop.close()


def of_one_that_was_never_made() -> None:
    class Mine(BrokerCredential):
        def __del__(self) -> None:
            self.close()

    with contextlib.suppress(ValueError):
        Mine(tenant_id="not a tenant")


def never() -> None:
    used()
    globals()["KEPT"] = used_async(), used()


def dropped() -> None:
    for _ in range(15):
        used()
    go_on_living()


def dropped_async() -> None:
    async def main() -> None:
        for _ in range(15):
            await AsyncBrokerCredential().get_token(VAULT)

    asyncio.run(main())
    go_on_living()


def dropped_in_a_cycle() -> None:
    for _ in range(15):
        credential: Any = used()
        credential.itself = credential
    del credential
    gc.collect()
    go_on_living()


def dropped_after_a_failure() -> None:
    logging.disable(logging.WARNING)
    for _ in range(15):
        with contextlib.suppress(ClientAuthenticationError):
            BrokerCredential(login_hint="nobody@contoso.com", disable_automatic_authentication=True).get_token(VAULT)
    gc.collect()
    go_on_living()


def dropped_beside_a_copy() -> None:
    """What is dropped is not the copy's."""
    import copy

    one = used()
    other = copy.copy(one)
    other.get_token(VAULT)
    del one
    gc.collect()
    other.get_token("https://management.azure.com/.default")
    del other
    go_on_living()


def dropped_in_a_fork() -> None:
    """The fork's copy of it is not its parent's."""
    one = used()
    child = fork()
    if child == 0:
        del one
        gc.collect()
        sys.exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    one.get_token("https://management.azure.com/.default")
    del one
    go_on_living()


def go_on_living() -> None:
    sys.stdout.write("living\n")
    sys.stdout.flush()
    sys.stdin.read()


def a_request_that_fails_at_exit() -> None:
    logging.disable(logging.WARNING)
    credential = AsyncBrokerCredential(login_hint="nobody@contoso.com", disable_automatic_authentication=True)

    async def main() -> None:
        try:
            await credential.get_token(VAULT)
        except ClientAuthenticationError as error:
            sys.stdout.write(type(error).__name__)

    @atexit.register
    def late() -> None:
        asyncio.run(main())
        asyncio.run(credential.close())


if __name__ == "__main__":
    globals()[sys.argv[1]]()
