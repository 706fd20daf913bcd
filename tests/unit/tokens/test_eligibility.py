"""Which of MSAL's broker flags is used on which machine, and why none is."""

import pytest

from azext_brokerauth import errors
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


@pytest.mark.parametrize("kind", [kind for kind in Kind if kind is not Kind.WSL2])
def test_by_default_nothing_but_wsl_2_gets_the_broker(kind):
    obstacle = eligibility(Settings(), Machine(kind, "seen"))
    on_wsl = kind in (Kind.WSL1, Kind.CUSTOM_KERNEL)
    assert isinstance(obstacle, errors.BrokerNotReadyError if on_wsl else errors.BrokerOffError)
    assert "seen" in str(obstacle)
    assert obstacle.remedies
