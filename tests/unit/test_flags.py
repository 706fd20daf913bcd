"""Which of MSAL's broker flags is used on which machine, and what MSAL makes of it."""

import sys
import types

import pytest

from azext_brokerauth import errors
from azext_brokerauth.broker.messages import App, Ask, Step
from azext_brokerauth.settings import Settings
from azext_brokerauth.tokens import broker_flags
from azext_brokerauth.wsl import Kind, Machine

FLAGS = {
    Kind.WSL2: "enable_broker_on_wsl",
    Kind.LINUX: "enable_broker_on_linux",
    Kind.WINDOWS: "enable_broker_on_windows",
    Kind.MACOS: "enable_broker_on_mac",
}
OFF = dict.fromkeys(FLAGS.values(), False)


@pytest.mark.parametrize("kind", FLAGS)
def test_each_platform_has_its_own_flag(kind):
    flag = FLAGS[kind]
    assert broker_flags(Settings(**{**OFF, flag: True}), Machine(kind, "seen")) == {flag: True}
    others = {name: name not in (flag, "enable_broker_on_linux") for name in OFF}
    with pytest.raises(errors.BrokerOffError):
        broker_flags(Settings(**others), Machine(kind, "seen"))


def test_msals_linux_flag_covers_wsl_too():
    chosen = Settings(**{**OFF, "enable_broker_on_linux": True})
    assert broker_flags(chosen, Machine(Kind.WSL2, "seen")) == {"enable_broker_on_linux": True}


@pytest.mark.parametrize("kind", [kind for kind in Kind if kind is not Kind.WSL2])
def test_by_default_nothing_but_wsl_2_gets_the_broker(kind):
    with pytest.raises((errors.BrokerOffError, errors.BrokerNotReadyError), match="seen") as caught:
        broker_flags(Settings(), Machine(kind, "seen"))
    assert caught.value.remedy
    on_wsl = kind in (Kind.WSL1, Kind.CUSTOM_KERNEL)
    assert isinstance(caught.value, errors.BrokerNotReadyError if on_wsl else errors.BrokerOffError)


class Recorder:
    """The few calls of pymsalruntime's public API that a prompt makes; it remembers what it was given."""

    def __init__(self):
        self.redirect_uri, self.window = "", 0

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
            recorder.window = window
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
        ("win32", "enable_broker_on_windows", "https://login.microsoftonline.com/common/oauth2/nativeclient"),
        ("darwin", "enable_broker_on_mac", "msauth.com.msauth.unsignedapp://auth"),
        ("linux", "enable_broker_on_linux", "https://login.microsoftonline.com/common/oauth2/nativeclient"),
    ],
)
@pytest.mark.parametrize(("window", "used"), [(0, 41), (7, 7)])
def test_msal_itself_uses_the_broker_with_the_redirect_uri_and_window_of_the_platform(
    monkeypatch, platform, flag, redirect_uri, window, used
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
    app = App("04b07795-8ddb-461a-bbee-02f9e1bf7b46", "login.microsoftonline.com", "organizations", **{flag: True})
    ask = Ask(Step.PROMPT, app, ("scope",), select_account=True, window=window)
    with pytest.raises(msal_app.NoTokenError, match="UserCanceled"):
        msal_app.answer(msal_app.build(app), ask)
    assert (recorder.redirect_uri, recorder.window) == (redirect_uri, used)
