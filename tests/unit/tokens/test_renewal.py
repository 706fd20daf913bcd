"""How urgently a token wants to be renewed, to the second."""

from __future__ import annotations

import pytest

from azext_brokerauth.models import Token
from azext_brokerauth.tokens.renewal import Age, age
from tests.unit.tokens.machine import ADA

NOW = 1_000_000


@pytest.mark.parametrize(
    ("left", "found"),
    [
        (3600, Age.FRESH),
        (601, Age.FRESH),
        (600, Age.ADVISORY),
        (301, Age.ADVISORY),
        (300, Age.MANDATORY),
        (1, Age.MANDATORY),
        (0, Age.EXPIRED),
        (-1, Age.EXPIRED),
    ],
)
def test_each_window_begins_at_its_second(left: int, found: Age) -> None:
    assert age(Token("value", NOW + left, "Bearer", "broker", "c", ADA), NOW) is found


@pytest.mark.parametrize(
    ("left", "refresh_in", "found"),
    [
        (3600, 1, Age.FRESH),
        (3600, 0, Age.ADVISORY),
        (3600, -1, Age.ADVISORY),
        # The issuer's word can only make it earlier.
        (600, 100, Age.ADVISORY),
        (300, 100, Age.MANDATORY),
        (300, -100, Age.MANDATORY),
        (0, -100, Age.EXPIRED),
    ],
)
def test_the_issuer_may_ask_for_an_earlier_renewal(left: int, refresh_in: int, found: Age) -> None:
    assert age(Token("value", NOW + left, "Bearer", "broker", "c", ADA, NOW + refresh_in), NOW) is found


def test_a_time_to_renew_in_1970_is_a_time() -> None:
    assert age(Token("value", NOW + 3600, "Bearer", "broker", "c", ADA, 0), NOW) is Age.ADVISORY
