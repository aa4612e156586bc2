"""The book: who works on a lease, also where the ledger fails."""

from __future__ import annotations

import pytest

from jupyterhub_anywhere.core.clock import SystemClock
from jupyterhub_anywhere.ledger.aio import AsyncLedger
from jupyterhub_anywhere.ledger.book import Book
from jupyterhub_anywhere.ledger.errors import LedgerError


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
