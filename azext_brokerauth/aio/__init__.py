"""The async twin of the credential: waits on the event loop, and blocks no thread for a task that waits."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import functools
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from azure.core.credentials import AccessToken, AccessTokenInfo

from azext_brokerauth.aside import aside
from azext_brokerauth.azure_core import Asked, access_token, access_token_info, authentication_record, checked_call
from azext_brokerauth.credential import CredentialBase
from azext_brokerauth.models import Token
from azext_brokerauth.tokens import Prompt

if TYPE_CHECKING:
    from types import TracebackType

    from azure.core.credentials import TokenRequestOptions
    from azure.identity import AuthenticationRecord

__all__ = ["BrokerCredential"]

_CredentialT = TypeVar("_CredentialT", bound="BrokerCredential")
_ResultT = TypeVar("_ResultT")


class BrokerCredential(CredentialBase):
    """Authenticates through the account broker of Windows, from WSL, for async clients.

    Takes the keywords of :class:`azext_brokerauth.BrokerCredential`, raises the same errors, and is closed with
    ``await credential.close()`` or ``async with``.
    """

    async def get_token(
        self,
        *scopes: str,
        claims: str | None = None,
        tenant_id: str | None = None,
        enable_cae: bool = False,
        **kwargs: Any,
    ) -> AccessToken:
        """Request an access token for `scopes`. Called by Azure SDK clients.

        Cancelling the task takes the window away if nobody else waits for it, and breaks nothing for those who do.

        :param str scopes: scopes of one resource; at least one.
        :keyword str claims: additional claims required in the token, from a resource's claims challenge.
        :keyword str tenant_id: tenant to ask instead of the credential's.
        :keyword bool enable_cae: request a token for continuous access evaluation.
        :return: an access token with the desired scopes.
        :rtype: ~azure.core.credentials.AccessToken
        :raises ~azure.identity.CredentialUnavailableError: nothing was attempted: not under WSL, or not ready there.
        :raises ~azure.identity.AuthenticationRequiredError: only a window would help, and windows are disabled.
        :raises ~azure.core.exceptions.ClientAuthenticationError: the attempt failed; the message says why, and what
            to do.
        :raises ValueError: no scope, or an invalid one.
        """
        if not (claims or tenant_id or kwargs) and (token := self._workings.again(scopes, enable_cae)):
            return access_token(token)
        options = {**kwargs, "claims": claims, "tenant_id": tenant_id, "enable_cae": enable_cae}
        return access_token(
            await self._get("get_token", checked_call(scopes, options, "get_token"), self._workings.prompt)
        )

    async def get_token_info(self, *scopes: str, options: TokenRequestOptions | None = None) -> AccessTokenInfo:
        """Request an access token for `scopes`. Called by Azure SDK clients.

        :param str scopes: scopes of one resource; at least one.
        :keyword options: options of the request. Unknown options are ignored.
        :paramtype options: ~azure.core.credentials.TokenRequestOptions
        :return: the token, with its type and the time from which it should be renewed, if the issuer named one.
        :rtype: ~azure.core.credentials.AccessTokenInfo
        :raises: as :meth:`get_token`.
        """
        if not options and (token := self._workings.again(scopes, enable_cae=False)):
            return access_token_info(token)
        asked_for = checked_call(scopes, options, "get_token_info")
        return access_token_info(await self._get("get_token_info", asked_for, self._workings.prompt))

    async def authenticate(
        self,
        *,
        scopes: Iterable[str] | None = None,
        claims: str | None = None,
        tenant_id: str | None = None,
        enable_cae: bool = False,
        pop: Mapping[str, str] | None = None,
    ) -> AuthenticationRecord:
        """Have a person choose the account in a window, and use it from now on.

        Where the credential names an account (``login_hint``, ``authentication_record``), the window puts it forward,
        and any other is refused.

        :keyword scopes: scopes to request. Default: Azure Resource Manager's.
        :paramtype scopes: iterable[str]
        :keyword str claims: additional claims, such as :attr:`~azure.identity.AuthenticationRequiredError.claims`.
        :keyword str tenant_id: tenant to ask instead of the credential's.
        :keyword bool enable_cae: request a token for continuous access evaluation.
        :keyword pop: what a proof-of-possession token is for, as azure-identity-broker has it; refused under WSL.
        :paramtype pop: dict[str, str]
        :return: the account, with nothing secret in it, to make another credential from.
        :rtype: ~azure.identity.AuthenticationRecord
        :raises: as :meth:`get_token`.
        """
        options = {"claims": claims, "tenant_id": tenant_id, "enable_cae": enable_cae, "pop": pop}
        prompt = self._workings.authentication_prompt()
        token = await self._get("authenticate", checked_call(scopes, options), prompt, chosen_anew=True)
        return authentication_record(token.account)

    async def close(self) -> None:
        """End the broker's process. The credential cannot be used afterwards."""
        in_use = self._closed()
        if in_use and in_use.tokens:
            await _off_the_loop(in_use.end)

    async def __aenter__(self: _CredentialT) -> _CredentialT:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None = None,
        exc_value: BaseException | None = None,
        traceback: TracebackType | None = None,
    ) -> None:
        await self.close()

    async def _get(self, method: str, asked: Asked, prompt: Prompt, *, chosen_anew: bool = False) -> Token:
        workings = self._workings
        try:
            tokens = workings.tokens()
            chosen = tokens.in_force()
            with workings.noted(chosen, asked) as note:
                request = workings.request(chosen, asked, prompt)
                note.about(request)
                future = tokens.begin(request, prompt, None, chosen, workings.question(asked))
                try:
                    token = future.result() if future.done() else await asyncio.wrap_future(future)
                except BaseException:  # CancelledError, Ctrl-C
                    tokens.abandon(future)
                    raise
                note.given(token)
            return workings.finished(method, token, chosen_anew=chosen_anew)
        except Exception as error:
            # The first error imports azure.identity, which would hold the loop up.
            raise await _off_the_loop(functools.partial(workings.translated, method, error, asked)) from error


async def _off_the_loop(call: Callable[[], _ResultT]) -> _ResultT:
    """What a function gives that would hold the loop up. At the end of a program, when the loop's own threads are gone
    (``asyncio.to_thread``), and where there is no loop of asyncio's, it is run here."""
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        return call()
    outcome: asyncio.Future[_ResultT] = loop.create_future()

    def settle(into: Callable[[Any], None], result: object) -> None:
        if not outcome.done():
            into(result)

    def work() -> None:
        try:
            settled = functools.partial(settle, outcome.set_result, call())
        except BaseException as error:  # noqa: BLE001  (it is the waiter's)
            settled = functools.partial(settle, outcome.set_exception, error)
        with contextlib.suppress(RuntimeError):  # nobody waits: the loop was closed
            loop.call_soon_threadsafe(settled)

    return await outcome if aside(functools.partial(contextvars.copy_context().run, work)) else call()
