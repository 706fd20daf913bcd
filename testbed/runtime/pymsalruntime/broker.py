"""The way to the broker: the proxy to Windows, or what takes the place of native Linux's broker on D-Bus."""

from __future__ import annotations

import json
import os
import platform
import signal
import subprocess
from typing import Any

from .machine import LINUX_BROKER, scenario
from .statuses import STATUS_ON_THE_WIRE, MSALRuntimeError, Response_Status, runtime_error

_WSLINFO = "/usr/bin/wslinfo"


def is_linux_broker() -> bool:
    """Is it native Linux's broker, rather than Windows'?"""
    return _BROKER == [LINUX_BROKER]


def call(method: str, correlation_id: str, request: dict[str, Any]) -> dict[str, Any]:
    """One call to the broker, in a program of its own.

    :raises MSALRuntimeError: nothing sensible came back, or a refusal.
    """
    _make_noise(method)
    done = subprocess.run([*_BROKER, *_arguments(method, correlation_id, json.dumps(request))], stdout=subprocess.PIPE)
    unexpected, on_wsl = Response_Status.Status_Unexpected, not is_linux_broker()
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
        status = STATUS_ON_THE_WIRE.get(error["status"], unexpected)
        if error["tag"] == 0:
            raise MSALRuntimeError(status, error["errorCode"], 529117665, error["context"] + "|")
        raise MSALRuntimeError(status, error["errorCode"], error["tag"], error["context"])
    return answer


def _arguments(method: str, correlation_id: str, request: str) -> list[str]:
    return ["--method", method, "--bversion", "0.0", "--cid", correlation_id, "--requestJson", request]


def _make_noise(method: str) -> None:
    """Print on stdout, as some builds of the runtime do."""
    if scenario()["stdout_noise"]:
        os.write(1, f"{method} msal.wsl.proxy.exe success\n".encode())


def _load() -> list[str]:
    """The command that reaches the broker, found as the runtime does when it is imported."""
    if scenario()["runtime_package"] == "broken":
        raise OSError("libwebkit2gtk-4.1.so.0: cannot open shared object file: No such file or directory")
    # As in the runtime's native code, Ctrl-C does not interrupt the search for a broker.
    blocked_before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    try:
        return _find_broker()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked_before)


def _find_broker() -> list[str]:
    """The command that reaches the broker; blocks for as long as the broker does not answer its first ping."""
    if os.path.exists(LINUX_BROKER):
        return [LINUX_BROKER]
    # WSL 1 says "Microsoft", and the runtime does not know it.
    if "microsoft" in platform.uname().release and os.path.exists(_WSLINFO):
        asked = subprocess.run([_WSLINFO, "--msal-proxy-path", "-n"], stdout=subprocess.PIPE, text=True)
        if asked.returncode == 0:
            _make_noise("ping")
            ping = [asked.stdout, *_arguments("ping", "0", "{{}}")]
            if subprocess.run(ping, stdout=subprocess.PIPE).returncode >= 0:
                return [asked.stdout]
    violation = Response_Status.Status_ApiContractViolation
    raise runtime_error(507897694, "Broker cannot be initialized for MSALRuntime", violation)


_BROKER = _load()
