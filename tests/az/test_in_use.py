"""One meaning of "in use": az's own current account, whichever command is asked and however az came to it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from testbed.directory import ADA, CONTOSO, GRACE, SUBSCRIPTIONS
from tests.az.conftest import Start
from tests.az.session import CLI, OLDEST, Cli, Terminal
from tests.tokens import claims_of

APPLICATION = "11111111-0000-4000-8000-000000000000"
PRODUCTION, DEVELOPMENT, FABRIKAM = SUBSCRIPTIONS
COMMANDS = {
    "show": lambda told: told["username"],
    "list": lambda told: next((account["username"] for account in told if account["isCurrent"]), None),
    "get-access-token": lambda told: claims_of(told["accessToken"])["unique_name"],
    "inspect-token": lambda told: told["username"],
}
AZS = {
    "show": lambda told: told["user"]["name"],
    "get-access-token": lambda told: claims_of(told["accessToken"]).get("unique_name", APPLICATION),
}
# In one process of az's Python, which saves the start of az for each of them.
ASK = """
import io, json, sys
from azure.cli.core import get_default_cli
told = []
for words in json.loads(sys.argv[1]):
    out = io.StringIO()
    try:
        status = get_default_cli().invoke(words, out_file=out)
    except SystemExit as ended:
        status = ended.code
    told.append([status, json.loads(out.getvalue() or "null")])
