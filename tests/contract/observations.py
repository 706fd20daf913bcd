"""What credentials do, as a program on the machine sees it: run with a kind and the names of observations, prints JSON.

`sync` and `aio` are this project's, `peer` is azure-identity-broker's. Every observation is a function of `make`, which
makes a credential with the sync surface; what it returns or raises is what is printed.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import inspect
import json
import logging
import os
import pickle
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from typing import Any

from azure.core.credentials import AccessTokenInfo
from azure.core.exceptions import ClientAuthenticationError

from tests.tokens import claims_of

VAULT, ARM = "https://vault.azure.net/.default", "https://management.azure.com/.default"
CONTOSO, FABRIKAM = "c0000000-0000-4000-8000-000000000001", "f0000000-0000-4000-8000-000000000002"
STEP_UP = '{"access_token": {"acrs": {"essential": true, "value": "c1"}}}'
PEERS_KEYWORDS: dict[str, Any] = {
    "tenant_id": CONTOSO,
    "client_id": "04b07795-8ddb-461a-bbee-02f9e1bf7b46",
    "authority": "https://login.microsoftonline.com",
    "login_hint": "ada@contoso.com",
    "timeout": 60,
    "disable_automatic_authentication": True,
    "additionally_allowed_tenants": ["*"],
    "disable_instance_discovery": True,
    "enable_support_logging": True,
    "parent_window_handle": 1,
    "use_default_broker_account": True,
    "disable_interactive_fallback": False,
    "enable_msa_passthrough": True,
    "cache_persistence_options": None,
    "redirect_uri": "http://localhost:8400",
    "proxies": {},
    "logging_enable": True,
    "retry_total": 1,
}
Make = Callable[..., Any]
OBSERVATIONS: dict[str, Callable[[Make], object]] = {}


def observation(function: Callable[[Make], object]) -> Callable[[Make], object]:
    OBSERVATIONS[function.__name__] = function
    return function


# ---- a healthy machine ----------------------------------------------------------------------------------------------


@observation
def get_token_gives_an_access_token(make: Make) -> object:
    with make() as credential:
        token = credential.get_token(VAULT)
    in_an_hour = abs(token.expires_on - time.time() - 3600) < 60
    return type(token).__name__, type(token.expires_on).__name__, in_an_hour, claims_of(token.token)["aud"]


@observation
def get_token_info_tells_the_tokens_type(make: Make) -> object:
    with make() as credential:
        token = credential.get_token_info(VAULT, options={})
    return type(token).__name__, token.token_type, token.refresh_on


@observation
def the_token_is_of_the_device(make: Make) -> object:
    with make() as credential:
        return claims_of(credential.get_token(VAULT).token).get("deviceid")


@observation
def a_token_is_given_again(make: Make) -> object:
    with make() as credential:
        return len({credential.get_token(VAULT).token, credential.get_token_info(VAULT).token})


@contextlib.contextmanager
def _without_logs() -> Iterator[None]:
    """As in most programs: with a log at INFO, each call has a line to write."""
    logger = logging.getLogger("azext_brokerauth")
    before = logger.level
    logger.setLevel(logging.WARNING)
    try:
        yield
    finally:
        logger.setLevel(before)


@observation
def a_token_in_memory_costs_few_steps(make: Make) -> object:
    """How many functions of ours a call runs, once the same was asked twice."""
    files: list[str] = []

    def note(frame: Any, event: str, argument: object) -> None:
        if event == "call" and "azext_brokerauth" in frame.f_code.co_filename:
            files.append(frame.f_code.co_name)

    with _without_logs(), make() as credential:
        for _ in range(2):
            credential.get_token(VAULT)
        sys.setprofile(note)
        threading.setprofile(note)
        try:
            credential.get_token(VAULT)
        finally:
            sys.setprofile(None)
            threading.setprofile(None)
    return len(files) < 15


@observation
def a_short_way_to_the_same_answers(make: Make) -> object:
    """What a call gives, once the same was answered from memory before."""
    with _without_logs():
        credential = make()
        tokens = [credential.get_token(VAULT).token for _ in range(3)]
        challenged = credential.get_token(VAULT, claims=STEP_UP).token
        after = [credential.get_token(VAULT).token for _ in range(3)]
        capable = [claims_of(credential.get_token(VAULT, enable_cae=True).token).get("xms_cc") for _ in range(3)]
        plain = claims_of(credential.get_token_info(VAULT).token).get("xms_cc")
        credential.close()
    return len(set(tokens)), set(after) == {challenged}, capable, plain


@observation
def arguments_of_a_wrong_type_are_refused(make: Make) -> object:
    """However often the right ones were given before."""
    told = []
    with _without_logs(), make() as credential:
        for _ in range(3):
            credential.get_token(VAULT, enable_cae=True)
        for wrong in (lambda: credential.get_token(VAULT, enable_cae=1), lambda: credential.get_token([VAULT])):
            try:
                told.append(type(wrong()).__name__)
            except (TypeError, ValueError) as error:
                told.append(str(error)[:14])
    return told


@observation
def unknown_options_are_ignored(make: Make) -> object:
    with make() as credential:
        credential.get_token(VAULT, unknown=1)
        return type(credential.get_token_info(VAULT, options={"unknown": 1})).__name__


@observation
def a_scope_is_needed(make: Make) -> object:
    return make().get_token()


@observation
def a_scope_is_needed_for_info_too(make: Make) -> object:
    return make().get_token_info()


@observation
def a_scope_has_no_strange_characters(make: Make) -> object:
    return type(make(timeout=1).get_token(f"{VAULT}\n")).__name__


@observation
def every_keyword_of_the_peer_is_taken(make: Make) -> object:
    return make(**PEERS_KEYWORDS) is not None


@observation
def an_unknown_keyword_is_refused_by_name(make: Make) -> object:
    return make(tennant_id=CONTOSO) is not None


@observation
def a_strange_tenant_is_refused(make: Make) -> object:
    return make(tenant_id="contoso.com/../evil") is not None


@observation
def an_authority_without_tls_is_refused(make: Make) -> object:
    return make(authority="http://login.microsoftonline.com") is not None


@observation
def another_tenant_can_be_asked(make: Make) -> object:
    with make() as credential:
        tokens = credential.get_token(VAULT), credential.get_token(VAULT, tenant_id=FABRIKAM)
        return [claims_of(token.token)["tid"] for token in tokens]


@observation
def another_tenant_must_be_allowed(make: Make) -> object:
    return claims_of(make(tenant_id=CONTOSO).get_token(VAULT, tenant_id=FABRIKAM).token)["tid"]


@observation
def another_tenant_can_be_allowed(make: Make) -> object:
    for allowed in ([FABRIKAM], ["*"]):
        with make(tenant_id=CONTOSO, additionally_allowed_tenants=allowed) as credential:
            token = credential.get_token_info(VAULT, options={"tenant_id": FABRIKAM})
    return claims_of(token.token)["tid"]


@observation
def other_tenants_can_be_switched_off(make: Make) -> object:
    os.environ["AZURE_IDENTITY_DISABLE_MULTITENANTAUTH"] = "1"
    try:
        with make(tenant_id=CONTOSO) as credential:
            return claims_of(credential.get_token(VAULT, tenant_id=FABRIKAM).token)["tid"]
    finally:
        del os.environ["AZURE_IDENTITY_DISABLE_MULTITENANTAUTH"]


@observation
def a_claims_challenge_is_met(make: Make) -> object:
    with make() as credential:
        before = credential.get_token(ARM)
        after = credential.get_token(ARM, claims=STEP_UP)
        return claims_of(before.token).get("acrs"), claims_of(after.token).get("acrs")


@observation
def cae_tokens_are_kept_apart(make: Make) -> object:
    with make() as credential:
        tokens = [credential.get_token(VAULT, enable_cae=cae) for cae in (False, True, False)]
    return [claims_of(token.token).get("xms_cc") for token in tokens]


@observation
def authenticate_gives_a_record_to_start_from(make: Make) -> object:
    with make() as credential:
        record = credential.authenticate()
    with make(authentication_record=record, disable_automatic_authentication=True) as credential:
        token = credential.get_token(VAULT)
    return type(record).__name__, record.username, record.tenant_id, record.authority, claims_of(token.token)["upn"]


@observation
def authenticate_takes_whoever_is_picked(make: Make) -> object:
    with make() as credential:
        return credential.authenticate().username, claims_of(credential.get_token(VAULT).token)["upn"]


def _another_is_picked_than(make: Make, **named: object) -> object:
    with make(**named) as credential:
        before = claims_of(credential.get_token(ARM).token)["upn"]
        try:
            credential.authenticate(scopes=[ARM])
        except ClientAuthenticationError as error:
            return before, str(error).partition(" asked for")[0], claims_of(credential.get_token(VAULT).token)["upn"]
        return "nobody refused"


@observation
def authenticate_takes_nobody_but_the_login_hint(make: Make) -> object:
    return _another_is_picked_than(make, login_hint="ada@contoso.com")


@observation
def authenticate_takes_nobody_but_whom_the_record_names(make: Make) -> object:
    with make(use_default_broker_account=True) as credential:
        record = credential.authenticate()
    return _another_is_picked_than(make, authentication_record=record)


@observation
def it_can_be_entered_and_closed(make: Make) -> object:
    credential = make()
    with credential as entered:
        same = entered is credential
    credential.close()
    return same


@observation
def a_closed_one_says_so(make: Make) -> object:
    credential = make()
    credential.get_token(VAULT)
    credential.close()
    return type(credential.get_token(VAULT)).__name__


@observation
def proof_of_possession_is_refused_clearly(make: Make) -> object:
    pop = {"resource_request_method": "GET", "resource_request_url": "https://contoso.example/", "nonce": "n"}
    with make() as credential:
        return type(credential.get_token_info(VAULT, options={"pop": pop})).__name__


@observation
def sixteen_threads_get_one_token(make: Make) -> object:
    with make() as credential:
        return len(set(at_once([lambda: credential.get_token(VAULT).token] * 16)))


@observation
def eight_scopes_at_once(make: Make) -> object:
    scopes = [f"https://resource{number}.example/.default" for number in range(8)]
    with make() as credential:
        return len(set(at_once([functools.partial(credential.get_token, scope) for scope in scopes])))


@observation
def sixty_four_tasks_get_one_token_and_block_no_thread(make: Make) -> object:
    from azext_brokerauth.aio import BrokerCredential

    async def main() -> object:
        async with BrokerCredential() as credential:
            tasks = [asyncio.ensure_future(credential.get_token(VAULT)) for _ in range(64)]
            await asyncio.sleep(0)
            threads = threading.active_count()
            tasks[0].cancel()
            tokens = await asyncio.gather(*tasks, return_exceptions=True)
        return type(tokens[0]).__name__, len({token.token for token in tokens[1:]}), threads < 10

    return asyncio.run(main())


@observation
def a_forked_process_gets_a_token(make: Make) -> object:
    with make() as credential:
        credential.get_token(VAULT)
        child = os.fork()
        if child == 0:
            with contextlib.suppress(BaseException):
                credential.get_token(VAULT)
                os._exit(0)
            os._exit(1)
        credential.get_token(ARM)
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


@observation
def a_used_one_can_be_pickled(make: Make) -> object:
    with make() as credential:
        credential.get_token(VAULT)
        copied = pickle.loads(pickle.dumps(getattr(credential, "on_loop", credential)))  # noqa: S301  (it is ours)
        with OnLoop(copied) if isinstance(credential, OnLoop) else copied as other:
            return claims_of(other.get_token(VAULT).token)["upn"]


@observation
def success_is_told_at_info_and_who_it_was_at_debug(make: Make) -> object:
    with make() as credential:
        credential.get_token(VAULT)
    told = [r for r in RECORDS if r.levelno >= logging.INFO and r.getMessage().endswith("succeeded")]
    return told[-1].levelname, told[-1].getMessage().partition(".")[2]


@observation
def what_a_token_leaves_in_the_process(make: Make) -> object:
    with make() as credential:
        credential.get_token(VAULT)
        with open("/proc/self/maps") as maps:
            libraries = sorted({line.split()[-1] for line in maps if "msalruntime" in line or "webkit" in line})
        unwanted = ("msal", "pymsalruntime", "azure.identity", "knack", "aiohttp")
        return {"modules": [name for name in unwanted if name in sys.modules], "libraries": libraries}


@observation
def each_cloud_and_tenant(make: Make) -> object:
    os.environ["AZURE_AUTHORITY_HOST"] = "https://login.partner.microsoftonline.cn/"
    with make(tenant_id="contoso.com") as credential:
        usernames = [credential.authenticate().username]
    del os.environ["AZURE_AUTHORITY_HOST"]
    for keywords in ({"authority": "https://login.microsoftonline.us"}, {"tenant_id": "common"}):
        with make(**keywords) as credential:
            usernames.append(credential.authenticate().username)
    return usernames


@observation
def each_authority_that_msal_keeps_from_the_broker(make: Make) -> object:
    refused = []
    for keywords in (
        {"authority": "https://adfs.contoso.com", "tenant_id": "adfs"},
        {"authority": "https://contoso.b2clogin.com"},
        {"authority": "https://contoso.ciamlogin.com"},
    ):
        try:
            with make(**keywords) as credential:
                credential.get_token(VAULT)
        except Exception as error:  # noqa: BLE001  (which one it is, is the observation)
            refused.append([type(error).__name__, "MSAL never uses the account broker" in str(error)])
    return refused


# ---- machines where a token is not to be had ------------------------------------------------------------------------


@observation
def get_token(make: Make) -> object:
    with make() as credential:
        return type(credential.get_token(VAULT)).__name__


@observation
def get_token_without_windows(make: Make) -> object:
    with make(disable_automatic_authentication=True) as credential:
        return type(credential.get_token(VAULT, claims=STEP_UP)).__name__


@observation
def get_token_that_requires_the_broker(make: Make) -> object:
    with make(require_broker=True) as credential:
        return type(credential.get_token(VAULT)).__name__


@observation
def get_token_twice(make: Make) -> object:
    """How loudly each failure is told."""
    before = len(RECORDS)
    with make() as credential:
        for _ in range(2):
            with contextlib.suppress(Exception):
                credential.get_token(VAULT)
    return [r.levelname for r in RECORDS[before:] if " failed: " in r.getMessage() and r.name.startswith("azext")]


@observation
def a_chain_of_it_and_another(make: Make) -> object:
    """Whose token a chain gets."""
    in_2100 = 4102444800

    class Other:
        def get_token_info(self, *scopes: str, options: Any = None) -> Any:
            token = AccessTokenInfo("the other's", in_2100)
            return asyncio.sleep(0, token) if isinstance(first, OnLoop) else token

        def close(self) -> Any:
            return asyncio.sleep(0) if isinstance(first, OnLoop) else None

    first = make()
    if isinstance(first, OnLoop):
        from azure.identity.aio import ChainedTokenCredential as AsyncChain

        chain: Any = OnLoop(AsyncChain(first.on_loop, Other()))
    else:
        from azure.identity import ChainedTokenCredential

        chain = ChainedTokenCredential(first, Other())
    try:
        return "its own" if chain.get_token_info(VAULT).expires_on < in_2100 else "the other's"
    finally:
        first.close()


@observation
def user_names_are_told_aloud(make: Make) -> object:
    """Without and with support logging."""
    told = []
    for support in (False, True):
        before = len(RECORDS)
        with contextlib.suppress(Exception), make(login_hint="ada@contoso.com", enable_support_logging=support) as one:
            one.get_token(VAULT)
        loud = [r.getMessage() for r in RECORDS[before:] if r.levelno > logging.DEBUG and r.name.startswith("azext")]
        told.append([len(loud) > 0, any("ada@contoso.com" in message for message in loud)])
        del RECORDS[before:]
    return told


@observation
def get_token_with_support_logging(make: Make) -> object:
    with make(enable_support_logging=True) as credential:
        return type(credential.get_token(VAULT)).__name__


# ---- how they are made and run --------------------------------------------------------------------------------------


class OnLoop:
    """An async credential with the sync surface: its methods run on a loop in another thread."""

    def __init__(self, on_loop: Any) -> None:
        self.on_loop = on_loop

    @staticmethod
    @functools.cache
    def _loop(process: int) -> asyncio.AbstractEventLoop:
        loop = asyncio.new_event_loop()
        threading.Thread(target=loop.run_forever, daemon=True).start()
        return loop

    def __getattr__(self, name: str) -> Any:
        method = getattr(self.on_loop, name)
        if not inspect.iscoroutinefunction(method):
            return method
        return lambda *a, **k: asyncio.run_coroutine_threadsafe(method(*a, **k), self._loop(os.getpid())).result()

    def __enter__(self) -> OnLoop:
        return self if self.__getattr__("__aenter__")() is self.on_loop else OnLoop(None)

    def __exit__(self, *args: object) -> None:
        self.__getattr__("__aexit__")(*args)


def sync(**keywords: Any) -> Any:
    from azext_brokerauth import BrokerCredential

    return BrokerCredential(**keywords)


def aio(**keywords: Any) -> Any:
    from azext_brokerauth.aio import BrokerCredential

    return OnLoop(BrokerCredential(**keywords))


def peer(**keywords: Any) -> Any:
    import msal
    from azure.identity.broker import InteractiveBrowserBrokerCredential

    window = msal.PublicClientApplication.CONSOLE_WINDOW_HANDLE
    defaults = {"parent_window_handle": window, "use_default_broker_account": True, "timeout": 1}
    return InteractiveBrowserBrokerCredential(**{**defaults, **keywords})


def at_once(calls: list[Callable[[], Any]]) -> list[Any]:
    """What each gives, all of them started together."""
    results: list[Any] = []
    start = threading.Barrier(len(calls))

    def run(call: Callable[[], Any]) -> None:
        start.wait()
        results.append(call())

    threads = [threading.Thread(target=run, args=(call,)) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


RECORDS: list[logging.LogRecord] = []
SAID: list[str] = []


class Recorder(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        RECORDS.append(record)
        SAID.append(self.format(record))


def observe(kind: str, name: str) -> object:
    made: list[Any] = []

    def make(**keywords: Any) -> Any:
        made.append(globals()[kind](**keywords))
        return made[-1]

    try:
        return OBSERVATIONS[name](make)
    except Exception as error:  # noqa: BLE001  (which one it is, is the observation)
        SAID.extend([*traceback.format_exception(error), repr(error)])
        told = {name: getattr(error, name, None) for name in ("scopes", "claims")}
        return {"raised": type(error).__name__, "text": str(error), **{k: v for k, v in told.items() if v}}
    finally:
        for credential in made:
            SAID.append(repr(credential) + repr(vars(getattr(credential, "on_loop", credential))))
            credential.close()


@contextlib.contextmanager
def listening() -> Iterator[None]:
    logging.getLogger().addHandler(Recorder(logging.DEBUG))
    logging.getLogger().setLevel(logging.DEBUG)
    yield


if __name__ == "__main__":
    with listening():
        _kind, *_names = sys.argv[1:]
        _seen = {name: observe(_kind, name) for name in _names}
        _loud = [r.getMessage() for r in RECORDS if r.levelno > logging.DEBUG and r.name.startswith("azext")]
        json.dump({"seen": _seen, "loud": _loud, "said": SAID, "modules": sorted(sys.modules)}, sys.stdout)
