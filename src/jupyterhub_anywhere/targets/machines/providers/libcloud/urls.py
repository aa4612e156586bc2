"""The identity service's address, in all forms that people write, brought into the one in use.

Pure. libcloud adds ``/v3/auth/tokens`` itself to whatever it gets, so that an address that already
ends like this would be asked for twice (``…/v3/auth/tokens/v3/auth/tokens``).
"""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import urlsplit

# What follows the service's own path: versions, and the call that gives tokens; also doubled.
_TAIL: Final = re.compile(r"(?:/+(?:v2\.0(?:/+tokens)?|v3(?:\.\d+)?|auth/+tokens))+/*$")
_SCHEME: Final = re.compile(r"^[A-Za-z][A-Za-z0-9+.-]*://")
_HOST: Final = re.compile(r"^[A-Za-z0-9_](?:[A-Za-z0-9._-]*[A-Za-z0-9_.])?$|^[0-9A-Fa-f:.]+$")


def identity_url(written: str) -> str:
    """The identity service's own address: scheme, host, port and path, without a version.

    Args:
        written: As ``cloud.example.org``, ``cloud.example.org:5000``,
            ``https://cloud.example.org/identity``, ``…/keystone/v3``, ``…/v3/auth/tokens``.
            Without a scheme it is https.

    Raises:
        ValueError: It is no address; the text says why and never has a password in it.
    """
    text = written.strip()
    if not _SCHEME.match(text):
        text = f"https://{text}"
    parts = urlsplit(text)
    scheme = parts.scheme.lower()
    if scheme not in {"http", "https"}:
        raise ValueError(f"the identity service is asked by https or http, not by {scheme}")
    if "@" in parts.netloc:
        raise ValueError("the address of the identity service has no user and no password in it")
    host = (parts.hostname or "").rstrip(".")
    try:
        port = parts.port
    except ValueError:
        raise ValueError("the port of the identity service is a number up to 65535") from None
    if not _HOST.match(host):
        raise ValueError("the address of the identity service has no host")
    place = f"[{host}]" if ":" in host else host
    # The ports that go without saying are left out, so that one service has one address.
    if port is not None and port != {"http": 80, "https": 443}[scheme]:
        place += f":{port}"
    path = re.sub(r"/{2,}", "/", _TAIL.sub("", parts.path)).rstrip("/")
    return f"{scheme}://{place}{path}"


def service_url(written: str) -> str:
    """An endpoint of the catalogue for images, networks or the like, without a version.

    libcloud's paths begin with one (``/v2/images``), and some catalogues' addresses end with one.
    """
    return re.sub(r"/+v\d+(?:\.\d+)?/*$", "", written).rstrip("/")
