"""The azure-core credential: takes what azure-identity-broker's takes, and gets its tokens from :mod:`tokens`."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

from azure.core.credentials import AccessToken, AccessTokenInfo

from azext_brokerauth import errors, keywords, settings
from azext_brokerauth.accounts import AccountStore, Records
from azext_brokerauth.azure_core import (
    Asked,
    access_token,
    access_token_info,
    account_of,
    allowed_tenants,
    authentication_record,
    checked_call,
)
from azext_brokerauth.errors.rendering import CREDENTIAL, Host, in_words
from azext_brokerauth.keywords import flag
from azext_brokerauth.lifetime import InUse
from azext_brokerauth.models import SHARED_TENANTS, Account, Token, TokenRequest, code
from azext_brokerauth.redaction import redact
from azext_brokerauth.settings import policy
from azext_brokerauth.speaker import GuardedLogger
from azext_brokerauth.tokens import Prompt, PromptWindow, Tokens, default_scope

if TYPE_CHECKING:
    from types import TracebackType

    from azure.core.credentials import TokenRequestOptions
    from azure.identity import AuthenticationRecord
    from typing_extensions import Unpack  # typing has it from Python 3.11 on

_LOGGER = GuardedLogger(__name__)

_CredentialT = TypeVar("_CredentialT", bound="BrokerCredential")


class CredentialBase:
    """What the sync and the async credential share: configuration, and translation in both directions."""

    _closed = False
    _in_use: InUse | None = None
    """What it has at work, once it was asked for a token."""

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
        **kwargs: Unpack[keywords.WithoutEffect],
    ) -> None:
        keywords.check_names(type(self).__name__, kwargs)
        self._recorded: Account | None = None
        if authentication_record is not None:
            self._recorded = account_of(authentication_record)
            client_id, authority = self._recorded.client_id, self._recorded.authority
        self._account = self._recorded
        arguments = {
            "tenant_id": authentication_record.tenant_id if authentication_record and not tenant_id else tenant_id,
            "client_id": client_id,
            "authority": authority or os.environ.get("AZURE_AUTHORITY_HOST", "").strip() or None,
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
        self._labels = {"prompt_timeout": "timeout"} | _labels_of(authentication_record, tenant_id, authority)
        self._arguments = _checked(arguments, self._labels)
        self._disable_interactive_fallback = flag("disable_interactive_fallback", disable_interactive_fallback)
        quiet = flag("disable_automatic_authentication", disable_automatic_authentication)
        self._prompt = Prompt.NEVER if quiet or self._disable_interactive_fallback else Prompt.IF_NEEDED
        self._allowed_tenants = allowed_tenants(additionally_allowed_tenants)
        self._use_default_account = flag("use_default_broker_account", use_default_broker_account)
        self._disable_instance_discovery = flag("disable_instance_discovery", disable_instance_discovery)
        self._support_logging = flag("enable_support_logging", enable_support_logging)
        handle = keywords.window_handle("parent_window_handle", parent_window_handle)
        self._window = PromptWindow(handle, flag("enable_msa_passthrough", enable_msa_passthrough))
        self._unready_level = logging.WARNING

    def __setstate__(self, state: Any) -> None:
        """Take over what a copy or a pickle holds: settings and the account, and whatever a subclass adds."""
        attributes, slots = state if isinstance(state, tuple) else (state, None)
        self.__dict__.update(attributes or {})
        self.__dict__.pop("_in_use", None)  # a shallow copy's is still the original's
        for name, value in (slots or {}).items():
            setattr(self, name, value)

    def _tokens(self) -> Tokens:
        """:raises ~azext_brokerauth.errors.BrokerAuthError: it was closed, or the settings cannot be used."""
        if self._closed:
            raise errors.ClosedError("This credential was closed.", remedies=code("Make a new one."))
        in_use: InUse = self.__dict__.setdefault("_in_use", InUse())
        return in_use.get(self._open)

    def _open(self) -> Tokens:
        store = AccountStore(settings.config_directory())
        return Tokens(
            settings.load(self._arguments, labels=self._labels),
            records=store.read if self._account is None else Records,
            window=self._window,
            disable_instance_discovery=self._disable_instance_discovery,
            enable_pii_log=self._support_logging,
        )

    @property
    def _opened(self) -> Tokens | None:
        return self._in_use.tokens if self._in_use else None

    def _request(self, chosen: settings.Settings, asked: Asked, prompt: Prompt) -> TokenRequest:
        """One request, from the arguments of the methods that azure-core names.

        :raises ~azext_brokerauth.errors.BrokerAuthError: it must not or cannot be asked.
        """
        target = chosen.target
        if asked.tenant:
            # First, since no additionally_allowed_tenants could widen what is enforced.
            policy.check_target(chosen, replace(target, tenant=asked.tenant), "of this request")
            target = replace(target, tenant=self._tenant(asked.tenant, target.tenant))
        return TokenRequest(
            asked.scopes or (default_scope(target),),
            target,
            whose=self._whose(chosen, prompt),
            claims=asked.claims,
            enable_cae=asked.enable_cae,
            pop=asked.pop,
        )

    def _whose(self, chosen: settings.Settings, prompt: Prompt) -> Account | str:
        """The account in use; nobody where the policy came to enforce another one since it answered, and where a person
        is to choose it anew."""
        account = self._recorded if prompt.shows_picker else self._account
        if account is None or (account is not self._recorded and not policy.allows_account(chosen, account.username)):
            return ""
        return account

    def _tenant(self, wanted: str, own: str) -> str:
        """The tenant for one request, by azure-identity's rules (``additionally_allowed_tenants``)."""
        if wanted == own:
            return own
        if os.environ.get("AZURE_IDENTITY_DISABLE_MULTITENANTAUTH"):
            _LOGGER.info("Tenant %s was asked for, but only %s is used: multi-tenant sign-in is off.", wanted, own)
            return own
        unlimited = own in SHARED_TENANTS and not self._allowed_tenants
        if unlimited or "*" in self._allowed_tenants or wanted in self._allowed_tenants:
            return wanted
        raise errors.SignInRefusedError(
            f"The credential is not configured to acquire tokens for tenant {wanted}.",
            remedies=code("Add it, or '*', to additionally_allowed_tenants when creating the credential."),
        )

    def _finished(self, method: str, token: Token, *, chosen_anew: bool) -> Token:
        """Keep whose token it is: whoever answered first stays this credential's account, so that a choice in the
        picker holds for all scopes.

        :param chosen_anew: a person has chosen the account again.
        """
        if token.source == "broker" and (self._account is None or chosen_anew):
            self._account = token.account
        _LOGGER.info("%s.%s succeeded", type(self).__name__, method)
        _LOGGER.debug("%s.%s: token of %s", type(self).__name__, method, token.account.username)
        return token

    def _translated(self, method: str, error: Exception, asked: Asked) -> Exception:
        """The azure-core or azure-identity error that tells a chain the right thing, after a line in the log."""
        from azure.core.exceptions import ClientAuthenticationError
        from azure.identity import AuthenticationRequiredError, CredentialUnavailableError

        name = type(self).__name__
        if isinstance(error, errors.BrokerAuthError):
            message = f"{str(error).removesuffix('.')}. {in_words(error.remedies, self._host())}".rstrip()
        else:
            message = f"An unexpected {type(error).__name__}: {redact(str(error), personal=False)}"
        level, translated = logging.WARNING, ClientAuthenticationError(message=message)
        if isinstance(error, errors.InteractionRequiredError):
            translated = AuthenticationRequiredError(asked.scopes, message=message, claims=asked.claims or None)
        elif isinstance(error, errors.BrokerAuthError) and not error.attempted and not self._insists_on_broker(error):
            level, translated = logging.INFO, CredentialUnavailableError(message=message)
            if isinstance(error, errors.BrokerNotReadyError):
                # One warning says what is broken; a chain asks again and again.
                level, self._unready_level = self._unready_level, logging.DEBUG
        _LOGGER.log(level, "%s.%s failed: %s", name, method, redact(message, personal=not self._support_logging))
        return translated

    def _host(self) -> Host:
        """Where remedies are read: a sign-in by command has to be the one that this credential asks for."""
        told = {"--client-id": "client_id", "--tenant": "tenant_id", "--username": "login_hint"}
        given = [(option, self._arguments[name]) for option, name in told.items() if self._arguments[name]]
        if self._recorded and not self._arguments["login_hint"]:
            given.append(("--username", self._recorded.username))
        return replace(CREDENTIAL, sign_in=tuple(str(word) for option in given for word in option))

    def _insists_on_broker(self, error: errors.BrokerAuthError) -> bool:
        """Must a chain stop here, although nothing was attempted?"""
        required = self._opened is not None and self._opened.settings.require_broker
        return required and isinstance(error, errors.BrokerNotReadyError)

    def _authentication_prompt(self) -> Prompt:
        """The prompt of ``authenticate``: a window, unless Windows' default account is chosen beforehand. Where an
        account was named (``login_hint``, a record), it is that one or an error."""
        if self._disable_interactive_fallback:
            return Prompt.NEVER
        return Prompt.IF_NEEDED if self._use_default_account else Prompt.INSIST


