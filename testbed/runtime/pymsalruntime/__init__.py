"""A stand-in for Microsoft's pymsalruntime with its public API, for machines that lack the libraries it needs.

It is installed into the emulated machine only. What it does and says was observed at that API, on the same machine, of
the unmodified runtime (0.20.7); the numbers called tags are the runtime's names for places in it.
"""
# ruff: noqa: N803 (the names are part of the API)

from __future__ import annotations

import base64
import enum
import fcntl
import json
import os
import platform
import signal
import subprocess
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

_MACHINE = Path("/run/testbed")
_WSLINFO = "/usr/bin/wslinfo"
_REFRESH_BEFORE_EXPIRY = 300
"""Seconds before its expiry from which a cached token is not used."""

Response_Status = enum.Enum(
    "Response_Status",
    [
        ("Status_Unexpected", 0),
        ("Status_Reserved", 1),
        ("Status_InteractionRequired", 2),
        ("Status_NoNetwork", 3),
        ("Status_NetworkTemporarilyUnavailable", 4),
        ("Status_ServerTemporarilyUnavailable", 5),
        ("Status_ApiContractViolation", 6),
        ("Status_UserCanceled", 7),
        ("Status_ApplicationCanceled", 8),
        ("Status_IncorrectConfiguration", 9),
        ("Status_InsufficientBuffer", 10),
        ("Status_AuthorityUntrusted", 11),
        ("Status_UserSwitch", 12),
        ("Status_AccountUnusable", 13),
        ("Status_UserDataRemovalRequired", 14),
        ("Status_KeyNotFound", 15),
        ("Status_AccountNotFound", 16),
        ("Status_TransientError", 17),
        ("Status_AccountSwitch", 18),
        ("Status_RequiredBrokerMissing", 19),
        ("Status_DeviceNotRegistered", 20),
        ("Status_FallbackToNativeMsal", 21),
    ],
)
LogLevel = enum.Enum("LogLevel", ["TRACE", "DEBUG", "INFO", "WARNING", "ERROR", "FATAL"])
SsoPolicyType = enum.Enum("SsoPolicyType", ["Unknown", "PermissionRequired", "AlwaysAllowed", "Error"], start=0)

# The broker numbers its statuses differently from 15 on.
_STATUS_ON_THE_WIRE = {
    **{status.value: status for status in Response_Status if status.value < 15},
    15: Response_Status.Status_TransientError,
    16: Response_Status.Status_AccountSwitch,
    17: Response_Status.Status_DeviceNotRegistered,
    18: Response_Status.Status_KeyNotFound,
    19: Response_Status.Status_AccountNotFound,
    20: Response_Status.Status_RequiredBrokerMissing,
    21: Response_Status.Status_FallbackToNativeMsal,
}


class MSALRuntimeError(Exception):
    def __init__(self, status: Response_Status, error_code: int, tag: int, context: str) -> None:
        super().__init__(context)
        self._status, self._error_code, self._tag, self._context = status, error_code, tag, context

    def get_status(self) -> Response_Status:  # an enum, whatever the .pyi says
        return self._status

    def get_error_code(self) -> int:
        return self._error_code

    def get_tag(self) -> int:
        return self._tag

    def get_context(self) -> str:
        return self._context


class MSALRuntimeAccount:
    def __init__(self, fields: dict[str, Any]) -> None:
        self._fields = fields
        """As the broker sends them."""

    def _get(self, name: str) -> str | None:
        return self._fields.get(name) or None

    def get_account_id(self) -> str | None:
        return self._get("localAccountId")

    def get_home_account_id(self) -> str | None:
        return self._get("homeAccountId")

    def get_environment(self) -> str | None:
        return self._get("environment")

    def get_realm(self) -> str | None:
        return self._get("realm")

    def get_local_account_id(self) -> str | None:
        return self._get("localAccountId")

    def get_user_name(self) -> str | None:
        return self._get("username")

    def get_given_name(self) -> str | None:
        return self._get("givenName")

    def get_family_name(self) -> str | None:
        return self._get("familyName")

    def get_middle_name(self) -> str | None:
        return self._get("middleName")

    def get_display_name(self) -> str | None:
        return self._get("name")

    def get_additional_fields_json(self) -> str:
        return "{}"

    def get_home_environment(self) -> str | None:
        return None

    def get_client_info(self) -> str | None:
        return self._get("clientInfo")


