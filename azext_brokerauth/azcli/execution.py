"""``exec`` in az: az itself is run once with the broker for whatever command it is given, without a listener."""

from __future__ import annotations

import os
import sys

from azext_brokerauth import errors, sign_in
from azext_brokerauth.bridges import execution, launcher
from azext_brokerauth.errors.rendering import AZ
from azext_brokerauth.models import person


@sign_in.takes_options(execution.Options)
def execute(arguments: list[str], options: execution.Options) -> None:
    """Become the command; az itself as the launcher, which asks the broker without a listener."""
    typed = execution.as_typed(arguments)
    if typed[:1] != ["az"]:
        execution.become(typed, options, AZ)
    chosen = sign_in.in_force()
    if not chosen.allow_exec:
        raise errors.BrokerOffError(f"exec is switched off: {chosen.origin('allow_exec')} is false.")
    if options != execution.Options(agent_session=options.agent_session):
        raise errors.InvalidInputError(
            "exec -- az gets its tokens without a listener, so it has no use for --resource, --containers and --feed.",
            remedies=person("Leave them out."),
        )
    environ = execution.environ_for(options)
    sys.stdout.flush()
    os.execve(sys.executable, [*launcher.command_line(), *typed[1:]], environ)  # noqa: S606
