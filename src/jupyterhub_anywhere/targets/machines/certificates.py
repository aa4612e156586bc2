"""Certificates for servers with `internal_ssl`: the machine has made the key, and the hub signs.

What a request asks for is not looked at: it is for a public key, and proves that its sender has the
private one. Whose the server is and where it is reached is what the hub knows.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from typing import TYPE_CHECKING, Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from jupyterhub_anywhere.core.errors import AnywhereError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

# The name of JupyterHub's own authority for servers, in `internal_certs_location`.
AUTHORITY: Final = "notebooks-ca"
_DAYS: Final = 366
_EARLY: Final = timedelta(hours=1)
_BITS: Final = 256
_RSA_BITS: Final = 2048
_LONGEST_NAME: Final = 64


class CertificateError(AnywhereError):
    """A request that is not signed, in words for the server's user."""


def signed(request: object, user: str, names: Iterable[str], folder: Path) -> str:
    """The certificate for a machine's key.

    Args:
        request: What the machine has sent, PEM.
        user: Whose the server is.
        names: Where it is reached: addresses and host names. What is empty is left out.
        folder: JupyterHub's `internal_certs_location`.

    Returns:
        The certificate, PEM.

    Raises:
        CertificateError: The request is none, or the hub's authority cannot be read.
    """
    asked = _request(request)
    try:
        issuer = (folder / AUTHORITY / f"{AUTHORITY}.crt").read_bytes()
        authority = x509.load_pem_x509_certificate(issuer)
        key = load_pem_private_key((folder / AUTHORITY / f"{AUTHORITY}.key").read_bytes(), None)
    except (OSError, ValueError, TypeError) as error:
        raise CertificateError(
            f"The hub's authority {AUTHORITY} in {folder} cannot be read: {error}.",
            hint="Is JupyterHub.internal_ssl on, and internal_certs_location right?",
        ) from error
    now = datetime.now(UTC)
    common = x509.NameAttribute(NameOID.COMMON_NAME, (user or "service")[:_LONGEST_NAME])
    uses = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
    made = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([common]))
        .issuer_name(authority.subject)
        .public_key(asked.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _EARLY)
        .not_valid_after(now + timedelta(days=_DAYS))
        .add_extension(x509.SubjectAlternativeName(_names(names)), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage(uses), critical=False)
        # Python from 3.13 on takes no certificate without it.
        .add_extension(_issuer_key(authority), critical=False)
        .sign(key, SHA256())  # type: ignore[arg-type]
    )
    return made.public_bytes(Encoding.PEM).decode("ascii")


def _issuer_key(authority: x509.Certificate) -> x509.AuthorityKeyIdentifier:
    return x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.public_key())  # type: ignore[arg-type]


def _request(text: object) -> x509.CertificateSigningRequest:
    if not isinstance(text, str) or not text:
        raise CertificateError(
            "The machine has sent no certificate request, and this hub encrypts all inside.",
            hint="The image needs the program openssl.",
        )
    try:
        asked = x509.load_pem_x509_csr(text.encode("ascii"))
        key = asked.public_key()
        right = asked.is_signature_valid
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm) as error:
        raise CertificateError(
            "The machine's certificate request cannot be read.", hint="Start the server again."
        ) from error
    strong = (isinstance(key, ec.EllipticCurvePublicKey) and key.curve.key_size >= _BITS) or (
        isinstance(key, rsa.RSAPublicKey) and key.key_size >= _RSA_BITS
    )
    if not right or not strong:
        raise CertificateError(
            "The machine's certificate request is not signed by its key, or that key is too short.",
            hint=f"Keys have {_BITS} bits (elliptic curves) or {_RSA_BITS} (RSA) at least.",
        )
    return asked


def _names(names: Iterable[str]) -> list[x509.GeneralName]:
    found: list[x509.GeneralName] = []
    for each in dict.fromkeys(filter(None, names)):
        try:
            found.append(x509.IPAddress(ip_address(each)))
        except ValueError:
            found.append(x509.DNSName(each))
    return found
