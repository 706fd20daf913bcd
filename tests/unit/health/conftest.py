"""A healthy machine for each test."""

import pytest

from tests.unit.health.machine import healthy_machine


@pytest.fixture
def healthy():
    return healthy_machine()
