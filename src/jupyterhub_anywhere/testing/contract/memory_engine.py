"""An engine in this process: things with labels, which serve HTTP, and calls that can be scripted.

It is real as far as it goes: what does not exist is not found, a name is taken once, what listens
answers. It lives in the running event loop.
"""

from __future__ import annotations

import asyncio
import contextvars
import itertools
from collections import deque
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, ClassVar

from tornado.httpserver import HTTPServer

from jupyterhub_anywhere.testing.stub import application

if TYPE_CHECKING:
    from collections.abc import Mapping

KILLED = 137


class EngineError(ConnectionError):
    """The engine could not be asked, or its answer was lost."""


class NotFoundError(LookupError):
    """There is no such thing."""


class NameTakenError(ValueError):
    """Something of this name is there."""


@dataclass
class Thing:
    """A container, a machine, a process.

    Attributes:
        name: Unique at its engine.
        labels: What was written on it.
        token: The API token that it was made with.
        uid: Never given twice.
        created: When it was made.
        server: Listens while it runs.
        port: Where it listens; 0 while it does not.
        status: With what its program has ended; None before that.
    """

    name: str
    labels: Mapping[str, str]
    token: str
    uid: int
    created: datetime = field(default_factory=lambda: datetime.now(UTC))
    server: HTTPServer | None = None
    port: int = 0
    status: int | None = None


class MemoryEngine:
    """One engine.

    Args:
        address: How a configuration, which is plain text, names it.
    """

    opened: ClassVar[dict[str, MemoryEngine]] = {}

    def __init__(self, address: str) -> None:
        self.address = address
        self.id = f"engine-of-{address}"
        self.things: dict[str, Thing] = {}
        # User to file.
        self.files: dict[str, str] = {}
        self.away = False
        self.asked = 0
        self.script: deque[str] = deque()
        self._uids = itertools.count(1)
        self._closing: list[asyncio.Task[None]] = []
        # Listeners belong to the engine, not to the hub that asks for them.
        self._context = contextvars.copy_context()
        self.opened[address] = self

    async def close(self) -> None:
        """End everything."""
        self.opened.pop(self.address, None)
        for thing in self.things.values():
            self.halt(thing, 0)
        self.things.clear()
        await asyncio.gather(*self._closing)

    # --- what may be asked -----------------------------------------------------------------------

    async def ask(self, verb: str, *args: Any, **kwargs: Any) -> Any:
        """One call.

        Args:
            verb: ``list``, ``create``, ``boot``, ``look``, ``stop``, ``remove`` or ``who``.
            args: Of the method of this name.
            kwargs: The same.

        Raises:
            EngineError: It could not be asked, or its answer was lost.
            NotFoundError: There is no such thing.
            NameTakenError: Something of this name is there.
        """
        self.asked += 1
        fault = self.script.popleft() if self.script else "pass"
        await asyncio.sleep(0)
        if self.away or fault == "fail":
            raise EngineError(f"{self.id} does not answer")
        do = getattr(self, f"_{verb}")
        if verb == "list" and fault == "empty":
            return []
        found = self._context.run(do, *args, **kwargs)
        if fault == "twice":
            self._again(do, *args, **kwargs)
        if fault == "lose":
            raise EngineError(f"the answer of {self.id} was lost")
        return found

    def _again(self, do: Any, *args: Any, **kwargs: Any) -> None:
        try:
            self._context.run(do, *args, **kwargs)
        except (NotFoundError, NameTakenError):
            # As a proxy that sends a call twice: the answer of the first counts.
            return

    def _who(self) -> str:
        return self.id

    def _list(self, **labels: str) -> list[Thing]:
        return [each for each in self.things.values() if labels.items() <= each.labels.items()]

    def _create(self, name: str, labels: Mapping[str, str], token: str) -> Thing:
        if name in self.things:
            raise NameTakenError(f"the name {name} is already in use by container {name}")
        made = self.things[name] = Thing(name, dict(labels), token, next(self._uids))
        return made

    def _look(self, name: str) -> Thing | None:
        return self.things.get(name)

    def _boot(self, name: str) -> int:
        thing = self._found(name)
        if thing.server is None:
            thing.server = HTTPServer(application())
            thing.server.listen(0, "127.0.0.1")
            (listener,) = thing.server._sockets.values()  # told nowhere else
            thing.port, thing.status = listener.getsockname()[1], None
        return thing.port

    def _stop(self, name: str) -> None:
        self.halt(self._found(name), 0)

    def _remove(self, name: str, uid: int) -> None:
        thing = self._found(name)
        if thing.uid != uid:
            raise NotFoundError(f"there is no {name} of number {uid}")
        self.halt(thing, 0)
        del self.things[name]

    def _found(self, name: str) -> Thing:
        try:
            return self.things[name]
        except KeyError:
            raise NotFoundError(f"there is no {name}") from None

    def halt(self, thing: Thing, status: int) -> None:
        """Let a thing's program end, as nobody asked for."""
        server, thing.server, thing.port = thing.server, None, 0
        if server is not None:
            thing.status = status
            server.stop()
            self._closing.append(asyncio.ensure_future(server.close_all_connections()))