def _labels_of(record: AuthenticationRecord | None, tenant_id: str | None, authority: str | None) -> dict[str, str]:
    """Where arguments came from that are not keywords of the same name."""
    if record is not None:
        names = ("client_id", "authority") if tenant_id else ("client_id", "authority", "tenant_id")
        return dict.fromkeys(names, "the authentication_record")
    return {} if authority else {"authority": "the environment variable AZURE_AUTHORITY_HOST"}


def _checked(arguments: Mapping[str, object], labels: Mapping[str, str]) -> dict[str, object]:
    """:raises TypeError, ValueError: one cannot be used."""
    typed = keywords.of_settings(arguments, labels)
    try:
        settings.check(typed, labels)
    except errors.InvalidInputError as error:
        raise ValueError(str(error)) from error
    return typed


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
        return access_token(self._get("get_token", checked_call(scopes, options, "get_token"), self._prompt))

    def get_token_info(self, *scopes: str, options: TokenRequestOptions | None = None) -> AccessTokenInfo:
        """Request an access token for `scopes`. Called by Azure SDK clients.

        :param str scopes: scopes of one resource; at least one.
        :keyword options: options of the request. Unknown options are ignored.
        :paramtype options: ~azure.core.credentials.TokenRequestOptions
        :return: the token, with its type and the time from which it should be renewed, if the issuer named one.
        :rtype: ~azure.core.credentials.AccessTokenInfo
        :raises: as :meth:`get_token`.
        """
        asked_for = checked_call(scopes, options, "get_token_info")
        return access_token_info(self._get("get_token_info", asked_for, self._prompt))

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
        prompt = self._authentication_prompt()
        token = self._get("authenticate", checked_call(scopes, options), prompt, chosen_anew=True)
        return authentication_record(token.account)

    def close(self) -> None:
        """End the broker's process. The credential cannot be used afterwards."""
        self._closed = True
        if self._in_use:
            self._in_use.close()

    def __enter__(self: _CredentialT) -> _CredentialT:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None = None,
        exc_value: BaseException | None = None,
        traceback: TracebackType | None = None,
    ) -> None:
        self.close()

    def _get(self, method: str, asked: Asked, prompt: Prompt, *, chosen_anew: bool = False) -> Token:
        try:
            tokens = self._tokens()
            chosen = tokens.in_force()
            token = tokens.get(self._request(chosen, asked, prompt), prompt, chosen=chosen)
            return self._finished(method, token, chosen_anew=chosen_anew)
        except Exception as error:
            raise self._translated(method, error, asked) from error


__all__ = ["BrokerCredential"]
