"""Whether the single-user server in this container answers: exit code 0 or 1. Standard library."""

from __future__ import annotations

import os
import ssl
import sys
import urllib.request
from urllib.parse import urlsplit


def address() -> str:
    """The server's API: the hub says where it listens, else jupyterhub-singleuser's default."""
    url = urlsplit(os.environ.get("JUPYTERHUB_SERVICE_URL") or "http://127.0.0.1:8888/")
    host = url.hostname or ""
    if host in {"", "0.0.0.0", "::"}:  # noqa: S104  (recognised, not bound)
        host = "127.0.0.1"
    prefix = os.environ.get("JUPYTERHUB_SERVICE_PREFIX") or url.path or "/"
    return f"{url.scheme}://{host}:{url.port or 8888}{prefix.rstrip('/')}/api"


def context() -> ssl.SSLContext | None:
    """The hub's internal TLS, where it is on. The name differs: we ask by the loopback address."""
    key, cert, ca = (
        os.environ.get(f"JUPYTERHUB_SSL_{name}") for name in ("KEYFILE", "CERTFILE", "CLIENT_CA")
    )
    if not (key and cert and ca):
        return None
    made = ssl.create_default_context(cafile=ca)
    made.check_hostname = False
    made.load_cert_chain(cert, key)
    return made


def main() -> int:
    """Ask once; /api answers without a login."""
    # No proxy stands between a container and itself.
    opener = urllib.request.build_opener(
        urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context())
    )
    try:
        with opener.open(address(), timeout=4) as answer:
            return 0 if answer.status == 200 else 1  # noqa: PLR2004  (HTTP's OK)
    except OSError as error:
        sys.stderr.write(f"{address()}: {error}\n")
        return 1


if __name__ == "__main__":
    sys.exit(main())
