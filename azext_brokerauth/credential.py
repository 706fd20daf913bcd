"""The azure-core credential: takes what azure-identity-broker's takes, and gets its tokens from :mod:`tokens`."""

from __future__ import annotations

import importlib.util
import logging
import os
from collections.abc import Iterable, Mapping
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, cast

from azure.core.credentials import AccessToken, AccessTokenInfo

from azext_brokerauth import errors, settings
from azext_brokerauth.accounts import AccountStore, Records
from azext_brokerauth.broker.messages import Account
from azext_brokerauth.cache import Token
from azext_brokerauth.redaction import redact
from azext_brokerauth.settings import SHARED_TENANTS
from azext_brokerauth.tokens import Prompt, TokenRequest, Tokens, Window

if TYPE_CHECKING:
    from azure.core.credentials import TokenRequestOptions
    from azure.identity import AuthenticationRecord

_LOGGER = logging.getLogger(__name__)

_ARM_SCOPES = {
    "login.microsoftonline.com": "https://management.core.windows.net//.default",
    "login.microsoftonline.us": "https://management.core.usgovcloudapi.net//.default",
    "login.partner.microsoftonline.cn": "https://management.core.chinacloudapi.cn//.default",
    "login.chinacloudapi.cn": "https://management.core.chinacloudapi.cn//.default",
}
"""What ``authenticate`` asks for when it is told no scopes, as azure-identity does."""

_NO_EFFECT = frozenset(
    [
        # The broker keeps its own cache, and MSAL chooses the broker's redirect URI.
        *("cache_persistence_options", "redirect_uri"),
        # No HTTP is ours: azure-core's pipeline would have nothing to carry.
        *(
            "transport",
            "proxies",
            "logging_enable",
            "user_agent",
            "base_user_agent",
            "headers",
            "request_id",
            "policies",
        ),
        *("connection_timeout", "read_timeout", "connection_verify", "connection_cert", "connection_data_block_size"),
        *("retry_total", "retry_connect", "retry_read", "retry_status", "retry_backoff_factor", "retry_backoff_max"),
        *("retry_mode", "retry_on_status_codes", "http_logging_policy", "per_call_policies", "per_retry_policies"),
        *("custom_hook_policy", "raw_response_hook", "raw_request_hook", "network_span_namer", "tracing_attributes"),
        *("use_env_settings", "permit_redirects", "redirect_max"),
    ]
)
"""Keywords that are taken so that moving over from azure-identity-broker is changing an import."""


