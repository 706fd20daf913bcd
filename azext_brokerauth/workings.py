"""What both credentials do: keep their keywords, ask :mod:`tokens`, and translate in both directions.

A program that imports a credential and never makes one loads nothing of this.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Hashable, Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from azext_brokerauth import agents, errors, keywords, settings
from azext_brokerauth.accounts import AccountStore, Records
from azext_brokerauth.azure_core import Asked, account_of, allowed_tenants, authentication_record, checked_call
from azext_brokerauth.errors.rendering import CREDENTIAL, Host, in_words
from azext_brokerauth.keywords import flag
from azext_brokerauth.lifetime import InUse
from azext_brokerauth.models import SHARED_TENANTS, Account, Token, TokenRequest, code
from azext_brokerauth.redaction import redact
from azext_brokerauth.settings import policy
from azext_brokerauth.speaker import GuardedLogger
from azext_brokerauth.tokens import Prompt, PromptWindow, Tokens, default_scope
from azext_brokerauth.tool_log import Note, noted

if TYPE_CHECKING:
    from azure.identity import AuthenticationRecord

_LOGGER = GuardedLogger("azext_brokerauth.credential")
"""By the name of the module that programs know."""


class Workings:
    """Of one credential, whose keywords it takes.

    :param name: the credential's class, by which messages name it.
    :param without_effect: keywords that are taken and do nothing.
    :keyword of_settings: keywords that have the names of settings, and mean them.
    :raises ValueError: a keyword has a value that cannot be used.
    :raises TypeError: a keyword is unknown.
    """

    _in_use: InUse | None = None
    """What it has at work, once it was asked for a token."""
    _agent_session = ""
    """The AI agent's session that its tokens are for; empty for a person's."""

    def __init__(
        self,
        name: str,
        without_effect: Mapping[str, object],
        *,
        tenant_id: str | None,
        client_id: str | None,
        authority: str | None,
        timeout: float | None,
        authentication_record: AuthenticationRecord | None,
        disable_automatic_authentication: bool,
        additionally_allowed_tenants: Iterable[str] | None,
        disable_instance_discovery: bool,
        enable_support_logging: bool,
        parent_window_handle: int | None,
        use_default_broker_account: bool,
        disable_interactive_fallback: bool,
        enable_msa_passthrough: bool,
        **of_settings: object,
    ) -> None:
        keywords.check_names(name, without_effect)
        self._name = name
        self._closed = False
        self._recorded: Account | None = None
        if authentication_record is not None:
            self._recorded = account_of(authentication_record)
            client_id, authority = self._recorded.client_id, self._recorded.authority
        self._account = self._recorded
        arguments = {
            "tenant_id": authentication_record.tenant_id if authentication_record and not tenant_id else tenant_id,
            "client_id": client_id,
            "authority": authority or os.environ.get("AZURE_AUTHORITY_HOST", "").strip() or None,
            "prompt_timeout": timeout,
            **of_settings,
        }
        self._labels = {"prompt_timeout": "timeout"} | _labels_of(authentication_record, tenant_id, authority)
        self._arguments = _checked(arguments, self._labels)
        self._disable_interactive_fallback = flag("disable_interactive_fallback", disable_interactive_fallback)
        quiet = flag("disable_automatic_authentication", disable_automatic_authentication)
        self.prompt = Prompt.NEVER if quiet or self._disable_interactive_fallback else Prompt.IF_NEEDED
        self._allowed_tenants = allowed_tenants(additionally_allowed_tenants)
        self._use_default_account = flag("use_default_broker_account", use_default_broker_account)
        self._disable_instance_discovery = flag("disable_instance_discovery", disable_instance_discovery)
        self._support_logging = flag("enable_support_logging", enable_support_logging)
        handle = keywords.window_handle("parent_window_handle", parent_window_handle)
        self._window = PromptWindow(handle, flag("enable_msa_passthrough", enable_msa_passthrough))
        self._unready_level = logging.WARNING

    def __getstate__(self) -> dict[str, object]:
        """Settings and the account, for a copy or a pickle: never a token, and nothing at work."""
        return {name: value for name, value in vars(self).items() if name != "_in_use"}

    def tokens(self) -> Tokens:
        """What gets its tokens, made at the first request.

        :raises ~azext_brokerauth.errors.BrokerAuthError: it was closed, or the settings cannot be used.
        """
        if self._closed:
            raise errors.ClosedError("This credential was closed.", remedies=code("Make a new one."))
        in_use: InUse = self.__dict__.setdefault("_in_use", InUse())
        return in_use.get(self._open)

    def _open(self) -> Tokens:
        # Once, as all of the environment: what memory answered was a person's or an agent's.
        self._agent_session = agents.session(os.environ)
        store = AccountStore(settings.config_directory())
        return Tokens(
            settings.load(self._arguments, labels=self._labels),
            records=store.read if self._account is None else Records,
            window=self._window,
            disable_instance_discovery=self._disable_instance_discovery,
            enable_pii_log=self._support_logging,
        )

    def again(self, scopes: tuple[str, ...], enable_cae: bool) -> Token | None:
        """The token that answered the same call before, while there is nothing new to find out and nothing to log."""
        tokens, account = self._opened, self._account
        if tokens is None or account is None or self._closed or _LOGGER.isEnabledFor(logging.INFO):
            return None
        try:
            # True equals 1, which is no bool and gets its error.
            return tokens.again((account.home_account_id, scopes, enable_cae, type(enable_cae)))
        except TypeError:  # a scope that is no text, which gets its error
            return None

    def question(self, asked: Asked) -> Hashable:
        """What :meth:`again` asks; None where the answer depends on more."""
        if self._account is None or asked.tenant or asked.claims or asked.pop or self._agent_session:
            return None
        return self._account.home_account_id, asked.scopes, asked.enable_cae, bool

    @property
    def _opened(self) -> Tokens | None:
        return self._in_use.tokens if self._in_use else None

    def request(self, chosen: settings.Settings, asked: Asked, prompt: Prompt) -> TokenRequest:
        """One request, from the arguments of the methods that azure-core names.

        :raises ~azext_brokerauth.errors.BrokerAuthError: it must not or cannot be asked.
        """
        target = chosen.target
        if asked.tenant:
            # First, since no additionally_allowed_tenants could widen what is enforced.
            policy.check_target(chosen, replace(target, tenant=asked.tenant), "of this request")
            target = replace(target, tenant=self._tenant(asked.tenant, target.tenant))
        request = TokenRequest(
            asked.scopes or (default_scope(target),),
            target,
            whose=self._whose(chosen, prompt),
            claims=asked.claims,
            enable_cae=asked.enable_cae,
            pop=asked.pop,
        )
        return agents.marked(request, self._agent_session)

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

    def finished(self, method: str, token: Token, *, chosen_anew: bool) -> Token:
        """Keep whose token it is: whoever answered first stays this credential's account, so that a choice in the
        picker holds for all scopes.

        :param chosen_anew: a person has chosen the account again.
        """
        if token.source == "broker" and (self._account is None or chosen_anew):
            self._account = token.account
        _LOGGER.info("%s.%s succeeded", self._name, method)
        _LOGGER.debug("%s.%s: token of %s", self._name, method, token.account.username)
        return token

    def translated(self, method: str, error: Exception, asked: Asked) -> Exception:
        """The azure-core or azure-identity error that tells a chain the right thing, after a line in the log."""
        from azure.core.exceptions import ClientAuthenticationError
        from azure.identity import AuthenticationRequiredError, CredentialUnavailableError

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
        _LOGGER.log(level, "%s.%s failed: %s", self._name, method, redact(message, personal=not self._support_logging))
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

    def authentication_prompt(self) -> Prompt:
        """The prompt of ``authenticate``: a window, unless Windows' default account is chosen beforehand. Where an
        account was named (``login_hint``, a record), it is that one or an error."""
        if self._disable_interactive_fallback:
            return Prompt.NEVER
        return Prompt.IF_NEEDED if self._use_default_account else Prompt.INSIST

    def closed(self) -> InUse | None:
        """Give no token any more.

        :returns: what is to be ended.
        """
        self._closed = True
        return self._in_use

    def get(self, method: str, scopes: Iterable[str] | None, options: Mapping[str, Any] | None) -> Token:
        """The token that a method of the sync credential gives."""
        return self._get(method, checked_call(scopes, options, method), self.prompt)

    def noted(self, chosen: settings.Settings, asked: Asked) -> AbstractContextManager[Note]:
        """The log's line on one request. What is given again from memory has none."""
        note = Note(self._name, " ".join(asked.scopes), asked.tenant, agent_session=self._agent_session)
        return noted(chosen.tool_log, note, os.getpid)

    def authenticate(self, scopes: Iterable[str] | None, options: Mapping[str, Any]) -> AuthenticationRecord:
        """The record that the sync credential's ``authenticate`` gives."""
        asked, prompt = checked_call(scopes, options), self.authentication_prompt()
        return authentication_record(self._get("authenticate", asked, prompt, chosen_anew=True).account)

    def _get(self, method: str, asked: Asked, prompt: Prompt, *, chosen_anew: bool = False) -> Token:
        try:
            tokens = self.tokens()
            chosen = tokens.in_force()
            with self.noted(chosen, asked) as note:
                request = self.request(chosen, asked, prompt)
                note.about(request)
                token = tokens.get(request, prompt, None, chosen, self.question(asked))
                note.given(token)
            return self.finished(method, token, chosen_anew=chosen_anew)
        except Exception as error:
            raise self.translated(method, error, asked) from error


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
