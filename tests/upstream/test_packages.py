"""What is assumed of packages: `make upstream` asks the newest ones, `make test` those it is pinned to."""

from __future__ import annotations

import inspect
import json
from importlib.metadata import requires, version
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msal
import pytest
from packaging.requirements import Requirement

from azext_brokerauth.models import BrokerFlag

APPLICATION = msal.PublicClientApplication
TAKEN = {
    "__init__": (
        *("client_id", "authority", "client_capabilities", "instance_discovery", "timeout", "http_client"),
        *("enable_pii_log", *(flag.value for flag in BrokerFlag)),
    ),
    "acquire_token_silent_with_error": ("scopes", "account", "claims_challenge", "force_refresh", "auth_scheme"),
    "acquire_token_interactive": (
        *("scopes", "prompt", "login_hint", "claims_challenge", "parent_window_handle", "auth_scheme"),
    ),
    "initiate_device_flow": ("scopes", "claims_challenge"),
    "acquire_token_by_device_flow": ("flow", "claims_challenge"),
    "get_accounts": ("username",),
    "remove_account": ("account",),
}
"""What MSAL is given by name (broker/msal_app.py)."""
USED = (
    *("PopAuthScheme", "Prompt.NONE", "Prompt.LOGIN", "Prompt.SELECT_ACCOUNT"),
    *("authority.WELL_KNOWN_AUTHORITY_HOSTS", "PublicClientApplication.CONSOLE_WINDOW_HANDLE"),
)


class NoNetwork:
    """What an authority says about itself, to an application that is only made."""

    def get(self, url: str, **options: Any) -> SimpleNamespace:
        host = "https://login.microsoftonline.com/common"
        told = {"authorization_endpoint": host, "token_endpoint": host, "issuer": f"{host}/v2.0"}
        return SimpleNamespace(status_code=200, text=json.dumps(told), headers={})


@pytest.mark.parametrize("wanted", [Requirement(line) for line in requires("brokerauth") or ()], ids=lambda r: r.name)
def test_it_is_a_version_that_setup_py_allows(wanted: Requirement) -> None:
    if wanted.marker is None or any(wanted.marker.evaluate({"extra": extra}) for extra in ("", "cli", "sdk")):
        here = version(wanted.name)
        assert wanted.specifier.contains(here, prereleases=True), f"{wanted.name} {here} is out: try it, and allow it."


@pytest.mark.parametrize("method", TAKEN)
def test_msal_takes_what_it_is_given(method: str) -> None:
    parameters = dict(inspect.signature(getattr(APPLICATION, method)).parameters)
    if any(parameter.kind is inspect.Parameter.VAR_KEYWORD for parameter in parameters.values()):
        # It hands the rest on, to the method of its base class.
        for base in APPLICATION.__mro__[1:]:
            if method in vars(base):
                parameters |= inspect.signature(getattr(base, method)).parameters
    assert set(TAKEN[method]) - set(parameters) == set()


def test_msal_has_what_is_used_of_it() -> None:
    for path in USED:
        found: Any = msal
        for name in path.split("."):
            found = getattr(found, name)
    # Only read: it loads the runtime, which finds no broker here.
    assert "class RedirectUriError(ValueError)" in Path(msal.__file__).with_name("broker.py").read_text("utf-8")


def test_msal_says_in_one_place_whether_its_broker_is_on() -> None:
    flags = {flag.value: False for flag in BrokerFlag}
    made = APPLICATION("app", http_client=NoNetwork(), instance_discovery=False, **flags)
    assert not vars(made)["_enable_broker"]
