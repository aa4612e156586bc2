"""An HTTP server on a unix socket that hands requests to an engine."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Protocol

from tornado import web
from tornado.iostream import StreamClosedError

from jupyterhub_anywhere.testing.worlds.docker_api import Answer, Asked, Route, find
from jupyterhub_anywhere.testing.worlds.docker_objects import API_VERSION, EngineError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from tornado.http1connection import HTTP1Connection

_STREAM_PAUSE = 0.02
"""Seconds between the head of a hijacked connection and its stream."""


class Daemon(Protocol):
    """What the server talks to."""

    @property
    def routes(self) -> Sequence[Route]:
        """The operations that it knows."""

    async def answer(self, route: Route, asked: Asked) -> Answer:
        """Write the request down and do what it asks."""


class ApiHandler(web.RequestHandler):
    """Every request of the Engine API."""

    def initialize(self, daemon: Daemon) -> None:
        """Take the daemon from the application."""
        self.daemon = daemon

    def set_default_headers(self) -> None:
        """The version, from which some clients take what they may ask."""
        self.set_header("Api-Version", API_VERSION)
        self.set_header("Content-Type", "application/json")

    async def _serve(self, path: str) -> None:
        try:
            route, reference = find(self.daemon.routes, str(self.request.method), path)
            answer = await self.daemon.answer(route, self._asked(reference))
        except EngineError as error:
            self.set_status(error.status)
            self.finish(json.dumps({"message": error.message}))
            return
        if answer.stream is not None:
            await self._stream(answer.stream)
        elif answer.hijacked is not None:
            await self._hijack(answer.hijacked)
        else:
            self._say(answer)

    get = post = put = delete = head = _serve

    def _asked(self, reference: str) -> Asked:
        query = {name: values[-1].decode() for name, values in self.request.arguments.items()}
        raw = self.request.body
        kind = self.request.headers.get("Content-Type", "")
        body = json.loads(raw) if raw and kind.startswith("application/json") else {}
        return Asked(reference, query, body, raw)

    def _say(self, answer: Answer) -> None:
        self.set_status(answer.status)
        if isinstance(answer.body, bytes):
            self.set_header("Content-Type", "application/octet-stream")
            self.finish(answer.body)
        elif answer.body is None:
            self.finish()
        else:
            self.finish(json.dumps(answer.body))

    async def _stream(self, chunks: AsyncIterator[bytes]) -> None:
        try:
            await self.flush()
            async for chunk in chunks:
                self.write(chunk)
                await self.flush()
            self.finish()
        except StreamClosedError:
            return

    async def _hijack(self, chunks: AsyncIterator[bytes]) -> None:
        """Give the connection away, as ``docker exec`` does.

        docker-py reads the stream past the buffer that its HTTP client reads the head with: output
        in one packet with the head would be lost. The real engine is never that fast.
        """
        connection: HTTP1Connection = self.request.connection  # type: ignore[assignment] # narrower
        stream = connection.detach()
        head = (
            b"HTTP/1.1 101 UPGRADED\r\nContent-Type: application/vnd.docker.raw-stream\r\n"
            b"Connection: Upgrade\r\nUpgrade: tcp\r\n\r\n"
        )
        self._finished = True
        try:
            await stream.write(head)
            await asyncio.sleep(_STREAM_PAUSE)
            async for chunk in chunks:
                await stream.write(chunk)
        except StreamClosedError:
            return
        finally:
            stream.close()


def application(daemon: Daemon) -> web.Application:
    """The API of one daemon."""
    return web.Application(
        [(r"(/.*)", ApiHandler, {"daemon": daemon})], log_function=lambda _: None
    )
