"""How a container is stopped and removed: again, at the same time, or when it is gone already."""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import Any, Final

from docker.errors import APIError, NotFound

# Seconds that an engine gets to finish the removal of a container, and between two looks.
_REMOVAL_SECONDS: Final = 20.0
_LOOK_EVERY: Final = 0.05
_CONFLICT: Final = 409


class Stopping:
    """Mixed in front of DockerSpawner."""

    object_id: str
    # Whether a start goes on.
    _starting: bool

    async def stop(self, now: bool = False) -> None:  # noqa: FBT001, FBT002 - the hub's signature
        """As stock, which asks the engine to stop a container without a name where there is none.

        Raises:
            DockerException: The engine could not be asked, or refuses.
        """
        if self.object_id or await self.get_object():  # type: ignore[attr-defined]  # DockerSpawner's
            await super().stop(now)  # type: ignore[misc]  # DockerSpawner's

    async def remove_object(self) -> None:
        """As stock; another stop may have done it meanwhile."""
        if self.object_id:
            await super().remove_object()  # type: ignore[misc]  # DockerSpawner's

    async def _remove_container(self, container: str, *args: Any, **kwargs: Any) -> Any:
        """Remove a container, or wait until the engine has done so by itself (`remove`).

        Its name is not free before, and stock starts the next one at once. What runs while a
        server starts is an earlier life of it, of which no hub knows any more: stock leaves it, and
        the start fails.
        """
        try:
            return await self._ask("remove_container", container, *args, **kwargs)
        except APIError as error:
            if error.status_code == _CONFLICT and "in progress" in str(error.explanation):
                await self._wait_gone(container)
            elif error.status_code == _CONFLICT and self._starting:
                await self._ask("stop", container)
                with contextlib.suppress(APIError):
                    await self._ask("remove_container", container, *args, **kwargs)
                await self._wait_gone(container)
            raise

    async def _wait_gone(self, container: str) -> None:
        until = time.monotonic() + _REMOVAL_SECONDS
        while time.monotonic() < until:
            try:
                await self._ask("inspect_container", container)
            except NotFound:
                return
            await asyncio.sleep(_LOOK_EVERY)

    def _ask(self, method: str, *args: Any, **kwargs: Any) -> Any:
        """DockerSpawner's own call, around our ways for some of them."""
        return super().docker(method, *args, **kwargs)  # type: ignore[misc]  # DockerSpawner's
