"""A user's program that runs in this process: it answers as a single-user server does."""

from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING

from tornado.httpserver import HTTPServer

from jupyterhub_anywhere.testing.stub import application

if TYPE_CHECKING:
    import ssl


class Program:
    """Listens from its construction on, until it is ended.

    Args:
        address: Of a loopback interface.
        port: 0 for any that is free.
        tls: What it encrypts with; None for plain HTTP.

    Raises:
        OSError: The port is taken.
    """

    def __init__(self, address: str, port: int = 0, tls: ssl.SSLContext | None = None) -> None:
        bound = socket.create_server((address, port))
        bound.setblocking(False)  # noqa: FBT003 - the only argument
        self.port: int = bound.getsockname()[1]
        self._server = HTTPServer(application(), ssl_options=tls)
        self._server.add_socket(bound)
        self._closing: asyncio.Task[None] | None = None

    def end(self) -> None:
        """Close the port now, and connections soon."""
        if self._closing is None:
            self._server.stop()
            self._closing = asyncio.create_task(self._server.close_all_connections())

    async def ended(self) -> None:
        """Wait until connections are closed, too."""
        self.end()
        if self._closing is not None:
            await self._closing
