"""Why the broker's process has no answer where no code says it, and what that means."""

from __future__ import annotations

from dataclasses import replace
from enum import Enum

from azext_brokerauth.errors import AGAIN, BrokerFailedError, BrokerNotReadyError, SignInRefusedError
from azext_brokerauth.errors.aadsts import AADSTS
from azext_brokerauth.errors.advice import (
    ALLOW_INTEROP,
    MSAL_SOURCE,
    MSAL_WAM,
    SEEN,
    TRUST_IN_SYSTEM,
    Advice,
    Whose,
)
from azext_brokerauth.errors.statuses import STATUSES
from azext_brokerauth.errors.tags import TAGS
from azext_brokerauth.models import own, person, powershell, run, script

_ERRNO = "https://docs.python.org/3/library/exceptions.html#os-exceptions"
_VERIFY = "https://docs.openssl.org/master/man3/X509_STORE_CTX_get_error"


class Trouble(Enum):
    """Why the broker's process has no answer."""

    REFUSED = "refused"
    """MSAL answered with an error, which the codes in its description explain."""
    NO_ACCOUNT = "no-account"
    """The broker does not know the account."""
    RUNTIME_MISSING = "runtime-missing"
    """msal or pymsalruntime cannot be imported because it is not installed."""
    LIBRARY_MISSING = "library-missing"
    """pymsalruntime is installed, but a shared library that it needs is not."""
    NO_MEMORY = "no-memory"
    """pymsalruntime is installed, but there is no memory to load it."""
    NO_BROKER = "no-broker"
    """The runtime loads and finds no broker."""
    KEYRING_MISSING = "keyring-missing"
    """The session has no keyring to use, and what a private one needs is not installed."""
    KEYRING = "keyring"
    """The private keyring does not start."""
    NOT_THE_BROKER = "not-the-broker"
    """MSAL would have gone on without the broker, or did."""
    AUTHORITY = "authority"
    """The authority or tenant does not exist, or MSAL cannot use it."""
    NETWORK = "network"
    """The authority could not be reached, for none of the reasons below."""
    NAME_NOT_FOUND = "name-not-found"
    """The authority's name, or its proxy's, could not be resolved."""
    CONNECTION_REFUSED = "connection-refused"
    """The authority, or its proxy, took no connection."""
    NO_ANSWER = "no-answer"
    """The authority, or its proxy, did not answer in time."""
    CERTIFICATE_EXPIRED = "certificate-expired"
    """The authority's certificate has expired or is not valid yet."""
    CERTIFICATE_UNTRUSTED = "certificate-untrusted"
    """The authority's certificate is signed by somebody whom Python does not trust."""
    CA_BUNDLE = "ca-bundle"
    """The file of those whom Python is to trust cannot be read."""
    CLAIMS = "claims"
    """The claims are no claims challenge."""
    REDIRECT_URI = "redirect-uri"
    """The application lacks the broker's redirect URI."""
    NONSENSE = "nonsense"
    """The broker's answer cannot be used."""