class CredentialBase:
    """What the sync and the async credential share: configuration, and translation in both directions."""

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
        additionally_allowed_tenants: Iterable[str] = (),
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
        **kwargs: Any,
    ) -> None:
        name = type(self).__name__
        if unknown := sorted(set(kwargs) - _NO_EFFECT):
            raise TypeError(f"{name} takes no keyword {', '.join(unknown)}")
        if importlib.util.find_spec("azure.identity") is None:
            raise ImportError(f"{name} needs azure-identity. Run: pip install 'brokerauth[sdk]'")
        self._account: Account | None = None
        if authentication_record is not None:
            self._account = _account_of(authentication_record)
            client_id, authority = authentication_record.client_id, authentication_record.authority
            tenant_id = tenant_id or authentication_record.tenant_id
        self._arguments = {
            "tenant_id": tenant_id,
            "client_id": client_id,
            "authority": authority or os.environ.get("AZURE_AUTHORITY_HOST") or None,
            "login_hint": login_hint,
            "prompt_timeout": timeout,
            "require_broker": require_broker,
            "fallback": fallback,
            "enable_broker_on_wsl": enable_broker_on_wsl,
            "enable_broker_on_linux": enable_broker_on_linux,
            "enable_broker_on_windows": enable_broker_on_windows,
            "enable_broker_on_mac": enable_broker_on_mac,
            "silent_timeout": silent_timeout,
        }
        self._labels = {"prompt_timeout": "timeout"}
        if self._account is not None:
            self._labels |= dict.fromkeys(("client_id", "authority"), "the authentication_record")
        elif not authority:
            self._labels["authority"] = "the environment variable AZURE_AUTHORITY_HOST"
        try:
            settings.check(self._arguments)
        except errors.InvalidInputError as error:
            raise ValueError(str(error)) from error
        self._disable_interactive_fallback = disable_interactive_fallback
        self._prompt = (
            Prompt.NEVER if disable_automatic_authentication or disable_interactive_fallback else Prompt.IF_NEEDED
        )
        self._allowed_tenants = frozenset(tenant.lower() for tenant in additionally_allowed_tenants)
        self._use_default_account = use_default_broker_account
        self._disable_instance_discovery = disable_instance_discovery
        self._support_logging = enable_support_logging
        self._window = Window(parent_window_handle or 0, enable_msa_passthrough)
        self._closed = False
        self._unready_level = logging.WARNING

    def _tokens(self) -> Tokens:
        if self._opened is None:
            chosen = settings.load(self._arguments, labels=self._labels)
            store = AccountStore(settings.config_directory())
            opened = Tokens(
                chosen,
                records=store.read if self._account is None else Records,
                window=self._window,
                disable_instance_discovery=self._disable_instance_discovery,
                enable_pii_log=self._support_logging,
            )
            # Threads may meet here, and a lock could be held by one that a fork leaves behind. Only one of them sets
            # it; what the others made holds nothing yet.
            self.__dict__.setdefault("_tokens_in_use", opened)
        return self._opened or opened

    @property
    def _opened(self) -> Tokens | None:
        return cast("Tokens | None", self.__dict__.get("_tokens_in_use"))

    def _begin(self, scopes: tuple[str, ...], options: Mapping[str, Any], prompt: Prompt) -> Future[Token]:
        """Start one acquisition.

        :raises ~azext_brokerauth.errors.BrokerAuthError: it cannot be started.
        """
        if self._closed:
            raise errors.ClosedError("This credential was closed.", remedy="Make a new one.")
        tokens = self._tokens()
        if options.get("tenant_id"):
            # First, since no additionally_allowed_tenants could widen what is enforced.
            tokens.permit(str(options["tenant_id"]))
        request = TokenRequest(
            scopes or (_arm_scope(tokens.settings.authority),),
            tenant=self._tenant(options.get("tenant_id"), tokens.settings.tenant_id),
            claims=options.get("claims") or "",
            enable_cae=bool(options.get("enable_cae")),
            account=self._account,
            pop=_pop(options.get("pop")),
        )
        return tokens.begin(request, prompt)

    def _abandon(self, future: Future[Token] | None) -> None:
        if self._opened is not None and future is not None:
            self._opened.abandon(future)

    def _tenant(self, wanted: str | None, own: str) -> str:
        """The tenant for one request, by azure-identity's rules (``additionally_allowed_tenants``)."""
        if not wanted or wanted.lower() == own:
            return own
        if os.environ.get("AZURE_IDENTITY_DISABLE_MULTITENANTAUTH"):
            _LOGGER.info("Tenant %s was asked for, but only %s is used: multi-tenant sign-in is off.", wanted, own)
            return own
        try:
            wanted = settings.tenant(wanted)
        except ValueError as error:
            raise errors.InvalidInputError(f"tenant_id cannot be {wanted!r}: {error}.") from error
        unlimited = own in SHARED_TENANTS and not self._allowed_tenants
        if unlimited or "*" in self._allowed_tenants or wanted in self._allowed_tenants:
            return wanted
        raise errors.SignInRefusedError(
            f"The credential is not configured to acquire tokens for tenant {wanted}.",
            remedy="Add it, or '*', to additionally_allowed_tenants when creating the credential.",
        )

    def _finished(self, method: str, token: Token) -> Token:
        if token.source == "broker" and (self._account is None or method == "authenticate"):
            # Whoever answered first stays this credential's account, so that a choice in the picker holds for all
            # scopes.
            self._account = token.account
        _LOGGER.info("%s.%s succeeded", type(self).__name__, method)
        _LOGGER.debug("%s.%s: token of %s", type(self).__name__, method, token.account.username)
        return token

    def _translated(
        self, method: str, error: Exception, scopes: tuple[str, ...], options: Mapping[str, Any]
    ) -> Exception:
        """The azure-core or azure-identity error that tells a chain the right thing, after a line in the log."""
        from azure.core.exceptions import ClientAuthenticationError
        from azure.identity import AuthenticationRequiredError, CredentialUnavailableError

        name = type(self).__name__
        if isinstance(error, errors.BrokerAuthError):
            message = f"{name}: {error} {error.remedy}".rstrip()
        else:
            message = f"{name}: an unexpected {type(error).__name__}: {redact(str(error), personal=False)}"
        level, translated = logging.WARNING, ClientAuthenticationError(message=message)
        if isinstance(error, errors.BrokerOffError):
            level, translated = logging.INFO, CredentialUnavailableError(message=message)
        elif isinstance(error, errors.BrokerNotReadyError):
            if not (self._opened and self._opened.settings.require_broker):
                # One warning says what is broken; a chain asks again and again.
                level, translated = self._unready_level, CredentialUnavailableError(message=message)
                self._unready_level = logging.DEBUG
        elif isinstance(error, errors.InteractionRequiredError):
            translated = AuthenticationRequiredError(scopes, message=message, claims=options.get("claims"))
        _LOGGER.log(level, "%s.%s failed: %s", name, method, redact(message, personal=not self._support_logging))
        return translated

    def _authentication_prompt(self) -> Prompt:
        """The prompt of ``authenticate``: a window, unless Windows' default account is chosen beforehand."""
        if self._disable_interactive_fallback:
            return Prompt.NEVER
        return Prompt.IF_NEEDED if self._use_default_account else Prompt.SELECT_ACCOUNT

    def _shut(self) -> None:
        self._closed = True
        if self._opened is not None:
            self._opened.close()


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
        options = {**kwargs, "claims": claims, "tenant_id": tenant_id, "enable_cae": enable_cae}
        return access_token(self._get("get_token", scopes, options, self._prompt))

    def get_token_info(self, *scopes: str, options: TokenRequestOptions | None = None) -> AccessTokenInfo:
        """Request an access token for `scopes`. Called by Azure SDK clients.

        :param str scopes: scopes of one resource; at least one.
        :keyword options: options of the request. Unknown options are ignored.
        :paramtype options: ~azure.core.credentials.TokenRequestOptions
        :return: the token, with its type and the time from which it should be renewed, if the issuer named one.
        :rtype: ~azure.core.credentials.AccessTokenInfo
        :raises: as :meth:`get_token`.
        """
        return access_token_info(self._get("get_token_info", scopes, options or {}, self._prompt))

    def authenticate(
        self,
        *,
        scopes: Iterable[str] | None = None,
        claims: str | None = None,
        tenant_id: str | None = None,
        enable_cae: bool = False,
        **kwargs: Any,
    ) -> AuthenticationRecord:
        """Have a person choose the account in a window, and use it from now on.

        :keyword scopes: scopes to request. Default: Azure Resource Manager's.
        :paramtype scopes: iterable[str]
        :keyword str claims: additional claims, such as :attr:`~azure.identity.AuthenticationRequiredError.claims`.
        :keyword str tenant_id: tenant to ask instead of the credential's.
        :keyword bool enable_cae: request a token for continuous access evaluation.
        :return: the account, with nothing secret in it, to make another credential from.
        :rtype: ~azure.identity.AuthenticationRecord
        :raises: as :meth:`get_token`.
        """
        options = {**kwargs, "claims": claims, "tenant_id": tenant_id, "enable_cae": enable_cae}
        token = self._get("authenticate", tuple(scopes or ()), options, self._authentication_prompt())
        return authentication_record(token.account)

    def close(self) -> None:
        """End the broker's process. The credential cannot be used afterwards."""
        self._shut()

    def __enter__(self) -> BrokerCredential:
        return self

    def __exit__(self, *args: object) -> None:
        self.close()

    def _get(self, method: str, scopes: tuple[str, ...], options: Mapping[str, Any], prompt: Prompt) -> Token:
        check_scopes(method, scopes)
        future: Future[Token] | None = None
        try:
            future = self._begin(scopes, options, prompt)
            return self._finished(method, future.result())
        except Exception as error:
            raise self._translated(method, error, scopes, options) from error
        except BaseException:  # Ctrl-C
            self._abandon(future)
            raise


