"""Runs the programs of containers: a stub server in this process at the ports of each."""

from __future__ import annotations

import asyncio
import random
import socket
from typing import TYPE_CHECKING, Any

from tornado.httpserver import HTTPServer

from jupyterhub_anywhere.testing import stub
from jupyterhub_anywhere.testing.worlds.docker_objects import EngineError
from jupyterhub_anywhere.testing.worlds.tls import server_context

if TYPE_CHECKING:
    import ssl
    from collections.abc import Mapping
    from pathlib import Path

    from jupyterhub_anywhere.testing.worlds.docker_objects import Container

_ATTEMPTS = 50


class Ports:
    """Opens and closes the ports of containers. Lives in one event loop.

    Args:
        folder: Where certificates are written for the time in which they are read.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._servers: dict[str, HTTPServer] = {}
        self._closing: set[asyncio.Task[None]] = set()

    def run(self, container: Container, files: Mapping[str, bytes]) -> None:
        """Listen at the container's addresses and published ports.

        Raises:
            EngineError: A port of the host is taken, or the program finds no certificate.
        """
        server = HTTPServer(stub.application(), ssl_options=self._tls(container, files))
        self._servers[container.id] = server
        try:
            for network in set(container.networks) - {"host", "none"}:
                container.addresses[network] = self._inside(server, container.exposed)
            for key, bindings in (container.host.get("PortBindings") or {}).items():
                for binding in bindings or [{}]:
                    container.published[key] = self._outside(server, container, binding or {})
        except EngineError:
            self.end(container)
            raise

    def end(self, container: Container) -> None:
        """Close all that the container listened at."""
        server = self._servers.pop(container.id, None)
        if server is not None:
            server.stop()
            task = asyncio.get_running_loop().create_task(server.close_all_connections())
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)

    async def closed(self) -> None:
        """Wait for connections that are being closed."""
        while self._closing:
            await asyncio.gather(*self._closing)

    @staticmethod
    def _inside(server: HTTPServer, ports: tuple[int, ...]) -> str:
        """Listen at the container's own address, one of loopback that nobody else has."""
        for _ in range(_ATTEMPTS):
            address = f"127.77.{random.randrange(1, 255)}.{random.randrange(2, 255)}"  # noqa: S311 - no secret
            bound: list[socket.socket] = []
            try:
                for port in ports:
                    bound.append(_bind(address, port))  # noqa: PERF401 - those before it are closed
            except OSError:
                for each in bound:
                    each.close()
                continue
            server.add_sockets(bound)
            return address
        raise EngineError(500, "no free address in the network")

    @staticmethod
    def _outside(
        server: HTTPServer, container: Container, binding: Mapping[str, Any]
    ) -> tuple[str, int]:
        """Listen at a published port, on loopback whatever was asked for."""
        asked = binding.get("HostIp") or "0.0.0.0"  # noqa: S104 - what the engine would report
        address = asked if asked.startswith("127.") else "127.0.0.1"
        try:
            bound = _bind(address, int(binding.get("HostPort") or 0))
        except OSError as error:
            raise EngineError(
                500,
                "driver failed programming external connectivity on endpoint"
                f" {container.name}: Bind for {asked}:{binding.get('HostPort')} failed: port is"
                " already allocated",
            ) from error
        server.add_sockets([bound])
        return asked, int(bound.getsockname()[1])

    def _tls(self, container: Container, files: Mapping[str, bytes]) -> ssl.SSLContext | None:
        """Encrypt as a server with internal_ssl does: from the files in its volumes alone."""
        return server_context(
            container.environment,
            files,
            self._folder / container.id,
            lambda variable, path: EngineError(
                500, f"{variable}: no such file in the container: {path}"
            ),
        )


def _bind(address: str, port: int) -> socket.socket:
    bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        bound.setblocking(False)  # noqa: FBT003 - the only argument
        bound.bind((address, port))
        bound.listen(16)
    except OSError:
        bound.close()
        raise
    return bound
