"""A recording Docker engine, to which docker-py talks over a unix socket."""

from __future__ import annotations

import asyncio
import os
import tempfile
import threading
from concurrent.futures import Future
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from tornado.httpserver import HTTPServer
from tornado.netutil import bind_unix_socket

from jupyterhub_anywhere.testing.world import Call, Fault, World
from jupyterhub_anywhere.testing.worlds.docker_api import ROUTES, Answer, Asked, Route
from jupyterhub_anywhere.testing.worlds.docker_calls import Faults, Words
from jupyterhub_anywhere.testing.worlds.docker_clients import close_clients, forget_clients
from jupyterhub_anywhere.testing.worlds.docker_engine import Engine
from jupyterhub_anywhere.testing.worlds.docker_http import application
from jupyterhub_anywhere.testing.worlds.docker_objects import EngineError, Image
from jupyterhub_anywhere.testing.worlds.docker_ports import Ports

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

Result = TypeVar("Result")

SERVER = Image("stub/server:1")
"""Is there, and serves."""
OTHER = Image("stub/other:1")
"""Is there and serves, too."""
PULLED = Image("stub/pulled:1")
"""Serves after it was pulled."""
SLOW = Image("stub/slow:1", pull_steps=40)
"""Serves after a pull of nearly a second."""
EXITS = Image("stub/exits:1", "exits", ("reading the configuration", "no such kernel"), 1)
"""Ends at once, with a log."""
BUSYBOX = Image("busybox:1.30.1", "exits", (), command=("sh",))
"""Ends at once, as a shell does that has no terminal. DockerSpawner puts certificates into it."""

LOCAL = (SERVER, OTHER, EXITS)
"""What is there at first."""
REGISTRY = (*LOCAL, PULLED, SLOW, BUSYBOX)
"""What a pull finds."""

# Asked by each client once, before anything else: how many clients there are is nobody's business.
_HANDSHAKE = frozenset({"ping", "version"})
# The longest path that Linux takes for a socket, without its last zero byte.
_LONGEST = 107
_PATIENCE = 60.0
"""Seconds for the thread to come and go on a machine that is very busy."""


class DockerWorld(World):
    """One daemon with its own images. It runs in a thread of its own, so that a client may block.

    Args:
        folder: Private; holds the socket, unless its path is too long for one.
    """

    steps: ClassVar[tuple[str, ...]] = (
        "inspect_image",
        "pull",
        "inspect_container",
        "create_container",
        "start",
        "stop",
    )
    # Pulls are outside of what a start may take.
    held: ClassVar[str] = "inspect_container"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._words = Words(folder)
        self._calls: list[Call] = []
        self._short: tempfile.TemporaryDirectory[str] | None = None
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop
        self._done: asyncio.Event
        self._faults: Faults
        self._socket = folder / "docker.sock"
        self.engine: Engine

    def make_engine(self, ports: Ports) -> Engine:
        """The engine with its images; a subclass may have another one."""
        return Engine(ports, local=LOCAL, registry=REGISTRY)

    def places(self) -> Collection[str]:
        """Where the socket is, if the private folder's path is too long for one."""
        return [str(self._socket.parent)]

    async def open(self) -> None:
        """Start to listen."""
        if len(os.fsencode(self._socket)) > _LONGEST:
            self._short = tempfile.TemporaryDirectory(prefix="docker-")
            self._socket = Path(self._short.name) / "docker.sock"
        ready: Future[None] = Future()
        self._thread = threading.Thread(target=self._run, args=(ready,), name="docker-world")
        self._thread.start()
        await asyncio.wait_for(asyncio.wrap_future(ready), _PATIENCE)

    async def close(self) -> None:
        """Let go what hangs, close every port and end the thread."""
        if self._thread is None:
            return
        self._loop.call_soon_threadsafe(self._done.set)
        await asyncio.to_thread(self._thread.join, _PATIENCE)
        self._thread = None
        await asyncio.to_thread(close_clients)
        if self._short is not None:
            self._short.cleanup()

    def _run(self, ready: Future[None]) -> None:
        try:
            asyncio.run(self._live(ready))
        except BaseException as error:
            if ready.done():
                raise
            ready.set_exception(error)

    async def _live(self, ready: Future[None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._done = asyncio.Event()
        self._faults = Faults()
        ports = Ports(self.folder)
        self.engine = self.make_engine(ports)
        server = HTTPServer(application(self), max_body_size=64 << 20)
        server.add_socket(bind_unix_socket(str(self._socket)))
        ready.set_result(None)
        await self._done.wait()
        server.stop()
        self._faults.heal()
        for container in list(self.engine.containers.values()):
            self.engine.remove(container, force=True)
        await server.close_all_connections()
        await ports.closed()
        self._socket.unlink(missing_ok=True)

    # What tests ask

    @property
    def calls(self) -> Sequence[Call]:
        """Every request so far, in order of arrival, but for the handshakes of clients."""
        return tuple(self._calls)

    def fault(self, step: str, kind: Fault | None, *, server: str = "") -> None:
        """Let a call fail with HTTP 500, or hang until it is healed.

        Args:
            step: The call's name.
            kind: None heals.
            server: Only where the call is about this container, by its name.
        """
        self.within(lambda: self._faults.set(step, kind, server))

    def settings(self) -> Mapping[str, Any]:
        """How DockerSpawner reaches this engine, and an image that serves."""
        return {
            "client_kwargs": {"base_url": f"unix://{self._socket}"},
            "image": SERVER.name,
        }

    def environment(self) -> Mapping[str, str]:
        """Keeps the account's own docker configuration out, with its proxies and logins."""
        return {"DOCKER_CONFIG": str(self.folder / "no-docker-config")}

    def alive(self) -> Collection[str]:
        """Names of the containers that exist, running or not."""
        return self.within(lambda: [c.name for c in self.engine.containers.values()])

    def hub_gone(self) -> None:
        """What it has asked and got no answer to is not done; its clients go with it."""
        self.within(self._faults.drop)
        forget_clients()

    def within(self, work: Callable[[], Result]) -> Result:
        """Do something in the engine's thread, and wait for it."""

        async def run() -> Result:
            return work()

        return asyncio.run_coroutine_threadsafe(run(), self._loop).result(_PATIENCE)

    # What the HTTP server asks

    @property
    def routes(self) -> Sequence[Route]:
        """The operations of the API."""
        return ROUTES

    async def answer(self, route: Route, asked: Asked) -> Answer:
        """Write the request down, fail or hang where the test wants it, else do it."""
        name = self._name_of(route, asked)
        if route.call not in _HANDSHAKE:
            self._calls.append(self._words.call(route.call, name, asked))
        if await self._faults.meet(route.call, name):
            raise EngineError(500, f"the recording engine was told to fail at {route.call}")
        return route.handle(self.engine, asked)

    def _name_of(self, route: Route, asked: Asked) -> str:
        """The name of the object that a request is about, also where it gave its id."""
        if route.call == "create_container":
            return asked.query.get("name", "")
        if not asked.reference:
            return ""
        with suppress(EngineError):
            if "containers" in route.path.pattern:
                return self.engine.container(asked.reference).name
            if "networks" in route.path.pattern:
                return self.engine.network(asked.reference).name
        if asked.reference in self.engine.execs:
            return self.engine.execs[asked.reference][0].name
        return asked.reference
