"""Certificates for keys that machines make: signed for what the hub knows, and for nothing else."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from certipy import Certipy  # type: ignore[import-untyped]
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from jupyterhub_anywhere.targets.machines.certificates import (
    AUTHORITY,
    CertificateError,
    signed,
)

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """JupyterHub's own authority, as it makes it."""
    Certipy(store_dir=str(tmp_path)).create_ca(AUTHORITY)
    return tmp_path


def request(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> str:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "root-of-everything")])
    builder = x509.CertificateSigningRequestBuilder().subject_name(name)
    wish = x509.SubjectAlternativeName([x509.DNSName("hub.example.org")])
    builder = builder.add_extension(wish, critical=False)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=9), critical=True)
    return builder.sign(key, SHA256()).public_bytes(Encoding.PEM).decode()


def test_it_is_for_the_key_of_the_machine_and_the_names_that_the_hub_knows(folder: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    text = signed(request(key), "ann", ["10.0.0.7", "", "localhost", "10.0.0.7"], folder)
    made = x509.load_pem_x509_certificate(text.encode())
    authority = x509.load_pem_x509_certificate(
        (folder / AUTHORITY / f"{AUTHORITY}.crt").read_bytes()
    )
    made.verify_directly_issued_by(authority)
    assert made.public_key() == key.public_key()
    assert made.subject.rfc4514_string() == "CN=ann"
    names = made.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert [str(each.value) for each in names] == ["10.0.0.7", "localhost"]
    # What it asked for beyond its key is not given.
    assert not made.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    assert made.not_valid_before_utc < datetime.now(UTC) < made.not_valid_after_utc


@pytest.mark.parametrize("text", [None, "", 7, "x", "-----BEGIN CERTIFICATE REQUEST-----", "é"])
def test_what_is_no_request_is_refused(folder: Path, text: object) -> None:
    with pytest.raises(CertificateError, match="certificate request"):
        signed(text, "ann", [], folder)


def test_a_short_key_is_refused(folder: Path) -> None:
    key = rsa.generate_private_key(65537, 1024)
    with pytest.raises(CertificateError, match="too short"):
        signed(request(key), "ann", [], folder)


def test_a_request_that_somebody_changed_is_refused(folder: Path) -> None:
    lines = request(ec.generate_private_key(ec.SECP256R1())).splitlines()
    last = lines[-2]
    lines[-2] = last[:-8] + ("A" if last[-8] != "A" else "B") + last[-7:]
    with pytest.raises(CertificateError, match="certificate request"):
        signed("\n".join(lines), "ann", [], folder)


def test_without_an_authority_it_is_told(tmp_path: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    with pytest.raises(CertificateError, match="internal_ssl on"):
        signed(request(key), "ann", [], tmp_path)
