"""How much the property tests try: the same examples each time, and many more of them with --full."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, settings


def pytest_configure(config: pytest.Config) -> None:
    settings.register_profile(
        "brokerauth",
        derandomize=True,
        deadline=None,
        max_examples=2000 if config.getoption("full") else 100,
        suppress_health_check=[HealthCheck.too_slow],
    )
    settings.load_profile("brokerauth")
