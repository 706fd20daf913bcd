"""What the browser shows when a sign-in without the broker comes back from Microsoft Entra.

MSAL fills in ``$error`` and ``$error_description``, HTML-escaped, since the text starts with a tag
(``msal.oauth2cli.authcode``). Nothing of the answer but these is named here: it holds the authorization code.
"""

_FRAME = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>brokerauth: {title}</title>
<style>body{{font:1.1rem/1.5 sans-serif;max-width:38rem;margin:4rem auto;padding:0 1rem}}h1{{font-size:1.5rem}}</style>
</head><body><h1>{title}</h1>{body}</body></html>
"""

SUCCESS = _FRAME.format(
    title="You can close this page",
    body="<p>The browser has done its part. Go back to the terminal: it says whether you are signed in.</p>"
    "<p>This sign-in is not bound to your device.</p>",
)
FAILURE = _FRAME.format(
    title="The sign-in failed",
    body="<p>Microsoft Entra said: $error_description ($error)</p>"
    "<p>Close this page and go back to the terminal: it says what to do.</p>",
)
