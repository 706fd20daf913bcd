"""Stand-ins for the other places that az gets tokens from: App Service's managed identity, Cloud Shell and AD FS.

They run on an emulated machine, whose network is its own, so the ports can be those that az knows.
"""

from __future__ import annotations

import json
import ssl
import sys
import threading
import time
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jwt
import requests

from testbed.directory import CONTOSO
from tests.certificates import self_signed

LOCAL_PORT = 50342
"""Where MSAL looks for Cloud Shell's token service (``msal.cloudshell``)."""
AD_FS_PORT = 8444
AD_FS = f"https://127.0.0.1:{AD_FS_PORT}/adfs"
USERNAME = "ada@adfs.contoso.com"


@cache
def _token(resource: str) -> str:
    """Azure Resource Manager's stand-in takes this one: an application's, from Entra's."""
    reply = requests.post(
        f"https://login.microsoftonline.com/{CONTOSO.tenant_id}/oauth2/v2.0/token",
        data={
            "grant_type": "client_credentials",
            "client_id": "11111111-0000-4000-8000-000000000000",
            "client_secret": "not-a-secret",
            "scope": f"{resource.rstrip('/')}/.default",
        },
        timeout=30,
    )
    return str(reply.json()["access_token"])


def _ad_fs(path: str, form: dict[str, str]) -> dict[str, Any]:
    if path.endswith("/openid-configuration"):
        ends = {"authorization": "authorize", "token": "token", "device_authorization": "devicecode"}
        return {"issuer": AD_FS} | {f"{name}_endpoint": f"{AD_FS}/oauth2/{end}" for name, end in ends.items()}
    if path.endswith("/devicecode"):
        page = {"verification_uri": f"{AD_FS}/oauth2/deviceauth", "message": "Open the page of AD FS."}
        return page | {"device_code": "device", "user_code": "user", "expires_in": 600, "interval": 1}
    now = int(time.time())
    # az wants a tenant ID of AD FS too (``azure.cli.core.auth.util.check_result``).
    who = {"iss": AD_FS, "sub": "ada", "aud": form["client_id"], "upn": USERNAME, "tid": "adfs"}
    return {
        "access_token": "from AD FS",
        "refresh_token": "from AD FS too",
        "id_token": jwt.encode(who | {"iat": now, "exp": now + 3600}, "k" * 32),
        "token_type": "Bearer",
        "expires_in": 3600,
    }


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        url = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        form = {name: values[0] for name, values in parse_qs(f"{url.query}&{body}").items()}
        if url.path.startswith("/adfs/"):
            reply = _ad_fs(url.path, form)
        else:
            now = int(time.time())
            lasting = {"expires_in": "3600", "expires_on": str(now + 3600), "token_type": "Bearer"}
            reply = {"access_token": _token(form["resource"]), "resource": form["resource"], **lasting}
        encoded = json.dumps(reply).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(encoded)))
        self.end_headers()
        self.wfile.write(encoded)

    do_POST = do_GET  # noqa: N815

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing on stderr."""


def main(certificate: Path) -> None:
    """:param certificate: gets AD FS's certificate, which az must be told to trust."""
    local = ThreadingHTTPServer(("127.0.0.1", LOCAL_PORT), _Handler)
    threading.Thread(target=local.serve_forever, daemon=True).start()
    ad_fs = ThreadingHTTPServer(("127.0.0.1", AD_FS_PORT), _Handler)
    identity = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    identity.load_cert_chain(certificate, self_signed(certificate))
    ad_fs.socket = identity.wrap_socket(ad_fs.socket, server_side=True)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    ad_fs.serve_forever()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
