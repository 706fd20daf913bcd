"""Starts the stand-ins for Microsoft's cloud: HTTPS on the real host names, under a CA of their own."""

from __future__ import annotations

import datetime
import ssl
import sys
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import ThreadingTCPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from testbed.cloud import arm, entra, vault
from testbed.cloud.issuer import Issuer
from testbed.cloud.web import Reply, Request, json_reply
from testbed.journal import Journal
from testbed.scenarios import Scenario

HOSTS: tuple[str, ...] = (*entra.HOSTS, *arm.HOSTS, *vault.HOSTS)
"""Every name that must resolve to the stand-ins' address inside the emulated machine."""


def start(
    issuer: Issuer,
    journal: Journal,
    scenario: Callable[[], Scenario],
    directory: Path,
    address: str = "127.0.0.1",
    port: int = 443,
) -> Path:
    """Serve HOSTS until this process ends.

    :param directory: gets the CA's certificate and the server's key; made when it does not exist.
    :return: the CA's certificate, PEM.
    :raises OSError: the address cannot be bound.
    """
    directory.mkdir(parents=True, exist_ok=True)
    authority, identity, outdated = _certificates(directory)
    services: dict[str, Callable[[Request], Reply]] = {
        **dict.fromkeys(entra.HOSTS, entra.Entra(issuer, journal, scenario).answer),
        **dict.fromkeys(arm.HOSTS, arm.ResourceManager(issuer, journal).answer),
        **dict.fromkeys(vault.HOSTS, vault.KeyVault(issuer, journal).answer),
    }

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        server_version = "StandInForTests"
        # One packet for each reply: headers and body in separate ones cost 40 ms of delayed acknowledgement.
        wbufsize = -1
        disable_nagle_algorithm = True
        timeout = 60

        def do_GET(self) -> None:
            host = self.headers.get("Host", "").partition(":")[0].lower()
            url = urlsplit(self.path)
            request = Request(
                method=self.command,
                host=host,
                path=url.path,
                query=dict(parse_qsl(url.query, keep_blank_values=True)),
                headers={name.lower(): value for name, value in self.headers.items()},
                body=self.rfile.read(int(self.headers.get("Content-Length") or 0)),
            )
            service = services.get(host)
            try:
                reply = service(request) if service else json_reply({"error": f"no stand-in for {host}"}, 421)
            except Exception as error:  # noqa: BLE001
                # A fault of the stand-in must show in the journal: nobody reads this process's stderr.
                journal.write("cloud", f"{request.method} {host}{request.path}", fault=repr(error))
                reply = json_reply({"error": repr(error)}, 500)
            self.send_response(reply.status)
            for name, value in reply.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(reply.body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(reply.body)

        do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = do_GET  # noqa: N815

        def log_message(self, format: str, *args: Any) -> None:
            """Nothing on stderr: the journal has it."""

    class Server(ThreadingTCPServer):
        allow_reuse_address = True
        daemon_threads = True
        request_queue_size = 128

        def finish_request(self, request: Any, client_address: Any) -> None:
            # Here, in the connection's own thread, so that a client that never says hello stops nobody else.
            request.settimeout(Handler.timeout)
            shown = outdated if scenario().cloud == "expired-certificate" else identity
            with shown.wrap_socket(request, server_side=True) as secured:
                super().finish_request(secured, client_address)

        def handle_error(self, request: Any, client_address: Any) -> None:
            """Clients that hang up or refuse the certificate are no news; anything else is a fault of ours."""
            error = sys.exc_info()[1]
            if not isinstance(error, OSError):
                journal.write("cloud", "connection", fault=repr(error))

    server = Server((address, port), Handler)
    threading.Thread(target=server.serve_forever, name="cloud", daemon=True).start()
    return authority


def _certificates(directory: Path) -> tuple[Path, ssl.SSLContext, ssl.SSLContext]:
    """A CA made for this start only, a server context for HOSTS, and one whose certificate has expired."""
    authority_key, server_key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    authority_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Stand-in CA for tests")])
    server_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, HOSTS[0])])
    authority_id = x509.SubjectKeyIdentifier.from_public_key(authority_key.public_key())

    now = datetime.datetime.now(datetime.timezone.utc)

    def signed(
        subject: x509.Name,
        key: ec.EllipticCurvePrivateKey,
        *extensions: tuple[x509.ExtensionType, bool],
        until: datetime.datetime = now + datetime.timedelta(days=30),
    ) -> bytes:
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(authority_name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=2))
            .not_valid_after(until)
        )
        for extension, critical in extensions:
            builder = builder.add_extension(extension, critical)
        return builder.sign(authority_key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)

    certificate_signing = x509.KeyUsage(
        digital_signature=False,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=True,
        crl_sign=True,
        encipher_only=False,
        decipher_only=False,
    )
    authority = directory / "ca.pem"
    authority.write_bytes(
        signed(
            authority_name,
            authority_key,
            (x509.BasicConstraints(ca=True, path_length=0), True),
            (certificate_signing, True),
            (authority_id, False),
        )
    )
    private = server_key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )

    def served(name: str, until: datetime.datetime) -> ssl.SSLContext:
        file = directory / name
        file.touch(mode=0o600)
        file.write_bytes(
            private
            + signed(
                server_name,
                server_key,
                (x509.SubjectAlternativeName([x509.DNSName(host) for host in HOSTS]), False),
                (x509.BasicConstraints(ca=False, path_length=None), True),
                (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False),
                (x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(authority_id), False),
                until=until,
            )
        )
        identity = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        identity.load_cert_chain(file)
        return identity

    month, day = datetime.timedelta(days=30), datetime.timedelta(days=1)
    return authority, served("server.pem", now + month), served("expired.pem", now - day)
