"""The book: who works on a lease, also where the ledger fails."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from jupyterhub_anywhere.core.clock import SystemClock
from jupyterhub_anywhere.ledger.aio import AsyncLedger
from jupyterhub_anywhere.ledger.book import Book
from jupyterhub_anywhere.ledger.errors import LedgerError

if TYPE_CHECKING:
    from jupyterhub_anywhere.ledger.lease import Lease


class Filling(set[str]):
    """Leases in work, which tells when one is added."""

    filled: asyncio.Event | None = None

    def add(self, element: str) -> None:
        super().add(element)
        if self.filled is not None:
            self.filled.set()


async def test_a_stop_that_cannot_be_written_down_leaves_nobody_at_work(tmp_path: object) -> None:
    file = f"{tmp_path}/ledger.sqlite"
    ledger = await AsyncLedger.open(f"sqlite:///{file}", "hub-one", SystemClock())
    book = Book(ledger, hub="hub-one", clock=SystemClock())
    lease = await book.begin(user="ann", server="", target="here", name="x", choice={})
    lease = await book.started(await book.launch(lease))
    assert book.busy == set()
    with open(file, "r+b") as damaged:  # noqa: ASYNC230, PTH123 - a test of one file
        damaged.truncate(0)
    with pytest.raises(LedgerError):
        await book.stop(lease)
    assert book.busy == set()
    await ledger.close()


async def test_a_start_that_is_cancelled_while_it_is_written_down_leaves_nobody_at_work() -> None:
    ledger = await AsyncLedger.open("sqlite://", "hub-one", SystemClock())
    busy = Filling()
    book = Book(ledger, hub="hub-one", clock=SystemClock(), busy=busy)

    async def begin() -> Lease:
        return await book.begin(user="ann", server="", target="here", name="x", choice={})

    async def cancelled() -> None:
        filled = busy.filled = asyncio.Event()
        task = asyncio.create_task(begin())
        await filled.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert book.busy == set()

    await cancelled()
    # What is kept and taken up again, likewise.
    lease = await book.launch(await begin())
    await book.rest(await book.stop(await book.started(lease)))
    await cancelled()
    await ledger.close()
