"""What a wheel says of where it comes from: nothing that was made up."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parents[2]


def told(*fields: str, **env: str) -> list[str]:
    command = [sys.executable, "-W", "ignore", "setup.py", "--quiet", *fields]
    clean = {name: value for name, value in os.environ.items() if not name.startswith("BROKERAUTH_")}
    done = subprocess.run(command, cwd=HERE, env=clean | env, text=True, capture_output=True, check=True)
    return done.stdout.splitlines()[-len(fields) :]


def test_who_builds_a_wheel_says_where_its_users_turn_to() -> None:
    named = {"BROKERAUTH_URL": "https://intranet.contoso.com/brokerauth", "BROKERAUTH_CONTACT": "platform@contoso.com"}
    assert told("--url", "--author-email", **named) == [*named.values()]
    assert not {*told("--url", "--author-email")} - {"", "None", "UNKNOWN"}
