"""Which of MSAL's broker flags is used on which machine, and why none is."""

import pytest

from azext_brokerauth import errors
from azext_brokerauth.errors.rendering import AZ, in_words
from azext_brokerauth.machine import Kind, Machine
from azext_brokerauth.models import BrokerFlag
from azext_brokerauth.settings import Settings
from azext_brokerauth.tokens.eligibility import eligibility

FLAGS = {
    Kind.WSL2: BrokerFlag.WSL,
    Kind.LINUX: BrokerFlag.LINUX,
    Kind.WINDOWS: BrokerFlag.WINDOWS,
    Kind.MACOS: BrokerFlag.MAC,
}
OFF = {flag.value: False for flag in BrokerFlag}


@pytest.mark.parametrize("kind", FLAGS)
def test_each_platform_has_its_own_flag(kind):
    flag = FLAGS[kind]
    assert eligibility(Settings(**{**OFF, flag.value: True}), Machine(kind, "seen")) is flag
    others = {name: name not in (flag.value, "enable_broker_on_linux") for name in OFF}
    assert isinstance(eligibility(Settings(**others), Machine(kind, "seen")), errors.BrokerOffError)


def test_msals_linux_flag_covers_wsl_too():
    chosen = Settings(**{**OFF, "enable_broker_on_linux": True})
    assert eligibility(chosen, Machine(Kind.WSL2, "seen")) is BrokerFlag.LINUX


REQUIRED = {
    "require_broker": True,
    "enforced": frozenset({"require_broker"}),
    "origins": (
        ("require_broker", "brokerauth.require_broker in /etc/brokerauth/config"),
        ("enable_broker_on_wsl", "the environment variable AZURE_CORE_ENABLE_BROKER_ON_WSL"),
        ("enable_broker_on_linux", "default"),
    ),
}


def test_off_is_a_violation_where_the_policy_requires_the_broker():
    obstacle = eligibility(Settings(enable_broker_on_wsl=False, **REQUIRED), Machine(Kind.WSL2, "seen"))
    assert isinstance(obstacle, errors.SettingsError)
    assert obstacle.attempted  # so that a chain stops
    for said in ("AZURE_CORE_ENABLE_BROKER_ON_WSL", "/etc/brokerauth/config"):
        assert said in str(obstacle)
    assert "enable_broker_on_linux" not in str(obstacle)


def test_off_is_the_choice_of_whoever_is_not_required_to_have_it_on():
    machine = Machine(Kind.WSL2, "seen")
    for changed in ({"require_broker": False}, {"enforced": frozenset()}):
        chosen = Settings(enable_broker_on_wsl=False, **(REQUIRED | changed))
        assert isinstance(eligibility(chosen, machine), errors.BrokerOffError)


def test_a_required_broker_may_be_on_by_either_flag_and_is_nothing_outside_wsl():
    chosen = Settings(enable_broker_on_wsl=False, enable_broker_on_linux=True, **REQUIRED)
    assert eligibility(chosen, Machine(Kind.WSL2, "seen")) is BrokerFlag.LINUX
    off = Settings(enable_broker_on_wsl=False, **REQUIRED)
    assert isinstance(eligibility(off, Machine(Kind.LINUX, "seen")), errors.BrokerOffError)


@pytest.mark.parametrize("kind", [kind for kind in Kind if kind is not Kind.WSL2])
def test_by_default_nothing_but_wsl_2_gets_the_broker(kind):
    obstacle = eligibility(Settings(), Machine(kind, "seen"))
    on_wsl = kind in (Kind.WSL1, Kind.CUSTOM_KERNEL)
    assert isinstance(obstacle, errors.BrokerNotReadyError if on_wsl else errors.BrokerOffError)
    assert "seen" in str(obstacle)
    assert obstacle.remedies


SEE = "To see all that is missing (see the check machine), run: az brokerauth check-health"


@pytest.mark.parametrize(
    ("kind", "settings", "said", "remedy"),
    [
        (
            Kind.WSL2,
            {"enable_broker_on_wsl": False},
            "The broker is switched off: enable_broker_on_wsl is false.",
            "Run: az config set brokerauth.enable_broker_on_wsl=true",
        ),
        (
            Kind.WSL2,
            {"enable_broker_on_wsl": False, "origins": (("enable_broker_on_wsl", "the environment variable X"),)},
            "The broker is switched off: the environment variable X is false.",
            "Run: unset X",
        ),
        (
            Kind.WSL1,
            {},
            "This is WSL 1 (seen), from which Windows' account broker cannot be reached.",
            f"Run in PowerShell: wsl --set-version <distribution> 2. {SEE}",
        ),
        (
            Kind.CUSTOM_KERNEL,
            {},
            "This is WSL with a custom kernel (seen). Microsoft's runtime recognises WSL by 'microsoft' in the kernel's"
            " release, so it does not look for Windows' account broker here.",
            "Remove 'kernel=' from %UserProfile%\\.wslconfig, or build the kernel with 'microsoft' in"
            f" CONFIG_LOCALVERSION; then run in PowerShell: wsl --shutdown. {SEE}",
        ),
        (
            Kind.LINUX,
            {},
            "This is native Linux, not WSL (seen). Nothing was done.",
            "To use this platform's own broker, run: az config set brokerauth.enable_broker_on_linux=true",
        ),
        (
            Kind.CONTAINER,
            {},
            "This is a container on a WSL kernel, not WSL (seen). Nothing was done.",
            "Sign in with az login, or run this under WSL 2 itself.",
        ),
    ],
)
def test_what_keeps_from_the_broker_is_named_with_what_to_do(kind, settings, said, remedy):
    obstacle = eligibility(Settings(**settings), Machine(kind, "seen"))
    assert str(obstacle) == said
    assert in_words(obstacle.remedies, AZ) == remedy
