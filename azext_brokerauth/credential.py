"""The azure-core credential: takes what azure-identity-broker's takes, and gets its tokens from :mod:`tokens`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from azure.core.credentials import AccessToken, AccessTokenInfo

if TYPE_CHECKING:
    from types import TracebackType

    from azure.core.credentials import TokenRequestOptions
    from azure.identity import AuthenticationRecord
    from typing_extensions import Unpack  # typing has it from Python 3.11 on

    from azext_brokerauth.keywords import WithoutEffect
    from azext_brokerauth.lifetime import InUse
    from azext_brokerauth.workings import Workings

_CredentialT = TypeVar("_CredentialT", bound="BrokerCredential")


class CredentialBase:
    """What the sync and the async credential share: their keywords, and what carries them out.

    Importing a credential loads none of that, so that a program which has a choice of credentials pays for the one it
    makes.
    """

    def __init__(
        self,
        *,
        tenant_id: str | None = None,
        client_id: str | None = None,
        authority: str | None = None,
        login_hint: str | None = None,
        timeout: float | None = None,
        authentication_record: AuthenticationRecord | None = None,
        disable_automatic_authentication: bool = False,
        additionally_allowed_tenants: Iterable[str] | None = (),
        disable_instance_discovery: bool = False,
        enable_support_logging: bool = False,
        parent_window_handle: int | None = None,
        use_default_broker_account: bool = False,
        disable_interactive_fallback: bool = False,
        enable_msa_passthrough: bool = False,
        require_broker: bool | None = None,
        fallback: str | None = None,
        enable_broker_on_wsl: bool | None = None,
        enable_broker_on_linux: bool | None = None,
        enable_broker_on_windows: bool | None = None,
        enable_broker_on_mac: bool | None = None,
        silent_timeout: float | None = None,
        **kwargs: Unpack[WithoutEffect],
    ) -> None:
        from azext_brokerauth.workings import Workings

        self._workings = Workings(
            type(self).__name__,
            kwargs,
            tenant_id=tenant_id,
            client_id=client_id,
            authority=authority,
            login_hint=login_hint,
            timeout=timeout,
            authentication_record=authentication_record,
            disable_automatic_authentication=disable_automatic_authentication,
            additionally_allowed_tenants=additionally_allowed_tenants,
            disable_instance_discovery=disable_instance_discovery,
            enable_support_logging=enable_support_logging,
            parent_window_handle=parent_window_handle,
            use_default_broker_account=use_default_broker_account,
            disable_interactive_fallback=disable_interactive_fallback,
            enable_msa_passthrough=enable_msa_passthrough,
            require_broker=require_broker,
            fallback=fallback,
            enable_broker_on_wsl=enable_broker_on_wsl,
            enable_broker_on_linux=enable_broker_on_linux,
            enable_broker_on_windows=enable_broker_on_windows,
            enable_broker_on_mac=enable_broker_on_mac,
            silent_timeout=silent_timeout,
        )

    def _closed(self) -> InUse | None:
        """Give no token any more.

        :returns: what is to be ended. Nothing, where the making itself has failed: a subclass may close in ``__del__``.
        """
        workings: Workings | None = vars(self).get("_workings")
        return workings.closed() if workings else None

    def __setstate__(self, state: Any) -> None:
        """Take over what a copy or a pickle holds: settings and the account, and whatever a subclass adds."""
        import copy

        attributes, slots = state if isinstance(state, tuple) else (state, None)
        self.__dict__.update(attributes or {})
        self._workings = copy.copy(self._workings)  # a shallow copy's is still the original's
        for name, value in (slots or {}).items():
            setattr(self, name, value)


class BrokerCredential(CredentialBase):
    """Authenticates through the account broker of Windows, from WSL.

    Tokens are issued to this device, so they satisfy Conditional Access policies that ask for a managed one. Outside
    WSL, every request raises ``CredentialUnavailableError``, so that a chain goes on.

    :keyword str tenant_id: a tenant ID or domain. Default: "organizations", work and school accounts of any tenant.
    :keyword str client_id: the application users sign in to. Default: Azure CLI's.
    :keyword str authority: host of the authority, such as "login.microsoftonline.com", the default. Also read from
        AZURE_AUTHORITY_HOST.
    :keyword str login_hint: username of the account to use.
    :keyword float timeout: seconds a person has to answer a window. Default: 300.
    :keyword authentication_record: of an earlier :meth:`authenticate`: use that account.
    :paramtype authentication_record: ~azure.identity.AuthenticationRecord
    :keyword bool disable_automatic_authentication: raise ``AuthenticationRequiredError`` instead of showing a window.
    :keyword additionally_allowed_tenants: tenants besides ``tenant_id`` that may be asked for; "*" for any.
    :paramtype additionally_allowed_tenants: list[str]
    :keyword bool disable_instance_discovery: trust an authority that Microsoft does not know.
    :keyword bool enable_support_logging: let user names appear in logs, and let the broker's messages tell what they
        otherwise call "(pii)". Tokens never appear.
    :keyword int parent_window_handle: window that the prompt belongs to. Default: the console's.
    :keyword bool use_default_broker_account: let :meth:`authenticate` take Windows' default account without a window.
        ``get_token`` always tries it first.
    :keyword bool disable_interactive_fallback: as ``disable_automatic_authentication``.
    :keyword bool enable_msa_passthrough: for legacy first-party applications only.
    :keyword bool require_broker: under WSL, raise ``ClientAuthenticationError`` when something the broker needs is
        missing, so that no chain goes on to a credential without a device. Default: the setting of that name, or False.
    :keyword str fallback: "browser" or "device-code": where the broker fails and windows are allowed, sign in that way,
        with a warning: such a token is not device-bound. Default: the setting of that name, or "none".
    :keyword bool enable_broker_on_wsl: use the broker under WSL. Default: True.
    :keyword bool enable_broker_on_linux: use Microsoft's broker on native Linux. Default: False.
    :keyword bool enable_broker_on_windows: use WAM on Windows. Default: False.
    :keyword bool enable_broker_on_mac: use Company Portal on macOS. Default: False.
    :keyword float silent_timeout: seconds a request without a window may take. Default: 30.
    :raises ValueError: a keyword has a value that cannot be used.
    :raises TypeError: a keyword is unknown.
    """

    def get_token(
        self,
        *scopes: str,
        claims: str | None = None,
        tenant_id: str | None = None,
        enable_cae: bool = False,
        **kwargs: Any,
    ) -> AccessToken:
        """Request an access token for `scopes`. Called by Azure SDK clients.

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
            return AccessToken(token.value, token.expires_on)
        options = {**kwargs, "claims": claims, "tenant_id": tenant_id, "enable_cae": enable_cae}
        token = self._workings.get("get_token", scopes, options)
        return AccessToken(token.value, token.expires_on)

    def get_token_info(self, *scopes: str, options: TokenRequestOptions | None = None) -> AccessTokenInfo:
        """Request an access token for `scopes`. Called by Azure SDK clients.

        :param str scopes: scopes of one resource; at least one.
        :keyword options: options of the request. Unknown options are ignored.
        :paramtype options: ~azure.core.credentials.TokenRequestOptions
        :return: the token, with its type and the time from which it should be renewed, if the issuer named one.
        :rtype: ~azure.core.credentials.AccessTokenInfo
        :raises: as :meth:`get_token`.
        """
        token = None if options else self._workings.again(scopes, enable_cae=False)
        token = token or self._workings.get("get_token_info", scopes, options)
        return AccessTokenInfo(token.value, token.expires_on, token_type=token.token_type, refresh_on=token.refresh_on)

    def authenticate(
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
        return self._workings.authenticate(scopes, options)

    def close(self) -> None:
        """End the broker's process. The credential cannot be used afterwards."""
        if in_use := self._closed():
            in_use.close()

    def __enter__(self: _CredentialT) -> _CredentialT:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None = None,
        exc_value: BaseException | None = None,
        traceback: TracebackType | None = None,
    ) -> None:
        self.close()


__all__ = ["BrokerCredential"]
