"""The ledger for an event loop: the same answers, in order, and never in the loop's thread."""

from __future__ import annotations

import asyncio
import inspect
import sqlite3
import threading
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
import sqlalchemy
from tests.unit.ledger.ledger_samples import HUB, HandClock, lease

from jupyterhub_anywhere.ledger.aio import AsyncLedger
from jupyterhub_anywhere.ledger.errors import DuplicateError, LedgerError, StaleError
from jupyterhub_anywhere.ledger.states import Cause, IllegalTransitionError, State
from jupyterhub_anywhere.ledger.store import Ledger

if TYPE_CHECKING:
    from pathlib import Path


def public(kind: type) -> dict[str, inspect.Signature]:
    methods = inspect.getmembers(kind, inspect.isfunction)
    return {name: inspect.signature(each) for name, each in methods if not name.startswith("_")}


def test_it_has_the_same_methods_with_the_same_arguments() -> None:
    sync, awaited = public(Ledger), public(AsyncLedger)
    # What the loop's ledger does by itself.
    del sync["together"]
    assert awaited == sync


async def test_every_method_asks_the_ledger(tmp_path: Path) -> None:
    clock = HandClock()
    ledger = await AsyncLedger.open(f"sqlite:///{tmp_path / 'ledger.sqlite'}", HUB, clock)
    try:
        assert (ledger.hub, ledger.fresh, ledger.born) == (HUB, True, clock.now())
        assert ledger.place.endswith("ledger.sqlite")
        added = await ledger.add(lease(choice={"profile": "small"}))
        moved = await ledger.move(added, Cause.LAUNCH, tries=1)
        clock.tick(2)
        moved = await ledger.move(moved, Cause.STARTED)
        noted = await ledger.note(moved, token=3)
        assert await ledger.get(added.id) == noted
        assert await ledger.active(target="here", user="ann") == [noted]
        assert await ledger.of_server("ann", "") == [noted]
        assert await ledger.last_attempt("ann", "") == 1
        assert await ledger.durations(profile="small", target="here", limit=1) == [2.0]
        assert await ledger.counts() == {("here", State.RUNNING): 1}
        assert len(await ledger.events(added.id)) == 3
        await ledger.rename("ann", "", "new")
        (renamed,) = await ledger.of_server("ann", "new")
        gone = await ledger.move(renamed, Cause.PROVE_GONE)
        assert await ledger.history(limit=5, user="ann") == [gone]
        assert await ledger.prune(clock.tick()) == 1
        await ledger.remember("key", "value")
        assert await ledger.recall("key") == "value"
    finally:
        await ledger.close()
        await ledger.close()


async def test_the_loop_goes_on_while_the_database_is_slow(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'ledger.sqlite'}"
    ledger = await AsyncLedger.open(url, HUB, HandClock())
    with closing(Ledger.open(url, HUB, HandClock())) as holder:
        with holder._database.write():
            waiting = [asyncio.ensure_future(ledger.add(lease(user))) for user in "abc"]
            for _ in range(100):
                await asyncio.sleep(0)
            assert not any(task.done() for task in waiting)
        added = await asyncio.gather(*waiting)
        assert holder.active() == added, "in the order in which they were asked for"
    await ledger.close()


async def test_what_waits_at_the_same_time_is_committed_once(tmp_path: Path) -> None:
    """Each commit waits for the disk; what is refused leaves the others as they are."""
    url = f"sqlite:///{tmp_path / 'ledger.sqlite'}"
    ledger = await AsyncLedger.open(url, HUB, HandClock())
    first = await ledger.add(lease("first"))
    await ledger.move(first, Cause.LAUNCH)
    commits: list[str] = []
    sqlalchemy.event.listen(ledger.ledger._database._engine, "commit", lambda _: commits.append(""))
    with closing(Ledger.open(url, HUB, HandClock())) as holder:
        with holder._database.write():
            # The thread waits for the other writer; what comes meanwhile is one.
            waiting = [asyncio.ensure_future(ledger.add(lease(user))) for user in "abcdefg"]
            stale = asyncio.ensure_future(ledger.move(first, Cause.STARTED))
            again = asyncio.ensure_future(ledger.add(first))
            unwanted = asyncio.ensure_future(ledger.add(lease("unwanted")))
            late = asyncio.ensure_future(ledger.move(first, Cause.LAUNCH))
            await asyncio.sleep(0)
            unwanted.cancel()
            await asyncio.sleep(0)
        added = await asyncio.gather(*waiting)
        for refused, error in (
            (stale, IllegalTransitionError),
            (again, DuplicateError),
            (late, StaleError),
        ):
            with pytest.raises(error):
                await refused
        assert [each.id for each in holder.active()] == [first.id, *(each.id for each in added)]
    assert len(commits) <= 2
    await ledger.close()


async def test_a_database_that_fails_one_change_fails_no_other(tmp_path: Path) -> None:
    """They are tried each alone where they could not be made at once."""
    file = tmp_path / "ledger.sqlite"
    ledger = await AsyncLedger.open(f"sqlite:///{file}", HUB, HandClock())
    with closing(sqlite3.connect(file)) as other, other:
        other.execute(
            "CREATE TRIGGER refuse BEFORE INSERT ON anywhere_leases"
            " WHEN NEW.user_name = 'bob' BEGIN SELECT RAISE(ABORT, 'no bob'); END"
        )
    users = ("ann", "bob", "cat")
    found = await asyncio.gather(
        *(ledger.add(lease(user)) for user in users), return_exceptions=True
    )
    assert [isinstance(each, LedgerError) for each in found] == [False, True, False]
    assert {each.user for each in await ledger.active()} == {"ann", "cat"}
    await ledger.close()


async def test_a_change_that_makes_no_sense_fails_no_other(tmp_path: Path) -> None:
    """Nor is a part of it written with the others."""
    ledger = await AsyncLedger.open(f"sqlite:///{tmp_path / 'x.sqlite'}", HUB, HandClock())
    first = await ledger.add(lease("first"))
    added, refused = await asyncio.gather(
        ledger.add(lease("ann")),
        ledger.move(first, Cause.LAUNCH, choice={"profile": object()}),
        return_exceptions=True,
    )
    assert isinstance(refused, Exception)
    assert await ledger.active() == [first, added]
    assert len(await ledger.events(first.id)) == 1
    await ledger.close()


async def test_what_was_asked_before_the_end_is_done(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'ledger.sqlite'}"
    before = threading.active_count()
    ledger = await AsyncLedger.open(url, HUB, HandClock())
    adding = asyncio.ensure_future(ledger.add(lease()))
    await asyncio.sleep(0)
    await ledger.close()
    added = await adding
    assert threading.active_count() == before
    with closing(Ledger.open(url, HUB, HandClock(), make=False)) as found:
        assert found.active() == [added]


async def test_errors_come_through_and_leave_no_thread(tmp_path: Path) -> None:
    before = threading.active_count()
    with pytest.raises(LedgerError, match="There is no ledger"):
        await AsyncLedger.open(f"sqlite:///{tmp_path / 'x'}", HUB, HandClock(), make=False)
    for thread in threading.enumerate():
        if thread.name.startswith("ledger"):
            thread.join(10)
    assert threading.active_count() <= before
