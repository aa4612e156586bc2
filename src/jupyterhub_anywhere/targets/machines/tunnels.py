"""The hub's end of tunnels: a port of this machine for each server that dials out.

JupyterHub's proxy and the hub itself connect to ``127.0.0.1:PORT``; what they say travels through
the one connection that the server's machine has opened. While that is cut, who connects waits for
a moment, then is turned away; the machine dials again, and the server knows nothing of it.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Protocol

from jupyterhub_anywhere.agent.tunnel import Mux

if TYPE_CHECKING:
    from collections.abc import Awaitable

log = logging.getLogger(__name__)

_HOST: Final = "127.0.0.1"
# Seconds that a connection waits for a machine that has just been cut off.
PATIENCE: Final = 15.0


class Carrier(Protocol):
    """The connection that a machine has opened; tornado's `IOStream` is one."""

    def read_bytes(self, num_bytes: int) -> Awaitable[bytes]:
        """As many bytes as said; OSError where it ends before."""

    def write(self, data: bytes) -> Awaitable[None]:
        """Write; done when it may be written on."""

    def close(self) -> None:
        """End it."""

    def closed(self) -> bool:
        """Whether it has ended."""


@dataclass(slots=True)
class _End:
    """The near end of one server's tunnel."""

    listener: asyncio.Server
    port: int
    mux: Mux | None = None
    there: asyncio.Event = field(default_factory=asyncio.Event)
    carriers: list[Carrier] = field(default_factory=list)
    tasks: set[asyncio.Task[None]] = field(default_factory=set)


class Tunnels:
    """All tunnels of a hub, by the key of their server."""

    def __init__(self) -> None:
        self._ends: dict[str, _End] = {}

    async def listen(self, key: str, port: int = 0) -> int:
        """Listen for a server; one that is listened for already stays as it is.

        Args:
            key: The server's key.
            port: The port that it had before, so that its address stays; 0 for any.

        Returns:
            The port. Another one than asked for where somebody has that meanwhile.

        Raises:
            OSError: No port can be had.
        """
        if key in self._ends:
            return self._ends[key].port

        async def came(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await self._came(key, reader, writer)

        try:
            listener = await asyncio.start_server(came, _HOST, port)
        except OSError:
            if not port:
                raise
            listener = await asyncio.start_server(came, _HOST, 0)
        if key in self._ends:
            # Somebody else has begun to listen for it meanwhile.
            listener.close()
            return self._ends[key].port
        found = int(listener.sockets[0].getsockname()[1])
        self._ends[key] = _End(listener, found)
        return found

    def connected(self, key: str) -> bool:
        """Whether the machine of a server is there now."""
        end = self._ends.get(key)
        return end is not None and end.mux is not None

    async def close(self, key: str) -> None:
        """Listen no more, and cut what is carried; a key that is not there is no error."""
        end = self._ends.pop(key, None)
        if end is None:
            return
        end.listener.close()
        for carrier in end.carriers:
            carrier.close()
        for task in end.tasks:
            task.cancel()
        if end.tasks:
            await asyncio.wait(end.tasks)

    async def serve(self, key: str, carrier: Carrier) -> None:
        """Carry connections over what a machine has opened, until that ends.

        The last one that a machine opens counts: it knows better than the hub when one is dead.
        """
        end = self._ends.get(key)
        if end is None:
            carrier.close()
            return
        for old in end.carriers:
            old.close()
        end.carriers = [carrier]
        mux = Mux(carrier.read_bytes, carrier.write, None)
        end.mux = mux
        end.there.set()
        try:
            await mux.stay(carrier.closed)
        except OSError as error:
            log.info("The tunnel of %s was cut: %s", key, error)
        finally:
            carrier.close()
            if end.mux is mux:
                end.mux = None
                end.there.clear()

    async def _came(
        self, key: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        end, task = self._ends.get(key), asyncio.current_task()
        if end is None or task is None:
            writer.close()
            return
        end.tasks.add(task)
        try:
            async with asyncio.timeout(PATIENCE):
                await end.there.wait()
            if end.mux is not None:
                with contextlib.suppress(OSError):
                    await end.mux.carry(reader, writer)
                return
        except TimeoutError:
            log.warning("Nobody carries what goes to %s: its machine does not dial", key)
        finally:
            end.tasks.discard(task)
        writer.close()


hub: Final = Tunnels()
"""Those of this process."""
