"""A real JupyterHub in this process: its own code, database, handlers and API; no proxy program.

As JupyterHub's own tests run it (``jupyterhub/tests/mocking.py``), but with the stock classes and a
database that outlives the hub, so that it can be started again.
"""

from __future__ import annotations

import asyncio
import json
import logging
import secrets
import socket
from contextvars import ContextVar, copy_context
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Final, Self
from weakref import WeakSet

from jupyterhub.app import JupyterHub
from jupyterhub.httpclient import JupyterHubHTTPClient
from jupyterhub.proxy import Proxy
from jupyterhub.utils import make_ssl_context
from tornado.httpclient import AsyncHTTPClient, HTTPRequest
from traitlets.config import Config

from jupyterhub_anywhere.testing.thrift import forget_handlers, thrifty_start

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping
    from pathlib import Path

PATIENCE: Final = 120.0
"""Seconds for anything, on a machine that is very busy."""
_hub: ContextVar[Hub | None] = ContextVar("hub", default=None)
"""The hub in whose name something runs; inherited by tasks and callbacks."""
_SCOPES: Final = [
    "admin:users",
    "admin:servers",
    "admin:groups",
    "admin:server_state",
    "access:servers",
    "tokens",
    "read:hub",
]


class RouteTable(Proxy):
    """A proxy that knows its routes and forwards nothing. It outlives hubs, as the real one may."""

    should_start = False
    # The table of the conversation that is being held; see `Hub`.
    routes: ClassVar[dict[str, dict[str, Any]]] = {}

    async def add_route(self, routespec: str, target: str, data: Mapping[str, Any]) -> None:
        """Keep a route."""
        self.routes[routespec] = {"routespec": routespec, "target": target, "data": dict(data)}

    async def delete_route(self, routespec: str) -> None:
        """Forget a route."""
        self.routes.pop(routespec, None)

    async def get_all_routes(self) -> dict[str, dict[str, Any]]:
        """All routes."""
        return dict(self.routes)


