"""A spawner that cleans up for as long as it likes when its start is cancelled."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from page_spawners import StubSpawner  # type: ignore[import-not-found]  # by the hub's PYTHONPATH


class CleaningSpawner(StubSpawner):
    """Leaves a file when it begins to clean up, another one when it has; waits for a third."""

    async def start(self) -> Any:
        try:
            return await super().start()
        except asyncio.CancelledError:
            await self._clean()
            raise

    async def _clean(self) -> None:
        folder = Path(self.gates)
        (folder / f"cleans-{self.user.name}").touch()
        while not (folder / f"may-end-{self.user.name}").exists():  # noqa: ASYNC110 - made by a test
            await asyncio.sleep(0.05)
        (folder / f"cleaned-{self.user.name}").touch()
