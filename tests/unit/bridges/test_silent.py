"""Tokens for other tools: silently, or not at all."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from azext_brokerauth import agents, tool_log
from azext_brokerauth.bridges.silent import EXEC, Source, Wanted, check_allowed
from azext_brokerauth.errors import BrokerAuthError, BrokerOffError
from azext_brokerauth.settings import Settings
from azext_brokerauth.tokens import Tokens


def test_however_many_threads_begin_at_once_one_broker_is_made(tmp_path: Path) -> None:
    made: list[Tokens] = []
    begin = threading.Barrier(8)

    def make(settings: Settings) -> Tokens:
        time.sleep(0.05)
        made.append(Tokens(settings))
        return made[-1]

    source = Source("tool", environ={"AZURE_CONFIG_DIR": str(tmp_path)}, tokens=make)

    def ask() -> None:
        begin.wait()
        with pytest.raises(BrokerAuthError):  # this machine has no broker, or nobody is signed in
            source.token(Wanted("https://vault.azure.net/.default"))

    with ThreadPoolExecutor(8) as threads:
        for asked in [threads.submit(ask) for _ in range(8)]:
            asked.result()
    assert len(made) == 1


@pytest.mark.parametrize(
    ("chosen", "setting"),
    [(Settings(allow_exec=False), "exec is switched off"), (Settings(tools="git"), "tools|git")],
)
def test_either_of_two_settings_forbids_exec(chosen: Settings, setting: str) -> None:
    with pytest.raises(BrokerOffError, match=setting):
        check_allowed(EXEC, chosen)


def test_other_tools_do_not_mind_what_forbids_exec() -> None:
    check_allowed("git", Settings(allow_exec=False))
    check_allowed(EXEC, Settings())


def test_what_a_source_does_not_give_is_refused_before_anybody_is_asked_and_noted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def check(scope: str) -> None:
        raise BrokerOffError(f"No token for {scope} is given here.")

    monkeypatch.setenv("HOME", str(tmp_path))
    environ = {"AZURE_CONFIG_DIR": str(tmp_path), agents.VARIABLE: "s1"}
    for switch in ("false", "true"):
        source = Source(EXEC, environ={**environ, "AZURE_BROKERAUTH_TOOL_LOG": switch}, check=check)
        with pytest.raises(BrokerOffError, match=r"No token for a/\.default"):
            source.token(Wanted("a/.default"))
    ((entry,), _) = tool_log.read()
    noted = ("tool", "audience", "agentSession", "result", "code")
    assert [entry[name] for name in noted] == [EXEC, "a/.default", "s1", "refused", "BrokerOff"]
