"""Providers at the small OpenStack, and certificates for it."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import ipaddress
import ssl
from typing import TYPE_CHECKING, Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from jupyterhub_anywhere.targets.machines.provider import Access, Machine, Wanted
from jupyterhub_anywhere.targets.machines.providers.libcloud import LibcloudProvider

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from jupyterhub_anywhere.testing.worlds.openstack_http import OpenStackWorld

MARKS = {"anywhere-hub": "h1", "anywhere-target": "cloud", "anywhere-user": "alice"}


class HandClock:
    """A clock that tests set."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def now(self) -> dt.datetime:
        return dt.datetime.now(dt.UTC)

    def elapsed(self) -> float:
        return self.seconds


def access(world: OpenStackWorld, **more: Any) -> Access:
    """The cloud of a world, by an application credential."""
    options = {"ex_force_auth_version": "3.x_appcred", **more.pop("options", {})}
    given: dict[str, Any] = {
        "title": "target cloud",
        "driver": "openstack",
        "user": "credential-1",
        "key": world.cloud.secret,
        "auth_url": f"{world.url}/identity",
        "options": options,
    }
    return Access(**{**given, **more})


@contextlib.asynccontextmanager
async def provider(world: OpenStackWorld, **more: Any) -> AsyncIterator[LibcloudProvider]:
    """One, closed at the end with its threads."""
    own = {
        name: more.pop(name) for name in ("clock", "threads", "patience", "pause") if name in more
    }
    pause = own.pop("pause", 0.01)
    made = LibcloudProvider(access(world, **more), pause=pause, **own)
    try:
        yield made
    finally:
        await made.close()
        # Its threads close their connections, which are this process's.
        if made._parts is not None:
            made._parts[0]._workers.shutdown(wait=True)


def wanted(name: str = "alice-h1", lease: str = "l1", **more: Any) -> Wanted:
    """A machine."""
    marks = {**MARKS, "anywhere-lease": lease}
    return Wanted(**{"name": name, "image": "debian", "size": "small", "marks": marks, **more})


async def until(condition: Callable[[], object]) -> None:
    """Wait for a condition."""
    for _ in range(3000):
        if condition():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it never comes true")


async def gone(made: LibcloudProvider, machine: Machine) -> int:
    """Remove a machine; how often it was asked for."""
    for count in range(1, 20):
        if await made.destroy(machine.id):
            return count
    raise AssertionError("it does not go")


def server_tls(folder: Path, name: str) -> tuple[ssl.SSLContext, Path]:
    """What a server on 127.0.0.1 encrypts with, and the file that verifies it."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]),
            critical=False,
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    public, private = folder / f"{name}.pem", folder / f"{name}.key"
    public.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(public, private)
    return context, public