class MSALRuntimeAuthParameters:
    def __init__(self, client_id: str, authority: str) -> None:
        self._client_id, self._authority = client_id, authority
        self._scopes: list[str] = []
        self._redirect_uri = self._claims = ""
        self._additional: dict[str, str] = {}

    def set_requested_scopes(self, scopes: list[str]) -> None:
        self._scopes = list(scopes)

    def set_redirect_uri(self, redirect_uri: str) -> None:
        self._redirect_uri = redirect_uri

    def set_decoded_claims(self, claims: str) -> None:
        self._claims = claims

    def set_access_token_to_renew(self, access_token: str) -> None:
        raise NotImplementedError("the double does not renew access tokens")

    def set_pop_params(self, http_method: str, uri_host: str, uri_path: str, nonce: str) -> None:
        raise NotImplementedError("there is no proof of possession on Linux")

    def set_additional_parameter(self, key: str, value: str) -> None:
        self._additional[key] = value


class _Result:
    correlation_id = ""

    def __init__(self, error: MSALRuntimeError | None = None) -> None:
        self._error = error

    def get_error(self) -> MSALRuntimeError | None:
        return self._error

    def get_telemetry_data(self) -> dict[str, str]:
        return {"correlation_id": self.correlation_id} if self.correlation_id else {}


class MSALRuntimeAuthResult(_Result):
    def __init__(self, token: dict[str, Any] | None = None, error: MSALRuntimeError | None = None) -> None:
        super().__init__(error)
        self._token = token or {}
        """As the broker sends it."""

    def get_account(self) -> MSALRuntimeAccount | None:
        return MSALRuntimeAccount(self._token["account"]) if self._token else None

    def get_id_token(self) -> str:
        return _payload(self._token["idToken"]) if self._token else ""

    def get_raw_id_token(self) -> str:
        return str(self._token.get("idToken", ""))

    def get_access_token(self) -> str:
        return str(self._token.get("accessToken", ""))

    def get_granted_scopes(self) -> list[str]:
        return str(self._token.get("grantedScopes", "")).split()

    def get_authorization_header(self) -> str | None:
        return None

    def is_pop_authorization(self) -> bool:
        return False

    def get_access_token_expiry_time(self) -> int:
        return int(self._token.get("expiresOn", 0)) // 1000


class MSALRuntimeSignOutResult(_Result):
    pass


class MSALRuntimeReadAccountResult(_Result):
    def __init__(self, account: MSALRuntimeAccount | None = None, error: MSALRuntimeError | None = None) -> None:
        super().__init__(error)
        self._account = account

    def get_account(self) -> MSALRuntimeAccount | None:
        if self._error:
            raise _runtime_error(525121626, "Account not found", Response_Status.Status_AccountNotFound)
        return self._account


class MSALRuntimeDiscoverAccountsResult(_Result):
    def __init__(self, accounts: list[MSALRuntimeAccount]) -> None:
        super().__init__()
        self._accounts = accounts

    def get_accounts(self) -> list[MSALRuntimeAccount]:
        return self._accounts


class MSALRuntimeLogCallbackHandle:
    def release_logging_callback(self) -> None:
        """The double logs nothing."""


class MSALRuntimeAsyncHandle:
    def cancel_async_operation(self) -> None:
        """Has no effect on a call that waits for the broker, as observed."""


class CallbackData:
    """Where a caller waits for a callback."""

    def __init__(self, is_interactive: bool = False) -> None:
        self.is_interactive = is_interactive
        self.signal = threading.Event()
        self.result: Any = None

    def complete(self, result: Any) -> None:
        self.result = result
        self.signal.set()


