"""The hub's end of the control socket, see `control`."""

from __future__ import annotations

import asyncio
import json
import os
import socket
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from jupyterhub_anywhere.hub.control import LONGEST_LINE, short_path
from jupyterhub_anywhere.hub.gently import dumps

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from logging import Logger
    from pathlib import Path

    Answer = Callable[[dict[str, Any]], Awaitable[dict[str, Any]]]


class Controller:
    """Answers requests, one line of JSON each.

    Args:
        path: Of the socket; one that a dead hub left is replaced, which the lock allows.
        answer: Takes a request and returns the answer; whatever it raises is told as its kind.
        log: Where failures are written.
    """

    def __init__(self, path: Path, answer: Answer, log: Logger) -> None:
        self._path = path
        self._answer = answer
        self._log = log
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Open the socket, mode 0600."""
        self._path.unlink(missing_ok=True)
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        with short_path(self._path) as name:
            listener.bind(name)
        # In a folder that is 0700, so nobody came in before this line.
        os.chmod(self._path, 0o600)  # noqa: PTH101 - a socket is no file to open
        self._server = await asyncio.start_unix_server(
            self._serve, sock=listener, limit=LONGEST_LINE
        )

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.CancelledError):
            try:
                answer = await self._one(await reader.readline())
                writer.write((await dumps(answer)).encode() + b"\n")
                await writer.drain()
            finally:
                writer.close()

    async def _one(self, line: bytes) -> dict[str, Any]:
        try:
            request = json.loads(line)
            if not isinstance(request, dict):
                raise ValueError("a request is an object")  # noqa: TRY301 - one way to say no
        except ValueError as error:
            return {"ok": False, "error": f"no request: {error}"}
        try:
            return await self._answer(request)
        except Exception as error:  # noqa: BLE001 - whatever a request does, the hub goes on
            self._log.exception("The request %r failed", request.get("command"))
            return {"ok": False, "error": f"{type(error).__name__}: see the hub's log."}

    async def stop(self) -> None:
        """Close the socket and remove it."""
        if self._server is not None:
            self._server.close()
        self._path.unlink(missing_ok=True)
