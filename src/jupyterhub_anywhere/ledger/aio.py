"""The ledger for an event loop: the same methods as coroutines, in one thread of their own."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, ParamSpec, Self, TypeVar

from jupyterhub_anywhere.ledger.store import Ledger

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from jupyterhub_anywhere.core.clock import Clock
    from jupyterhub_anywhere.ledger.event import Event
    from jupyterhub_anywhere.ledger.lease import Lease
    from jupyterhub_anywhere.ledger.states import Cause, State

log = logging.getLogger(__name__)

_P = ParamSpec("_P")
_T = TypeVar("_T")


class AsyncLedger:
    """A `Ledger` in one worker thread; what was asked first is done first.

    Who is cancelled while a write is under way does not learn whether it was done: it may have
    been. A write that had not begun yet is dropped.

    Args:
        ledger: What is asked.
        thread: Where; ended by `close`.
    """

    def __init__(self, ledger: Ledger, thread: ThreadPoolExecutor | None = None) -> None:
        self.ledger = ledger
        self._thread = thread or _thread()
        self._changes: deque[tuple[Callable[[], Lease], asyncio.Future[Lease]]] = deque()

    @classmethod
    async def open(cls, url: str, hub: str, clock: Clock, *, make: bool = True) -> Self:
        """Open a ledger, see `Ledger.open`.

        Raises:
            LedgerError: It cannot be used.
        """
        thread = _thread()

        def opened() -> Ledger:
            return Ledger.open(url, hub, clock, make=make)

        try:
            return cls(await asyncio.get_running_loop().run_in_executor(thread, opened), thread)
        except BaseException:
            thread.shutdown(wait=False)
            raise

    @property
    def hub(self) -> str:
        """The hub's id."""
        return self.ledger.hub

    @property
    def born(self) -> datetime:
        """When this hub's ledger was made."""
        return self.ledger.born

    @property
    def fresh(self) -> bool:
        """Whether nothing had ever been written to it when it was opened."""
        return self.ledger.fresh

    @property
    def place(self) -> str:
        """Where it is, for people, without a password."""
        return self.ledger.place

    async def add(self, lease: Lease) -> Lease:
        """See `Ledger.add`."""
        return await self._change(partial(self.ledger.add, lease))

    async def move(self, lease: Lease, cause: Cause, **changes: Any) -> Lease:
        """See `Ledger.move`."""
        return await self._change(partial(self.ledger.move, lease, cause, **changes))

    async def note(self, lease: Lease, **changes: Any) -> Lease:
        """See `Ledger.note`."""
        return await self._change(partial(self.ledger.note, lease, **changes))

    async def rename(self, user: str, old: str, new: str) -> None:
        """See `Ledger.rename`."""
        await self._run(self.ledger.rename, user, old, new)

    async def prune(self, before: datetime) -> int:
        """See `Ledger.prune`."""
        return await self._run(self.ledger.prune, before)

    async def remember(self, key: str, value: str) -> None:
        """See `Ledger.remember`."""
        await self._run(self.ledger.remember, key, value)

    async def get(self, id: str) -> Lease | None:  # noqa: A002 - it is called so everywhere
        """See `Ledger.get`."""
        return await self._run(self.ledger.get, id)

    async def active(
        self, *, target: str | None = None, user: str | None = None, name: str | None = None
    ) -> list[Lease]:
        """See `Ledger.active`."""
        return await self._run(self.ledger.active, target=target, user=user, name=name)

    async def of_server(self, user: str, server: str) -> list[Lease]:
        """See `Ledger.of_server`."""
        return await self._run(self.ledger.of_server, user, server)

    async def last_attempt(self, user: str, server: str) -> int:
        """See `Ledger.last_attempt`."""
        return await self._run(self.ledger.last_attempt, user, server)

    async def history(self, *, limit: int = 100, user: str | None = None) -> list[Lease]:
        """See `Ledger.history`."""
        return await self._run(self.ledger.history, limit=limit, user=user)

    async def durations(self, *, profile: str, target: str, limit: int = 50) -> list[float]:
        """See `Ledger.durations`."""
        return await self._run(self.ledger.durations, profile=profile, target=target, limit=limit)

    async def counts(self) -> dict[tuple[str, State], int]:
        """See `Ledger.counts`."""
        return await self._run(self.ledger.counts)

    async def events(self, lease_id: str) -> list[Event]:
        """See `Ledger.events`."""
        return await self._run(self.ledger.events, lease_id)

    async def recall(self, key: str) -> str | None:
        """See `Ledger.recall`."""
        return await self._run(self.ledger.recall, key)

    async def close(self) -> None:
        """Finish what was asked, close all connections and end the thread; may be called again."""
        try:
            await self._run(self.ledger.close)
        except RuntimeError:  # It was closed before.
            return
        self._thread.shutdown(wait=True)

    async def _change(self, change: Callable[[], Lease]) -> Lease:
        """Make a change, in one commit with all that are waited for by the time of its turn."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Lease] = loop.create_future()
        self._changes.append((change, future))
        if len(self._changes) == 1:
            try:
                loop.run_in_executor(self._thread, self._write_all, loop)
            except RuntimeError:
                self._changes.clear()
                raise
        return await future

    def _write_all(self, loop: asyncio.AbstractEventLoop) -> None:
        """In the thread: make the changes that are asked for, and say what came of each."""
        batch = []
        while self._changes:
            change, future = self._changes.popleft()
            if not future.cancelled():
                batch.append((change, future))
        found = _made(self.ledger, [change for change, _ in batch])
        with suppress(RuntimeError):  # The loop has ended: nobody waits.
            loop.call_soon_threadsafe(_answer, [future for _, future in batch], found)

    async def _run(self, call: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, lambda: call(*args, **kwargs))


def _thread() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(max_workers=1, thread_name_prefix="ledger")


def _made(ledger: Ledger, changes: list[Callable[[], Lease]]) -> list[Lease | BaseException]:
    """What came of each change."""
    if len(changes) > 1:
        try:
            return [*ledger.together(changes)]
        except Exception:
            # Each is told its own, or succeeds without the others.
            log.debug("%s changes could not be made at once", len(changes), exc_info=True)
    found: list[Lease | BaseException] = []
    for change in changes:
        try:
            found.append(change())
        except BaseException as error:  # noqa: BLE001 - for whoever waits, as an executor does it
            found.append(error)
    return found


def _answer(futures: list[asyncio.Future[Lease]], found: list[Lease | BaseException]) -> None:
    for future, each in zip(futures, found, strict=True):
        if future.done():  # Who waited was cancelled.
            continue
        if isinstance(each, BaseException):
            future.set_exception(each)
        else:
            future.set_result(each)
