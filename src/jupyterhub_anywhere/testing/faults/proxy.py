"""A proxy before an engine's socket that breaks what it is told to break.

A program of its own, so that a hub that dies takes nothing of it along::

    python -m jupyterhub_anywhere.testing.faults.proxy UPSTREAM LISTEN CONTROL

Three sockets: the engine's, the one that the hub is told, and the one by which a test sets rules
and reads the log (`control.Control`). Each is a path; the first two may be ``HOST:PORT``. One
connection of a hub is one connection to the engine; connections that become streams, as those of
attach and exec, are passed through.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import sys
import time
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Final

from jupyterhub_anywhere.testing.faults import wire
from jupyterhub_anywhere.testing.faults.rules import Action, Rule, first

if TYPE_CHECKING:
    from collections.abc import Sequence

_PIECE: Final = 1 << 16


class CutError(Exception):
    """This connection ends here, on purpose."""


@dataclass(slots=True)
class Call:
    """One call, for the log.

    Attributes:
        number: From 1.
        method: Its method.
        path: Its path and query, with the API's version.
        began: Seconds of a clock that only goes forward.
        action: What was done to it; empty where it passed.
        status: What the engine, or the proxy in its place, answered; 0 where nobody has.
        forwarded: How often it reached the engine.
    """

    number: int
    method: str
    path: str
    began: float = field(default_factory=time.monotonic)
    action: str = ""
    status: int = 0
    forwarded: int = 0


@dataclass(slots=True)
class Held:
    """A call that waits until it is released."""

    call: Call
    when: str
    go: asyncio.Event = field(default_factory=asyncio.Event)


class Proxy:
    """The proxy and its control, at sockets.

    Args:
        upstream: The engine's socket: a path, or ``HOST:PORT``.
    """

    def __init__(self, upstream: str) -> None:
        self.rules: list[Rule] = []
        self.calls: list[Call] = []
        self.held: list[Held] = []
        self._upstream = upstream
        self._changed = asyncio.Condition()
        self._open: set[asyncio.StreamWriter] = set()
        self._numbers = 0

    # --- connections -----------------------------------------------------------------------------

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection of a client, to its end."""
        self._open.add(writer)
        link = _Link(self._upstream)
        try:
            while (head := await wire.read_head(reader)) is not None:
                if not await self._call(head, reader, writer, link):
                    break
        except (CutError, wire.WireError, OSError):
            # The client sees a connection that ends, as when an engine dies.
            pass
        finally:
            self._open.discard(writer)
            await link.close()
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    def drop(self) -> None:
        """Close all connections that are open now."""
        for writer in list(self._open):
            writer.transport.abort()

    async def _call(
        self,
        head: wire.Head,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        link: _Link,
    ) -> bool:
        """One request and its answer; False where the connection has ended with it."""
        method, path, _ = head.start
        self._numbers += 1
        call = Call(self._numbers, method, path)
        self.calls.append(call)
        rule = first(self.rules, method, path)
        if rule is None:
            await link.send(head, [each async for each in wire.request_body(head, reader)])
            call.forwarded = 1
            return await self._answer(call, head, reader, writer, link)
        call.action = str(rule.action)
        body = [each async for each in wire.request_body(head, reader)]
        made = await self._before(call, rule)
        if made is not None:
            writer.write(made)
            await writer.drain()
            return not head.closes
        await link.send(head, body)
        call.forwarded = 1
        if rule.action is Action.REPEAT:
            # Once more, as a client that took the first for lost; nobody reads the first answer.
            await link.read(method)
            await link.send(head, body)
            call.forwarded = 2
            return await self._answer(call, head, reader, writer, link)
        if rule.action in {Action.DELAY, Action.HOLD}:
            return await self._answer(call, head, reader, writer, link)
        await self._after(call, rule, writer, link)
        return not head.closes

    async def _before(self, call: Call, rule: Rule) -> bytes | None:
        """What is done before a call is forwarded; an answer where it is not."""
        match rule.action:
            case Action.CUT:
                raise CutError
            case Action.DELAY:
                await asyncio.sleep(rule.seconds)
            case Action.HOLD:
                await self._hold(call, "before")
            case Action.STATUS:
                call.status = rule.status
                return wire.answer(rule.status, json.dumps({"message": rule.message}).encode())
            case Action.EMPTY:
                call.status = 200
                return wire.answer(200, b"[]")
        return None

    async def _after(
        self, call: Call, rule: Rule, writer: asyncio.StreamWriter, link: _Link
    ) -> None:
        """What is done to the answer of a call that was forwarded."""
        head, body = await link.read(call.method)
        call.status = head.status
        match rule.action:
            case Action.CUT_AFTER:
                raise CutError
            case Action.LOSE:
                await asyncio.sleep(rule.seconds)
                raise CutError
            case Action.LATE:
                await asyncio.sleep(rule.seconds)
            case Action.HOLD_AFTER:
                await self._hold(call, "after")
        whole = wire.answer(head.status, body, head.start[2] or "Made")
        match rule.action:
            case Action.CUT_WITHIN:
                writer.write(whole[: len(whole) - max(1, len(body) // 2)])
                await writer.drain()
                raise CutError
            case Action.TRUNCATE:
                whole = wire.answer(head.status, body[: len(body) // 2])
            case Action.TWICE:
                whole += whole
        writer.write(whole)
        await writer.drain()

    async def _answer(
        self,
        call: Call,
        head: wire.Head,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        link: _Link,
    ) -> bool:
        """Pass an answer on as it comes; False where the connection has ended with it."""
        answer = await link.head()
        call.status = answer.status
        writer.write(answer.raw)
        await writer.drain()
        if answer.hijacks() or (head.upgrades and answer.status < 400):  # noqa: PLR2004
            await _tunnel(reader, writer, link)
            return False
        async for piece in wire.answer_body(answer, call.method, link.reader):
            writer.write(piece)
            await writer.drain()
        bare = answer.length is None and not answer.chunked and call.method != "HEAD"
        return not (head.closes or answer.closes or (bare and answer.status not in {204, 304}))

    # --- calls that wait -------------------------------------------------------------------------

    async def _hold(self, call: Call, when: str) -> None:
        held = Held(call, when)
        async with self._changed:
            self.held.append(held)
            self._changed.notify_all()
        try:
            await held.go.wait()
        finally:
            if held in self.held:
                self.held.remove(held)

    # --- control ---------------------------------------------------------------------------------

    async def control(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection of a test: a JSON object a line, and an answer to each."""
        with contextlib.suppress(OSError, ValueError):
            while line := await reader.readline():
                writer.write(json.dumps(await self._obey(json.loads(line))).encode() + b"\n")
                await writer.drain()
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()

    async def _obey(self, wish: dict[str, Any]) -> dict[str, Any]:
        """Do what a test wants, and say what came of it."""
        match wish.get("do"):
            case "rules":
                try:
                    self.rules[:] = [Rule.from_json(each) for each in wish.get("rules", [])]
                except ValueError as error:
                    return {"error": str(error)}
            case "log":
                return {"calls": [asdict(each) for each in self.calls]}
            case "clear":
                self.calls.clear()
            case "wait":
                return await self._first_held(float(wish.get("seconds", 60)))
            case "release":
                for held in self.held:
                    held.go.set()
                self.held.clear()
            case "drop":
                self.drop()
            case other:
                return {"error": f"{other!r} is nothing that a proxy does"}
        return {}

    async def _first_held(self, seconds: float) -> dict[str, Any]:
        try:
            async with asyncio.timeout(seconds), self._changed:
                await self._changed.wait_for(lambda: bool(self.held))
        except TimeoutError:
            return {"error": f"no call was held within {seconds:g} s"}
        return {"held": {**asdict(self.held[0].call), "when": self.held[0].when}}


class _Link:
    """One connection to the engine, made at first use."""

    def __init__(self, where: str) -> None:
        self._where = where
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    @property
    def reader(self) -> asyncio.StreamReader:
        """What the engine says; there is a connection."""
        assert self._streams is not None  # noqa: S101 - `send` comes first
        return self._streams[0]

    @property
    def writer(self) -> asyncio.StreamWriter:
        """What the engine hears; there is a connection."""
        assert self._streams is not None  # noqa: S101 - `send` comes first
        return self._streams[1]

    async def send(self, head: wire.Head, body: list[bytes]) -> None:
        """Forward a request."""
        if self._streams is None:
            self._streams = await _opened(self._where)
        self.writer.writelines([head.raw, *body])
        await self.writer.drain()

    async def head(self) -> wire.Head:
        """The head of the answer."""
        while True:
            found = await wire.read_head(self.reader)
            if found is None:
                raise wire.WireError("the engine closed the connection")
            # Interim answers are between the engine and us.
            if found.status >= 200 or found.status == 101:  # noqa: PLR2004
                return found

    async def read(self, method: str) -> tuple[wire.Head, bytes]:
        """The whole answer."""
        found = await self.head()
        return found, await wire.content(found, method, self.reader)

    async def close(self) -> None:
        """End it."""
        if self._streams is not None:
            self.writer.close()
            with contextlib.suppress(OSError):
                await self.writer.wait_closed()


def tcp(where: str) -> tuple[str, int] | None:
    """Host and port of ``HOST:PORT``; None for a path."""
    host, colon, port = where.rpartition(":")
    return (host, int(port)) if colon and "/" not in where else None


async def _opened(where: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    if (found := tcp(where)) is not None:
        return await asyncio.open_connection(*found, limit=wire.LIMIT)
    return await asyncio.open_unix_connection(where, limit=wire.LIMIT)


async def _listening(proxy: Proxy, where: str) -> asyncio.Server:
    if (found := tcp(where)) is not None:
        return await asyncio.start_server(proxy.serve, *found, limit=wire.LIMIT)
    return await asyncio.start_unix_server(proxy.serve, where, limit=wire.LIMIT)


async def _tunnel(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, link: _Link) -> None:
    """Pass bytes in both directions until the engine has ended its own."""

    async def pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while piece := await source.read(_PIECE):
                sink.write(piece)
                await sink.drain()
            sink.write_eof()

    up = asyncio.create_task(pump(reader, link.writer))
    try:
        await pump(link.reader, writer)
    finally:
        up.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await up


async def run(upstream: str, listen: str, control: str) -> None:
    """Serve until SIGTERM or SIGINT.

    Raises:
        OSError: A socket cannot be laid.
    """
    proxy = Proxy(upstream)
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    front = await _listening(proxy, listen)
    # Last: whoever reaches it finds the proxy at work.
    back = await asyncio.start_unix_server(proxy.control, control, limit=wire.LIMIT)
    await ended.wait()
    front.close()
    back.close()
    proxy.drop()


def main(arguments: Sequence[str] | None = None) -> int:
    """The program."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if len(given) != 3:  # noqa: PLR2004
        sys.stderr.write("usage: python -m ….faults.proxy UPSTREAM LISTEN CONTROL\n")
        return 2
    asyncio.run(run(*given))
    return 0


if __name__ == "__main__":
    sys.exit(main())
