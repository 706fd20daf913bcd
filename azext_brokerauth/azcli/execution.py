"""``exec``: az, run once with the broker for whatever command it is given."""

from __future__ import annotations

import os
import sys

from azext_brokerauth import errors, sign_in
from azext_brokerauth.bridges import launcher
from azext_brokerauth.models import own


def execute(arguments: list[str]) -> None:
    """Become the launcher, with the arguments as they were typed: az has expanded ``@file`` in its own by now."""
    chosen = sign_in.in_force()
    if not chosen.allow_exec:
        raise errors.BrokerOffError(f"exec is switched off: {chosen.origin('allow_exec')} is false.")
    typed = sys.argv[sys.argv.index("--") + 1 :] if "--" in sys.argv else arguments
    if typed[:1] != ["az"]:
        raise errors.InvalidInputError(
            "exec runs az only.",
            remedies=own("exec", "--", "az", "group", "list", text="With the whole az command after --,"),
        )
    sys.stdout.flush()
    os.execv(sys.executable, [*launcher.command_line(), *typed[1:]])  # noqa: S606
