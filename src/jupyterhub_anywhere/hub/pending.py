"""What is seen of a start or a stop that goes on: the page, and its events."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jupyterhub.apihandlers.users import SpawnProgressAPIHandler
from jupyterhub.handlers.pages import SpawnPendingHandler
from tornado import web

from jupyterhub_anywhere.hub.pages import CANCELLED, failure
from jupyterhub_anywhere.hub.scopes import needs_scope
from jupyterhub_anywhere.spawner.spawner import AnywhereSpawner

if TYPE_CHECKING:
    import asyncio

    from jupyterhub_anywhere.spawner.stages import Story


class PendingPage(SpawnPendingHandler):
    """``/spawn-pending/USER`` and ``/spawn-pending/USER/SERVER``."""

    @needs_scope("servers")
    async def _found(self, user_name: str, server_name: str) -> None:
        user = self.find_user(user_name)
        if user is not None and server_name in user.orm_spawners:
            # The hub forgets the spawner of a named server that has stopped, and would answer 404.
            user.get_spawner(server_name)
        await super().get(user_name, server_name)

    @web.authenticated
    async def get(self, user_name: str, server_name: str = "") -> None:
        """Show how far a start or a stop is, or that the server does not run."""
        await self._found(user_name, server_name)


class ProgressAPI(SpawnProgressAPIHandler):
    """The events of a start; what failed is told in words meant for users."""

    _start: asyncio.Future[Any] | None = None
    _story: Story | None = None

    async def get(self, user_name: str, server_name: str = "") -> None:
        """Send events until the start has ended."""
        user = self.find_user(user_name)
        if user is not None and server_name in user.spawners:
            spawner = user.spawners[server_name]
            self._start = spawner._spawn_future  # noqa: SLF001 - the hub's own
            if self._start is not None and isinstance(spawner, AnywhereSpawner):
                self._story = spawner.story
        await super().get(user_name, server_name)

    async def send_event(self, event: dict[str, Any]) -> None:
        """Send an event, and correct what the hub says of the end.

        Its event of a failure carries ``str(exception)``. A start that was cancelled counts as
        ready until the hub has cleaned up a second later.
        """
        if self._start is not None and self._start.done() and self._start.cancelled():
            event = {"progress": 100, "failed": True, "message": CANCELLED}
        elif event.get("failed"):
            event = {**event, **self._failure()}
        elif event.get("ready") and self._story is not None:
            await super().send_event(self._story.ready_event())
        await super().send_event(event)

    def _failure(self) -> dict[str, str]:
        if self._start is None or not self._start.done():
            return {"message": CANCELLED}
        told = failure(self._start.exception())
        return {"message": told["text"], **({"html_message": told["html"]} if told["html"] else {})}