def read_account_by_id(
    accountid: str, correlationId: str, callback: Callable[[MSALRuntimeReadAccountResult], None]
) -> MSALRuntimeAsyncHandle:
    def read() -> MSALRuntimeReadAccountResult:
        with _keyring() as kept:
            found = [a for a in kept["accounts"].values() if a["localAccountId"] == accountid]
        if found:
            return MSALRuntimeReadAccountResult(MSALRuntimeAccount(found[0]))
        problem = (Response_Status.Status_AccountNotFound, 0, 525678464, "Account with id '(pii)' not found")
        return MSALRuntimeReadAccountResult(error=MSALRuntimeError(*problem))

    return _in_background(read, callback)


def signin(
    parentWindowHandle: int,
    auth_params: MSALRuntimeAuthParameters,
    correlationId: str,
    accountHint: str,
    callback: Callable[[MSALRuntimeAuthResult], None],
) -> MSALRuntimeAsyncHandle:
    def sign_in() -> dict[str, Any]:
        try:
            return _sign_in_silently(auth_params, correlationId)
        except MSALRuntimeError as refusal:
            if refusal.get_status() not in _AN_INTERACTION_HELPS:
                raise
            return _acquire("acquireTokenInteractively", auth_params, correlationId, hint=accountHint)

    return _in_background(_as_result(sign_in, correlationId), callback)


def signin_silently(
    auth_params: MSALRuntimeAuthParameters, correlationId: str, callback: Callable[[MSALRuntimeAuthResult], None]
) -> MSALRuntimeAsyncHandle:
    return _in_background(_as_result(lambda: _sign_in_silently(auth_params, correlationId), correlationId), callback)


def signin_interactively(
    parentWindowHandle: int,
    auth_params: MSALRuntimeAuthParameters,
    correlationId: str,
    accountHint: str | None,
    callback: Callable[[MSALRuntimeAuthResult], None],
) -> MSALRuntimeAsyncHandle:
    def sign_in() -> dict[str, Any]:
        return _acquire("acquireTokenInteractively", auth_params, correlationId, hint=accountHint)

    return _in_background(_as_result(sign_in, correlationId), callback)


def signout_silently(
    clientId: str, correlationId: str, account: MSALRuntimeAccount, callback: Callable[[MSALRuntimeSignOutResult], None]
) -> MSALRuntimeAsyncHandle:
    def sign_out() -> MSALRuntimeSignOutResult:
        with _keyring() as kept:
            kept["signed out"].append([account.get_home_account_id(), clientId])
        if _broker == [_LINUX_BROKER]:
            return MSALRuntimeSignOutResult()
        authority = f"https://{account.get_environment()}/{account.get_realm()}"
        try:
            _call("signOutSilently", correlationId, _request(MSALRuntimeAuthParameters(clientId, authority), account))
        except MSALRuntimeError as error:
            return MSALRuntimeSignOutResult(error)
        return MSALRuntimeSignOutResult()

    _check_account(account)
    return _in_background(sign_out, callback)


def discover_accounts(
    clientId: str, correlationId: str, callback: Callable[[MSALRuntimeDiscoverAccountsResult], None]
) -> MSALRuntimeAsyncHandle:
    def discover() -> MSALRuntimeDiscoverAccountsResult:
        told = _accounts_of_windows(clientId, correlationId)
        with _keyring() as kept:
            for account in told:
                kept["accounts"][_account_key(account)] = account
        with _keyring() as kept:  # where nothing can be kept, nothing is found
            at_home = [a for a in kept["accounts"].values() if a["homeAccountId"].endswith(a["realm"])]
        return MSALRuntimeDiscoverAccountsResult([MSALRuntimeAccount(account) for account in at_home])

    return _in_background(discover, callback)


