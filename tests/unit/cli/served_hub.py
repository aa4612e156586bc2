"""A control socket with the answers of a hub that keeps a ledger, for commands beside it."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from tests.hub.told_seat import ToldSeat

from jupyterhub_anywhere.core.processes import ProcessId
from jupyterhub_anywhere.hub import overview
from jupyterhub_anywhere.hub.controller import Controller
from jupyterhub_anywhere.hub.uprecord import UpRecord, write_up

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jupyterhub_anywhere.core.state import StatePaths


class Served:
    """What the hub is told to say.

    Attributes:
        servers: The rows of its answer to ``status``.
        keeps: Whether it keeps a ledger.
    """

    def __init__(self, paths: StatePaths) -> None:
        self._folder = paths.hub
        self.servers: list[dict[str, Any]] = []
        self.keeps = True
        self.seat = ToldSeat(self._folder / "told.json", self._folder / "wishes.json")

    def tell(self, *leases: dict[str, Any], **more: Any) -> None:
        """Say what there is; see `lease_hub.tell`."""
        (self._folder / "told.json").write_text(json.dumps({"leases": leases, **more}))

    @property
    def wishes(self) -> list[Any]:
        """What was asked for."""
        file = self._folder / "wishes.json"
        return json.loads(file.read_text()) if file.exists() else []

    async def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        """Answer as `AnywhereHub` does."""
        if request["command"] == "status":
            return {"ok": True, "servers": self.servers, "doors": []}
        return await overview.answer(self.seat if self.keeps else None, request)


@contextmanager
def served(paths: StatePaths) -> Iterator[Served]:
    """A hub that runs on a state folder, as far as commands can see."""
    hub = Served(paths)
    log = logging.getLogger("test")
    loop = asyncio.new_event_loop()
    controller = Controller(paths.control, hub.answer, log)
    loop.run_until_complete(controller.start())
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    process = ProcessId.of(os.getpid())
    write_up(paths, UpRecord(process, "http://127.0.0.1:8000/", None, "hub-abc", since=5.0))
    try:
        yield hub
    finally:
        paths.up.unlink()
        asyncio.run_coroutine_threadsafe(controller.stop(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()
