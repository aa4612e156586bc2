"""Many connections in one: how a machine is reached that dials out, and that nobody can dial.

The machine opens one verified connection to its hub; both sides carry through it. This file goes
to machines beside `agent.py` where the target says so, and the hub's side uses it as well, so that
both speak alike. Python 3.8, standard library only.
"""

from __future__ import annotations

import asyncio
import struct
import threading
import time
from typing import Any, Awaitable, Callable

PING_SECONDS, SILENT_SECONDS, LONGEST_WAIT = 10.0, 45.0, 30.0


class Stream:
    """One connection of many in a `Mux`."""

    def __init__(self, room: int) -> None:
        self.room, self.due, self.sent, self.got = room, 0, False, False
        self.more = asyncio.Event()
        self.data: asyncio.Queue[bytes | None] = asyncio.Queue()


class Mux:
    """Many connections in one: frames of a kind, a stream's number, a length, and bytes.

    No more than WINDOW bytes of a stream are on the way that its far side has not taken, so that
    one that is slow holds up itself only. Used by both sides: the hub's opens streams.
    """

    OPEN, DATA, END, RESET, TAKEN, PING = range(1, 7)
    HEAD = struct.Struct("!BII")
    WINDOW, CHUNK = 1 << 20, 1 << 16

    def __init__(
        self,
        receive: Callable[[int], Awaitable[bytes]],
        send: Callable[[bytes], Awaitable[Any]],
        dial: Callable[[], Awaitable[tuple[asyncio.StreamReader, asyncio.StreamWriter]]] | None,
    ) -> None:
        self._receive, self._send, self._dial = receive, send, dial
        self._streams: dict[int, Stream] = {}
        self._tasks: set[asyncio.Future[None]] = set()
        self._next, self._lock, self.heard = 0, asyncio.Lock(), time.monotonic()

    async def frame(self, kind: int, stream: int = 0, data: bytes = b"") -> None:
        async with self._lock:
            await self._send(self.HEAD.pack(kind, stream, len(data)) + data)

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Open a stream, and carry a connection through it until its near side ends."""
        self._next += 1
        number, stream = self._next, Stream(self.WINDOW)
        self._streams[number] = stream
        await self.frame(self.OPEN, number)
        self._task(self._drain(number, stream, writer))
        await self._pump(number, stream, reader)

    async def _accept(self, number: int, stream: Stream) -> None:
        assert self._dial
        try:
            reader, writer = await self._dial()
        except OSError:
            await self._reset(number)
            return
        self._task(self._drain(number, stream, writer))
        await self._pump(number, stream, reader)

    def _task(self, work: Any) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        # What one stream died of is not the end of the others.
        task.add_done_callback(lambda done: None if done.cancelled() else done.exception())

    async def _pump(self, number: int, stream: Stream, reader: asyncio.StreamReader) -> None:
        try:
            while self._streams.get(number) is stream:
                if stream.room <= 0:
                    stream.more.clear()
                    await stream.more.wait()
                    continue
                data = await reader.read(min(self.CHUNK, stream.room))
                stream.room -= len(data)
                if self._streams.get(number) is not stream:
                    return
                await self.frame(self.DATA if data else self.END, number, data)
                if not data:
                    stream.sent = True
                    self._ended(number, stream)
                    return
        except OSError:
            await self._reset(number)

    async def _drain(self, number: int, stream: Stream, writer: asyncio.StreamWriter) -> None:
        """Write what comes, and tell what was taken. None ends it, nothing ends one way."""
        try:
            while True:
                data = await stream.data.get()
                if data is None:
                    return
                if not data:
                    stream.got = True
                    if writer.can_write_eof():
                        writer.write_eof()
                    self._ended(number, stream)
                    continue
                writer.write(data)
                await writer.drain()
                stream.due -= len(data)
                if self._streams.get(number) is stream:
                    await self.frame(self.TAKEN, number, struct.pack("!I", len(data)))
        except OSError:
            await self._reset(number)
        finally:
            writer.close()

    def _ended(self, number: int, stream: Stream) -> None:
        if stream.sent and stream.got:
            self._drop(number)

    def _drop(self, number: int) -> None:
        stream = self._streams.pop(number, None)
        if stream:
            stream.more.set()
            stream.data.put_nowait(None)

    async def _reset(self, number: int) -> None:
        if number in self._streams:
            self._drop(number)
            await self.frame(self.RESET, number)

    async def stay(self, ended: Callable[[], bool]) -> None:
        """Run until the connection ends, its far side is silent for long, or it is to end."""
        running = asyncio.ensure_future(self.run())
        try:
            while not running.done() and not ended():
                if time.monotonic() - self.heard > SILENT_SECONDS:
                    raise OSError("the other side is silent")
                await asyncio.wait_for(self.frame(self.PING), SILENT_SECONDS)
                await asyncio.wait({running}, timeout=PING_SECONDS)
        finally:
            running.cancel()
            await asyncio.wait({running})
        if not running.cancelled() and running.exception() is not None:
            raise OSError(str(running.exception()))

    async def run(self) -> None:
        """Read frames until the connection ends or breaks the rules; then all streams end."""
        try:
            while True:
                kind, number, length = self.HEAD.unpack(await self._receive(self.HEAD.size))
                if length > self.CHUNK:
                    raise OSError(f"a frame of {length} bytes")
                data = await self._receive(length) if length else b""
                self.heard = time.monotonic()
                self._came(kind, number, data)
        finally:
            for number in list(self._streams):
                self._drop(number)
            for task in list(self._tasks):
                task.cancel()

    def _came(self, kind: int, number: int, data: bytes) -> None:
        stream = self._streams.get(number)
        if kind == self.OPEN and self._dial and stream is None:
            self._streams[number] = fresh = Stream(self.WINDOW)
            self._task(self._accept(number, fresh))
        elif kind in (self.DATA, self.END) and stream:
            stream.due += len(data)
            if stream.due > self.WINDOW:
                raise OSError("more data than was asked for")
            stream.data.put_nowait(data)
        elif kind == self.TAKEN and stream and len(data) == 4:
            stream.room += struct.unpack("!I", data)[0]
            stream.more.set()
        elif kind == self.RESET:
            self._drop(number)


class Tunnel(threading.Thread):
    """Carries the hub's connections to a server here, over one connection that this side opens."""

    def __init__(self, hub: Any, credential: str, port: int) -> None:
        super().__init__(daemon=True)
        self.hub, self.credential, self.port, self.ended = hub, credential, port, False

    def run(self) -> None:
        asyncio.new_event_loop().run_until_complete(self.stay())

    async def stay(self) -> None:
        wait = 0.5
        while not self.ended:
            begun = time.monotonic()
            try:
                await self.once()
            except (OSError, EOFError, ValueError, asyncio.TimeoutError) as error:
                cause = f"{type(error).__name__}: {error}"
                print("anywhere-agent: the tunnel was cut:", cause, flush=True)
            wait = 0.5 if time.monotonic() - begun > LONGEST_WAIT else min(wait * 2, LONGEST_WAIT)
            await asyncio.sleep(wait)

    async def once(self) -> None:
        hub = self.hub
        reader, writer = await asyncio.open_connection(hub.host, hub.port, ssl=hub.context)

        async def send(data: bytes) -> None:
            writer.write(data)
            await writer.drain()

        try:
            lines = (f"GET {hub.path}tunnel HTTP/1.1", f"Host: {hub.host}:{hub.port}",
                     "Connection: Upgrade", "Upgrade: anywhere-tunnel",
                     f"Authorization: anywhere {self.credential}", "", "")  # fmt: skip
            await send("\r\n".join(lines).encode())
            head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 30)
            if b" 101 " not in head.split(b"\r\n")[0]:
                raise ValueError(head.split(b"\r\n")[0].decode("ascii", "replace"))
            await Mux(reader.readexactly, send, self.dial).stay(lambda: self.ended)
        finally:
            writer.close()

    async def dial(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection("127.0.0.1", self.port)