def acquire_token_silently(
    auth_params: MSALRuntimeAuthParameters,
    correlationId: str,
    account: MSALRuntimeAccount,
    callback: Callable[[MSALRuntimeAuthResult], None],
) -> MSALRuntimeAsyncHandle:
    def acquire() -> dict[str, Any]:
        with _keyring() as kept:
            if [account.get_home_account_id(), auth_params._client_id] in kept["signed out"]:
                text = "Account has previously been signed out of this application."
                raise MSALRuntimeError(Response_Status.Status_AccountUnusable, 0, 540940121, text)
            token: dict[str, Any] | None = kept["tokens"].get(_key(auth_params, account))
        if token and not auth_params._claims and token["expiresOn"] / 1000 - time.time() > _REFRESH_BEFORE_EXPIRY:
            return token
        return _acquire("acquireTokenSilently", auth_params, correlationId, account)

    _check_account(account)
    return _in_background(_as_result(acquire, correlationId), callback)


def acquire_token_interactively(
    parentWindowHandle: int,
    auth_params: MSALRuntimeAuthParameters,
    correlationId: str,
    account: MSALRuntimeAccount,
    callback: Callable[[MSALRuntimeAuthResult], None],
) -> MSALRuntimeAsyncHandle:
    def acquire() -> dict[str, Any]:
        return _acquire("acquireTokenInteractively", auth_params, correlationId, account)

    _check_account(account)
    return _in_background(_as_result(acquire, correlationId), callback)


def register_logging_callback(callback: Callable[[str, LogLevel], None]) -> MSALRuntimeLogCallbackHandle:
    return MSALRuntimeLogCallbackHandle()


def set_is_pii_enabled(enabled: int) -> None:
    """The double logs nothing."""


def get_console_window() -> int:
    return 1


def get_desktop_window() -> int:
    return 1


def get_sso_policy() -> SsoPolicyType:
    return SsoPolicyType.AlwaysAllowed


_LINUX_BROKER = str(_MACHINE / "linux-broker")
_AN_INTERACTION_HELPS = (Response_Status.Status_InteractionRequired, Response_Status.Status_AccountUnusable)


def _scenario() -> dict[str, Any]:
    fields: dict[str, Any] = json.loads((_MACHINE / "scenario.json").read_text())
    return fields


def _find_broker() -> list[str]:
    """The command that reaches the broker; blocks for as long as the broker does not answer its first ping."""
    if os.path.exists(_LINUX_BROKER):
        return [_LINUX_BROKER]
    # WSL 1 says "Microsoft", and the runtime does not know it.
    if "microsoft" in platform.uname().release and os.path.exists(_WSLINFO):
        asked = subprocess.run([_WSLINFO, "--msal-proxy-path", "-n"], stdout=subprocess.PIPE, text=True)
        if asked.returncode == 0:
            _make_noise("ping")
            ping = [asked.stdout, *_arguments("ping", "0", "{{}}")]
            if subprocess.run(ping, stdout=subprocess.PIPE).returncode >= 0:
                return [asked.stdout]
    violation = Response_Status.Status_ApiContractViolation
    raise _runtime_error(507897694, "Broker cannot be initialized for MSALRuntime", violation)


def _make_noise(method: str) -> None:
    """What some builds of the runtime do."""
    if _scenario()["stdout_noise"]:
        os.write(1, f"{method} msal.wsl.proxy.exe success\n".encode())


def _runtime_error(tag: int, context: str, status: Response_Status) -> RuntimeError:
    return RuntimeError(f"ErrorTag: {tag}, ErrorCode: 0, ErrorContext: {context}, ErrorStatus: {status}")


def _arguments(method: str, correlation_id: str, request: str) -> list[str]:
    return ["--method", method, "--bversion", "0.0", "--cid", correlation_id, "--requestJson", request]


