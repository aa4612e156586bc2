"""Certificates for machines that have made a key of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from certipy.certipy import Certipy  # type: ignore[import-untyped]  # ships no types
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from jupyterhub_anywhere.targets.machines.certificates import AUTHORITY, CertificateError, signed

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("certs")
    Certipy(store_dir=str(folder)).create_ca(AUTHORITY)
    return folder


def request(name: str = "hub", asked: str = "10.0.0.1") -> tuple[str, ec.EllipticCurvePrivateKey]:
    import ipaddress

    key = ec.generate_private_key(ec.SECP256R1())
    wanted = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(asked))])
    made = (
        x509.CertificateSigningRequestBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .add_extension(wanted, critical=False)
        .sign(key, hashes.SHA256())
    )
    return made.public_bytes(serialization.Encoding.PEM).decode(), key


def test_a_certificate_is_for_the_machines_own_key_and_addresses(store: Path) -> None:
    text, key = request()
    found = x509.load_pem_x509_certificate(
        signed(text, "ann", ["10.0.0.7", "fd00::7"], store).encode()
    )
    names = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    # Not what the machine has asked for.
    assert [str(each) for each in names.get_values_for_type(x509.IPAddress)] == [
        "10.0.0.7",
        "fd00::7",
    ]
    [subject] = found.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    assert subject.value == "ann"
    assert found.public_key() == key.public_key()
    authority = Certipy(store_dir=str(store)).store.get_files(AUTHORITY).cert.load()
    found.verify_directly_issued_by(authority)
    assert not found.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    # What Python asks for from 3.13 on.
    assert found.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, "sent no certificate request"),
        ("", "sent no certificate request"),
        (7, "sent no certificate request"),
        (
            "-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----",
            "cannot be read",
        ),
        ("garbage", "cannot be read"),
    ],
)
def test_no_request_is_no_certificate(store: Path, text: object, said: str) -> None:
    with pytest.raises(CertificateError, match=said):
        signed(text, "ann", ["10.0.0.7"], store)


def test_a_request_of_another_key_is_none(store: Path) -> None:
    first, second = request()[0], request()[0]
    lines, others = first.splitlines(), second.splitlines()
    # The last lines have the signature.
    mixed = "\n".join([*lines[:-3], *others[-3:]])
    with pytest.raises(CertificateError):
        signed(mixed, "ann", ["10.0.0.7"], store)


def test_a_hub_without_an_authority(tmp_path: Path) -> None:
    with pytest.raises(CertificateError, match="cannot be read"):
        signed(request()[0], "ann", ["10.0.0.7"], tmp_path)
