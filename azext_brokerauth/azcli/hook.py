"""Puts the facade where az makes MSAL's application: only in an az of a known shape, and only where the broker is."""

from __future__ import annotations

import functools
import importlib
import inspect
import os
from collections.abc import Callable
from typing import Any

from knack.log import get_logger

from azext_brokerauth import settings
from azext_brokerauth.azcli import damage
from azext_brokerauth.errors import BrokerAuthError
from azext_brokerauth.machine import Kind, detect
from azext_brokerauth.settings import Settings
from azext_brokerauth.tokens.eligibility import eligibility

_LOGGER = get_logger(__name__)

_MADE_IN = ("azure.cli.core.auth.identity", "azure.cli.core.auth.msal_credentials")
"""Where az has the name ``PublicClientApplication``."""
_RELIED_ON: dict[tuple[str, str], tuple[str, ...]] = {
    ("azure.cli.core.auth.identity", "load_persisted_token_cache"): ("location", "encrypt"),
    ("azure.cli.core.auth.identity", "Identity.__init__"): ("authority", "tenant_id", "client_id", "encrypt"),
    ("azure.cli.core.auth.identity", "Identity.get_user"): ("user",),
    ("azure.cli.core.auth.identity", "Identity.get_user_credential"): ("username",),
    ("azure.cli.core.auth.identity", "Identity.login_with_auth_code"): ("scopes", "claims_challenge"),
    ("azure.cli.core.auth.identity", "Identity.logout_user"): ("username",),
    ("azure.cli.core.auth.msal_credentials", "UserCredential.__init__"): ("client_id", "username"),
    ("azure.cli.core.auth.msal_credentials", "UserCredential.acquire_token"): ("scopes", "claims_challenge"),
    ("azure.cli.core._profile", "can_launch_browser"): (),
}
"""What of az must be there, with which parameters."""
_OF_ITS_OWN = "enable_broker_on_wsl"
"""The option that an az which supports WSL itself would have (https://github.com/Azure/azure-cli/pull/31169)."""
_WHATEVER = (Exception, SystemExit)
"""What a damaged file of ours may raise, and az goes on. A person who interrupts ends the process all the same
(:mod:`azext_brokerauth.terminal.signals`)."""


class Hook:
    """Whether the facade is in its place, in this process's az."""

    def __init__(self) -> None:
        self.in_launcher = False
        """Does every command of this az come here?"""
        self._why_not: str | None = None
        self._why_no_tokens = ""
        self._prepared = False

    def prepare(self, *, launcher: bool = False) -> None:
        """Have the facade attached when az first makes an identity, which most commands never do.

        Whatever goes wrong, az stays as it was, and ``az account show-broker`` says why.

        :keyword launcher: this az was started by our launcher. Where a setting forbids that, it is then as any other
            az, also if it was enabled before that.
        """
        if self._prepared:
            return
        try:
            chosen = _in_force()
            if launcher and isinstance(chosen, Settings) and (why := chosen.why_no_launcher):
                _LOGGER.debug("the launcher is switched off: %s", why)
                return
            self.in_launcher, self._prepared = launcher, True
            self._why_not = _why_not_here(chosen)
            self._why_no_tokens = _why_no_tokens(chosen)
            if self._why_not is None or self._why_no_tokens:
                from azure.cli.core import _profile

                _profile._create_identity_instance = self._attaching(_profile._create_identity_instance)
        except _WHATEVER as error:
            self._step_aside(error)

    @property
    def stands_aside(self) -> bool:
        """Is it known that az is left as it is? Of an az that has changed, only :meth:`attach` knows."""
        return bool(self._why_not)

    def attach(self) -> str:
        """Install if undecided; return why not.

        :returns: why az is left as it is; empty when the facade is in its place.
        """
        if self._why_not is None:
            try:
                self._why_not = _misfit()
                if not self._why_not:
                    _install()
            except _WHATEVER as error:
                self._step_aside(error)
        return self._why_not or ""

    def remove_tokens(self, cli_ctx: Any) -> None:
        """Take what earlier commands put into az's cache out of it, once, if the settings want none there."""
        why, self._why_no_tokens = self._why_no_tokens, ""
        if not why:
            return
        try:
            from azext_brokerauth.azcli.seeded import remove_tokens
        except _WHATEVER as error:
            damage.tell(error)
        else:
            remove_tokens(cli_ctx, why)

    def _attaching(self, create: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(create)
        def create_identity_instance(cli_ctx: Any, *words: Any, **options: Any) -> Any:
            self.attach()
            self.remove_tokens(cli_ctx)
            return create(cli_ctx, *words, **options)

        return create_identity_instance

    def _step_aside(self, error: BaseException) -> None:
        self._why_not = f"An unexpected error: {type(error).__name__}: {error}"
        damage.tell(error)
        _LOGGER.debug("az is left as it is", exc_info=True)


HOOK = Hook()
"""That of this process, in which there is one az."""


def _in_force() -> Settings | BrokerAuthError:
    try:
        return settings.load()
    except BrokerAuthError as error:
        return error


def _why_no_tokens(chosen: Settings | BrokerAuthError) -> str:
    """The setting that wants no token in az's cache, on a machine where one of ours may be there; empty for none."""
    if isinstance(chosen, BrokerAuthError):
        return ""
    machine = detect()
    ours = machine.kind is Kind.WSL2 or not isinstance(eligibility(chosen, machine), BrokerAuthError)
    return chosen.why_not_seed if ours else ""


def _why_not_here(chosen: Settings | BrokerAuthError) -> str | None:
    """Why this machine or these settings rule it out; None when they do not. az is not looked at, which costs time."""
    if "ACC_CLOUD" in os.environ:
        return "This is Cloud Shell, where you are signed in already."
    if isinstance(chosen, BrokerAuthError):
        return str(chosen)
    found = eligibility(chosen, detect())
    if isinstance(found, BrokerAuthError):
        return str(found)
    if not chosen.extend_az:
        return f"{chosen.origin('extend_az')} is false."
    return None


def _install() -> None:
    from azext_brokerauth.azcli import token_cache
    from azext_brokerauth.azcli.facade import BrokeredApplication

    identity: Any = importlib.import_module(_MADE_IN[0])
    identity.load_persisted_token_cache = token_cache.load
    for name in _MADE_IN:
        module: Any = importlib.import_module(name)
        module.PublicClientApplication = functools.partial(BrokeredApplication, module.PublicClientApplication)


def _misfit() -> str:
    """How this az differs from those that the facade is made for; empty when it does not."""
    for (module, path), parameters in _RELIED_ON.items():
        found: Any = importlib.import_module(module)
        for name in path.split("."):
            found = getattr(found, name, None)
        if found is None or set(parameters) - set(inspect.signature(found).parameters):
            return f"This version of az has changed {module}.{path}."
    for module in _MADE_IN:
        application = getattr(importlib.import_module(module), "PublicClientApplication", None)
        if not inspect.isclass(application) or application.__module__.partition(".")[0] != "msal":
            return f"This version of az has changed {module}.PublicClientApplication."
    identity = importlib.import_module("azure.cli.core.auth.identity").Identity
    create = inspect.unwrap(importlib.import_module("azure.cli.core._profile")._create_identity_instance)
    if _OF_ITS_OWN in (*inspect.signature(identity.__init__).parameters, *create.__code__.co_consts):
        return f"This version of az handles {_OF_ITS_OWN} itself."
    return ""
