"""Encryption of servers with internal_ssl, from nothing but the files that they were given."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

KEY: Final = "JUPYTERHUB_SSL_KEYFILE"
_CERTIFICATES: Final = {
    "certificate": "JUPYTERHUB_SSL_CERTFILE",
    "key": KEY,
    "authority": "JUPYTERHUB_SSL_CLIENT_CA",
}


def server_context(
    environment: Mapping[str, str],
    files: Mapping[str, bytes],
    stem: Path,
    missing: Callable[[str, str], Exception],
) -> ssl.SSLContext | None:
    """What a server encrypts with, and asks the hub's certificate by; None without internal_ssl.

    Args:
        environment: The server's.
        files: Path, as the server sees it, to content.
        stem: What the paths of the files begin with that Python reads; they are removed again.
        missing: Makes the error for a variable whose path is no file there.

    Raises:
        Exception: What `missing` makes.
    """
    if not environment.get(KEY):
        return None
    written: dict[str, Path] = {}
    try:
        for word, variable in _CERTIFICATES.items():
            path = environment.get(variable, "")
            if path not in files:
                raise missing(variable, path)
            written[word] = stem.with_name(f"{stem.name}.{word}")
            written[word].touch(0o600)
            written[word].write_bytes(files[path])
        context = ssl.create_default_context(
            ssl.Purpose.CLIENT_AUTH, cafile=str(written["authority"])
        )
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_cert_chain(written["certificate"], written["key"])
    finally:
        for each in written.values():
            each.unlink()
    return context
