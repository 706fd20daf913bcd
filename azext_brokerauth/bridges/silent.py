"""A token for another tool: silently, or not at all.

It loads nothing that is for commands, so that what a tool starts begins at once.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from azext_brokerauth import agents, clouds, settings
from azext_brokerauth.accounts import AccountStore
from azext_brokerauth.errors import SIGN_IN, BrokerAuthError, BrokerOffError, NotSignedInError
from azext_brokerauth.machine import detect
from azext_brokerauth.models import Account, Prompt, Token, TokenRequest, configure, own
from azext_brokerauth.settings import Settings, policy
from azext_brokerauth.tokens import Tokens
from azext_brokerauth.tokens.eligibility import eligibility
from azext_brokerauth.tool_log import Note, noted

EXEC = "exec"
"""What the setting ``tools`` calls whatever ``exec`` runs; a setting of its own may forbid it, too."""


@dataclass(frozen=True)
class Wanted:
    """What a tool asks for.

    :param scope: such as ``https://management.azure.com/.default``.
    :param tenant: tenant ID or domain; empty for that of the account.
    :param username: whose token; empty for the account in use.
    :param renew: the token given before was refused: have a new one.
    :param cloud: the cloud that it is for, as az names it: nobody's who signed in to another; empty for any.
    :param asker: gives the ID of the process that asks, where it is not the source's; 0 where it is not known.
    """

    scope: str
    tenant: str = ""
    username: str = ""
    renew: bool = False
    cloud: str = ""
    asker: Callable[[], int] | None = field(default=None, compare=False)


class Source:
    """Gets tokens for one bridge, for as many threads as ask.

    :param tool: the bridge's name, which the setting ``tools`` may forbid.
    :keyword environ: this process's variables.
    :keyword tokens: makes what gets tokens.
    :keyword asker: gives the ID of the process that asks; the one that started this one, unless told otherwise.
    :keyword check: raises where a scope is not among what this source gives tokens for.
    """

    def __init__(
        self,
        tool: str,
        *,
        environ: Mapping[str, str] = os.environ,
        tokens: Callable[[Settings], Tokens] = Tokens,
        asker: Callable[[], int] = os.getppid,
        check: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._tool = tool
        self._asker = asker
        self._check = check
        self._environ = environ
        self._make = tokens
        self._tokens: Tokens | None = None
        self._making = threading.Lock()

    def token(self, wanted: Wanted) -> Token:
        """A token, without a window, by the deadline that the settings give to silent requests.

        :raises ~azext_brokerauth.errors.BrokerAuthError: there is none; its remedies name what to do.
        """
        with self._making:  # or the broker of one of two would never be closed
            if self._tokens is None:
                self._tokens = self._make(settings.load(environ=self._environ))
        chosen = self._tokens.in_force()
        username = wanted.username or chosen.login_hint
        note = Note(self._tool, wanted.scope, wanted.tenant, username, self._environ.get(agents.VARIABLE, ""))
        with noted(chosen.tool_log, note, wanted.asker or self._asker):
            token = self._token(self._tokens, chosen, wanted, note)
            note.given(token)
            return token

    def _token(self, tokens: Tokens, chosen: Settings, wanted: Wanted, note: Note) -> Token:
        check_allowed(self._tool, chosen)
        self._check(wanted.scope)
        session = agents.session(self._environ)
        obstacle = eligibility(chosen, detect())
        if isinstance(obstacle, BrokerAuthError):
            raise obstacle
        records = AccountStore(settings.config_directory(self._environ)).read()
        account = records.signed_in(wanted.username or chosen.login_hint)
        _check_cloud(account, wanted.cloud)
        target = replace(account.target, tenant=wanted.tenant or account.tenant)
        again = own("login", "--username", account.username)
        policy.check_target(chosen, target, f"of {account.username}'s sign-in", again)
        asked = TokenRequest((wanted.scope,), target, whose=account, renew=wanted.renew)
        request = agents.marked(asked, session)
        note.about(request)
        return tokens.get(request, Prompt.NEVER)

    def close(self) -> None:
        """End what was started."""
        if self._tokens is not None:
            self._tokens.close()

    def __enter__(self) -> Source:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _check_cloud(account: Account, name: str) -> None:
    """Raise if the account signed in to another cloud than this one.

    :raises NotSignedInError: it is told which, and what to set.
    """
    own_cloud = clouds.of_authority(account.authority)
    if name and own_cloud and own_cloud.name != name:
        authority = next(cloud.authorities[0] for cloud in clouds.CLOUDS if cloud.name == name)
        raise NotSignedInError(
            f"The token is for {name}, and {account.username} signed in to {own_cloud.name}.",
            remedies=configure("set", f"brokerauth.authority={authority}") + SIGN_IN,
        )


def check_allowed(tool: str, chosen: Settings) -> None:
    """Raise if the settings keep tokens from a tool.

    :raises BrokerOffError: it is named.
    """
    if tool == EXEC and not chosen.allow_exec:
        raise BrokerOffError(f"{tool} is switched off: {chosen.origin('allow_exec')} is false.")
    if why := chosen.why_not_tool(tool):
        raise BrokerOffError(f"{tool} gets no tokens here: {why}.")
