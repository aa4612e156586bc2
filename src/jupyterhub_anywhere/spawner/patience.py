"""Servers that nobody can tell of while the hub looks after them at its start.

JupyterHub 6.1 asks a server's spawner, then waits for the server itself, and *stops* what does not
answer in time (``app.py``, ``check_spawner``; ``user.py``, ``_wait_up``). Where the spawner's back
end is away, so may be the way to the server: the ports of Docker's containers are published by a
program that ends with the engine. Such a server is unknown, not gone, and is kept. So is one that
its target has in its list: it is slow, and gets its route when it answers.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Final

from jupyterhub import __version__
from jupyterhub.objects import Server
from jupyterhub.spawner import Spawner
from jupyterhub.utils import AnyTimeoutError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

# Seconds. It may answer all the same, and then its version is known; the hub waits for it.
PATIENCE: Final = 3.0


class Patience:
    """Mixed into AnywhereSpawner, in front of Spawner."""

    log: Any
    unknown_because: str
    # Whether the target's own list has just had it.
    seen_running: bool
    _check_pending: bool
    _jupyterhub_version: str | None
    _log_name: str

    @property
    def server(self) -> Any:
        """The hub's view of the server's row; patient while the server is unknown."""
        found = Spawner.server.fget(self)
        if found is not None:
            if self._check_pending and (self.unknown_because or self.seen_running):
                found.wait_up = self._wait_for(found)
            else:
                found.__dict__.pop("wait_up", None)
        return found

    @server.setter
    def server(self, server: Any) -> None:
        Spawner.server.fset(self, server)

    def _wait_for(self, server: Any) -> Callable[..., Awaitable[Any]]:
        """The server's ``wait_up``, which does not call it gone."""

        async def wait_up(**options: Any) -> Any:
            try:
                return await Server.wait_up(server, **{**options, "timeout": PATIENCE})
            except AnyTimeoutError:
                self.log.warning(
                    "%s does not answer at %s, and is kept: %s",
                    self._log_name,
                    server.url,
                    self.unknown_because or "its target says that it runs",
                )
                version = self._jupyterhub_version or __version__
                return SimpleNamespace(headers={"X-JupyterHub-Version": version})

        return wait_up