print(json.dumps(told))
"""


@dataclass(frozen=True)
class Situation:
    """How az came to its account, and who that is.

    :param steps: the commands that lead there from the situation before.
    :param who: in use; None where az's account is not the broker's.
    :param whose: az's current account, where it is not the broker's; None where there is none.
    :param said: what the commands that have no account say then.
    :param subscription: the one that az uses.
    """

    name: str
    steps: tuple[tuple[str, ...], ...] = ()
    who: str | None = None
    whose: str | None = None
    said: tuple[str, ...] = ()
    subscription: str | None = None


def choose(name: str) -> tuple[str, ...]:
    return ("brokerauth", "set", "--username", name)


SECRET = ("--service-principal", "-u", APPLICATION, "-p", "not-a-secret", "--tenant", CONTOSO.tenant_id)
NOBODY = Situation("nobody is signed in", said=("Nobody is signed in", "Run: az brokerauth login"))
BOTH = Situation(
    "two sign in, and the later takes the earlier one's subscriptions over",
    (("brokerauth", "login"), ("brokerauth", "login", "--username", GRACE.username)),
    GRACE.username,
)
SET = Situation("set", (choose(ADA.username),), ADA.username, subscription=PRODUCTION.name)
ACCOUNT_SET = Situation(
    "az account set",
    (("account", "set", "-s", DEVELOPMENT.subscription_id),),
    GRACE.username,
    None,
    (),
    DEVELOPMENT.name,
)
BACK = Situation(
    "set finds the subscription last used",
    (choose(ADA.username), ("account", "set", "-s", FABRIKAM.name), choose(GRACE.username), choose(ADA.username)),
    ADA.username,
    subscription=FABRIKAM.name,
)
PRINCIPAL = Situation(
    "a service principal signs in",
    (("login", *SECRET),),
    whose=APPLICATION,
    said=(f"az is using the service principal {APPLICATION}", f"az brokerauth set --username {ADA.username}"),
)
FROM_PRINCIPAL = Situation(
    "set, where a service principal took the others over",
    (choose(ADA.username),),
    ADA.username,
    None,
    (),
    FABRIKAM.name,
)
BROWSER = Situation(
    "the same person signs in by device code",
    whose=ADA.username,
    said=(f"az is using {ADA.username}, who signed in to az without the broker", f"set --username {GRACE.username}"),
)
AGAIN = Situation("the broker again", (("brokerauth", "login"),), ADA.username)
LEFT = Situation(
    "who was in use has signed out, and had taken all subscriptions over",
    (("brokerauth", "logout", "--yes"),),
    said=("az has no current account", f"az brokerauth login --username {GRACE.username}"),
)
LAST = Situation(
    "the last one too",
    (("brokerauth", "logout", "--yes", "--username", GRACE.username),),
    said=("Nobody is signed in through the broker",),
)


def told_by(there: Terminal, commands: Sequence[tuple[str, ...]]) -> tuple[list[list[Any]], str]:
    """The exit code and the JSON of each command, one after the other, and what all of them say on stderr."""
    done = there.run([there.cli.python, "-Ic", ASK, json.dumps(commands)], timeout=180)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout), done.stderr


def answers(there: Terminal, situation: Situation) -> dict[str, Any]:
    """Whom each command of ours, and of az, takes; what they say on stderr; and the subscription that az uses."""
    questions = [*(("brokerauth", name) for name in COMMANDS), *(("account", name) for name in AZS)]
    if situation.who is None:
        questions.append(("brokerauth", "logout", "--yes"))  # which must not take anybody then
    told, said = told_by(there, [*situation.steps, *questions])
    assert [status for status, _ in told[: -len(questions)]] == [0] * len(situation.steps), said
    seen: dict[str, Any] = {"said": said, "subscription": None}
    tenants = set()
    for (group, name, *_), (status, printed) in zip(questions, told[-len(questions) :], strict=True):
        read = (COMMANDS if group == "brokerauth" else AZS).get(name)
        seen[f"{group} {name}"] = read(printed) if read and status == 0 else status
        if (group, name) == ("account", "show") and status == 0:
            seen["subscription"] = printed["name"]
        if name == "get-access-token" and status == 0:
            tenants.add(printed["tenant"])
    assert len(tenants) <= 1, "their tokens are of the same tenant"
    return seen


@pytest.mark.any_runtime
@pytest.mark.parametrize(
    ("cli", "situations"),
    [
        (CLI, [NOBODY, BOTH, SET, ACCOUNT_SET, BACK, PRINCIPAL, FROM_PRINCIPAL, BROWSER, AGAIN, LEFT, LAST]),
        (OLDEST, [BOTH, SET, PRINCIPAL]),
    ],
    ids=["newest", "oldest"],
)
def test_azs_current_account_is_the_one_in_use(new_terminal: Start, cli: Cli, situations: list[Situation]) -> None:
    there = new_terminal("default", cli)
    for situation in situations:
        if situation is BROWSER:
            assert there.sign_in_by_device_code().returncode == 0
        seen = answers(there, situation)
        said, subscription = seen.pop("said"), seen.pop("subscription")
        ours = dict.fromkeys((f"brokerauth {name}" for name in COMMANDS), situation.who or 3)
        azs = dict.fromkeys((f"account {name}" for name in AZS), situation.who or situation.whose or 1)
        expected = {**ours, **azs, "brokerauth list": situation.who}
        if situation.who is None:
            expected["brokerauth logout"] = 3
        assert seen == expected, (situation.name, said)
        for part in situation.said:
            assert part in said, situation.name
        assert situation.subscription in (None, subscription), situation.name
        if situation.steps and situation.steps[-1][:2] == ("brokerauth", "set"):
            assert f"az now uses the subscription {subscription} (" in said, situation.name


@pytest.mark.any_runtime
def test_where_az_is_left_as_it_is_brokerauths_own_choice_holds(new_terminal: Start) -> None:
    there = new_terminal("default")
    there.env["AZURE_BROKERAUTH_EXTEND_AZ"] = "false"
    logins = [("brokerauth", "login", "--username", user.username) for user in (ADA, GRACE)]
    told, said = told_by(
        there,
        [*logins, choose(ADA.username), ("brokerauth", "show"), ("brokerauth", "logout", "--yes"), ("account", "list")],
    )
    assert [status for status, _ in told] == [0] * 6, said
    assert "az itself uses the same account as before" in said
    assert (told[3][1]["username"], told[5][1]) == (ADA.username, [])
