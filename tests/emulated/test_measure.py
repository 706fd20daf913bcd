"""measure: what a user with a real WSL machine prints for us, asked of the emulated one."""

from __future__ import annotations

import json

import pytest

from testbed.directory import ADA, DEVICE_ID, FABRIKAM, TENANTS
from tests.emulated.session import Session


@pytest.mark.any_runtime
def test_each_question_has_an_answer_and_nobody_is_named(default: Session) -> None:
    assert "brokerauth login" in default.refuse("measure", status=3)
    default.tell("login")
    default.machine.clear_journal()
    done = default.brokerauth("measure", "--guest-tenant", FABRIKAM.domain)
    assert (done.returncode, done.stderr) == (0, "")
    told = json.loads(done.stdout)
    assert [request["outcome"] for request in told["requests"]] == ["token"] * 6
    assert told["requests"][0]["scopes"] == ["user_impersonation"]
    assert told["requests"][1]["continuousAccessEvaluation"]
    assert all(request["hasDeviceId"] and request["lifetimeSeconds"] > 0 for request in told["requests"])
    assert (told["machine"], told["failing"]) == ("WSL 2", [])
    # The first is answered by the runtime, which has that token since the sign-in.
    assert default.calls().count("acquireTokenSilently") >= 4
    assert "acquireTokenInteractively" not in default.calls()
    names = {ADA.username, ADA.home.object_id, DEVICE_ID, *(t.tenant_id for t in TENANTS), *(t.domain for t in TENANTS)}
    assert not [name for name in (*names, str(default.machine.home)) if name in done.stdout]
