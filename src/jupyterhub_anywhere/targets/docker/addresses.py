"""Where servers listen, and which addresses nobody else reaches."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit


def is_loopback(url: str) -> bool:
    """Whether a URL leads to this machine alone."""
    host = urlsplit(url).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def host_and_port(address: Any) -> tuple[str, int]:
    """Where a server listens, from what ``Spawner.start`` returns; no host where it is not told."""
    if isinstance(address, str):
        parts = urlsplit(address)
        return parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
    if isinstance(address, tuple | list) and len(address) == 2:  # noqa: PLR2004 - a pair
        return str(address[0]), int(address[1])
    return "", 0