def check_scopes(method: str, scopes: tuple[str, ...]) -> None:
    """:raises ValueError: there is none where one is needed, or one has characters that no scope has."""
    if not scopes and method != "authenticate":
        raise ValueError(f"{method} needs at least one scope")
    for scope in scopes:
        if not scope or not all(c.isascii() and (c.isalnum() or c in "_-.:/") for c in scope):
            raise ValueError(f"{scope!r} is not a scope: only letters, digits and . - _ : / can be in one")


def access_token(token: Token) -> AccessToken:
    """The token as ``get_token`` gives it."""
    return AccessToken(token.value, token.expires_on)


def access_token_info(token: Token) -> AccessTokenInfo:
    """The token as ``get_token_info`` gives it."""
    return AccessTokenInfo(token.value, token.expires_on, token_type=token.token_type, refresh_on=token.refresh_on)


def authentication_record(account: Account) -> AuthenticationRecord:
    """The account as ``authenticate`` gives it."""
    from azure.identity import AuthenticationRecord

    return AuthenticationRecord(
        tenant_id=account.tenant,
        client_id=account.client_id,
        authority=account.authority,
        home_account_id=account.home_account_id,
        username=account.username,
    )


def _account_of(record: AuthenticationRecord) -> Account:
    object_id, _, home_tenant = record.home_account_id.partition(".")
    return Account(
        username=record.username,
        home_account_id=record.home_account_id,
        local_account_id=object_id,
        tenant=record.tenant_id or home_tenant,
        client_id=record.client_id,
        authority=settings.authority_host(record.authority),
    )


def _arm_scope(authority: str) -> str:
    if authority not in _ARM_SCOPES:
        raise errors.InvalidInputError(f"authenticate needs scopes for the authority {authority}.")
    return _ARM_SCOPES[authority]


def _pop(asked: object) -> tuple[str, ...]:
    """HTTP method, URL and nonce, under the names that azure-identity-broker gives them."""
    names = ("resource_request_method", "resource_request_url", "nonce")
    if not asked:
        return ()
    if not isinstance(asked, Mapping) or not all(asked.get(name) for name in names):
        raise errors.InvalidInputError(f"The option 'pop' needs {', '.join(names)}: MSAL has no other kind of PoP.")
    return tuple(str(asked[name]) for name in names)


__all__ = ["BrokerCredential"]
