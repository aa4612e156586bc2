"""Certificates of servers on machines, where the hub runs with ``internal_ssl``.

The machine makes its own key, which never leaves it, and asks at redemption. The hub signs with the
authority that signs for all servers, and for nothing but the machine's real addresses: with one for
another's, the machine could stand in for that.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from typing import TYPE_CHECKING, Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from jupyterhub_anywhere.targets.machines.waiting import JobRefusedError

if TYPE_CHECKING:
    from collections.abc import Iterable

# What JupyterHub calls the authority of its servers, and how long it lets their certificates last.
AUTHORITY: Final = "notebooks-ca"
_DAYS: Final = 5 * 365


def signed(request: object, user: str, addresses: Iterable[str], store: str) -> str:
    """The certificate for a machine's key.

    Args:
        request: What the machine has sent as its request, PEM.
        user: Whose server it is.
        addresses: Where the hub reaches the server.
        store: The hub's ``internal_certs_location``.

    Returns:
        The certificate, PEM.

    Raises:
        JobRefusedError: The machine has sent no request that can be signed.
        CertNotFoundError, OSError: The hub has no authority, or it cannot be read.
    """
    found = _request(request)
    names: list[x509.GeneralName] = [x509.IPAddress(ip_address(each)) for each in addresses]
    if not names:
        raise JobRefusedError(
            "The cloud tells no address of the machine yet, so it gets no certificate."
        )
    from certipy import Certipy  # type: ignore[import-untyped]  # ships no types

    files = Certipy(store_dir=store).store.get_files(AUTHORITY)
    authority, key = files.cert.load(), files.key.load()
    now = datetime.now(UTC)
    usage = x509.ExtendedKeyUsage(
        [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
    )
    identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.public_key())
    # As JupyterHub names those that it makes itself; what the machine has asked for does not count.
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"user-{user}"[:64])])
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(authority.subject)
        .public_key(found.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + timedelta(days=_DAYS))
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(identifier, critical=False)
        .sign(key, hashes.SHA256())
    )
    return made.public_bytes(serialization.Encoding.PEM).decode("ascii")


def _request(text: object) -> x509.CertificateSigningRequest:
    if not isinstance(text, str) or not text:
        raise JobRefusedError(
            "The hub runs with internal_ssl, and the machine has made no key: its image needs the"
            " program openssl."
        )
    try:
        found = x509.load_pem_x509_csr(text.encode())
        valid = found.is_signature_valid
    except (ValueError, TypeError, InvalidSignature) as error:
        raise JobRefusedError("The machine's request for a certificate cannot be read.") from error
    if not valid:
        raise JobRefusedError("The machine's request for a certificate is not of its own key.")
    return found
