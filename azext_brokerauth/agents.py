"""AI agents: in which session one works, and what marks its tokens as an agent's.

az does the same with the variable (``azure.cli.core.auth.agentic_session``).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace

from azext_brokerauth import spelling
from azext_brokerauth.errors import InvalidInputError
from azext_brokerauth.models import TokenRequest, person

VARIABLE = "COPILOT_AGENT_SESSION_ID"
"""The variable in which an agent's host names its session."""
OPTION = "--agent-session"
"""The option in which other hosts name it."""


def session(environ: Mapping[str, str], told: str | None = None) -> str:
    """The agent's session that tokens are for; empty for a person's.

    :param environ: this process's variables.
    :param told: what :data:`OPTION` says, which wins over the variable; None where it was not given.
    :raises InvalidInputError: it cannot be one. No token is given then, and none without the mark either.
    """
    where, text = (OPTION, told) if told is not None else (f"The variable {VARIABLE}", environ.get(VARIABLE, ""))
    if told is None and not text:
        return ""
    try:
        return spelling.agent_session(text)
    except ValueError as error:
        raise InvalidInputError(
            f"{where} cannot name an agent's session: {error}.",
            remedies=person("Give the ID that the agent's host has for the session."),
        ) from None


def marked(request: TokenRequest, name: str) -> TokenRequest:
    """The request, as one for an agent's session: its token says so, and answers nobody else.

    :param name: the session's; empty leaves the request as it is.
    """
    if not name:
        return request
    asked = json.loads(request.claims) if request.claims else {}
    inner = asked.get("access_token")
    mark = {**(inner if isinstance(inner, dict) else {}), "xms_cli_sid": {"values": [name]}}
    return replace(request, claims=json.dumps({**asked, "access_token": mark}), client_session=name)
