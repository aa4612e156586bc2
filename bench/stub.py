"""A spawner whose server costs next to nothing, so that the hub's own time can be seen.

One stub server serves all: a start only takes the next port of a process that already runs. Each
call leaves a line with the time (seconds since the epoch) in the file named by the trait `record`.
"""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path
from typing import Any

from jupyterhub.spawner import Spawner
from traitlets import Bool, Unicode

_SERVERS: dict[int, asyncio.Server] = {}

_ANSWER = (
    b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-JupyterHub-Version: 6.1.1\r\nConnection: close"
)


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.write(_ANSWER + b"\r\n\r\nok")
    await writer.drain()
    writer.close()


class StubSpawner(Spawner):
    """Listens on a port of its own inside the hub."""

    record = Unicode().tag(config=True)
    running = Bool(default_value=False)

    def note(self, what: str) -> None:
        """Write down when something happened."""
        line = json.dumps({"what": what, "user": self.user.name, "time": time.time()})
        with Path(self.record).open("a", encoding="utf-8") as stream:
            stream.write(line + "\n")

    async def start(self) -> tuple[str, int]:
        """Listen; the server is ready when this returns."""
        self.note("start")
        self.get_env()
        server = await asyncio.start_server(_answer, "127.0.0.1", 0)
        port: int = server.sockets[0].getsockname()[1]
        _SERVERS[port] = server
        self.running, self.port = True, port
        self.note("ready")
        return "127.0.0.1", port

    async def poll(self) -> int | None:
        """Whether it listens."""
        return None if self.running else 0

    async def stop(self, now: bool = False) -> None:  # noqa: ARG002, FBT001, FBT002 - the hub asks so
        """Listen no more."""
        self.running = False
        server = _SERVERS.pop(self.port, None)
        if server is not None:
            server.close()

    def get_state(self) -> dict[str, Any]:
        """Nothing that survives the hub."""
        return {}
