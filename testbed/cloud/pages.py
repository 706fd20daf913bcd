"""The pages that Entra shows a person in a browser; each says that it is a stand-in."""

from __future__ import annotations

import html
from collections.abc import Mapping

from testbed.cloud.web import Reply, html_reply
from testbed.directory import USERS

_STAND_IN = "<h1>Stand-in for Microsoft Entra</h1><p>For tests. This is not Microsoft; no password is asked for.</p>"


def page(body: str, status: int = 200) -> Reply:
    """A page with this text below the statement of what it is."""
    return html_reply(f"{_STAND_IN}{body}", status)


def sign_in(path: str, asked: Mapping[str, str]) -> Reply:
    """Lets the person choose who signs in.

    :param path: where the choice goes, as `as_user`, with what the client asked.
    """
    return page(f'<form action="{html.escape(path)}">{_hidden(asked)}{_user_buttons("as_user")}</form>')


def device_code(user_code: str) -> Reply:
    """Lets the person enter a device code and choose who signs in with it."""
    return page(
        f'<form method="post" action="/testbed/approve"><p>Code: <input name="user_code" '
        f'value="{html.escape(user_code)}"></p>{_user_buttons("username")}</form>'
    )


def form_post(redirect_uri: str, answer: Mapping[str, str]) -> Reply:
    """Sends the browser on to the client, with the answer in a form."""
    return html_reply(
        f'<body onload="document.forms[0].submit()">{_STAND_IN}<form method="post" '
        f'action="{html.escape(redirect_uri)}">{_hidden(answer)}<button>Continue</button></form></body>'
    )


def _hidden(fields: Mapping[str, str]) -> str:
    return "".join(
        f'<input type="hidden" name="{html.escape(name)}" value="{html.escape(value)}">'
        for name, value in fields.items()
    )


def _user_buttons(name: str) -> str:
    return "".join(f'<p><button name="{name}" value="{user.username}">{user.username}</button></p>' for user in USERS)