TROUBLES: dict[Trouble, Advice] = {
    # What was said adds nothing here: the broker's process found it, and nobody said more.
    Trouble.NO_ACCOUNT: replace(STATUSES["AccountNotFound"], quotes=False),
    Trouble.RUNTIME_MISSING: Advice(
        BrokerNotReadyError,
        "A Python package that the broker needs is not installed: {text}.",
        run("python3", "-m", "pip", "install", "--force-reinstall", "msal[broker]"),
        Whose.MACHINE,
        MSAL_WAM,
        check="pymsalruntime",
    ),
    Trouble.LIBRARY_MISSING: Advice(
        BrokerNotReadyError,
        "Microsoft's runtime (pymsalruntime) cannot be loaded: {text}.",
        run(
            *("sudo", "apt-get", "install", "libwebkit2gtk-4.1-0", "libfido2-1", "libcurl4", "libubsan1"),
            text="On Debian,",
        ),
        Whose.MACHINE,
        SEEN,
        check="libraries",
    ),
    Trouble.NO_MEMORY: Advice(
        BrokerNotReadyError,
        "There is not enough memory to load Microsoft's runtime (pymsalruntime): {text}.",
        (
            *person("Close programs, or give WSL more memory: write memory= in %UserProfile%\\.wslconfig"),
            *powershell("wsl", "--shutdown"),
            *script("ulimit -v", text="If this shell limits the memory of its programs, raise that limit. To see it,"),
        ),
        Whose.MACHINE,
        SEEN,
    ),
    Trouble.NO_BROKER: Advice(
        BrokerNotReadyError,
        "Microsoft's runtime found no broker in Windows. WSL has it since version 2.4.13, and it needs interop"
        " (starting Windows programs from WSL).",
        ALLOW_INTEROP,
        Whose.MACHINE,
        SEEN,
        check="wsl-version, interop or proxy",
    ),
    Trouble.KEYRING_MISSING: Advice(
        BrokerNotReadyError,
        "The broker's runtime needs a keyring. This session has none that can be used, and a private one cannot be"
        " made: {text}.",
        (
            *run("sudo", "apt-get", "install", "dbus", "gnome-keyring", text="On Debian,"),
            *run("sudo", "dnf", "install", "dbus-daemon", "gnome-keyring", text="On Fedora,"),
        ),
        Whose.MACHINE,
        SEEN,
        check="keyring",
        quotes=False,
    ),
    Trouble.KEYRING: Advice(
        BrokerNotReadyError,
        "The broker's runtime needs a keyring, and a private one could not be started: {text}.",
        (
            *person("Try again."),
            *own("check-health", text="If this keeps happening, see what is wrong with the keyring:"),
        ),
        Whose.MACHINE,
        SEEN,
        check="keyring",
        quotes=False,
    ),
    Trouble.NOT_THE_BROKER: Advice(
        SignInRefusedError,
        "MSAL would not use the broker for this request, and nothing else was tried.",
        run("az", "login", text="The broker does not serve AD FS and B2C authorities. To sign in there,"),
        Whose.YOURS,
        MSAL_SOURCE + "application.py",
    ),
    Trouble.AUTHORITY: Advice(
        SignInRefusedError,
        "The tenant or authority cannot be used.",
        AADSTS[90002].remedies,
        Whose.YOURS,
        MSAL_SOURCE + "authority.py",
    ),
    Trouble.NETWORK: Advice(
        SignInRefusedError,
        "The authority cannot be reached from WSL.",
        person("Check WSL's network and proxy settings (HTTPS_PROXY, REQUESTS_CA_BUNDLE), then try again."),
        Whose.YOURS,
        MSAL_SOURCE + "authority.py",
    ),
    Trouble.NAME_NOT_FOUND: Advice(
        SignInRefusedError,
        "The authority cannot be reached from WSL: its name, or its proxy's, cannot be resolved.",
        person("Check WSL's network, name server (/etc/resolv.conf) and proxy settings (HTTPS_PROXY), then try again."),
        Whose.YOURS,
        _ERRNO,
    ),
    Trouble.CONNECTION_REFUSED: Advice(
        SignInRefusedError,
        "The authority cannot be reached from WSL: it, or its proxy, refused the connection.",
        person("Check WSL's proxy settings (HTTPS_PROXY), then try again."),
        Whose.YOURS,
        _ERRNO,
    ),
    Trouble.NO_ANSWER: Advice(
        SignInRefusedError,
        "The authority cannot be reached from WSL: it, or its proxy, did not answer in time.",
        person("Check WSL's network and proxy settings (HTTPS_PROXY), then try again."),
        Whose.YOURS,
        _ERRNO,
    ),
    Trouble.CERTIFICATE_EXPIRED: Advice(
        SignInRefusedError,
        "The certificate that the authority shows in WSL has expired, or is not valid yet.",
        person(
            "Check this machine's clock. If it is right, ask your administrator about the proxy that inspects TLS here."
        ),
        Whose.MACHINE,
        _VERIFY,
    ),
    Trouble.CERTIFICATE_UNTRUSTED: Advice(
        SignInRefusedError,
        "The certificate that the authority shows in WSL is signed by an issuer that Python does not trust, for"
        " example a proxy that inspects TLS. Python reads the file that REQUESTS_CA_BUNDLE names; Microsoft's runtime"
        " reads the system's certificate store.",
        (
            *TRUST_IN_SYSTEM,
            *script(
                "export REQUESTS_CA_BUNDLE=/etc/ssl/certs/ca-certificates.crt",
                text="To have Python read the same store (on Fedora /etc/pki/tls/certs/ca-bundle.crt),",
            ),
        ),
        Whose.MACHINE,
        _VERIFY,
    ),
    Trouble.CA_BUNDLE: Advice(
        SignInRefusedError,
        "The file of certificates that REQUESTS_CA_BUNDLE or CURL_CA_BUNDLE names cannot be read.",
        person("Set the variable to a file of certificates (PEM), or unset it."),
        Whose.YOURS,
        "https://requests.readthedocs.io/en/latest/user/advanced/#ssl-cert-verification",
    ),
    Trouble.CLAIMS: replace(TAGS[591975578], quotes=False),
    Trouble.REDIRECT_URI: AADSTS[50011],
    Trouble.NONSENSE: Advice(
        BrokerFailedError,
        "The broker's answer cannot be used: {text}.",
        AGAIN,
        Whose.MACHINE,
        SEEN,
    ),
}
