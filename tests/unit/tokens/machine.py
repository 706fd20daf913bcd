"""A broker and a clock of a test's own, in place of processes."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from azext_brokerauth.broker.messages import Answer, Ask, Failure, Step
from azext_brokerauth.errors.troubles import Trouble
from azext_brokerauth.machine import Kind, Machine
from azext_brokerauth.models import Account, Token, TokenRequest
from azext_brokerauth.settings import Settings
from azext_brokerauth.tokens import Tokens

TARGET = Settings().target
ADA = Account("ada@contoso.com", "a.c", "a", "c", TARGET.client_id, TARGET.authority)
GRACE = replace(ADA, username="grace@contoso.com", home_account_id="g.c", local_account_id="g")
INTERACTION = Failure(Trouble.REFUSED, "Status: Response_Status.Status_InteractionRequired, Error code: 0, Tag: 1")
NETWORK = Failure(Trouble.REFUSED, "Status: Response_Status.Status_NoNetwork, Error code: 0, Tag: 1")
SCOPE = TokenRequest(("https://vault.azure.net/.default",), TARGET)
CHALLENGE = replace(SCOPE, claims='{"access_token":{"nbf":{"essential":true,"value":"1"}}}')


class Window:
    """A prompt's process."""

    def __init__(self) -> None:
        self.ended = threading.Event()

    def end(self) -> None:
        self.ended.set()


@dataclass
class Broker:
    """Answers with ``replies`` in turn, then with numbered tokens that live an hour by ``now``."""

    now: float = 1_000_000.0
    replies: list[Answer | Failure] = field(default_factory=list)
    asks: list[Ask] = field(default_factory=list)
    windows: list[Window] = field(default_factory=list)
    """The prompts of which whoever asked has heard."""
    gate: threading.Event = field(default_factory=threading.Event)
    """While it is not set, no request without a window is answered."""
    answered: threading.Event = field(default_factory=threading.Event)
    """While it is not set, no window is answered."""

    def __post_init__(self) -> None:
        self.gate.set()
        self.answered.set()

    def token(self, account: Account = ADA, lives: int = 3600, refresh_on: int | None = None) -> Answer:
        expires_on = int(self.now) + lives
        return Answer(Token(f"token {len(self.asks)}", expires_on, "Bearer", "broker", "c", account, refresh_on))

    def ask(self, ask: Ask, timeout: float) -> Answer | Failure:
        self.asks.append(ask)
        assert self.gate.wait(10)
        return self.replies.pop(0) if self.replies else self.token()

    def prompt(self, ask: Ask, timeout: float, started: Callable[[Window], None]) -> Answer | Failure:
        window = Window()
        started(window)
        self.windows.append(window)
        assert self.answered.wait(10)
        return self.ask(ask, timeout)

    def close(self) -> None:
        """No process to end."""

    @property
    def steps(self) -> list[Step]:
        return [ask.step for ask in self.asks]


def tokens_of(broker: Broker, kind: Kind = Kind.WSL2, **settings: object) -> Tokens:
    return Tokens(
        Settings(**settings),
        machine=Machine(kind, "the test says so"),
        broker=lambda notify: broker,
        clock=lambda: broker.now,
        shares=False,
    )