def _call(method: str, correlation_id: str, request: dict[str, Any]) -> dict[str, Any]:
    """One call to the broker, in a program of its own.

    :raises MSALRuntimeError: nothing sensible came back, or a refusal.
    """
    _make_noise(method)
    done = subprocess.run([*_broker, *_arguments(method, correlation_id, json.dumps(request))], stdout=subprocess.PIPE)
    unexpected, on_wsl = Response_Status.Status_Unexpected, _broker != [_LINUX_BROKER]
    if done.returncode < 0 and on_wsl:
        raise MSALRuntimeError(unexpected, 0, 495490195, f"MethodCall terminated by signal {-done.returncode}")
    if done.returncode < 0:
        text = "DBUS failed to send a message. Error: org.freedesktop.DBus.Error.NoReply ((pii))."
        raise MSALRuntimeError(unexpected, 0, 508605727, text)
    if not done.stdout and on_wsl:
        raise MSALRuntimeError(unexpected, 0, 508909194, "Json response from the WSL proxy is empty")
    try:
        answer: dict[str, Any] = json.loads(done.stdout)
    except ValueError:
        answer = {}
    if not answer:
        raise MSALRuntimeError(unexpected, 0, 507316096, "responseJson is empty")
    error = answer.get("error") or answer.get("brokerTokenResponse", {}).get("error")
    if error:
        status = _STATUS_ON_THE_WIRE.get(error["status"], unexpected)
        if error["tag"] == 0:
            raise MSALRuntimeError(status, error["errorCode"], 529117665, error["context"] + "|")
        raise MSALRuntimeError(status, error["errorCode"], error["tag"], error["context"])
    return answer


def _request(
    parameters: MSALRuntimeAuthParameters, account: MSALRuntimeAccount | None, hint: str | None = None
) -> dict[str, Any]:
    return {
        "authParameters": {
            "account": account and account._fields,
            "additionalQueryParametersForAuthorization": parameters._additional,
            "authority": _authority(parameters, account),
            "clientId": parameters._client_id,
            "decodedClaims": parameters._claims,
            "isSignIn": account is None,
            "popParams": None,
            "redirectUri": parameters._redirect_uri,
            "requestedScopes": parameters._scopes,
            "username": account.get_user_name() if account else hint or "",
        }
    }


def _authority(parameters: MSALRuntimeAuthParameters, account: MSALRuntimeAccount | None) -> str:
    """The authority with the account's home tenant where it names no tenant in particular."""
    host, _, tenant = parameters._authority.rpartition("/")
    if account and tenant in ("organizations", "common"):
        return f"{host}/{account.get_realm()}"
    return parameters._authority


def _key(parameters: MSALRuntimeAuthParameters, account: MSALRuntimeAccount) -> str:
    home, client_id = account.get_home_account_id(), parameters._client_id
    return json.dumps([home, client_id, _authority(parameters, account), sorted(parameters._scopes)])


def _sign_in_silently(parameters: MSALRuntimeAuthParameters, correlation_id: str) -> dict[str, Any]:
    _accounts_of_windows(parameters._client_id, correlation_id)  # asked for, and not kept
    return _acquire("acquireTokenSilently", parameters, correlation_id)


def _accounts_of_windows(client_id: str, correlation_id: str) -> list[dict[str, Any]]:
    try:
        told = _call("getAccounts", correlation_id, {"clientId": client_id, "redirectUri": client_id})["accounts"]
    except MSALRuntimeError:
        return []  # the runtime goes on with the accounts that it knows
    return list(map(_normalised, told))


