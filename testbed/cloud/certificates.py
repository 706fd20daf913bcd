"""The certificate authority of the stand-ins, made anew for each machine, and what it certifies."""

from __future__ import annotations

import datetime
import ssl
from collections.abc import Sequence
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_MONTH, _DAY = datetime.timedelta(days=30), datetime.timedelta(days=1)
_SIGNS_CERTIFICATES = x509.KeyUsage(
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


class Authority:
    """A certificate authority whose key is nowhere but in memory."""

    def __init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _common_name("Stand-in CA for tests")
        self._identifier = x509.SubjectKeyIdentifier.from_public_key(self._key.public_key())
        self._now = datetime.datetime.now(datetime.timezone.utc)

    def certificate(self) -> bytes:
        """Its own certificate, PEM."""
        return self._signed(
            self._name,
            self._key,
            self._now + _MONTH,
            (x509.BasicConstraints(ca=True, path_length=0), True),
            (_SIGNS_CERTIFICATES, True),
            (self._identifier, False),
        )

    def server(self, hosts: Sequence[str], file: Path, expired: bool = False) -> ssl.SSLContext:
        """What a server of these hosts shows.

        :param file: gets the server's key and certificate.
        :param expired: since yesterday.
        """
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = self._signed(
            _common_name(hosts[0]),
            key,
            self._now - _DAY if expired else self._now + _MONTH,
            (x509.SubjectAlternativeName([x509.DNSName(host) for host in hosts]), False),
            (x509.BasicConstraints(ca=False, path_length=None), True),
            (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False),
            (x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(self._identifier), False),
        )
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        file.touch(mode=0o600)
        file.write_bytes(private + certificate)
        identity = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        identity.load_cert_chain(file)
        return identity

    def _signed(
        self,
        subject: x509.Name,
        key: ec.EllipticCurvePrivateKey,
        until: datetime.datetime,
        *extensions: tuple[x509.ExtensionType, bool],
    ) -> bytes:
        """A certificate, PEM.

        :param extensions: each with whether it is critical.
        """
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(self._now - 2 * _DAY)
            .not_valid_after(until)
        )
        for extension, critical in extensions:
            builder = builder.add_extension(extension, critical)
        return builder.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def _common_name(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
