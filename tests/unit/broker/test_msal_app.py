"""What MSAL makes of a request: the flag, redirect URI and window of each platform."""

import sys
import types

import pytest

from azext_brokerauth.broker.messages import AppOptions, Ask, Step
from azext_brokerauth.models import BrokerFlag, Target, TokenRequest


class Recorder:
    """The few calls of pymsalruntime's public API that a prompt makes; it remembers what it was given."""

    def __init__(self):
        self.redirect_uri, self.window, self.hint = "", 0, ""

    def module(self):
        runtime = types.ModuleType("pymsalruntime")
        recorder = self

        class Parameters:
            def __init__(self, client_id, authority):
                pass

            def set_redirect_uri(self, uri):
                recorder.redirect_uri = uri

            def set_requested_scopes(self, scopes):
                pass

            def set_additional_parameter(self, key, value):
                pass

        class CallbackData:
            def __init__(self, is_interactive=False):
                self.signal = types.SimpleNamespace(wait=lambda: None)

            def complete(self, result):
                self.result = result

        class Error:
            def get_context(self):
                return "enough"

            def get_status(self):
                return "Response_Status.Status_UserCanceled"

            def get_error_code(self):
                return 0

            def get_tag(self):
                return 0

        def signin_interactively(window, parameters, correlation_id, hint, callback):
            recorder.window, recorder.hint = window, hint
            callback(types.SimpleNamespace(get_error=Error, get_telemetry_data=dict))

        runtime.MSALRuntimeAuthParameters = Parameters
        runtime.CallbackData = CallbackData
        runtime.LogLevel = types.SimpleNamespace(TRACE=1, DEBUG=2, FATAL=3)
        runtime.register_logging_callback = lambda callback: None
        runtime.get_console_window = lambda: 41
        runtime.get_desktop_window = lambda: 40
        runtime.signin_interactively = signin_interactively
        return runtime


@pytest.mark.parametrize(
    ("platform", "flag", "redirect_uri"),
    [
        ("win32", BrokerFlag.WINDOWS, "https://login.microsoftonline.com/common/oauth2/nativeclient"),
        ("darwin", BrokerFlag.MAC, "msauth.com.msauth.unsignedapp://auth"),
        ("linux", BrokerFlag.LINUX, "https://login.microsoftonline.com/common/oauth2/nativeclient"),
    ],
)
@pytest.mark.parametrize(("window", "used"), [(0, 41), (7, 7)])
@pytest.mark.parametrize("named", ["", "grace@contoso.com"])
def test_msal_itself_shows_a_window_of_the_broker_with_the_redirect_uri_of_the_platform_and_whoever_was_named(
    monkeypatch, platform, flag, redirect_uri, window, used, named
):
    from azext_brokerauth.broker import msal_app

    recorder = Recorder()
    monkeypatch.setitem(sys.modules, "pymsalruntime", recorder.module())
    monkeypatch.delitem(sys.modules, "msal.broker", raising=False)
    monkeypatch.setattr("sys.platform", platform)
    monkeypatch.setattr("platform.machine", lambda: "arm64")
    authority = "https://login.microsoftonline.com/organizations/oauth2/v2.0/"
    monkeypatch.setattr(
        "msal.authority.tenant_discovery",
        lambda *args, **kwargs: {"authorization_endpoint": authority + "a", "token_endpoint": authority + "t"},
    )
    target = Target("04b07795-8ddb-461a-bbee-02f9e1bf7b46", "login.microsoftonline.com", "organizations")
    options = AppOptions(flag)
    request = TokenRequest(("scope",), target, named)
    ask = Ask(Step.PROMPT, request, options, select_account=True, window=window)
    with pytest.raises(msal_app.NoTokenError, match="UserCanceled"):
        msal_app.answer(msal_app.build(target, options), ask)
    assert (recorder.redirect_uri, recorder.window, recorder.hint) == (redirect_uri, used, named or None)