def _acquire(
    method: str,
    parameters: MSALRuntimeAuthParameters,
    correlation_id: str,
    account: MSALRuntimeAccount | None = None,
    hint: str | None = None,
) -> dict[str, Any]:
    """Get a token from the broker, and keep it."""
    token: dict[str, Any] = _call(method, correlation_id, _request(parameters, account, hint))["brokerTokenResponse"]
    got = token["account"] = _normalised(token["account"])
    identity = json.loads(_payload(token["idToken"]))
    got |= {"givenName": identity.get("given_name"), "familyName": identity.get("family_name")}
    if account and got["homeAccountId"] != account.get_home_account_id():
        if method == "acquireTokenInteractively":
            text = (
                "Authentication was blocked because a user switch was detected during authorization type 9. Old ID: "
                "'(pii)', new ID: '(pii)', isSameUPN 0, isSameEnv 1. "
                "Diagnostics: 'uidMismatch-MismatchLocal'.'utidMatch'"
            )
            raise MSALRuntimeError(Response_Status.Status_InteractionRequired, 0, 508901573, text)
        got |= {name: account._fields[name] for name in ("homeAccountId", "clientInfo")}
    if _scenario()["keyring"] == "none":
        text = "Error '(pii)' was returned for API: 'EnumerateNoLock'"
        raise MSALRuntimeError(Response_Status.Status_Unexpected, 2, 544564044, text)
    granted = token["grantedScopes"].split()
    declined = granted and not set(parameters._scopes) <= set(granted)
    with _keyring() as kept:
        known = kept["accounts"].setdefault(_account_key(got), got)
        known |= got | {"localAccountId": known["localAccountId"]}
        got["localAccountId"] = known["localAccountId"]
        if not declined:
            kept["tokens"][_key(parameters, MSALRuntimeAccount(got))] = token
            if method == "acquireTokenInteractively":  # a silent sign-in leaves the account signed out
                signed_in = [got["homeAccountId"], parameters._client_id]
                kept["signed out"] = [entry for entry in kept["signed out"] if entry != signed_in]
    if declined:
        text = "Token response failed because declined scopes are present:'(pii)'"
        raise MSALRuntimeError(Response_Status.Status_ApiContractViolation, 0, 593794722, text)
    return token


def _payload(token: str) -> str:
    """What a JWT says, as JSON."""
    payload = token.split(".")[1]
    return base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)).decode()


def _normalised(account: dict[str, Any]) -> dict[str, Any]:
    return account | {"environment": account["environment"].replace("login.windows.net", "login.microsoftonline.com")}


def _account_key(account: dict[str, Any]) -> str:
    return f"{account['homeAccountId']} {account['realm']}"


def _check_account(account: MSALRuntimeAccount) -> None:
    if not isinstance(account, MSALRuntimeAccount):
        raise TypeError(
            "Argument 'account' has incorrect type (expected pymsalruntime.pymsalruntime.MSALRuntimeAccount, "
            f"got {type(account).__name__})"
        )


@contextmanager
def _keyring() -> Iterator[dict[str, Any]]:
    """What the runtime keeps in the user's keyring, open for changes: nothing unless there is one, unlocked.

    The file is compressed, so that a search for tokens in the home directory finds those that somebody else left there.
    """
    kept: dict[str, Any] = {"accounts": {}, "tokens": {}, "signed out": []}
    if _scenario()["keyring"] != "unlocked":
        yield kept
        return
    path = Path.home() / ".local/share/keyrings/double.keyring"
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(os.open(path, os.O_RDWR | os.O_CREAT, 0o600), "r+b") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        before = file.read()
        if before:
            kept = json.loads(zlib.decompress(before))
        yield kept
        after = zlib.compress(json.dumps(kept).encode())
        if after != before:
            file.seek(0)
            file.truncate()
            file.write(after)


def _as_result(acquire: Callable[[], dict[str, Any]], correlation_id: str) -> Callable[[], MSALRuntimeAuthResult]:
    def result() -> MSALRuntimeAuthResult:
        try:
            outcome = MSALRuntimeAuthResult(acquire())
        except MSALRuntimeError as error:
            outcome = MSALRuntimeAuthResult(error=error)
        outcome.correlation_id = correlation_id
        return outcome

    return result


def _in_background(work: Callable[[], Any], callback: Callable[[Any], None]) -> MSALRuntimeAsyncHandle:
    # Not a daemon: like the runtime, a call that does not come back keeps the interpreter from ending.
    threading.Thread(target=lambda: callback(work())).start()
    return MSALRuntimeAsyncHandle()


if _scenario()["runtime_package"] == "broken":
    raise OSError("libwebkit2gtk-4.1.so.0: cannot open shared object file: No such file or directory")
# Like the runtime's native code, the search for a broker does not hear Ctrl-C.
_deaf = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
try:
    _broker = _find_broker()
finally:
    signal.pthread_sigmask(signal.SIG_SETMASK, _deaf)
