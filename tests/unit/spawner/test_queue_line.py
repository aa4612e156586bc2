from __future__ import annotations

import asyncio
from functools import partial

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.spawner.test_stages import Clock, settle

from jupyterhub_anywhere.spawner.line import Line, Place
from jupyterhub_anywhere.spawner.queueing import Room, Ticket


def line_of(hub: int) -> Line:
    return Line(lambda: Room(hub), Clock())


def untold(place: Place) -> None:
    pytest.fail(f"nobody has to wait, and {place} was told")


def waits(line: Line, user: str) -> asyncio.Task[Ticket]:
    return asyncio.ensure_future(line.turn(user, "", "here", lambda _: None))


async def test_with_room_a_turn_comes_at_once_and_no_place_is_told() -> None:
    line = line_of(2)
    ticket = await line.turn("ann", "", "here", untold)
    assert line.going == 1
    assert not line.waits
    line.leave(ticket)
    assert line.going == 0


async def test_places_are_told_and_slots_go_on_to_the_next() -> None:
    line, places = line_of(1), {name: list[Place]() for name in ("bob", "sue")}
    next_one = asyncio.Event()

    def told(name: str, place: Place) -> None:
        places[name].append(place)
        if (name, place) == ("sue", Place(1, 1)):
            next_one.set()

    first = await line.turn("ann", "", "here", untold)
    turns = {
        name: asyncio.ensure_future(line.turn(name, "", "here", partial(told, name)))
        for name in places
    }
    await settle()
    assert places == {"bob": [Place(1, 2)], "sue": [Place(2, 2)]}
    waiting = line.waiting()
    assert [(each.user, each.number) for each in waiting] == [("bob", 1), ("sue", 2)]
    assert {each.since for each in waiting} == {Clock().now()}
    line.leave(first)
    second = await turns["bob"]
    await asyncio.wait_for(next_one.wait(), 30)
    assert places["sue"] == [Place(2, 2), Place(1, 1)]
    line.leave(second)
    line.leave(await turns["sue"])
    assert (line.going, line.waits) == (0, False)


async def test_who_waits_behind_many_is_not_told_of_each() -> None:
    """A class that comes at once moves by hundreds; nobody reads that, and each telling costs."""
    line, places, many = line_of(1), list[Place](), 60
    held = await line.turn("ann", "", "here", untold)
    before = [waits(line, f"user{number}") for number in range(many)]
    last = asyncio.ensure_future(line.turn("zoe", "", "here", places.append))
    await settle()
    for turn in before:
        line.leave(held)
        held = await turn
        await settle()
    assert len(places) < many // 2
    line.leave(held)
    line.leave(await last)
    assert (line.going, line.waits) == (0, False)


async def test_one_who_cancels_leaves_the_line_and_holds_nothing() -> None:
    line = line_of(1)
    first = await line.turn("ann", "", "here", untold)
    bob, sue = (
        asyncio.ensure_future(line.turn(name, "", "here", lambda _: None))
        for name in ("bob", "sue")
    )
    await settle()
    bob.cancel()
    await settle()
    assert bob.cancelled()
    assert [each.user for each in line.waiting()] == ["sue"]
    line.leave(first)
    line.leave(await sue)
    assert line.going == 0


async def test_a_slot_granted_in_the_moment_of_the_cancel_goes_on() -> None:
    line = line_of(1)
    first = await line.turn("ann", "", "here", untold)
    bob, sue = (
        asyncio.ensure_future(line.turn(name, "", "here", lambda _: None))
        for name in ("bob", "sue")
    )
    await settle()
    line.leave(first)
    bob.cancel()
    await settle()
    assert bob.cancelled()
    line.leave(await sue)
    assert (line.going, line.waits) == (0, False)


async def test_new_limits_let_those_go_for_whom_there_is_room() -> None:
    rooms = [Room(1)]
    line = Line(lambda: rooms[-1], Clock())
    first = await line.turn("ann", "", "here", untold)
    bob = waits(line, "bob")
    await settle()
    rooms.append(Room(0))
    line.look()
    for ticket in (first, await bob):
        line.leave(ticket)
    assert line.going == 0


async def _many(line: Line, cancelled: list[bool], limit: int) -> list[int]:
    most = [0]

    async def one(number: int) -> None:
        ticket = await line.turn(f"user{number % 7}", str(number), "here", lambda _: None)
        most[0] = max(most[0], line.going)
        try:
            await asyncio.sleep(0)
        finally:
            line.leave(ticket)

    tasks = [asyncio.ensure_future(one(number)) for number in range(len(cancelled))]
    await asyncio.sleep(0)
    for task, cancel in zip(tasks, cancelled, strict=True):
        if cancel:
            task.cancel()
            await asyncio.sleep(0)
    await asyncio.wait(tasks)
    assert most[0] <= limit
    return most


@settings(deadline=None, max_examples=60)
@given(st.lists(st.booleans(), min_size=1, max_size=60), st.integers(1, 5))
def test_whatever_is_cancelled_no_slot_is_lost_nor_given_twice(
    cancelled: list[bool], limit: int
) -> None:
    async def run() -> None:
        line = line_of(limit)
        await _many(line, cancelled, limit)
        assert (line.going, line.waits, line.waiting()) == (0, False, [])

    asyncio.run(run())
