"""One person in two of Microsoft's clouds: two sign-ins, and neither is taken for the other."""

from __future__ import annotations

import pytest

from testbed.directory import ADA
from tests.emulated.session import Session

# The real runtime too in make test-full.
pytestmark = pytest.mark.any_runtime

GOVERNMENT = "login.microsoftonline.us"
PUBLIC = "login.microsoftonline.com"
IN = {PUBLIC: {}, GOVERNMENT: {"AZURE_BROKERAUTH_AUTHORITY": GOVERNMENT}}


def signed_in(there: Session) -> list[str]:
    return [account["authority"] for account in there.tell("list")]


@pytest.mark.parametrize("leaves", [PUBLIC, GOVERNMENT])
def test_a_sign_out_ends_the_latest_sign_in_and_leaves_the_other_clouds(default: Session, leaves: str) -> None:
    stays = next(cloud for cloud in IN if cloud != leaves)
    for cloud in (stays, leaves):
        assert default.tell("login", **IN[cloud])["authority"] == cloud
    assert signed_in(default) == [stays, leaves]
    default.tell("logout", "--username", ADA.username, "--yes")
    assert signed_in(default) == [stays]
    assert default.tell("show")["authority"] == stays
    default.tell("logout", "--yes")
    assert signed_in(default) == []
