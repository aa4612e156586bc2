"""Spawners that stand for back ends in the tests of pages and API."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyterhub.spawner import SimpleLocalProcessSpawner
from traitlets import Bool, Unicode, default

from jupyterhub_anywhere.targets.errors import StartError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


class StubSpawner(SimpleLocalProcessSpawner):
    """Starts the stub server, at once or when its gate is opened, or fails as it is told to."""

    gpu = Bool(default_value=False).tag(config=True)
    gated = Bool(default_value=False).tag(config=True)
    gates = Unicode(help="The folder of the gates, see `page_hub.open_gate`.").tag(config=True)
    failure = Unicode("").tag(config=True)

    @default("cmd")
    def _stub(self) -> list[str]:
        return [sys.executable, str(Path(__file__).parent / "page_stub.py")]

    async def start(self) -> Any:
        await self._gate()
        if self.failure == "secret":
            raise RuntimeError("the password is hunter2")
        if self.failure == "told":
            raise StartError(
                "No room is left.", reason="capacity", log_message="node-7 password hunter2"
            )
        if self.failure == "html":
            raise StartError(
                "No room.", reason="capacity", html="No room. <b id='bold'>Come back later.</b>"
            )
        return await super().start()

    async def progress(self) -> AsyncIterator[dict[str, Any]]:
        yield {"progress": 40, "message": "<i>half</i> way"}
        yield {"progress": 60, "message": "", "html_message": "<b class='more'>more</b>"}
        await self._gate()

    async def _gate(self) -> None:
        gate = Path(self.gates) / f"gate-{self.user.name}-{self.name}"
        while self.gated and not gate.exists():  # noqa: ASYNC110 - opened by another process
            await asyncio.sleep(0.05)
