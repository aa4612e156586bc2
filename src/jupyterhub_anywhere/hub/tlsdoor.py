"""The hub's API at ``hub.internal_url`` with a certificate: for machines elsewhere.

JupyterHub itself speaks plain http to its servers, or TLS that both sides have a certificate for,
which a machine that only has a ticket has not. So the API is served once more, with
``hub.internal_tls``; the proxy, and servers of this machine, go on using loopback.
"""

from __future__ import annotations

import socket
import ssl
from contextlib import suppress
from ipaddress import ip_address
from typing import TYPE_CHECKING, Final, Self
from urllib.parse import urlsplit

from tornado.httpserver import HTTPServer

from jupyterhub_anywhere.core.errors import SurroundingsError
from jupyterhub_anywhere.hub.doorway import Doorway

if TYPE_CHECKING:
    from pathlib import Path

    from jupyterhub_anywhere.config.models import HubConfig
    from jupyterhub_anywhere.hub.doors import Front

_WAITING: Final = 128


class TlsDoor:
    """The one door of a hub that has a certificate.

    Args:
        server: What listens.
        url: Where, for people.
    """

    def __init__(self, server: HTTPServer, url: str) -> None:
        self._server = server
        self.url = url

    @classmethod
    def open(cls, hub: HubConfig, base: Path, front: Front) -> Self | None:
        """Begin to listen; None where the file asks for no such door.

        Args:
            hub: The ``hub`` section.
            base: The folder of the file.
            front: What answers.

        Raises:
            SurroundingsError: The address cannot be had. The certificate was read before.
        """
        if hub.internal_tls is None or hub.internal_url is None:
            return None
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        tls = hub.internal_tls
        context.load_cert_chain(base / tls.cert, base / tls.key, password="")
        where = urlsplit(hub.internal_url)
        port = where.port or 443
        try:
            listening = _listening(_host(where.hostname or ""), port)
        except OSError as error:
            raise SurroundingsError(
                f"hub.internal_url: {hub.internal_url} cannot be listened at:"
                f" {(error.strerror or str(error)).lower()}.",
                hint="Write an address of this machine, and a port that nobody uses.",
            ) from error
        server = HTTPServer(Doorway(front.application, front.api), ssl_options=context)
        server.add_sockets([listening])
        front.log.info("The hub's API listens at %s too", hub.internal_url)
        return cls(server, hub.internal_url)

    async def close(self) -> None:
        """Listen no more."""
        self._server.stop()
        await self._server.close_all_connections()


def _listening(host: str, port: int) -> socket.socket:
    # Not tornado's: it leaves the socket open where the address is taken.
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    made = socket.create_server((host, port), family=family, backlog=_WAITING)
    made.settimeout(0)
    return made


def _host(name: str) -> str:
    """The address to listen at: that of the URL, or all where it has a name."""
    with suppress(ValueError):
        return str(ip_address(name))
    return "localhost" if name == "localhost" else ""