class QuietHub(JupyterHub):
    """JupyterHub without the parts that belong to a program: signals, files, exit."""

    def init_signal(self) -> None:
        """Signals are the tests' own."""

    def load_config_file(self, *_: Any, **__: Any) -> None:
        """The configuration is given."""

    def init_logging(self) -> None:
        """To Python's logging only, where a test runner shows it when a test fails."""
        super().init_logging()
        self.log.propagate = True
        self.log.handlers.clear()

    def exit(self, exit_status: Any = 0) -> None:
        """A hub that gives up fails its test."""
        raise RuntimeError(f"the hub gives up: {exit_status}")


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer of the API.

    Attributes:
        status: Of HTTP.
        body: Parsed where it is JSON, else text.
    """

    status: int
    body: Any


class Hub:
    """One hub that can be started, ended and started again on the same database.

    Only one hub can run in a process at a time.

    Args:
        folder: Private; holds the database.
        configure: Adds to the hub's configuration, at each start anew.
        ssl: Whether hub and servers speak TLS to each other.
    """

    def __init__(
        self, folder: Path, configure: Callable[[Config], None], *, ssl: bool = False
    ) -> None:
        self.folder = folder
        self.port = _free_port()
        self.app: Any = None
        self._configure = configure
        self._ssl = ssl
        self._token = secrets.token_hex(16)
        self._cookie = secrets.token_bytes(32)
        self._database = folder / "hub.sqlite"
        self._tls: Any = None
        self._tasks: WeakSet[asyncio.Task[Any]] = WeakSet()
        RouteTable.routes = {}

    async def __aenter__(self) -> Self:
        """Start."""
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        """End."""
        await self.stop()

    async def start(self) -> None:
        """Start, and wait until the servers of before are found again."""
        config = self._config()
        self._configure(config)
        self._clear()
        context = copy_context()
        context.run(_hub.set, self)
        loop: Any = asyncio.get_running_loop()
        loop.set_task_factory(_owned_task)
        with thrifty_start(self._database):
            self.app = QuietHub.instance(config=config)
            await asyncio.create_task(self._start(), context=context)

    async def _start(self) -> None:
        await self.app.initialize([])
        await self.app.start()

    def _config(self) -> Config:
        c = Config()
        hub = c.JupyterHub
        hub.db_url = f"sqlite:///{self._database}"
        hub.cookie_secret = self._cookie
        hub.hub_bind_url = f"{'https' if self._ssl else 'http'}://127.0.0.1:{self.port}"
        hub.bind_url = "http://127.0.0.1:8000"
        hub.proxy_class = RouteTable
        hub.authenticator_class = "dummy"
        hub.allow_named_servers = True
        hub.cleanup_servers = hub.cleanup_proxy = False
        hub.internal_ssl = self._ssl
        hub.internal_certs_location = str(self.folder / "internal-ssl")
        hub.log_level = logging.WARNING
        hub.last_activity_interval = hub.service_check_interval = 0
        # Every answer tells how it ended, however slow this machine is.
        hub.tornado_settings = {"slow_spawn_timeout": PATIENCE, "slow_stop_timeout": PATIENCE}
        hub.services = [{"name": "tests", "api_token": self._token}]
        hub.load_roles = [{"name": "tests", "services": ["tests"], "scopes": _SCOPES}]
        c.Authenticator.allow_all = True
        return c

    async def stop(self) -> None:
        """End as a hub does that is told to leave its servers alone.

        It does as `JupyterHub.shutdown_cancel_tasks`: what it was in the midst of is cancelled.
        """
        app, self.app = self.app, None
        if app is None:
            return
        if app.http_server is not None:
            app.http_server.stop()
        if app.metrics_collector is not None:
            app.metrics_collector.stop()
        for callback in app._periodic_callbacks.values():  # noqa: SLF001 - as JupyterHub.stop does
            callback.stop()
        for user in app.users.values():
            for spawner in user.spawners.values():
                spawner.stop_polling()
        await self._cancel_tasks()
        if app.http_server is not None:
            await app.http_server.close_all_connections()
        if JupyterHubHTTPClient.initialized():
            await JupyterHubHTTPClient.instance().close()
        engine = app.db.get_bind()
        app.db.close()
        engine.dispose()
        self._clear()

    async def _cancel_tasks(self) -> None:
        mine = {task for task in self._tasks if not task.done()}
        for task in mine:
            task.cancel()
        if mine:
            await asyncio.wait(mine, timeout=PATIENCE)

    @staticmethod
    def _clear() -> None:
        """Forget the objects of which a process has one."""
        JupyterHubHTTPClient.clear_instance()
        QuietHub.clear_instance()
        forget_handlers()

    # --- what tests ask --------------------------------------------------------------------------

    async def api(self, method: str, path: str, body: Any = None) -> Reply:
        """Ask the API, with a token that may do everything.

        Args:
            method: Of HTTP.
            path: Below ``/hub/api/``.
            body: Sent as JSON; None for no body.
        """
        answer = await self._fetch(method, path, body)
        text = answer.body.decode() if answer.body else ""
        try:
            return Reply(answer.code, json.loads(text))
        except ValueError:
            return Reply(answer.code, text)

    async def events(
        self, path: str, seen: Callable[[dict[str, Any]], None]
    ) -> list[dict[str, Any]]:
        """Read a stream of events to its end.

        Args:
            path: Below ``/hub/api/``.
            seen: Called with each event as it comes.
        """
        events: list[dict[str, Any]] = []
        rest = b""

        def take(chunk: bytes) -> None:
            nonlocal rest
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                if line.startswith(b"data:"):
                    events.append(json.loads(line[5:]))
                    seen(events[-1])

        await self._fetch("GET", path, None, take)
        return events

    async def _fetch(
        self, method: str, path: str, body: Any, streaming: Callable[[bytes], None] | None = None
    ) -> Any:
        client = AsyncHTTPClient(force_instance=True)
        app = self.app
        try:
            return await client.fetch(
                HTTPRequest(
                    f"{app.hub.url}api/{path}",
                    method,
                    headers={"Authorization": f"token {self._token}"},
                    body=None if body is None else json.dumps(body),
                    allow_nonstandard_methods=True,
                    request_timeout=2 * PATIENCE,
                    streaming_callback=streaming,
                    ssl_options=self._context() if self._ssl else None,
                ),
                raise_error=False,
            )
        finally:
            client.close()

    def _context(self) -> Any:
        """What the tests speak TLS with; certificates outlive the hub, as its database does."""
        if self._tls is None:
            files = self.app.internal_ssl_key, self.app.internal_ssl_cert
            self._tls = make_ssl_context(*files, cafile=self.app.internal_ssl_ca)
        return self._tls

    def spawner(self, user: str, server: str) -> Any:
        """The hub's spawner object of a server."""
        return self.app.users[user].spawners[server]

    def adopt(self, task: asyncio.Task[Any]) -> None:
        """Remember a task that was made in this hub's name."""
        self._tasks.add(task)


def _owned_task(
    loop: asyncio.AbstractEventLoop, coroutine: Coroutine[Any, Any, Any], **more: Any
) -> asyncio.Task[Any]:
    """Make a task that the hub in whose name it was made can find; asyncio's task factory."""
    task = asyncio.Task(coroutine, loop=loop, **more)
    context = more.get("context")
    owner = context.get(_hub) if context is not None else _hub.get()
    if owner is not None:
        owner.adopt(task)
    return task


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
