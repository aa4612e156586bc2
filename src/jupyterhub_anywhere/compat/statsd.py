"""``statsdparams``: what starts take and how they fail, told to a statsd daemon."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

log = logging.getLogger(__name__)


class Statsd:
    """One daemon; never raises, and waits for nobody.

    ``spawn.delay`` is in milliseconds, from the begin of a start to its end. Starts that failed are
    counted as ``spawn.failed``, and by their cause as ``spawn.failed.CAUSE``; those that did not as
    ``spawn.started``, and stops as ``stop``.

    Args:
        params: Arguments of the client: host, port, prefix, and what else it takes.
    """

    def __init__(self, params: Mapping[str, Any]) -> None:
        self._params = dict(params)
        self._client: Any = None
        self._broken = not params

    async def started(self, seconds: float) -> None:
        """A server was started in so many seconds."""
        await self._send("timing", "spawn.delay", seconds * 1000)
        await self._send("incr", "spawn.started")

    async def failed(self, cause: str) -> None:
        """A start failed, for a reason in one word."""
        await self._send("incr", "spawn.failed")
        await self._send("incr", f"spawn.failed.{cause}")

    async def stopped(self) -> None:
        """A server was stopped."""
        await self._send("incr", "stop")

    async def _send(self, method: str, *arguments: Any) -> None:
        client = await self._ready()
        if client is None:
            return
        try:
            getattr(client, method)(*arguments)
        except Exception as error:  # noqa: BLE001 - nobody is to wait for a metric, or miss a server for it
            log.debug("statsd: %s", error)

    async def _ready(self) -> Any:
        if self._client is None and not self._broken:
            try:
                # It looks the host up.
                self._client = await asyncio.to_thread(self._connect)
            except Exception as error:  # noqa: BLE001 - whatever is wrong with it, servers start
                self._broken = True
                log.warning(
                    "LibcloudSpawner.statsdparams cannot be used, and nothing is sent: %s", error
                )
        return self._client

    def _connect(self) -> Any:
        from statsd import StatsClient

        return StatsClient(**self._params)
